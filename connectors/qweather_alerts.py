"""Official warnings as QWeather passes them on (weatheralert/v1/current), asked at a point of each town.

The answer names no area code; what it says is that the warning is in force at the point that was asked. So a signal's areas are the codes of
exactly those towns at whose points it was found. Times carry their zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.official import hazard_of
from connectors.points import answers, points, pull
from connectors.qweather import header
from connectors.reading.records import Fields, Gather, Item, Refused
from connectors.reading.stations import Stations
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.model import Batch, Level, MsgType, OfficialSignal
from core.settings import Settings

COLOURS = {"blue": Level.BLUE, "yellow": Level.YELLOW, "orange": Level.ORANGE, "red": Level.RED}
SEVERITY = {"minor": Level.BLUE, "moderate": Level.YELLOW, "severe": Level.ORANGE, "extreme": Level.RED}
KINDS = {"alert": MsgType.ALERT, "update": MsgType.UPDATE, "cancel": MsgType.CANCEL}
IGNORE = ("senderName", "urgency", "certainty", "icon", "onsetTime", "description", "criteria", "responseTypes", "instruction", "latestChange")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET a point: .../weatheralert/v1/current/{lat}/{lon}, two decimals."""
    places = points(feed)
    paths = {name: f"/weatheralert/v1/current/{lat:.2f}/{lon:.2f}" for name, (lat, lon) in places.items()}
    return pull(feed, {name: {"lang": "zh"} for name in places}, settings=settings, headers=header(feed, settings), paths=paths)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """One signal a warning with the codes of the towns where it is in force."""
    gather, stations = Gather(feed=feed, received=received, raw=raw), Stations(county, feed)
    code_of = {town.key: town.code for town in county.towns}
    for key, document in answers(body, gather):
        alerts = document.get("alerts")
        try:
            code = code_of[stations.known(key).town]
            if not isinstance(document.get("metadata"), dict) or not isinstance(alerts, list):
                raise Refused("no warnings answer (metadata and alerts)")
        except Refused as error:
            gather.refuse(key, str(error), document)
            continue
        gather.each(alerts, key, lambda fields, a=code: _signal(gather, fields, a), IGNORE)  # type: ignore[misc]
    gather.items = list(_merged(gather.items))
    return gather.batch()


def _signal(gather: Gather, fields: Fields, code: str) -> Iterator[OfficialSignal]:
    kind, colour = Fields(fields.take("messageType")), fields.maybe("color")
    event, severity = Fields(fields.take("eventType")).text("name"), str(fields.maybe("severity"))
    word, said = kind.text("code"), Fields(colour).text("code") if colour is not None else ""
    level = COLOURS.get(said) or SEVERITY.get(severity)
    if word not in KINDS or level is None:
        raise Refused(f"kind {word[:20]!r}, colour {said[:20]!r}, severity {severity[:20]!r}: not a warning we can read")
    former = kind.maybe("supersedes") or []
    yield OfficialSignal(
        feed=gather.feed.feed, identifier=fields.text("id"), event=event, hazard=hazard_of(event, gather.feed), level=level, areas=(code,),
        title=fields.text("headline"), issued=fields.zoned("issuedTime"), received=gather.received, raw=gather.raw,
        effective=fields.zoned("effectiveTime"), expires=fields.zoned("expireTime"), msg_type=KINDS[word],
        references=tuple(str(one) for one in former) if isinstance(former, list) else (),
    )


def _merged(items: Sequence[Item]) -> Iterator[OfficialSignal]:
    """The same warning found at several towns is one signal with all their codes."""
    found: dict[str, OfficialSignal] = {}
    for item in items:
        if isinstance(item, OfficialSignal):
            former = found.get(item.identifier)
            areas = item.areas if former is None else tuple(dict.fromkeys((*former.areas, *item.areas)))
            found[item.identifier] = replace(item, areas=areas)
    yield from found.values()
