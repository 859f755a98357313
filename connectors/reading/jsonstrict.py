"""JSON as a hostile world may send it: duplicate keys, NaN, 1e999, deep nesting and HTML pages are refused, not repaired.

The standard library lets the last of two equal keys win ("blue", "red" -> red), reads NaN, turns 1e999 into infinity past
`parse_constant`, and recurses without bound; each of these has been a wrong warning somewhere.
"""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Any

from core.errors import ParseError

#: Deepest nesting that any of our formats needs is 9 (nmc.cn's track file); the rest is an attack.
MAX_DEPTH = 32
_MAX_DIGITS = 40
# A text is taken possessively, or a long one would cost ninety times its size; one that never ends is taken to the end, or each of its
# escaped quotes would begin a search of its own.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_STRUCTURE = re.compile(_TEXT.pattern + rb"|[\[{\]}]", re.DOTALL)
#: What each byte adds to the depth.
_STEP = [1 if byte in b"[{" else -1 if byte in b"]}" else 0 for byte in range(256)]
_NO_BRACKET = bytes(byte for byte in range(256) if not _STEP[byte])
_UNSTORABLE = re.compile(rb"\\u[dD][89a-fA-F]")
_CALLBACK = re.compile(r"[A-Za-z_$][\w$.]{0,99}")


def loads(body: bytes, *, feed: str) -> Any:
    """Read a UTF-8 JSON document (numbers finite, keys unique, depth <= MAX_DEPTH); ParseError naming feed and place otherwise."""
    refuse_page(body, feed=feed)
    _check_depth(body, feed=feed)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(f"not UTF-8 at byte {error.start}", where=feed) from error
    try:
        found = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite, parse_int=_short_int,
        )
        if _UNSTORABLE.search(body):  # a text that cannot be written down again would stop the store, long after its sender was answered
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ParseError("a text holds half of a surrogate pair", where=feed) from error
    except json.JSONDecodeError as error:
        raise ParseError(f"not JSON: {error.msg}", where=f"{feed}:{error.lineno}:{error.colno}") from error
    except ValueError as error:
        raise ParseError(str(error), where=feed) from error
    return found


def unwrap(body: bytes, *, feed: str) -> Any:
    """Read JSONP, `name({...})` with one or two pairs of parentheses, as `loads` does; the callback's name is never run."""
    refuse_page(body, feed=feed)
    text = body.decode("utf-8", errors="replace").strip().removesuffix(";").rstrip()
    name, bracket, inner = text.partition("(")
    if not bracket or not text.endswith(")") or not _CALLBACK.fullmatch(name.strip()):
        raise ParseError("not JSONP: no callback around the document", where=feed)
    inner = inner[:-1].strip()
    if inner.startswith("(") and inner.endswith(")"):
        inner = inner[1:-1].strip()
    return loads(inner.encode(), feed=feed)


def refuse_page(body: bytes, *, feed: str) -> None:
    """ParseError for an empty body or an HTML page: login and error pages come with status 200."""
    head = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        raise ParseError("the answer is empty", where=feed)
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise ParseError("an HTML page came where data were expected (login or error page)", where=feed)


def _check_depth(body: bytes, *, feed: str) -> None:
    """Count brackets outside strings before the recursive parser sees them."""
    brackets = _TEXT.sub(b"", body).translate(None, _NO_BRACKET)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise ParseError(f"nested deeper than {MAX_DEPTH} at byte {_too_deep(body)}", where=feed)


def _too_deep(body: bytes) -> int:
    """Where the first bracket beyond MAX_DEPTH stands."""
    depth = 0
    for match in _STRUCTURE.finditer(body):
        depth += _STEP[match.group()[0]]
        if depth > MAX_DEPTH:
            return match.start()
    return len(body)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for n, (key, _) in enumerate(pairs) if any(key == former for former, _ in pairs[:n]))
        raise ValueError(f"key {twice!r} stands twice in one object")
    return found


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number {text[:_MAX_DIGITS]} is not finite")
    return value


def _short_int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"integer of {len(text)} digits")
    return int(text)
