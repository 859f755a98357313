"""Power outages per town (JSON): customers and transformer areas without power. No public standard exists; this is the county's own.

An outage is an impact, and a sign that sensors and telephones there may be dead. More out than there are is a mistake, not a disaster.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors import http
from connectors.jsonstrict import loads
from connectors.records import Fields, Gather, Refused
from connectors.types import Conditional, Payload
from core.county import County, Feed, Town
from core.errors import ConfigError, ParseError
from core.model import Batch, Observation
from core.settings import Settings, secret

CLOCK = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
COUNTS = (("customers_out", "customers_total"), ("areas_out", "areas_total"))
IGNORE = ("critical_out",)
UNIT = "户"


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET; a live feed carries its key as a bearer token."""
    headers = {"Authorization": f"Bearer {secret(feed.secret)}"} if settings.mode == "live" and feed.secret else {}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, headers=headers)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Counts per town at the document's time (Beijing clock); the unit must be customers (户)."""
    document = loads(body, feed=feed.feed)
    head = Fields(document) if isinstance(document, dict) else None
    if head is None or head.maybe("code") != 0:
        raise ParseError("the answer is not code 0", where=feed.feed)
    try:
        time, unit, rows = head.beijing("time", *CLOCK), head.text("unit"), head.take("data")
    except Refused as error:
        raise ParseError(str(error), where=feed.feed) from error
    if unit != UNIT or not isinstance(rows, list):
        raise ParseError(f"unit {unit!r} or data is not what was agreed", where=feed.feed)
    gather = Gather(feed=feed, received=received, raw=raw)
    station_of = {station.town: station for station in county.stations_of(feed.feed)}

    def read(fields: Fields) -> Iterator[Observation]:
        town = _town(county, fields.text("town_code"), fields.text("town"))
        station = station_of.get(town.key)
        if station is None:
            raise Refused(f"no power station stands in the county's table for {town.name}")
        synthetic = fields.yes("synthetic") or station.synthetic
        for names in COUNTS:
            out, total = (_count(fields, name) for name in names)
            if out is not None and total is not None and out > total:
                raise Refused(f"{names[0]} {out:g} is over {names[1]} {total:g}")
            for name, value in zip(names, (out, total), strict=True):
                yield gather.observation(station.station, name, time, value, synthetic=synthetic)

    gather.each(rows, "data", read, ignore=IGNORE)
    return gather.batch()


def _town(county: County, code: str, name: str) -> Town:
    """The town by name (a statistical code may be shared by two); its code must agree, or one of them is wrong."""
    try:
        town = county.town(name)
    except ConfigError as error:
        raise Refused(f"town {name[:20]!r} is not in the county") from error
    if town.code != code:
        raise Refused(f"town {name[:20]!r} has code {town.code}, the record says {code[:12]!r}")
    return town


def _count(fields: Fields, name: str) -> float | None:
    value = fields.number(name)
    if value is not None and (value < 0 or value != int(value)):
        raise Refused(f"{name} {value:g} is no count")
    return value
