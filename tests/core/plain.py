"""The judge's tests said once more, one reading at a time and without a thought for speed: what core.quality must say of every sheet."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import numpy as np

from core import checks, quality, signatures
from core.limits import LIMITS, NEIGHBOURS, rain_limits
from core.model import Flag

Told = set[tuple[int, int, Flag, str]]


def told(found: list[quality.Doubt]) -> Told:
    """(row, station, flag, reason) of all that is found."""
    return {(int(row), int(station), d.flag, d.reason) for d in found for row, station in np.argwhere(d.where)}


def anchor(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """signatures.anchor."""
    out, (far, near) = np.full(values.shape, np.nan), (signatures.ANCHOR_S[1], signatures.ANCHOR_S[0])
    for row, station in np.ndindex(values.shape):
        past = [v for t, v in zip(times, values[:, station], strict=True) if times[row] - far <= t <= times[row] - near and v == v]
        if len(past) >= signatures.ANCHORED:
            out[row, station] = statistics.median(past)
    return out


def own_past(name: str, times: np.ndarray, values: np.ndarray, interval_s: int) -> Told:
    """quality.check, every test asked about every station, each alone."""
    limits, out = LIMITS[name], set()
    low, high = limits.fail if name != "rain" else (0.0, rain_limits(interval_s)[1])
    odd = limits.suspect if name != "rain" else (0.0, rain_limits(interval_s)[0])
    for station in range(values.shape[1]):
        one = values[:, [station]]
        broken = (one < low) | (one > high)
        sane = np.where(broken, np.nan, one)
        peaks = checks.spike(times, sane, limits.spike)
        tests: list[tuple[np.ndarray, Flag, str]] = [
            (broken, Flag.FAIL, f"range {low:g}..{high:g}"),
            ((sane < odd[0]) | (sane > odd[1]), Flag.SUSPECT, f"unlikely outside {odd[0]:g}..{odd[1]:g}"),
            (peaks, Flag.SUSPECT, f"spike over {limits.spike:g}"),
            (checks.step(times, np.where(peaks, np.nan, sane), limits.step), Flag.SUSPECT, f"step over {limits.step:g} an hour"),
            (checks.flat(times, sane, limits.flat, limits.quiet), Flag.SUSPECT, f"flat for {limits.flat / 3600:g} h"),
            (signatures.pulse(times, sane, limits.spike), Flag.SUSPECT, f"pulse over {limits.spike:g}"),
            (signatures.tenfold(sane, anchor(times, sane), limits.tenfold), Flag.SUSPECT, "ten times, or a tenth of, what it read half a day ago"),
        ]
        out |= {(int(row), station, flag, reason) for where, flag, reason in tests for row in np.flatnonzero(where[:, 0])}
    return out


def witnesses(row: np.ndarray, near: list[int], path: list[int]) -> list[float]:
    """What the stations `near` say in a row: of each path the median of those that read something."""
    said = [[row[n] for n in near if path[n] == p and row[n] == row[n]] for p in sorted({path[n] for n in near})]
    return [statistics.median(several) for several in said if several]


def apart(values: np.ndarray, near: list[list[int]], path: list[int], most: float, least: int) -> set[tuple[int, int]]:
    """(row, station) where a value stands over `most` from the median of at least `least` witnesses."""
    return {(row, station) for row, station, own, others in _asked(values, near, path, least) if abs(own - statistics.median(others)) > most}


def alone(name: str, values: np.ndarray, near: list[list[int]], path: list[int]) -> Told:
    """quality.check_neighbours."""
    rule, out = NEIGHBOURS[name], set()
    ten: dict[int, bool] = {}
    for row, station, own, others in _asked(values, near, path, 2):
        middle, was_ten = statistics.median(others), ten.get(station, False)
        ten[station] = own >= rule.tenfold and middle > 0 and 10 / signatures.TENFOLD * middle <= own <= 10 * signatures.TENFOLD * middle
        single = own >= rule.alone[0] and max(others) <= rule.alone[1]
        tests = [
            (abs(own - middle) > rule.apart, f"over {rule.apart:g} from the neighbours' median"),
            (own <= rule.silent[0] and min(others) >= rule.silent[1], f"nothing here, every neighbour at least {rule.silent[1]:g}"),
            (single, f"{rule.alone[0]:g} or more here, no neighbour over {rule.alone[1]:g}"),
            (own >= rule.over[0] and own >= rule.over[1] * max(others) and not single, f"{rule.over[0]:g} or more here, {rule.over[1]:g} times every neighbour"),
            (ten[station] and was_ten, "ten times what every neighbour reads, twice running"),
        ]
        out |= {(row, station, Flag.SUSPECT, reason) for when, reason in tests if when}
    return out


def moved_too(times: np.ndarray, values: np.ndarray, size: np.ndarray, near: list[list[int]]) -> set[tuple[int, int]]:
    """signatures.moved_too."""
    out = set()
    for row, station in np.argwhere(np.isfinite(size)):
        for other in near[station]:
            seen = [v * np.sign(size[row, station]) for t, v in zip(times, values[:, other], strict=True)
                    if times[row] - 5 * 3600 < t <= times[row] + 2 * 3600 and v == v]
            if any(later - sooner >= signatures.SHARED * abs(size[row, station]) for n, later in enumerate(seen) for sooner in seen[: n + 1]):
                out.add((int(row), int(station)))
    return out


def _asked(values: np.ndarray, near: list[list[int]], path: list[int], least: int) -> Iterator[tuple[int, int, float, list[float]]]:
    for row, station in np.argwhere(np.isfinite(values)):
        others = witnesses(values[row], near[station], path)
        if len(others) >= least:
            yield int(row), int(station), float(values[row, station]), others
