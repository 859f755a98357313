"""Dead stations: what is said of them goes by how long ago they were heard, never by how far back somebody else's rule or a long block of ticks reads."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.county import County
from core.county.things import Member, Thing
from rules.assess import judge
from rules.catalogue import load_catalogue
from rules.packs import Rule, load_pack, shipped
from rules.situation import Situation, Sources, Table
from rules.testworld import START, sources, world

CATALOGUE = load_catalogue()
#: Short windows, each a statistic of its own; what has a long one, and makes every grid reach weeks back.
SHORT = ("rain_3h", "rain_24h", "stage_above_warning", "stage_rise_6h", "stage_above_warning_6h", "hours_to_warning", "wind_gust_max", "rain_24h_around",
         "customers_out_share", "hours_above_warning", "temperature_min_24h")
LONG = ("rain_antecedent_10d", "displacement_tangent_angle", "soil_moisture_10d")
SIDES = ("plain", "heading", "corroborated", "second", "backed", "second_heading", "backed_heading")
STATIONS = {"A": {"path": "a"}, "B": {"path": "b", "km": 2}, "C": {"path": "a", "km": 4}, "W": {"path": "c", "km": 13}}
PER_STATION = ("rain", "stage", "wind_gust", "temperature")
HOURS = 14 * 24
LAST = START + timedelta(hours=HOURS - 1)
BLOCK = [LAST - timedelta(hours=h) for h in range(12 * 24, -1, -1)]
DEAD_H = st.sampled_from((0, 1, 3, 5, 23, 24, 25, 27, 28, 29, 47, 72, 120, 240))


@functools.cache
def told(dead: tuple[int, ...], seed: int) -> tuple[County, Sources]:
    """A fortnight's hourly readings of four stations, each silent for the last `dead` hours; two of them measure one rain."""
    rng = np.random.default_rng(seed)
    holes, series = float(rng.choice((0, 0.05, 0.6, 0.95))), {}
    for name, hours in zip(STATIONS, dead, strict=True):
        kept = HOURS - hours
        climb = np.cumsum(rng.choice((0.0, 0.1, 0.3, -0.1), kept)).clip(-1, 3) + 2.5
        drawn = {"rain": rng.gamma(0.5, 8.0, kept), "stage": climb, "wind_gust": rng.gamma(2, 4, kept), "temperature": rng.normal(5, 6, kept)}
        series |= {f"{observed}@{name}": " ".join("_" if rng.random() < holes else f"{v:.1f}{'?' if rng.random() < 0.03 else ''}" for v in drawn[observed])
                   for observed in PER_STATION}
    series["customers_out@A"], series["customers_total@A"] = " ".join(f"{v:.0f}" for v in rng.gamma(2, 40, HOURS - dead[0])), f"1000x{HOURS - dead[1] - 1}"
    case = {"name": f"{dead}{seed}", "series": series, "stations": {name: of | {"warning_stage": 3.0} for name, of in STATIONS.items()}}
    county, now = world(case, 1.0), START + timedelta(hours=HOURS - 1)
    both = Thing(thing="AB", observed_property="rain", members=tuple(Member(station=s, weight=1.0, source="", verified=False) for s in "AB"))
    return (replace(county, things=(both,)) if seed % 2 else county), sources(case, 1.0, county, now)


def known_at(found: Sources, ago: int) -> Sources:
    """What had been read by a tick so many hours before the last."""
    return replace(found, observations=found.observations[found.observations["time"] <= LAST - timedelta(hours=ago)])


def assert_same(one: Table, row: int, other: Table, names: tuple[str, ...]) -> None:
    """All that two tables say of the named indicators, at a row of the one and the last of the other."""
    for name in names:
        for side in SIDES:
            left, right = (getattr(table, side).values[name] for table in (one, other))
            for end in ("lo", "hi"):
                np.testing.assert_array_equal(getattr(left, end)[row], getattr(right, end)[-1], f"{name} {side} {end}")
        np.testing.assert_array_equal(one.age_s[name][row], other.age_s[name][-1], f"{name} age")


@settings(max_examples=25, deadline=None)
@given(st.tuples(DEAD_H, DEAD_H, DEAD_H, DEAD_H), st.integers(0, 7), st.sampled_from((0, 1, 24, 60)))
def test_a_live_tick_says_what_a_long_block_and_long_windows_say(dead: tuple[int, ...], seed: int, ago: int) -> None:
    county, found = told(dead, seed)
    tick, known = LAST - timedelta(hours=ago), known_at(found, ago)
    live = Situation(county, CATALOGUE, known, [tick], SHORT).table(SHORT)
    beside = Situation(county, CATALOGUE, known, [tick], SHORT + LONG).table(SHORT)
    whole = Situation(county, CATALOGUE, found, BLOCK, SHORT).table(SHORT)
    assert_same(beside, -1, live, SHORT)
    assert_same(whole, len(BLOCK) - 1 - ago, live, SHORT)


@functools.cache
def station_rules() -> tuple[Rule, ...]:
    """Every shipped rule that asks stations and nobody else."""
    rules = (rule for path in shipped() for rule in load_pack(path).rules)
    return tuple(r for r in rules if {CATALOGUE.indicators[n].kind for n in r.indicators if n in CATALOGUE.indicators} == {"station"} and not r.own)


@settings(max_examples=4, deadline=None)
@given(st.tuples(DEAD_H, DEAD_H, DEAD_H, DEAD_H), st.integers(0, 7))
def test_a_block_finds_in_every_rule_what_live_ticks_find(dead: tuple[int, ...], seed: int) -> None:
    county, found = told(dead, seed)
    whole = judge(found, LAST, county, station_rules(), BLOCK).findings
    for ago in (0, 23, 26):
        live = judge(known_at(found, ago), LAST - timedelta(hours=ago), county, station_rules()).findings
        for one, other in zip(whole, live, strict=True):
            for name in ("proved", "ceiling", "heading", "claimed", "others", "age_s"):
                np.testing.assert_array_equal(getattr(one, name)[-1 - ago], getattr(other, name)[-1], f"{one.rule.id} {name}")


def said(series: dict[str, str], hours: int, names: tuple[str, ...], **feed: int) -> Table:
    """What a world says at `hours` of the named indicators."""
    case = {"name": f"{series}{feed}", "series": series, "stations": {n: of | {"warning_stage": 3.0} for n, of in STATIONS.items()}}
    county, now = world(case, 1.0), START + timedelta(hours=hours)
    county = replace(county, feeds=tuple(replace(one, **feed) for one in county.feeds))
    return Situation(county, CATALOGUE, sources(case, 1.0, county, now), [now], names).table(names)


@pytest.mark.parametrize(("hours", "left"), [(24, 0.0), (25, 40.0)])
@pytest.mark.parametrize("beside", [(), LONG])
def test_a_gauge_dead_for_a_day_contradicts_nobody(hours: int, left: float, beside: tuple[str, ...]) -> None:
    """Until then what one path says beside it counts for no more than the two support."""
    series = {"wind_gust@A": f"5x{hours - 1} 40", "wind_gust@B": "5"}
    assert said(series, hours, ("wind_gust_max", *beside)).second.values["wind_gust_max"].lo[0, 0] == (left or -np.inf)


@pytest.mark.parametrize("beside", [(), LONG])
def test_a_gauge_lost_in_rain_keeps_what_it_was_heading_for_a_day(beside: tuple[str, ...]) -> None:
    """All of the day before its loss, also where no rule reads two days back."""
    series = {"rain@A": "2x47"}
    headed = [said(series, 47 + hours, ("rain_24h", *beside)).heading.values["rain_24h"] for hours in (23, 24, 25)]
    assert [float(one.lo[0, 0]) for one in headed] == [48.0, 48.0, 0.0]
    assert all(np.isinf(one.hi[0, 0]) for one in headed), "silence is never calm"


def test_a_daily_feed_is_heard_as_long_as_its_readings_are_good() -> None:
    series = {"soil_moisture@A": "0.2"}
    for hours, told in ((49, 49 * 3600.0), (51, 0.0)):
        got = said(series | {"stage@A": "2.5"}, hours, ("stage_above_warning",), interval_s=86_400, max_age_s=50 * 3600)
        assert got.age_s["stage_above_warning"][0, 0] == told
        assert np.isfinite(got.plain.values["stage_above_warning"].hi[0, 0]) == (told > 0)


def test_what_is_never_heard_hides_not_how_late_another_is() -> None:
    """A colour falls by the time of readings; the silence of one indicator must not make the clock's time of another's late readings."""
    rule = next(r for r in station_rules() if r.id == "gale.wind")
    case = {"name": "late", "series": {"wind_speed@A": "5", "wind_gust@A": "5x46"}}
    county, now = world(case, 1.0), START + timedelta(hours=48)
    assert judge(sources(case, 1.0, county, now), now, county, (rule,)).findings[0].age_s[0, 0] == 7200.0
