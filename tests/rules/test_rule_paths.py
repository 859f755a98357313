"""All ticks of all storms in one pass say what each tick says by itself, written plainly; interpolation is numpy's to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plain_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import track
from rules.catalogue import load_catalogue
from rules.knots import Between, by_group, filled, last_told
from rules.paths import _RADII, paths_at

INDICATORS = [i for i in load_catalogue().indicators.values() if i.kind == "track"]
TOWNS = np.array([31.9, 32.4]), np.array([121.1, 121.9])
START = pd.Timestamp("2024-07-24T00:00Z")
TICKS = [(START + pd.Timedelta(minutes=40 * n)).to_pydatetime() for n in range(91)]


def frame(seed: int) -> pd.DataFrame:
    """Storms of two feeds that come, are forecast by some agencies at some times, told with gaps, fall silent and end; some are one storm."""
    rng, rows = np.random.default_rng(seed), []
    lat, lon = 0.0, 0.0
    for feed, storm in [("a", "202401"), ("b", "202401"), ("a", "2"), ("b", "3"), ("b", "202404")][: int(rng.integers(0, 6))]:
        lat, lon = (lat + 0.1, lon) if lat and rng.random() < 0.5 else (rng.uniform(22, 34), rng.uniform(118, 128))
        begin = rng.integers(-30, 30)
        ended = START + pd.Timedelta(hours=int(rng.integers(0, 60))) if rng.random() < 0.5 else pd.NaT
        agencies = [a for a in ("BABJ", "中国", "日本", "RJTD", "美国") if rng.random() < 0.5]
        for hour in range(begin, begin + int(rng.integers(1, 50)), int(rng.choice([1, 3]))):
            known: dict[str, Any] = {"feed": feed, "storm": storm, "ended_at": ended, "move_speed": rng.choice([np.nan, 20.0]),
                                     "move_bearing": rng.choice([np.nan, 320.0])}
            here = {"lat": lat + hour * 0.08, "lon": lon - hour * 0.05}
            rows.append(known | here | _strength(rng) | {"agency": "", "time": START + pd.Timedelta(hours=hour), "issued": pd.NaT})
            if hour % 6 == 0:
                for agency in agencies:
                    leads = range(int(rng.choice([3, 6])), int(rng.choice([7, 13, 40])), int(rng.choice([3, 6])))
                    rows += [known | {"lat": here["lat"] + h * 0.1, "lon": here["lon"] - h * rng.uniform(0, 0.1), "agency": agency} | _strength(rng)
                             | {"time": START + pd.Timedelta(hours=hour + h), "issued": START + pd.Timedelta(hours=hour)} for h in leads]
    order = rng.permutation(len(rows))
    names = ["feed", "storm", "agency", "time", "issued", "ended_at", "lat", "lon", "wind", "pressure", "move_speed", "move_bearing", *_RADII]
    made = pd.DataFrame([rows[n] for n in order], columns=names)
    return made.assign(**{name: pd.to_datetime(made[name], utc=True).astype("datetime64[us, UTC]") for name in ("time", "issued", "ended_at")})


def _strength(rng: np.random.Generator) -> dict[str, float]:
    radii = {name: float(rng.choice([np.nan, 40.0, 120.0, 380.0])) for name in _RADII}
    return radii | {"wind": float(rng.choice([np.nan, 10.0, 20.0, 33.0, 50.0])), "pressure": float(rng.choice([np.nan, 995.0, 950.0]))}


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_one_pass_says_what_each_tick_says(seed: int, silent: bool) -> None:
    told = frame(seed)
    paths = paths_at(told, TICKS)
    found = track.intervals(INDICATORS, paths, *TOWNS, silent=silent)
    for number, tick in list(enumerate(TICKS))[::5]:
        plain, outdated = plain_paths.at(told, pd.Timestamp(tick))
        mine = paths.where(paths.tick == number)
        assert bool(paths.outdated[number]) == outdated and list(zip(mine.storm, mine.agency, mine.home, strict=True)) == [(p.storm, p.agency, p.home) for p in plain]
        for n, path in enumerate(plain):
            there = slice(len(path.lead))
            assert mine.lead[n, -1] == path.lead[-1] and list(dict.fromkeys(r for r in mine.rows[n].tolist() if r >= 0)) == path.rows
            for name in ("lead", "lat", "lon", "wind", "pressure"):
                np.testing.assert_array_equal(getattr(mine, name)[n, there], getattr(path, name), err_msg=name)
        for indicator in INDICATORS:
            for town, (lat, lon) in enumerate(zip(*TOWNS, strict=True)):
                lo, hi = plain_paths.interval(indicator, plain, outdated, lat, lon)
                open_up = silent and indicator.quantity in ("wind", "agreement")
                lo, hi = (lo, np.inf) if open_up else (-np.inf, hi) if silent else (lo, hi)
                assert (found[indicator.name].lo[number, town], found[indicator.name].hi[number, town]) == (lo, hi), (indicator.name, tick)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_some_ticks_of_many_are_those_ticks(seed: int) -> None:
    told = frame(seed)
    whole = paths_at(told, TICKS)
    for many, one in ((whole.last(), paths_at(told, TICKS[-1:])), (whole.at(np.array([7, 40])), paths_at(told, [TICKS[7], TICKS[40]]))):
        assert many.outdated.tolist() == one.outdated.tolist() and many.agency.tolist() == one.agency.tolist() and many.tick.tolist() == one.tick.tolist()
        for name in ("lead", "lat", "lon", "wind", "pressure", "radii"):
            np.testing.assert_array_equal(getattr(many, name), getattr(one, name))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_between_is_numpys_to_the_bit(seed: int, knots: int) -> None:
    rng, known = np.random.default_rng(seed), np.array([-6.0, -3.5, -3.0, 1 / 3 - 3.0, -1.0, -0.5, 4.1])
    which = np.sort(np.append(rng.integers(0, 7, (4, knots)), np.zeros((4, 1), dtype=int), axis=1), axis=1)  # an hour may stand there twice
    hours, values = known[which], rng.normal(size=7)[which]
    lead = np.sort(rng.choice([-3.0, -1.0, 1 / 3, 0.0, 0.5, 2.0, 9.0], (4, 8)), axis=1)
    wanted = [np.interp(lead[n], *(side[np.unique(hours[n], return_index=True)[1]] for side in (hours[n], values[n]))) for n in range(4)]
    np.testing.assert_array_equal(Between(lead, hours).of(values), wanted)


@given(st.integers(0, 2**32 - 1))
def test_gaps_and_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random((5, 6)) < 0.5, np.nan, rng.integers(0, 9, (5, 6)).astype(float))
    table = pd.DataFrame(values)
    np.testing.assert_array_equal(filled(values, -1.0), table.ffill(axis=1).bfill(axis=1).fillna(-1.0))
    np.testing.assert_array_equal(last_told(values, 3), table.ffill(limit=2))
    group = np.append(rng.integers(0, 3, 7), [0, 1, 2])
    for number, row in enumerate(by_group(group, 3)):
        members = np.flatnonzero(group == number)
        assert row.tolist() == members.tolist() + [members[-1]] * (len(row) - len(members))
