"""Key pairs of officers and issuers: one JSON file a name, readable by the owner only."""

from __future__ import annotations

import json
import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from core.errors import AuthorityError
from core.signing import new_key

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Keyring:
    """Keys under one folder; a name that has no key is an AuthorityError, never a new key by accident."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure(self, name: str) -> str:
        """Make the pair `name` if it is missing (atomically: two makers get one pair) and return its public key."""
        path = self._path(name)
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            private, public = new_key()
            part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                json.dump({"private": private, "public": public}, out)
                out.flush()
                os.fsync(out.fileno())
            try:
                with suppress(FileExistsError):
                    os.link(part, path)
            finally:
                part.unlink()
        return self.public(name)

    def public(self, name: str) -> str:
        """The public key of `name` as base64; AuthorityError when there is none."""
        return self._read(name, "public")

    def private(self, name: str) -> str:
        """The private key of `name` as base64; AuthorityError when it is not here (an officer may keep it) or others can read it."""
        key = self._read(name, "private")
        if self._path(name).stat().st_mode & 0o077:
            raise AuthorityError(f"密钥文件他人可读 / key file of {name!r} can be read by others: chmod 600")
        return key

    def names(self) -> list[str]:
        """The names that have a key, sorted."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.json"))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise AuthorityError(f"not a key name: {name!r}")
        return self.folder / f"{name}.json"

    def _read(self, name: str, half: str) -> str:
        try:
            return str(json.loads(self._path(name).read_text(encoding="utf-8"))[half])
        except (FileNotFoundError, KeyError):
            raise AuthorityError(f"没有密钥 / no {half} key for {name!r}") from None
        except (ValueError, TypeError, OSError):
            raise AuthorityError(f"密钥文件读不出来 / key file of {name!r} cannot be read") from None
