"""Canonical JSON, content hashes and Ed25519 signatures. One form for everything that is hashed or signed."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from core.errors import AuthorityError


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, no blanks, UTF-8, finite numbers only (ValueError otherwise)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: bytes | memoryview | str) -> str:
    """SHA-256 of bytes, or of text as UTF-8, in hexadecimal."""
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()


def new_key() -> tuple[str, str]:
    """A fresh key pair as base64 text: (private, public)."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(private).decode(), base64.b64encode(public).decode()


def sign(private: str, message: str) -> str:
    """Signature of `message` by a base64 private key, as base64."""
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return base64.b64encode(key.sign(message.encode())).decode()


def verify(public: str, message: str, signature: str) -> None:
    """Return if `signature` is that of `message` under the base64 key `public`; AuthorityError for every other case."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message.encode())
    except (InvalidSignature, ValueError) as error:
        raise AuthorityError("签名不成立 / signature does not hold") from error
