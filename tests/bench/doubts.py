"""All that the judge asks of a day of hourly readings of a nation's stations, beside ioos_qc (QARTOD), which is asked of one station after the other.

Ours is every test of core.quality with the neighbours and what follows from them; the peer runs its four tests of a station's own past (gross range,
spike, rate of change, flat line) with our limits. Its gross range has to find what ours does before a time is told. Processor time, the best of some.

    .venv/bin/python tests/bench/doubts.py [stations=200,7000,70000]       (pip install ioos_qc adds its row, up to 1,000 stations)
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable

import ingest
import numpy as np

from connectors.quality.doubts import doubts
from connectors.quality.sheet import Sheet
from core.checks import Floats
from core.limits import LIMITS, rain_limits

HOURS, PEER_MOST = 25, 1_000


def day(stations: int) -> dict[str, Floats]:
    """Readings by property (HOURS, stations), one in fifty missing; independent of each other, so that far more of them look odd than in any weather."""
    rng, shape = np.random.default_rng(1), (HOURS, stations)
    made = {"rain": rng.gamma(0.3, 2, shape), "wind_speed": rng.gamma(3, 1.5, shape), "wind_gust": rng.gamma(5, 1.6, shape),
            "wind_direction": rng.integers(0, 370, shape), "pressure": rng.normal(1005, 3, shape), "temperature": rng.normal(27, 3, shape)}
    return {name: np.where(rng.random(shape) < 0.02, np.nan, values.round(1)) for name, values in made.items()}


def best(work: Callable[[], object], rounds: int) -> float:
    """Least processor time of some rounds, s."""
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return min(spent)


def peer(times: Floats, values: dict[str, Floats]) -> dict[str, np.ndarray]:
    """ioos_qc's flags of its gross range by property; the other three tests are run for their time."""
    from ioos_qc import qartod

    at, out = times.astype("datetime64[s]"), {}
    for name, series in values.items():
        limits, flags = LIMITS[name], np.zeros(series.shape)
        span = (0.0, rain_limits(3600)[1]) if name == "rain" else limits.fail
        for station in range(series.shape[1]):
            own = series[:, station]
            flags[:, station] = qartod.gross_range_test(own, span)
            qartod.spike_test(own, suspect_threshold=8.0, fail_threshold=16.0)
            qartod.rate_of_change_test(own, at, threshold=25.0 / 3600)
            qartod.flat_line_test(own, at, suspect_threshold=6 * 3600, fail_threshold=12 * 3600, tolerance=1e-6)
        out[name] = flags == qartod.QartodFlags.FAIL
    return out


def bench(stations: int) -> None:
    """One size: times and ratio."""
    county, feed = ingest.world(stations)
    values, times = day(stations), 1.7e9 + np.arange(HOURS) * 3600.0
    sheet = Sheet(
        times=times, stations=tuple(sorted(s.station for s in county.stations)), values=values, twin=np.zeros(0, dtype=np.int64), since=HOURS - 13,
        origin={name: np.where(np.isfinite(v), 0, -1) for name, v in values.items()}, interval_s=dict.fromkeys(values, 3600),
    )
    found = doubts(sheet, feed, county)
    ours = best(lambda: doubts(sheet, feed, county), 5)
    print(f"{stations} 站 stations x {len(values)} 要素 properties x {HOURS} h: {1000 * ours:.1f} ms", end="")
    if importlib.util.find_spec("ioos_qc") and stations <= PEER_MOST:
        theirs = peer(times, values)
        assert all((found[name][0].where == theirs[name]).all() for name in values)
        spent = best(lambda: peer(times, values), 2)
        print(f"; ioos_qc {1000 * spent:.0f} ms, {spent / ours:.0f} x", end="")
    print()


if __name__ == "__main__":
    for size in (sys.argv[1] if len(sys.argv) > 1 else "200,7000,70000").split(","):
        bench(int(size))
