"""Official warnings as CAP 1.2 documents behind an Atom or RSS index.

An area counts by its Chinese administrative code alone. A polygon, a circle or a name without such a code concerns nobody here, and is
counted as set aside: an area that cannot be resolved must never become everybody. An Update or Cancel ends what it refers to; a block that
says AllClear is over for its areas, whatever the message does for others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import urljoin

from lxml import etree

from connectors.official import COLOURS, coded, hazard_of
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import NO_CODE, Fields, Gather, Refused
from connectors.reading.signed import checked
from connectors.reading.syndication import links
from connectors.reading.xmlstrict import child_text, children, local
from connectors.reading.xmlstrict import loads as load_xml
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Level, MsgType, OfficialSignal
from core.settings import Settings
from core.signing import canonical
from core.times import parse_iso

GEOCODES = frozenset({"CPEAS Geographic Code", "CPEAS", "CN-GBT2260", "GB/T 2260", "SAME"})
SEVERITY = {"Minor": Level.BLUE, "Moderate": Level.YELLOW, "Severe": Level.ORANGE, "Extreme": Level.RED}
ENGLISH = {"blue": Level.BLUE, "yellow": Level.YELLOW, "orange": Level.ORANGE, "red": Level.RED}
KINDS = {"Alert": MsgType.ALERT, "Update": MsgType.UPDATE, "Cancel": MsgType.CANCEL}
MAX_DOCUMENTS = 200


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The index, then each CAP document it links to on the same host; joined as JSON {"index": text, "documents": {address: text}}.

    Option `only` (texts, comma-separated) keeps the entries of a nation's index that hold one of them in id, title or address.
    """
    index = http.get(feed, feed.url(settings), settings=settings)
    if index is None:
        return None
    addresses = links(load_xml(index.body, feed=feed.feed), str(feed.options.get("only", "")), feed)
    documents: dict[str, str] = {}
    for link in addresses[:MAX_DOCUMENTS]:
        answer = http.get(feed, urljoin(feed.url(settings), link), settings=settings)
        documents[link] = answer.body.decode(errors="replace") if answer else ""
    return Payload(body=canonical({"documents": documents, "index": index.body.decode(errors="replace")}).encode(), content_type="application/json")


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """One signal an info block in Chinese (else in the first language); also reads one bare CAP document. ParseError when no document at all can be read."""
    gather = Gather(feed=feed, received=received, raw=raw)
    if body.lstrip()[:1] == b"{":
        document = loads(body, feed=feed.feed)
        texts = document.get("documents") if isinstance(document, dict) else None
        if not isinstance(texts, dict):
            raise ParseError("no CAP documents", where=feed.feed)
        load_xml(str(document.get("index", "")).encode(), feed=feed.feed)
    else:
        texts = {"document": body.decode(errors="replace")}

    def read(fields: Fields) -> Iterator[OfficialSignal]:
        """One document by its place: the signals of its alert; ParseError where it is no sound XML or fails `checked`."""
        place, text = fields.text("place"), str(fields.take("text"))
        yield from _signals(gather, place, checked(load_xml(text.encode(), feed=place), feed=feed, county=county, received=received))

    for place, text in texts.items():
        try:
            gather.each([{"place": place, "text": text}], "cap", read)
        except ParseError as error:
            gather.refuse(place, str(error), text)
    if texts and {rejected.where for rejected in gather.rejected} >= texts.keys():
        raise ParseError(f"no document can be read: {gather.rejected[0].reason}", where=feed.feed)
    batch = gather.batch()
    ended = {reference for signal in batch.signals for reference in signal.references}
    signals = (replace(s, msg_type=MsgType.CANCEL) if s.identifier.partition("#")[0] in ended else s for s in batch.signals)
    return replace(batch, signals=tuple(signals))


def _signals(gather: Gather, place: str, root: etree._Element) -> Iterator[OfficialSignal]:
    if local(root) != "alert":
        raise Refused(f"not a CAP alert but {local(root)}")
    status, kind = child_text(root, "status"), child_text(root, "msgType")
    if status not in str(gather.feed.options.get("statuses", "Actual")).split(","):
        raise Refused(f"status {status!r} is not for the public")
    if kind not in KINDS:
        raise Refused(f"msgType {kind!r} is no warning")
    identifier, sent = child_text(root, "identifier"), _time(root, "sent")
    if not identifier or sent is None:
        raise Refused("identifier or sent is missing")
    references = tuple(part.split(",")[1] for part in child_text(root, "references").split() if part.count(",") >= 2)
    infos = children(root, "info")
    chosen = [info for info in infos if child_text(info, "language").lower().startswith("zh")] or infos[:1]
    if not chosen and kind != "Cancel":
        raise Refused("no info block")
    for number, info in enumerate(chosen or [root]):
        codes, event = _codes(gather, place, info), child_text(info, "event")
        built = any(child_text(p, "valueName") == "synthetic" and child_text(p, "value").strip().lower() == "true" for p in children(info, "parameter"))
        said = "Cancel" if any((r.text or "").strip() == "AllClear" for r in children(info, "responseType")) else kind  # over for this block's areas
        yield OfficialSignal(
            feed=gather.feed.feed, identifier=identifier if number == 0 else f"{identifier}#{number + 1}", event=event,
            hazard=hazard_of(event, gather.feed), level=_level(info, said), areas=codes,
            title=child_text(info, "headline") or event, issued=sent, received=gather.received, raw=gather.raw,
            effective=_time(info, "effective"), expires=_time(info, "expires"), msg_type=KINDS[said], references=references, synthetic=built,
        )


def _codes(gather: Gather, place: str, info: etree._Element) -> tuple[str, ...]:
    """Administrative codes of the block's areas; what has none is counted and concerns nobody."""
    codes, read = dict[str, None](), GEOCODES | set(str(gather.feed.options.get("geocode", "")).split(","))
    for number, block in enumerate(children(info, "area")):
        own = [(child_text(g, "valueName"), child_text(g, "value")) for g in children(block, "geocode") if child_text(g, "valueName") in read]
        codes |= dict.fromkeys(coded(scheme, code, gather.feed) for scheme, code in own)
        if not own:
            gather.refuse(f"{place}: area[{number}]", f"{NO_CODE}; a polygon or a name alone concerns nobody", child_text(block, "areaDesc"))
    return tuple(codes)


def _level(info: etree._Element, kind: str) -> Level:
    """The colour as said (event code, parameter, event or headline), else by severity; Refused when nothing says it."""
    told = [child_text(p, "value") for name in ("eventCode", "parameter") for p in children(info, name)]
    for text in told:
        if text.strip().lower() in ENGLISH:
            return ENGLISH[text.strip().lower()]
    for text in (*told, child_text(info, "event"), child_text(info, "headline")):
        for colour, level in COLOURS.items():
            if colour in text:
                return level
    severity = child_text(info, "severity")
    if severity in SEVERITY:
        return SEVERITY[severity]
    if kind == "Cancel":
        return Level.NONE
    raise Refused(f"no colour and no severity ({severity!r})")


def _time(element: etree._Element, name: str) -> datetime | None:
    """A time of the document as UTC, None where there is none; one without a zone is refused."""
    text = child_text(element, name)
    try:
        return parse_iso(text) if text else None
    except ValueError as error:
        raise Refused(f"{name}: {error}") from error
