"""Power outages per town (JSON or CSV): customers and transformer areas without power, restored, critical. No public standard exists; this is the county's own.

CSV has one row a town with the same names and the column `time`; its encoding is the option `encoding` (utf-8 or gbk). `critical_out` is a number or a list
of names; for a town whose power station declares `pumps_out`, the pumping stations among the names are counted, or told under that name.

An outage is an impact, and a sign that sensors and telephones there may be dead. More out than there are is a mistake, not a disaster.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connectors.reading import http
from connectors.reading.jsonstrict import loads, refuse_page
from connectors.reading.records import Fields, Gather, Refused
from connectors.types import Conditional, Payload
from core.county import County, Feed, Town
from core.errors import ConfigError, ParseError
from core.model import Batch, Observation
from core.settings import Settings, secret

CLOCK = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")
PUMPS = "pumps_out"
COUNTS = (("customers_out", "customers_total"), ("areas_out", "areas_total"))
ALSO = ("customers_restored", "critical_out", PUMPS)
#: What a pumping station's name holds.
PUMP = "泵"
HEAD = ("town_code", "town", "time", "customers_out")
UNIT = "户"


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """One GET; a live feed carries its key as a bearer token."""
    headers = {"Authorization": f"Bearer {secret(feed.secret)}"} if settings.mode == "live" and feed.secret else {}
    return http.get(feed, feed.url(settings), settings=settings, conditional=conditional, headers=headers)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Counts per town at the document's time (Beijing clock); the unit must be customers (户)."""
    if body.lstrip()[:1] not in (b"{", b"["):
        return _read(_csv(body, feed), None, feed=feed, county=county, received=received, raw=raw)
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
    return _read(rows, time, feed=feed, county=county, received=received, raw=raw)


def _csv(body: bytes, feed: Feed) -> list[dict[str, str]]:
    """Rows of the CSV; ParseError when it is none or a column is absent."""
    refuse_page(body, feed=feed.feed)
    try:
        text = body.decode({"gbk": "gbk"}.get(str(feed.options.get("encoding", "")), "utf-8-sig"))
        lines = list(csv.DictReader(io.StringIO(text), strict=True, restkey="too many"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ParseError(f"not CSV: {type(error).__name__}", where=feed.feed) from error
    if not lines or any(name not in lines[0] for name in HEAD):
        raise ParseError(f"the CSV has no row or lacks a column of {', '.join(HEAD)}", where=f"{feed.feed}:1")
    return lines


def _read(rows: list[Any], time: datetime | None, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Observations of the rows at `time`, at each row's own where that is None."""
    gather = Gather(feed=feed, received=received, raw=raw)
    station_of = {station.town: station for station in county.stations_of(feed.feed)}

    def read(fields: Fields) -> Iterator[Observation]:
        """One town's row: customers and areas without power, with the total they are of; Refused where more are out than there are."""
        town = _town(county, fields.text("town_code"), fields.text("town"))
        station = station_of.get(town.key)
        if station is None:
            raise Refused(f"no power station stands in the county's table for {town.name}")
        synthetic, at = fields.yes("synthetic") or station.synthetic, time or fields.beijing("time", *CLOCK)
        for names in COUNTS:
            out, total = (_count(fields, name) for name in names)
            if out is not None and total is not None and out > total:
                raise Refused(f"{names[0]} {out:g} is over {names[1]} {total:g}")
            for name, value in zip(names, (out, total), strict=True):
                yield gather.observation(station.station, name, at, value, synthetic=synthetic)
        named = PUMPS in station.properties and not fields.has(PUMPS)
        for name in ALSO:
            if fields.has(name):
                given = fields.take(name)
                yield gather.observation(station.station, name, at, _also(given, name), synthetic=synthetic)
                if named and name == "critical_out" and isinstance(given, list):
                    yield gather.observation(station.station, PUMPS, at, float(sum(PUMP in str(each) for each in given)), synthetic=synthetic)

    gather.each(rows, "data", read)
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


def _also(given: Any, name: str) -> float | None:
    """A count, or the length of a list of names."""
    return float(len(given)) if isinstance(given, list) else _count(Fields({name: given}), name)


def _count(fields: Fields, name: str) -> float | None:
    value = fields.number(name)
    if value is not None and (value < 0 or value != int(value)):
        raise Refused(f"{name} {value:g} is no count")
    return value
