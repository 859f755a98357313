"""Telephone numbers: sealed at rest, found by a keyed index, never shown.

A plain hash of an 11-digit number is guessed in minutes, so the index is an HMAC. The seal is AES-SIV with the owner's id as
associated data: a sealed number copied to another row does not open. Both keys come from one secret outside the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import unicodedata

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
#: What people write between the digits of a number, and before it so that a spreadsheet takes it for text.
_BETWEEN = re.compile(r"[\s\-()\u2010-\u2015]")
#: A mobile number of the mainland: 1, then 3 to 9, eleven digits; with or without the country in front.
_MOBILE = re.compile(r"(?:\+86|0086|86)?(1[3-9][0-9]{9})")
_ABROAD = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{7,14})")
_ROUNDED = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+")


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


def e164(text: str) -> Number:
    """The number that people mean by `text`, with its country (+86 where none is written); ValueError, which never shows a digit, for what takes no SMS."""
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text).strip().removeprefix("'"))
    if found := _MOBILE.fullmatch(plain):
        return Number(f"+86{found[1]}")
    if found := _ABROAD.fullmatch(plain):
        return Number(f"+{found[1]}")
    if not plain:
        raise ValueError("没有号码 / no number")
    if _ROUNDED.fullmatch(plain):
        raise ValueError("表格软件把号码改成了科学计数法，位数已丢失：把该列设为文本再导出 / rounded by a spreadsheet: make the column text and export again")
    if re.fullmatch(r"(?:\+86|0086|86)?0?[2-9][0-9]{8,10}|[2-9][0-9]{6,7}", plain):
        raise ValueError("像是座机，收不到短信 / a landline takes no SMS")
    raise ValueError("不是一个手机号（11 位，或 + 与国家代码）/ not one mobile number (11 digits, or + and country code)")


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
            raise StoreError("号码打不开（密钥不符或被改动）/ a sealed number does not open") from None

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
