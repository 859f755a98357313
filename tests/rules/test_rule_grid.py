"""Grids and station statistics: gaps, staleness, order, duplicates, coarse and fine intervals, neighbours by another path."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from core.county.types import Station
from core.model import Flag
from rules.catalogue import load_catalogue
from rules.readings import Readings
from rules.spatial import distance_km, over_towns, reach, unit_vectors
from rules.testworld import START, sources, world

CATALOGUE = load_catalogue().indicators


def readings(series: dict[str, str], *, hours: int, stations: dict | None = None, silent: tuple[str, ...] = (), ticks: tuple[int, ...] = (0,)) -> Readings:
    case = {"name": f"{series}{stations}", "series": series, "stations": stations or {}, "silent": silent}
    county, now = world(case, 1.0), START + timedelta(hours=hours)
    found = sources(case, 1.0, county, now)
    return Readings(county, found.observations, now=now, hours=80.0, ticks_s=np.array(ticks), silent=frozenset(silent))


def interval(name: str, series: dict[str, str], hours: int, **more) -> tuple[float, float]:
    got = readings(series, hours=hours, **more).towns(CATALOGUE[name])
    return float(got.lo[-1, 0]), float(got.hi[-1, 0])


@pytest.mark.parametrize(("name", "series", "hours", "want"), [
    ("rain_3h", {"rain@M": "1 2 3 4"}, 3, (9.0, 9.0)),
    ("rain_3h", {"rain@M": "1 2 _ 4"}, 3, (6.0, math.inf)),               # a hole may hold anything
    ("rain_3h", {"rain@M": "1 2 3 4 _"}, 4, (9.0, 9.0)),                  # the next reading is not due yet
    ("rain_3h", {"rain@M": "1 2 3 4 _ _ _"}, 6, (0.0, math.inf)),         # stale: by the clock, nothing of it is known
    ("rain_3h", {"rain@M": "1 2 30? 4"}, 3, (6.0, math.inf)),             # suspect is no proof and no all-clear
    ("rain_3h", {"rain@M": "_ 2 3 4"}, 3, (9.0, 9.0)),
    ("rain_24h", {"rain@M": "1x5"}, 5, (6.0, math.inf)),                  # a station that has just begun
    ("wind_gust_max", {"wind_gust@M": "5 9 7"}, 2, (7.0, 7.0)),
    ("wind_gust_max", {"wind_gust@M": "5 9 99?"}, 2, (-math.inf, math.inf)),
    ("stage_rise_6h", {"stage@Z": "2.0 2.5 1.8 2.0 2.2 2.4 2.6"}, 6, (0.8, 0.8)),
    ("tilt_rate_24h", {"tilt@D": "0.4x23 0.1"}, 24, (0.3, 0.3)),
    ("customers_out_share", {"customers_out@P": "50", "customers_total@P": "1000"}, 0, (0.05, 0.05)),
    ("customers_out_share", {"customers_out@P": "50", "customers_total@P": "0"}, 0, (-math.inf, math.inf)),
])
def test_statistics(name: str, series: dict[str, str], hours: int, want: tuple[float, float]) -> None:
    assert interval(name, series, hours) == pytest.approx(want)


@pytest.mark.parametrize(("ticks", "window_h", "interval_s", "step_s"), [
    ((600, 0), 1.0, 3600, 600), ((300, 0), 1.0, 3600, 300), ((600, 0), 0.25, 3600, 300), ((600, 0), 1.0, 300, 300)])
def test_slots_are_of_ten_minutes_where_ticks_windows_and_feeds_keep_to_them(ticks: tuple[int, ...], window_h: float, interval_s: int, step_s: int) -> None:
    made = readings({"rain@M": "1 2 3 4"}, hours=3, ticks=ticks)
    county = replace(made.county, feeds=tuple(replace(feed, interval_s=interval_s) for feed in made.county.feeds))
    again = Readings(county, made.log, now=made.now, hours=80.0, ticks_s=np.array(ticks), silent=frozenset())
    assert again.grid("rain", again.roster.measuring("rain", ""), window_h)[0].step_s == step_s


def test_a_station_whose_newest_reading_is_missing_keeps_its_column() -> None:
    got = readings({"rain@A": "0x2 20 20 _", "rain@B": "0x4"}, hours=4, stations={"B": {"km": 2}}).towns(CATALOGUE["rain_3h"])
    assert got.lo[0, 0] == 40.0


def test_many_ticks_equal_one_at_a_time() -> None:
    rng = random.Random(7)
    text = " ".join(rng.choice(["_", f"{rng.uniform(0, 9):.1f}", f"{rng.uniform(0, 9):.1f}?"]) for _ in range(48))
    series = {"rain@A": text, "stage@Z": text, "wind_gust@A": text, "tilt@D": text}
    for name in ("rain_6h", "stage_rise_6h", "wind_gust_max", "tilt_rate_24h"):
        whole = readings(series, hours=47, ticks=tuple(range(40 * 3600, -1, -3600))).towns(CATALOGUE[name])
        for number, hour in enumerate(range(7, 48)):
            one = readings(series, hours=hour).towns(CATALOGUE[name])
            assert (whole.lo[number, 0], whole.hi[number, 0], whole.heading[number, 0]) == pytest.approx(
                (one.lo[0, 0], one.hi[0, 0], one.heading[0, 0])), (name, hour)


def test_order_and_repetition_change_nothing() -> None:
    base = readings({"rain@A": "1 2 3? 4 _ 6", "rain@B": "2x5"}, hours=5, stations={"B": {"km": 5}})
    case = {"name": "x", "series": {"rain@A": "1 2 3? 4 _ 6", "rain@B": "2x5"}, "stations": {"B": {"km": 5}}}
    county = world(case, 1.0)
    frame = sources(case, 1.0, county, base.now).observations
    for seed in range(5):
        shuffled = pd.concat([frame, frame]).sample(frac=1.0, random_state=seed)
        again = Readings(county, shuffled, now=base.now, hours=80.0, ticks_s=np.array([0]), silent=frozenset())
        for name in ("rain_1h", "rain_6h"):
            a, b = base.towns(CATALOGUE[name]), again.towns(CATALOGUE[name])
            assert (a.lo == b.lo).all() and (a.hi == b.hi).all()


def test_a_finer_interval_wins_over_a_coarser_one_and_totals_agree() -> None:
    case = {"name": "fine", "series": {"rain@A": "6x3"}}
    county, now = world(case, 1.0), START + timedelta(hours=3)
    frame = sources(case, 1.0, county, now).observations
    fine = pd.concat([frame.iloc[[3]].assign(time=now - timedelta(minutes=10 * n), value=1.0, interval_s=600) for n in range(6)])
    got = Readings(county, pd.concat([frame, fine]), now=now, hours=80.0, ticks_s=np.array([0]), silent=frozenset()).towns(CATALOGUE["rain_3h"])
    assert (got.lo[0, 0], got.hi[0, 0]) == (18.0, 18.0)


@pytest.mark.parametrize(("paths", "silent", "bounded"), [(("a", "b"), (), True), (("a", "a"), (), False), (("a", "b"), ("readings",), False)])
def test_a_dead_station_is_excused_only_by_a_healthy_one_on_another_path(paths, silent, bounded: bool) -> None:
    stations = {"A": {"path": paths[0]}, "B": {"path": paths[1], "km": 6}}
    lo, hi = interval("rain_3h", {"rain@A": "1x4 _x4", "rain@B": "2x8"}, 8, stations=stations, silent=silent)
    assert lo == 6.0 and math.isfinite(hi) == bounded


def test_an_excused_station_still_cannot_be_excluded_from_where_it_was_heading() -> None:
    stations = {"A": {"path": "a"}, "B": {"path": "b", "km": 6}}
    assert interval("rain_3h", {"rain@A": "9x4 _x4", "rain@B": "2x8"}, 8, stations=stations) == (6.0, 27.0)


def test_a_witness_excuses_but_gives_no_value() -> None:
    stations = {"A": {"path": "a"}, "W": {"path": "b", "km": 13}}
    assert interval("rain_3h", {"rain@A": "0x8", "rain@W": "50x8"}, 8, stations=stations) == (0.0, 0.0)
    lo, hi = interval("rain_3h", {"rain@A": "0x4 _x4", "rain@W": "5x8"}, 8, stations=stations)
    assert (lo, hi) == (0.0, 15.0)


def test_corroboration_needs_another_path() -> None:
    def proved(paths: tuple[str, str], second: str) -> float:
        stations = {"A": {"path": paths[0]}, "B": {"path": paths[1], "km": 6}}
        return float(readings({"rain@A": "20x3", "rain@B": second}, hours=3, stations=stations).towns(CATALOGUE["rain_3h"]).corroborated[0, 0])

    assert proved(("a", "b"), "20x3") == 60.0 and proved(("a", "b"), "5x3") == 30.0 and proved(("a", "b"), "0x3") == 0.0
    assert proved(("a", "a"), "20x3") == -math.inf


def test_a_stage_in_another_datum_is_never_compared() -> None:
    case = {"name": "datum", "series": {"stage@Z": "9x3"}, "stations": {"Z": {"datum": "废黄河", "warning_stage": 2.8}}}
    county, now = world(case, 1.0), START + timedelta(hours=3)
    frame = sources(case, 1.0, county, now).observations
    for datum, lo in (("", 6.2), ("废黄河", 6.2), ("吴淞", -math.inf)):
        got = Readings(county, frame.assign(datum=datum), now=now, hours=80.0, ticks_s=np.array([0]), silent=frozenset())
        assert got.towns(CATALOGUE["stage_above_warning"]).lo[0, 0] == pytest.approx(lo)


def test_lost_while_rising_heads_on() -> None:
    got = readings({"stage@Z": "2.0 2.2 2.4 2.6 _x4"}, hours=7, stations={"Z": {"warning_stage": 2.8}}).towns(CATALOGUE["stage_above_warning"])
    assert got.lo[0, 0] == -math.inf and got.hi[0, 0] == math.inf and got.heading[0, 0] == pytest.approx(0.4)


def test_neighbours_are_found_on_the_sphere() -> None:
    rng = np.random.default_rng(3)
    lat, lon = rng.uniform(28, 34, 60), rng.uniform(117, 124, 60)
    towns, stations = unit_vectors(lat[:10], lon[:10]), unit_vectors(lat[10:], lon[10:])
    own = np.zeros((10, 50), dtype=bool)
    km = distance_km(lat[:10, None], lon[:10, None], lat[None, 10:], lon[None, 10:])
    found = reach(towns, stations, np.argwhere(own), "nearest", 2000.0, 0.0)
    assert found.member[0].tolist() == km.argmin(axis=1).tolist()
    within = reach(towns, stations, np.argwhere(own), "within", 150.0, 0.0)
    for town in range(10):
        assert set(within.member[within.core[:, town], town].tolist()) == set(np.flatnonzero(km[town] <= 150.0).tolist())
    values = rng.uniform(0, 9, (3, 50))
    best = over_towns(values, within)
    want = np.stack([np.where((km <= 150.0).any(axis=1), np.where(km <= 150.0, row, -np.inf).max(axis=1), -np.inf) for row in values])
    assert np.array_equal(best, want)


def test_mean_and_inverse_distance() -> None:
    series, stations = {"rain@A": "2x3", "rain@B": "8x3"}, {"B": {"km": 6}}
    for kind, low, high in (("mean", 15.0, 15.0), ("idw", 6.0, 7.0)):
        got = readings(series, hours=3, stations=stations).towns(replace(CATALOGUE["rain_3h"], reach=kind, name=kind))
        assert low <= got.lo[0, 0] <= high
    gap = readings({"rain@A": "2x3", "rain@B": "8 _ 8 8"}, hours=3, stations=stations).towns(replace(CATALOGUE["rain_3h"], reach="mean", name="m"))
    assert gap.hi[0, 0] == math.inf


def test_flags_other_than_good_are_no_proof() -> None:
    case = {"name": "flags", "series": {"rain@A": "9x3"}}
    county, now = world(case, 1.0), START + timedelta(hours=3)
    frame = sources(case, 1.0, county, now).observations
    for flag in (Flag.UNKNOWN, Flag.SUSPECT, Flag.FAIL):
        got = Readings(county, frame.assign(flag=int(flag)), now=now, hours=80.0, ticks_s=np.array([0]), silent=frozenset()).towns(CATALOGUE["rain_3h"])
        assert (got.lo[0, 0], got.hi[0, 0]) == (0.0, math.inf)
    assert Station.__dataclass_fields__["path"]
