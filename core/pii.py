"""Telephone numbers: sealed at rest, found by a keyed index, never shown.

A plain hash of an 11-digit number is guessed in minutes, so the index is an HMAC. The seal is AES-SIV with the owner's id as
associated data: a sealed number copied to another row does not open. Both keys come from one secret outside the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import StoreError

#: What may be a number: E.164 with its plus (also as %2B), or a run of 9 to 15 digits that stands alone, blanks and hyphens allowed in the usual places.
#: Chinese characters are letters to \w, and a number often stands between two of them.
_NUMBER = re.compile(
    r"(?:\+|%2B)\d[\d \-]{6,18}\d|(?<![0-9A-Za-z_.+-])(?:86[ -]?)?1\d{2}[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z_.])|(?<![0-9A-Za-z_.:])0\d{2,3}-?\d{7,8}(?![0-9A-Za-z_])",
    re.IGNORECASE,
)
MASK = "[number]"


class Number:
    """A telephone number in use: prints as a mask everywhere, `reveal()` gives it to the one call that needs it."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        """The number itself, E.164."""
        return self._digits

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__


class Vault:
    """Seals, opens and indexes numbers under one 32-byte secret."""

    def __init__(self, secret: bytes) -> None:
        self._siv = AESSIV(_derive(secret, b"fengsui seal", 64))
        self._index_key = _derive(secret, b"fengsui index", 32)

    def seal(self, number: str, owner: str) -> bytes:
        """The number, unreadable and bound to its owner's id."""
        return self._siv.encrypt(number.encode(), [owner.encode()])

    def open(self, sealed: bytes, owner: str) -> Number:
        """The number again; StoreError when the key is another one or the row was changed."""
        try:
            return Number(self._siv.decrypt(bytes(sealed), [owner.encode()]).decode())
        except (InvalidTag, ValueError):
            raise StoreError(f"号码打不开（密钥不符或被改动）/ the sealed number of {owner} does not open") from None

    def index(self, number: str) -> str:
        """Keyed index for look-ups: equal numbers, equal index; worthless without the key."""
        return hmac.new(self._index_key, number.encode(), hashlib.sha256).hexdigest()


def _derive(secret: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(secret)


def mask(text: str) -> str:
    """`text` with everything that may be a telephone number replaced."""
    return _NUMBER.sub(MASK, text)


class Redact(logging.Filter):
    """Masks numbers in a record's message, arguments and traceback; put it on handlers, so that other libraries' records pass it too."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place and let it through."""
        record.msg, record.args = mask(record.getMessage()), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = mask(record.exc_text)
        return True


def redact_logs(root: logging.Logger | None = None) -> None:
    """Put the filter on every handler of a logger (default: the root), once."""
    for handler in (root or logging.getLogger()).handlers:
        if not any(isinstance(f, Redact) for f in handler.filters):
            handler.addFilter(Redact())
