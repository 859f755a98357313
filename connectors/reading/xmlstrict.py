"""XML as a hostile world may send it: no DTD, no entities, no network, bounded depth and size.

lxml with `resolve_entities=False` drops an entity's text silently, and a bare DTD passes most hardened parsers; so a DOCTYPE
is refused by looking at the bytes and at the parsed tree, whichever notices it first.
"""

from __future__ import annotations

from lxml import etree

from connectors.reading.jsonstrict import refuse_page
from core.errors import ParseError

#: A CAP alert is 6 deep, a signed one 8; an Atom index of CAP 5.
MAX_DEPTH = 24
MAX_BYTES = 4 * 1024 * 1024


def loads(body: bytes, *, feed: str, max_bytes: int = MAX_BYTES) -> etree._Element:
    """Parse an XML document without DTD and entities, at most `max_bytes` long and MAX_DEPTH deep; ParseError otherwise."""
    refuse_page(body, feed=feed)
    if len(body) > max_bytes:
        raise ParseError(f"XML of {len(body)} bytes is over {max_bytes}", where=feed)
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body or b"\x00" in body:  # UTF-16 would hide the words; none of our feeds uses it
        raise ParseError("XML carries a DOCTYPE, an entity declaration or a NUL byte", where=feed)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False,
        remove_comments=True, remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise ParseError(f"not XML: {error.msg}", where=f"{feed}:{line}:{column}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise ParseError("XML carries a DTD", where=feed)
    _check_depth(root, feed)
    return root


def _check_depth(root: etree._Element, feed: str) -> None:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return
    raise ParseError(f"XML nested deeper than {MAX_DEPTH}", where=feed)


def local(element: etree._Element) -> str:
    """Name of an element without its namespace."""
    return str(etree.QName(element).localname)


def child_text(element: etree._Element, name: str) -> str:
    """Stripped text of the first child called `name` in any namespace, '' where there is none."""
    for child in element:
        if local(child) == name:
            return (child.text or "").strip()
    return ""


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """Children called `name` in any namespace, in document order."""
    return [child for child in element if local(child) == name]
