"""Key pairs of officers and issuers: one JSON file a name, readable by the owner only."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from core.errors import AuthorityError
from core.signing import new_key

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


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
            part = path.with_name(f"{path.name}.{os.getpid()}.part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                json.dump({"private": private, "public": public}, out)
            try:
                os.link(part, path)
            except FileExistsError:
                pass
            finally:
                part.unlink()
        return self.public(name)

    def public(self, name: str) -> str:
        """The public key of `name` as base64; AuthorityError when there is none."""
        return self._read(name)["public"]

    def private(self, name: str) -> str:
        """The private key of `name` as base64; AuthorityError when there is none."""
        return self._read(name)["private"]

    def names(self) -> list[str]:
        """The names that have a key."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise AuthorityError(f"not a key name: {name!r}")
        return self.folder / f"{name}.json"

    def _read(self, name: str) -> dict[str, str]:
        try:
            return dict(json.loads(self._path(name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise AuthorityError(f"no key for {name!r}") from None
