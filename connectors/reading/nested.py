"""Records inside a JSON document, and objects inside a record, by names joined with dots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ParseError

MAX_DEPTH = 6


def records(document: Any, path: str, *, feed: str) -> list[Any]:
    """The list at `path` ('' the document itself); '*' as the last step takes all values of an object. ParseError where there is none."""
    node = document
    for step in path.split(".") if path else ():
        if step == "*" and isinstance(node, dict):
            node = list(node.values())
            continue
        if not isinstance(node, dict) or step not in node:
            known = ", ".join(list(node)[:8]) if isinstance(node, dict) else type(node).__name__
            raise ParseError(f"{path}: there is no {step} (found: {known})", where=feed)
        node = node[step]
    if not isinstance(node, list):
        raise ParseError(f"{path or 'the document'} is no list", where=feed)
    return node


def flat(record: Any, before: str = "", depth: int = 0) -> Any:
    """A record whose objects are spread out under dotted names; what is no object stays what it is."""
    if not isinstance(record, Mapping):
        return record
    found: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            found |= flat(value, f"{before}{key}.", depth + 1)
        else:
            found[f"{before}{key}"] = value
    return found
