"""Access keys of departments and reporters: shown once when they are made, kept only as a keyed hash.

A key is random (256 bits; a reporter's code, which a person types on a telephone, 58), so no slow hash is needed and a wrong guess costs us microseconds. The
hash is an HMAC under a key of the keyring and over the owner's name too: a file that is read, or copied onto another name, opens nothing.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Literal

from core.errors import AuthorityError
from core.keyring import Keyring
from core.signing import canonical
from core.times import iso

Owner = Literal["department", "reporter"]
#: Letters of a reporter's code: none that is taken for another one when it is read out or written down.
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LETTERS, CODE_GROUP = 12, 4
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_RING = "access"


class Access:
    """The keys of one installation, under home/access; `holds` may be asked by anybody, so it tells nothing but yes or no."""

    def __init__(self, home: Path) -> None:
        self.folder, self._ring = home / "access", Keyring(home / "keys")

    def issue(self, owner: Owner, name: str, now: datetime) -> str:
        """A new key of `name`, which is not kept anywhere; a former one no longer holds. AuthorityError for what is no name."""
        path = self._path(owner, name)
        key = secrets.token_urlsafe(32) if owner == "department" else _code()
        self._ring.ensure(_RING)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(f".{os.getpid()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            out.write(canonical({"at": iso(now), "hash": self._hash(owner, name, key)}))
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        return key

    def revoke(self, owner: Owner, name: str) -> bool:
        """Let no key of `name` hold any more; False where there was none."""
        path = self._path(owner, name)
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    def holds(self, owner: Owner, name: str, key: str) -> bool:
        """Whether this is the key of `name`; takes as long for a name without a key."""
        try:
            path = self._path(owner, name)
            kept = str(json.loads(path.read_text(encoding="utf-8"))["hash"])
        except (AuthorityError, OSError, ValueError, KeyError, TypeError):
            kept, name = "", "-"
        try:
            found = self._hash(owner, name, key)
        except AuthorityError:  # no key was ever made here
            return False
        return hmac.compare_digest(found, kept or "0" * len(found)) and bool(kept)

    def _hash(self, owner: Owner, name: str, key: str) -> str:
        secret = base64.b64decode(self._ring.private(_RING))
        text = canonical([owner, name, plain(key) if owner == "reporter" else key])
        return hmac.new(secret, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    def _path(self, owner: Owner, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise AuthorityError(f"不是编号 / not a name: {name[:40]!r}")
        return self.folder / owner / f"{name}.json"


def plain(code: str) -> str:
    """A code as it is meant: people write it in small letters, with blanks or without the hyphens."""
    return re.sub(r"[\s-]", "", code).upper()


def _code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))
    return "-".join(letters[at : at + CODE_GROUP] for at in range(0, CODE_LETTERS, CODE_GROUP))
