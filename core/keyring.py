"""Key pairs of officers and issuers: one JSON file a name, readable by the owner only. A person's private half is sealed under their passphrase, or is not
here at all: who signs on a machine of their own has only the public half in the house."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path

from core.errors import AuthorityError
from core.sealing import seal, unseal
from core.signing import new_key

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Keyring:
    """Keys under one folder; a name that has no key is an AuthorityError, never a new key by accident."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure(self, name: str) -> str:
        """Make the pair `name` if it is missing (atomically: two makers get one pair) and return its public key."""
        if not self._path(name).exists():
            private, public = new_key()
            self._put(name, {"private": private, "public": public})
        return self.public(name)

    def enrol(self, name: str, passphrase: str) -> str:
        """Make the pair of a person, once, its private half sealed; its public key. AuthorityError when `name` has a key already."""
        private, public = new_key()
        if not self._put(name, {"sealed": seal(private, passphrase, name), "public": public}):
            raise AuthorityError(f"{name} 已有密钥，先收回 / has a key already: revoke it first")
        return public

    def accept(self, name: str, public: str) -> None:
        """Keep the public half of a person whose private half is elsewhere; AuthorityError when `name` has a key already, or somebody else this one."""
        if owner := next((other for other in self.names() if other != name and self.public(other) == public), ""):
            raise AuthorityError(f"这把密钥已是 {owner} 的 / is the key of {owner}: two people need two")
        if not self._put(name, {"public": public}):
            raise AuthorityError(f"{name} 已有密钥，先收回 / has a key already: revoke it first")

    def elsewhere(self, name: str) -> bool:
        """Whether `name` signs on a machine of their own: the public half is here and no private one. AuthorityError when there is no key."""
        return not {"sealed", "private"} & self._load(name).keys()

    def unlock(self, name: str, passphrase: str) -> str:
        """The private key of a person as base64; AuthorityError for a wrong passphrase, and for a key that no passphrase keeps."""
        return unseal(self._read(name, "sealed"), passphrase, name)

    def retire(self, name: str) -> bool:
        """Let nothing that `name` signed hold any more; False when there was no key."""
        there = self._path(name).exists()
        self._path(name).unlink(missing_ok=True)
        return there

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

    def _put(self, name: str, content: dict[str, str]) -> bool:
        """Write the file of a name whole, if there is none; False when there was (of two makers one is first)."""
        path = self._path(name)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            json.dump(content, out)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            return False
        finally:
            part.unlink()
        return True

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise AuthorityError(f"not a key name: {name!r}")
        return self.folder / f"{name}.json"

    def _read(self, name: str, half: str) -> str:
        if half not in (content := self._load(name, half)):
            raise AuthorityError(f"没有密钥 / no {half} key for {name!r}")
        return str(content[half])

    def _load(self, name: str, half: str = "public") -> dict[str, str]:
        """Both halves of a name, as far as they are here; AuthorityError, which speaks of `half`, when there is no file or none that can be read."""
        try:
            return dict(json.loads(self._path(name).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise AuthorityError(f"没有密钥 / no {half} key for {name!r}") from None
        except (ValueError, TypeError, OSError):
            raise AuthorityError(f"密钥文件读不出来 / key file of {name!r} cannot be read") from None
