"""Forecast grids in GRIB2 (WMO FM 92), cut to the county: the grid point nearest to each station that the county's table has for this feed.

Needs the extra `grib` (`pip install fengsui[grib]`, which brings eccodes). The issue time is the run's, times are UTC, units are those of
code table 4.2. Rain that adds up from the run's start is turned into rain of each step; u and v become speed and direction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import atan2, degrees, hypot

from connectors.gribfile import Cell, cells
from connectors.reading import http
from connectors.reading.records import Gather, Refused
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.model import Batch
from core.settings import Settings

#: A run is on the server about this long after its time.
DELAY_H, EVERY_H = 5, 6


@dataclass(frozen=True, slots=True)
class Key:
    """What the parts of one value have in common."""

    station: str
    issued: datetime
    time: datetime


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """The file of the newest run; '{date}' and '{hour}' in the address (or in option `path`, behind it) are the run's UTC date and hour."""
    every = int(feed.options.get("every_h", EVERY_H))
    run = now - timedelta(hours=int(feed.options.get("delay_h", DELAY_H)))
    run = run.replace(hour=run.hour // every * every, minute=0, second=0, microsecond=0)
    path = str(feed.options.get("path", "")).replace("{date}", f"{run:%Y%m%d}").replace("{hour}", f"{run:%H}")
    return http.get(feed, feed.url(settings) + path, settings=settings, conditional=conditional)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Forecast observations (issued set) with the centre that made them in the reasons; a message that cannot be read is set aside."""
    gather = Gather(feed=feed, received=received, raw=raw)
    found: dict[tuple[Key, str], Cell] = {}
    places = {s.station: (s.lat, s.lon) for s in county.stations_of(feed.feed)}
    for cell in cells(body, places, gather):
        found[Key(cell.station, cell.issued, cell.time), f"{cell.name}/{cell.start_h}"] = cell
    synthetic = {s.station: s.synthetic for s in county.stations_of(feed.feed)}

    def emit(cell: Cell, name: str, value: float, interval_s: int = 0) -> None:
        """Keep one value of a cell, set aside alone where a check refuses it: the message's other cells still count."""
        try:
            item = gather.observation(
                cell.station, name, cell.time, round(value, 4), interval_s=interval_s, issued=cell.issued, reasons=(f"centre {cell.centre}",),
                synthetic=synthetic[cell.station],
            )
            gather.check(item)
        except Refused as error:
            gather.refuse(f"{cell.station}/{name}", str(error))
        else:
            gather.items.append(item)

    rain: dict[tuple[str, datetime, int], list[Cell]] = defaultdict(list)
    for (key, what), cell in found.items():
        if cell.name == "rain":
            rain[cell.station, cell.issued, cell.start_h].append(cell)
        elif cell.name == "u":
            other = found.get((key, what.replace("u/", "v/")))
            if other is not None:
                emit(cell, "wind_speed", hypot(cell.value, other.value))
                emit(cell, "wind_direction", (270 - degrees(atan2(other.value, cell.value))) % 360)
        elif cell.name != "v":
            emit(cell, cell.name, cell.value)
    for cells_of in rain.values():
        for cell, value, hours in _steps(sorted(cells_of, key=lambda one: one.end_h)):
            emit(cell, "rain", value, hours * 3600)
    return gather.batch()


def _steps(sums: list[Cell]) -> Iterator[tuple[Cell, float, int]]:
    """Rain of each step from sums that share their start; a sum that falls (packing) is no negative rain."""
    yield sums[0], sums[0].value, sums[0].end_h - sums[0].start_h
    for former, cell in pairwise(sums):
        yield cell, max(0.0, cell.value - former.value), cell.end_h - former.end_h


