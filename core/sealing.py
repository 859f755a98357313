"""A person's secret under a passphrase of their own: scrypt (RFC 7914) makes the key, AES-GCM seals, the owner's name is bound in.

What is sealed here the house itself cannot use: whoever copies the file still has to guess the passphrase, at 64 MiB and a fifth of a second a guess.
"""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import AuthorityError

#: log2 of scrypt's N, which stands before what is sealed, so that a later one may be harder; more than MOST would only exhaust this machine.
COST, MOST, R, P = 16, 20, 8, 1
SALT, NONCE = 16, 12
#: Letters of a passphrase (own choice): four words that a person remembers at night are longer.
LEAST = 12


def seal(secret: str, passphrase: str, owner: str) -> str:
    """The secret as base64 that only the passphrase and the same `owner` open; AuthorityError for a passphrase that is too short."""
    if len(passphrase) < LEAST:
        raise AuthorityError(f"口令至少 {LEAST} 个字符 / the passphrase needs {LEAST} characters")
    salt, nonce = os.urandom(SALT), os.urandom(NONCE)
    closed = AESGCM(_key(passphrase, salt, COST)).encrypt(nonce, secret.encode(), owner.encode())
    return base64.b64encode(bytes([COST]) + salt + nonce + closed).decode()


def unseal(sealed: str, passphrase: str, owner: str) -> str:
    """The secret again; AuthorityError for another passphrase, another owner, or a byte that was changed."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        cost, salt, nonce, closed = raw[0], raw[1 : 1 + SALT], raw[1 + SALT : 1 + SALT + NONCE], raw[1 + SALT + NONCE :]
        return AESGCM(_key(passphrase, salt, min(cost, MOST))).decrypt(nonce, closed, owner.encode()).decode()
    except (InvalidTag, ValueError, IndexError):
        raise AuthorityError(f"{owner}: 口令不对，或密钥文件被改动 / wrong passphrase, or the key file was changed") from None


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(passphrase.encode("utf-8", "surrogatepass"), salt=salt, n=2**cost, r=R, p=P, maxmem=2 ** (cost + 8) * R, dklen=32)
