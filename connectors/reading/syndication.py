"""Atom and RSS indexes: which documents they link to."""

from __future__ import annotations

from lxml import etree

from connectors.reading.xmlstrict import child_text, children, local
from core.county import Feed
from core.errors import ParseError

CAP = "application/cap+xml"


def links(root: etree._Element, only: str, feed: Feed) -> list[str]:
    """Addresses of the CAP documents, in order, each once; ParseError when the document is neither Atom nor RSS."""
    if local(root) == "feed":
        entries = children(root, "entry")
    elif local(root) == "rss":
        entries = [item for channel in children(root, "channel") for item in children(channel, "item")]
    else:
        raise ParseError(f"the index is neither Atom nor RSS: {local(root)}", where=feed.feed)
    words = [word.strip() for word in only.split(",") if word.strip()]
    found: dict[str, None] = {}
    for entry in entries:
        links = [(link.get("href") or (link.text or "").strip(), link.get("type", "")) for link in children(entry, "link")]
        typed = [href for href, kind in links if kind == CAP]
        address = (typed or [href for href, _ in links] or [""])[0]
        told = " ".join((address, child_text(entry, "id"), child_text(entry, "title")))
        if address and (not words or any(word in told for word in words)):
            found[address] = None
    return list(found)
