"""Text into channel: signature, drill mark, version mark, segments. The words are the approved ones; only what a carrier refuses is taken out.

A part of an SMS holds 70 UCS-2 units alone and 67 in a chain (GSM-7: 160 and 153); China takes at most 8 parts, no web address and
no telephone number (domain.md 8). The mark at the end names alert and version, so that a message found in the provider's list can
be told from every other message to the same number.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

from core.county.words import CHINESE, Words
from core.errors import DeliveryError
from core.model import Status

MAX_SEGMENTS = 8
_GSM = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
_GSM_DOUBLE = set("^{}\\[~]|€\f")
_LINK = re.compile(r"(?:https?:)?//\S+|www\.\S+|\b[a-z0-9-]+\.(?:cn|com|net|org|top|xyz|cc|io)\b[^\s，。；]*", re.IGNORECASE)
_PHONE = re.compile(
    r"\+\d[\d \-]{6,}\d|(?<!\d)1\d{2}[ -]?\d{4}[ -]?\d{4}(?!\d)|(?<!\d)0\d{2,3}[- ]?\d{7,8}(?!\d)|(?<!\d)400[- ]?\d{3}[- ]?\d{4}(?!\d)|\d{9,}"
)
_LEAD = re.compile(r"^(?:【[^】]{1,20}】)+")


def segments(text: str) -> int:
    """Parts of an SMS: one up to 160 GSM-7 or 70 UCS-2 units, else 153 or 67 a part (UTF-16 units, so an emoji counts two; no pair is split)."""
    if all(c in _GSM or c in _GSM_DOUBLE for c in text):
        sizes, alone, chained = [1 + (c in _GSM_DOUBLE) for c in text], 160, 153
    else:
        sizes, alone, chained = [1 + (ord(c) > 0xFFFF) for c in text], 70, 67
    if sum(sizes) <= alone:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > chained:
            parts, used = parts + 1, 0
        used += size
    return parts


def visible(text: str) -> str:
    """`text` without line ends and the control, bidirectional and zero-width characters that make it look other than it is."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))


def clean(text: str) -> str:
    """`text` without control, bidirectional and zero-width characters, web addresses and telephone numbers."""
    kept = visible(text)
    while (shorter := _PHONE.sub("", _LINK.sub("", kept))) != kept:  # what is left over may close up into a new one
        kept = shorter
    return kept.strip()


def version_mark(alert_id: str, version: int, words: Words = CHINESE) -> str:
    """Short name of one version of one alert, alike in every message of it: 〔K3Q9X·3〕."""
    return words.mark.format(mark=base64.b32encode(hashlib.sha256(alert_id.encode()).digest())[:5].decode(), version=version)


def sms(text: str, *, signature: str, status: Status, alert_id: str, version: int, words: Words = CHINESE) -> str:
    """The message as it is sent: drill mark, 【signature】, text, version mark; at most 8 parts. DeliveryError when nothing is left to say."""
    said = _bare(text, words)
    if not said:
        raise DeliveryError("文本为空，不发 / nothing to say", code="empty_text")
    head, tail = words.drill(status) + words.signed.format(signature=signature), version_mark(alert_id, version, words)
    while segments(head + said + tail) > MAX_SEGMENTS:
        said = said[:-2] + "…"
    return head + said + tail


def spoken(text: str, *, status: Status, words: Words = CHINESE) -> str:
    """What a loudspeaker says: the drill mark in front, nothing unspeakable. DeliveryError when nothing is left."""
    said = _bare(text, words)
    if not said:
        raise DeliveryError("文本为空，不播 / nothing to say", code="empty_text")
    return words.drill(status) + said


def _bare(text: str, words: Words) -> str:
    """A text without the marks that stand in front of it."""
    said = _LEAD.sub("", clean(text))
    for mark in (words.exercise.strip(), words.test.strip()):
        said = said.removeprefix(mark).lstrip()
    return said
