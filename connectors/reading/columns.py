"""From the columns of a document, a row a record, to readings: what connectors.reading.records does record by record, over whole columns.

The reference stays there. Whatever it would set aside, or tell, is a ValueError here (Refused among them): the document is then read in that way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from connectors.reading.plain import Plain
from connectors.reading.records import FUTURE_TOLERANCE, Refused
from connectors.reading.stations import MOVED_KM, Stations, apart_km
from core.checks import Bools, Floats, Ints
from core.model import Flag
from core.readings import Readings, Words, stamps


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Of N records their station, its `number` in what the county says of `stations`, time and issue time (NaT: measured)."""

    stations: Stations
    number: Ints
    station: Words[str]
    time: NDArray[np.datetime64]
    issued: NDArray[np.datetime64]

    @classmethod
    def of(
        cls, stations: Stations, number: Ints, time: Sequence[str], issued: Sequence[str] | None = None, *, read: Callable[[str], datetime],
        received: datetime,
    ) -> Records:
        """Refused for a time that `read` refuses or that is later than its receipt, and for a second record of one station and time."""
        at, made = _each(time, read), None if issued is None else _each(issued, read)
        newest = max((made or at).words, default=received)
        if newest > received + FUTURE_TOLERANCE:
            raise Refused(f"dated {newest.isoformat()}, later than its receipt")
        one = number * len(at.words) + at.codes
        if made is not None:
            one = one * len(made.words) + made.codes
        station = stations.sensors.column("station").take(number).bare()
        if len(station.words) < len(one) != len(np.unique(one)):
            raise Refused("a second report for the same time")
        never = np.full(len(one), np.datetime64("NaT"), dtype="datetime64[us]")
        return cls(stations=stations, number=number, station=station, time=_stamped(at), issued=never if made is None else _stamped(made))

    def of_station(self, field: str) -> Words[Any]:
        """(N,) a field of the record's station."""
        return self.stations.sensors.column(field).take(self.number)

    def observes(self, names: Sequence[str]) -> Bools:
        """(N, E): whether the record's station observes the property."""
        properties = self.of_station("properties")
        each = np.array([[name in word for name in names] for word in properties.words], dtype=np.bool_)
        return each.reshape(len(properties.words), len(names))[properties.codes]

    def in_place(self, plain: Plain, lat: str, lon: str) -> None:
        """Refused where a station reports itself (fields `lat` and `lon`, degrees) away from its place; ValueError where that hangs on how exact its
        coordinates are written and that was not kept."""
        sensors = self.stations.sensors
        apart = apart_km(sensors.lat[self.number], sensors.lon[self.number], plain.numbers[lat], plain.numbers[lon])
        for row in np.flatnonzero(apart > 0.999 * MOVED_KM).tolist():
            if plain.written is None:
                raise ValueError("away from its place, as far as numbers tell")
            self.stations.in_place(sensors.stations[self.number[row]], plain.written[lat][row], plain.written[lon][row])


def readings(
    records: Records, names: Sequence[str], interval_s: Sequence[int], value: Floats, told: Bools, *, feed: str, received: datetime, raw: str, synthetic: Bools,
    flag: NDArray[np.int8] | None = None, reasons: Words[tuple[str, ...]] | None = None, datum: Words[str] | None = None,
) -> Readings:
    """What N records say of E properties, record by record: `value` (N, E) in the canonical units, NaN for none, which always carries the flag MISSING;
    `told` (N, E), whether anything is said at all; `flag` (N, E), GOOD when left out; `reasons` and `datum` (N x E,). Refused for a property twice."""
    if any((told[:, at] & told[:, names.index(name)]).any() for at, name in enumerate(names) if name in names[:at]):
        raise Refused("one property twice in a record")
    cells = np.flatnonzero(told)
    row, column = np.divmod(cells, max(len(names), 1))
    values, size = value.ravel()[cells], len(cells)
    flags = np.full(size, Flag.GOOD, dtype=np.int8) if flag is None else flag.ravel()[cells]
    return Readings(
        feed=Words.every(feed, size), station=records.station.take(row), observed_property=Words.of(names).take(column), time=records.time[row], value=values,
        received=np.full(size, stamps([received])[0]), raw=Words.every(raw, size), flag=np.where(np.isnan(values), np.int8(Flag.MISSING), flags),
        reasons=Words.every((), size) if reasons is None else reasons.take(cells), interval_s=np.array(interval_s, dtype=np.int32)[column],
        issued=records.issued[row], datum=Words.every("", size) if datum is None else datum.take(cells), synthetic=synthetic[row],
    )


def each_once(values: Floats, change: Callable[[float], float]) -> Floats:
    """Every different number changed once, by plain arithmetic: whole arrays round otherwise. NaN stays."""
    words, place = np.unique(values, return_inverse=True)
    return np.array([word if word != word else change(word) for word in words.tolist()], dtype=np.float64)[place]


def _each(texts: Sequence[str], read: Callable[[str], datetime]) -> Words[datetime]:
    """Every different text read once; two texts of one time are one."""
    words = Words.of(texts)
    times = Words.of(map(read, words.words))
    return Words(times.codes[words.codes], times.words)


def _stamped(times: Words[datetime]) -> NDArray[np.datetime64]:
    return stamps(times.words)[times.codes]
