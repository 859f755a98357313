"""Warnings of the US National Weather Service (api.weather.gov/alerts/active, GeoJSON). The list is all that is in force.

An area counts by its SAME code (six figures: part, state, county) alone, for a county folder whose code is such a one; a zone or a polygon without it
concerns nobody. Severity gives the level; "Unknown" is shown and is no floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors.official import hazard_of, same
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import NO_CODE, Fields, Gather, Refused
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, Level, MsgType, OfficialSignal
from core.settings import Settings

SEVERITY = {"Minor": Level.BLUE, "Moderate": Level.YELLOW, "Severe": Level.ORANGE, "Extreme": Level.RED, "Unknown": Level.NONE}
KINDS = {"Alert": MsgType.ALERT, "Update": MsgType.UPDATE, "Cancel": MsgType.CANCEL}
IGNORE = (
    "@id", "@type", "areaDesc", "affectedZones", "onset", "ends", "category", "certainty", "urgency", "sender", "senderName", "description", "instruction",
    "parameters", "replacedBy", "replacedAt", "scope", "code", "language", "web", "eventCode",
)


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """All actual alerts in force, or those of option `area` (two letters of a state)."""
    params = {"status": "actual"} | ({"area": str(feed.options["area"])} if "area" in feed.options else {})
    return http.get(feed, feed.url(settings), settings=settings, params=params, headers={"Accept": "application/geo+json"})


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """One signal a feature."""
    document = loads(body, feed=feed.feed)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise ParseError("no alerts (a FeatureCollection)", where=feed.feed)
    gather = Gather(feed=feed, received=received, raw=raw)
    if isinstance(document.get("pagination"), dict) and document["pagination"].get("next"):
        gather.refuse("pagination", "the list goes on at another page that is not read")

    def read(fields: Fields) -> Iterator[OfficialSignal]:
        """One warning for the public with its area codes; Refused where it is a test, or of no known kind or severity."""
        status, word, severity = fields.text("status"), fields.text("messageType"), fields.text("severity")
        if status != "Actual" or word not in KINDS or severity not in SEVERITY:
            raise Refused(f"status {status[:12]!r}, messageType {word[:12]!r}, severity {severity[:12]!r}: no warning for the public")
        said = MsgType.CANCEL if fields.maybe("response") == "AllClear" else KINDS[word]  # over for its areas, whatever the message is called
        event, identifier = fields.text("event"), fields.text("id")
        headline, ends = fields.maybe("headline"), fields.maybe("expires")
        codes = _codes(fields.maybe("geocode"))
        if not codes:
            gather.refuse(identifier, f"{NO_CODE}; a zone or a polygon alone concerns nobody", event)
        yield OfficialSignal(
            feed=feed.feed, identifier=identifier, event=event, hazard=hazard_of(event, feed), level=SEVERITY[severity], areas=codes,
            title=str(headline or event), issued=fields.zoned("sent"), received=received, raw=raw, effective=fields.zoned("effective"),
            expires=Fields({"expires": ends}).zoned("expires") if ends is not None else None, msg_type=said,
            references=_references(fields.maybe("references")),
        )

    gather.each([one.get("properties") if isinstance(one, dict) else one for one in features], "features", read, IGNORE)
    return gather.batch()


def _codes(geocode: object) -> tuple[str, ...]:
    """SAME codes without their part figure: 0SSCCC a county, 0SS a state (county 000)."""
    codes = geocode.get("SAME") if isinstance(geocode, dict) else None
    if codes is None:
        return ()
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        raise Refused("SAME codes are not six figures")
    return tuple(dict.fromkeys(map(same, codes)))


def _references(rows: object) -> tuple[str, ...]:
    if rows is None:
        return ()
    if not isinstance(rows, list):
        raise Refused("references is no list")
    return tuple(Fields(row).text("identifier") for row in rows)
