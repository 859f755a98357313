"""A list of plain JSON records as columns: the quick way beside connectors.reading.jsonstrict, which stays the reference.

A document goes this way only where it can say nothing else in the strict one: every record has exactly the first one's fields, each once and none
nested, every field is known, every value a text or a number in reach. Whatever else it may be is a ValueError here, and the strict way says what is
wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache, lru_cache
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, TypeVar

import msgspec
import numpy as np

from connectors.reading.fields import Word, by_word, to_number
from connectors.reading.jsonstrict import loads
from connectors.reading.plain import Plain
from core.checks import Floats
from core.errors import ParseError

T = TypeVar("T")
#: No sensor says more than this, and up to here every whole number is exact as a float.
_HUGE = 10**15
_INT = Annotated[int, msgspec.Meta(ge=-_HUGE, le=_HUGE)]
_FLOAT = Annotated[float, msgspec.Meta(ge=-_HUGE, le=_HUGE)]
_KINDS: dict[str, Any] = {
    "number": _FLOAT | None, "word": str | _FLOAT | None, "text": str | _INT | _FLOAT, "mark": str, "any": str | _INT | _FLOAT | bool | None,
}
#: Stands where the records were while the document around them is read.
_CUT = "\x07records"
_ESCAPE = re.compile(rb"\\(?!u(?!0007))")
_FIRST = 64 * 1024  # the first record ends before
_PIECE = 256 * 1024  # bytes that are looked at together: they stay in the processor's cache


def read(
    body: bytes, records: str, build: Callable[[Plain], T], *, numbers: Collection[str], texts: Collection[str], marks: Collection[str] = (),
    ignore: Collection[str], feed: str, word: Word = to_number,
) -> T:
    """What `build` makes of the list at the dotted path `records`, tried twice: of the numbers alone, also where they are written as text; then of words
    among them, each different one read once by `word`. `texts` must be there; `numbers`, `marks` (texts too) and what to `ignore` may be. ValueError
    where this way is not open, to `build` neither."""
    head, rows, tail = _cut(body, records)
    around = _around(head, tail, records, feed)
    keys = tuple(_first(rows, feed))
    if not set(texts) <= set(keys) <= {*texts, *marks, *numbers, *ignore}:
        raise ValueError("a field that is not known, or one that is missing")
    kinds = tuple("number" if key in numbers else "text" if key in texts else "mark" if key in marks else "any" for key in keys)
    for sorts in (kinds, tuple("word" if kind == "number" else kind for kind in kinds)):
        with suppress(msgspec.MsgspecError, ValueError):
            found = _decoder(keys, sorts).decode(rows)
            if _pairs(rows) == len(found) * len(keys):  # else a field stands twice in one record
                return build(_plain(around, found, keys, sorts, word, _spelled(rows, feed)))
    raise ValueError("not plain")


def _plain(around: Any, found: list[Any], keys: tuple[str, ...], kinds: tuple[str, ...], word: Word, record: Callable[[int], Any]) -> Plain:
    def column(key: str) -> list[Any]:
        """One field of every record, in their order."""
        return list(map(attrgetter(f"f{keys.index(key)}"), found))

    of_kind = {sort: [key for key, kind in zip(keys, kinds, strict=True) if kind == sort] for sort in _KINDS}
    written = {key: column(key) for key in of_kind["word"]}
    numbers = {key: by_word(values, key, word) for key, values in written.items()} | _columns(found, {key: keys.index(key) for key in of_kind["number"]})
    texts = {key: _texts(column(key)) for key in (*of_kind["text"], *of_kind["mark"])}
    return Plain(around=around, size=len(found), numbers=numbers, texts=texts, written=None if "number" in kinds else written, record=record)


def _columns(found: list[Any], places: dict[str, int]) -> dict[str, Floats]:
    """Number fields, record by record: all of a record at once is half the work of a pass each."""
    if not places:
        return {}
    record = attrgetter(*(f"f{place}" for place in places.values()))
    flat = map(record, found) if len(places) == 1 else chain.from_iterable(map(record, found))
    table = np.fromiter(flat, np.float64, len(found) * len(places)).reshape(len(found), len(places))
    return dict(zip(places, table.T, strict=True))


def _spelled(rows: memoryview, feed: str) -> Callable[[int], Any]:
    """Gives one record as the strict way reads it."""
    each = cache(lambda: msgspec.json.decode(rows, type=list[msgspec.Raw]))
    return lambda at: loads(bytes(each()[at]), feed=feed)


def _cut(body: bytes, records: str) -> tuple[bytes, memoryview, bytes]:
    """What stands before the list of records, the list, and what stands after it, provided that it is the last list of the document."""
    name = records.rpartition(".")[2]
    start = re.search(rb'"%s"\s*:\s*(?=\[)' % re.escape(name.encode()) if name else rb"\A\s*(?=\[)", body)
    end = body.rfind(b"]") + 1
    if start is None or not start.end() < end or _ESCAPE.search(body[: start.end()]) or _ESCAPE.search(body[end:]):
        raise ValueError("no list of records, or an escape around it that makes a quote of none or that writes our mark")
    return body[: start.end()], memoryview(body)[start.end() : end], body[end:]


def _around(head: bytes, tail: bytes, records: str, feed: str) -> Any:
    """The document without its records, read strictly; the mark must stand where the path leads."""
    try:
        around = node = loads(head + json.dumps(_CUT).encode() + tail, feed=feed)
    except ParseError as error:
        raise ValueError(str(error)) from error
    for step in records.split(".") if records else ():
        node = node.get(step) if isinstance(node, dict) else None
    if node != _CUT:
        raise ValueError("the list found is another one")
    return around


def _first(rows: memoryview, feed: str) -> dict[str, Any]:
    """The first record, read strictly."""
    end = bytes(rows[:_FIRST]).find(b"}") + 1
    try:
        first = loads(bytes(rows[1:end]), feed=feed)
    except ParseError as error:
        raise ValueError(str(error)) from error
    if not isinstance(first, dict):
        raise ValueError("no record")
    return first


@lru_cache(maxsize=64)
def _decoder(keys: tuple[str, ...], kinds: tuple[str, ...]) -> msgspec.json.Decoder[list[Any]]:
    """Reads a list of records with exactly these fields; numbers also where they are written as text, unless words are wanted."""
    record = msgspec.defstruct(
        "Record", [(f"f{place}", _KINDS[kind]) for place, kind in enumerate(kinds)], rename={f"f{place}": key for place, key in enumerate(keys)},
        forbid_unknown_fields=True, gc=False,
    )
    return msgspec.json.Decoder(list[record], strict="number" not in kinds)  # type: ignore[valid-type]


def _pairs(rows: memoryview) -> int:
    """How many fields all records have together, at most: the colons after a quote or after white space (no byte of which is greater). A colon within a text can only
    add to them."""
    text = np.frombuffer(rows, dtype=np.uint8)
    pieces = (text[start : start + _PIECE + 1] for start in range(0, len(text), _PIECE))
    return sum(int(np.count_nonzero((piece[1:] == ord(":")) & (piece[:-1] <= ord('"')))) for piece in pieces)


def _texts(values: list[Any]) -> list[str]:
    """Texts, whole numbers as their digits; ValueError for any other number, which is no code."""
    sorts = set(map(type, values))
    if not sorts <= {str, int}:
        raise ValueError("a number is no text")
    return values if sorts == {str} else list(map(str, values))
