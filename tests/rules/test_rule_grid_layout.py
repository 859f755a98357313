"""A grid against a plain loop over the readings: repeated and revised ones, several feeds, intervals and datums, in any order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rule_dead import LAST, SHORT, station_rules, told

from core.lake.rows import to_table
from core.ledger import score_to_json
from core.model import Flag, Observation
from rules import grid as g
from rules import readings
from rules.assess import hold_all, judge, score_one
from rules.catalogue import Indicator, load_catalogue
from rules.statistics import STATISTICS, StationValues, negated, window

NOW = datetime(2024, 7, 26, tzinfo=UTC)
NAMES = ("a", "b", "c")
DATUMS = {"a": "one", "b": "two"}
STATED = tuple(i for i in load_catalogue().indicators.values() if i.kind == "station")


def drawn(seed: int, size: int, span_s: int) -> list[Observation]:
    """Readings of the last `span_s` and a little of what is to come: the shorter it is, the more of them want one place."""
    rng = random.Random(seed)
    one = rng.choice
    return [
        Observation(
            feed=one(("north", "south", "east")), station=one("abcx"), observed_property=one(("rain", "stage")), received=NOW, raw="00",
            time=NOW - timedelta(seconds=one((rng.randint(-60, span_s), 0, 300))), value=one((None, 1.0, 2.0, 3.0, rng.random())),
            flag=one((Flag.GOOD, *Flag)), interval_s=one((0, 60, 90, 600, 3600, 90_000)) if seed % 3 else 600, datum=one(("", "one", "two", "three")))
        for _ in range(size)]


def plainly(rows: list[Observation], observed: str, hours: float, datums: dict[str, str]) -> tuple[int, np.ndarray, np.ndarray]:
    """(step, value, row): each reading by itself, put down where it is better than what lies there."""
    mine = [(n, o) for n, o in enumerate(rows)
            if o.observed_property == observed and o.station in NAMES and (o.datum in ("", datums.get(o.station, o.datum)))]
    step = min([300, *(max(60, o.interval_s) for _, o in mine if o.interval_s > 0)])
    shape = (max(1, round(hours * 3600 / step)), len(NAMES))
    value, row, best = np.full(shape, np.nan), np.full(shape, -1), {}
    for n, o in mine:
        last = shape[0] - 1 - (NOW - o.time) // timedelta(seconds=step)
        if o.value is None or not 0 <= last < shape[0]:
            continue
        slots = max(1, -(-o.interval_s // step))
        rank = (-slots, o.time, o.flag is Flag.GOOD, o.feed, o.value, n)
        for slot in range(max(0, last - slots + 1), last + 1):
            at = slot, NAMES.index(o.station)
            if at not in best or rank > best[at]:
                best[at], row[at], value[at] = rank, n, o.value / slots if o.flag is Flag.GOOD else np.nan
    return step, value, row


@settings(max_examples=150)
@given(st.integers(0, 2**32 - 1), st.integers(0, 120), st.sampled_from((60, 900, 9000)), st.sampled_from((0.01, 1.0, 2.0)), st.booleans(), st.sampled_from((3, 1 << 17)))
def test_a_grid_is_what_a_loop_over_the_readings_gives(seed: int, size: int, span_s: int, hours: float, told: bool, block: int) -> None:
    rows = drawn(seed, size, span_s)
    datums = DATUMS if told else {}
    log = g.Log.of(to_table("observations", rows).to_pandas(ignore_metadata=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(g, "_BLOCK", block)
        for observed in ("rain", "stage", "tide"):
            made = g.build(log, observed, NAMES, now=NOW, hours=hours, datums=datums)
            step, value, row = plainly(rows, observed, hours, datums)
            assert made.step_s == step
            np.testing.assert_array_equal(made.row, row)
            np.testing.assert_array_equal(made.value, value)


def test_texts_that_are_codes_give_the_same_log() -> None:
    rows = [Observation(feed=f"f{n % 2}", station=NAMES[n % 3], observed_property="rain", time=NOW, value=float(n), received=NOW, raw=f"{n}", flag=Flag.GOOD,
                        interval_s=600) for n in range(9)]
    frame = to_table("observations", rows).to_pandas(ignore_metadata=True)
    coded = frame.astype(dict.fromkeys(("feed", "station", "observed_property", "raw", "reasons", "datum"), "category"))
    one, other = (g.build(g.Log.of(told), "rain", NAMES, now=NOW, hours=1) for told in (frame, coded))
    np.testing.assert_array_equal(one.row, other.row)
    assert g.Log.of(coded).cited("raw", np.array([3, 1])) == ["3", "1"]


def of_tens(seed: int, interval_s: int, days: int) -> g.Log:
    """Readings at tens of minutes, some missing or suspect, one station fallen silent, an hourly amount among finer ones."""
    rng = np.random.default_rng(seed)
    stop = {name: NOW - timedelta(hours=float(rng.choice((0, 0, 1, 5, 30)))) for name in NAMES}
    rows = [Observation(
        feed="f", station=name, observed_property="rain", time=time, value=round(rng.gamma(0.4, 4.0), 1) if rng.random() > 0.05 else None,
        received=NOW, raw="00", flag=Flag.GOOD if rng.random() > 0.05 else Flag.SUSPECT, interval_s=interval_s if not interval_s or rng.random() > 0.02 else 3600)
        for name in NAMES for n in range(days * 144) if (time := NOW - timedelta(minutes=10 * n)) <= stop[name]]
    return g.Log.of(to_table("observations", rows).to_pandas(ignore_metadata=True))


def stated(log: g.Log, indicator: Indicator, step_s: int) -> tuple[g.Grid, StationValues]:
    """What an indicator says of three stations at a day of ticks, by slots of a length."""
    grid = g.build(log, "rain", NAMES, now=NOW, hours=indicator.back_h + 48, step_s=step_s)
    at = g.position(grid, grid.ticks - 1 - np.arange(86_400, -1, -1_800) // grid.step_s, np.full(len(NAMES), 5_400.0))
    seen = window(negated(grid) if indicator.inverted else grid, at, indicator.window_h, np.full(len(NAMES), 600.0), np.full(len(NAMES), 9.0))
    return grid, STATISTICS[indicator.statistic](seen, indicator)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from((0, 600)))
def test_slots_of_ten_minutes_say_what_slots_of_five_say(seed: int, interval_s: int) -> None:
    log = of_tens(seed, interval_s, 6)
    kinds = {(i.statistic, i.window_h): i for i in STATED if not interval_s or i.statistic in ("sum", "antecedent", "intensity_duration")}
    for indicator in kinds.values():
        (fine, one), (wide, other) = (stated(log, indicator, step_s) for step_s in (g.STEP_S, g.WIDE_S))
        assert (fine.step_s, wide.step_s) == (300, 600)
        for name in ("lo", "hi", "heading", "stale", "age_s"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), f"{indicator.name} {name}")


@pytest.mark.parametrize("odd", [{"time": NOW - timedelta(minutes=5)}, {"interval_s": 900}, {"interval_s": 300}])
def test_one_reading_between_tens_of_minutes_gives_slots_of_five(odd: dict[str, object]) -> None:
    usual = {"feed": "f", "station": "a", "observed_property": "rain", "time": NOW, "value": 1.0, "received": NOW, "raw": "00", "interval_s": 600}
    made = (g.build(g.Log.of(to_table("observations", [Observation(**usual), Observation(**usual | {"station": "b"} | of)]).to_pandas(ignore_metadata=True)),
                    "rain", NAMES, now=NOW, hours=2, step_s=g.WIDE_S) for of in ({}, odd))
    assert [grid.step_s for grid in made] == [600, 300]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 7), st.tuples(*[st.sampled_from((0, 1, 3, 25))] * 4), st.sampled_from((0, 600, 1_200, 300)))
def test_the_whole_chain_says_the_same_by_slots_of_ten_minutes_and_of_five(seed: int, dead: tuple[int, ...], late_s: int) -> None:
    """Rules, scores with their evidence, and what would be said if the doubted readings were believed; the world's readings are hourly."""
    county, found = told(dead, seed)
    now = LAST + timedelta(seconds=late_s)
    ticks, heard, steps = [now - timedelta(minutes=30 * n) for n in (7, 3, 1, 0)], [], []
    for wide in (g.STEP_S, g.WIDE_S):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readings, "WIDE_S", wide)
            judged = judge(found, now, county, station_rules(), ticks)
            steps.append({grid.step_s for grid, _ in judged.situation.readings._grids.values()})
            scores = [score_to_json(score_one(judged, hold_all(judged, {}, now), hazard, 0)) for hazard in sorted(county.hazards)]
            doubted = np.flatnonzero(judged.situation.readings.log.flag == Flag.SUSPECT)
            believed = judged.situation.believing(doubted).table(SHORT)
        levels = [getattr(f, name).tolist() for f in judged.findings for name in ("proved", "ceiling", "heading", "claimed", "others", "age_s", "unexplained")]
        heard.append((levels, scores, [(v.lo.tolist(), v.hi.tolist()) for side in (believed.plain, believed.heading) for v in side.values.values()]))
    assert heard[0] == heard[1] and steps[0] == {300} and 600 in steps[1]
