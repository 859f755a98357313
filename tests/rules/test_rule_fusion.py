"""Several sources of one thing: the value, its weights and agreement; and the real rules over a county in which one path lies."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rules_world import ROOT, beijing, make, reading

from core.county import load_county
from core.ledger import score_to_json
from core.model import Batch, Flag, Hazard, Level
from rules import assess, explain
from rules.assess import judge
from rules.catalogue import load_catalogue
from rules.fusion import fuse
from rules.packs import load_packs, shipped
from rules.roster import roster_of
from rules.statistics import StationValues
from rules.testworld import START, sources, world

HAIMEN = load_county(ROOT / "county" / "haimen")
CATALOGUE = load_catalogue().indicators
HOUR, MAX_AGE = 3600.0, 7800.0


def members(*rows, stale: tuple = (), hi: tuple | None = None, heading: tuple | None = None) -> StationValues:
    lo = np.array(rows, dtype=float)
    top = lo if hi is None else np.array([hi] * len(rows), dtype=float)
    age = np.full(lo.shape, 600.0)
    quiet = np.broadcast_to(np.array(stale or [0] * lo.shape[1], dtype=bool), lo.shape)
    return StationValues(lo, np.isfinite(lo) & np.isfinite(top), lo if heading is None else np.array([heading] * len(rows)), quiet, age, None if hi is None else top)


def one(values: StationValues, weights: tuple[float, ...] = (), paths: tuple[int, ...] = ()):
    count = values.lo.shape[1]
    every = np.full(count, HOUR), np.full(count, MAX_AGE)
    return fuse(values, declared=np.array(weights or [1.0] * count), paths=np.array(paths or range(count)), interval_s=every[0], max_age_s=every[1])


@pytest.mark.parametrize(("said", "weights", "paths", "lo", "hi", "agreement", "preferred"), [
    ((5.0, 5.0, 60.0), (1, 1, 1), (0, 1, 2), 5.0, 60.0, 0.694444, 0),   # the middle one; the third stays in the upper end
    ((5.0, 60.0), (1, 1), (0, 1), 5.0, 60.0, 0.541667, 0),               # two disagree: what both prove
    ((60.0, 5.0), (9, 1), (0, 1), 5.0, 60.0, 0.175, 1),                  # a heavy source alone raises nothing
    ((60.0, 60.0, 5.0), (1, 1, 1), (0, 0, 1), 5.0, 60.0, 0.388889, 2),   # two sensors on one line are one path
    ((50.0, 48.0), (1, 1), (0, 1), 48.0, 50.0, 0.98, 1),
    ((0.0, 0.0), (1, 1), (0, 1), 0.0, 0.0, 1.0, 0),
])
def test_the_value_is_what_two_paths_support(said, weights, paths, lo, hi, agreement, preferred) -> None:
    got = one(members(said), weights, paths)
    assert (got.values.lo[0, 0], got.values.hi[0, 0], int(got.preferred[0])) == (lo, hi, preferred)
    assert got.agreement[0] == pytest.approx(agreement, abs=1e-6)


def test_what_is_missing_stale_or_suspect_weighs_nothing_and_widens() -> None:
    whole = one(members((40.0, 38.0, 39.0)))
    suspect = one(members((40.0, 38.0, 39.0), hi=(math.inf, 38.0, 39.0)))
    stale = one(members((0.0, 38.0, 39.0), stale=(1, 0, 0), heading=(40.0, 38.0, 39.0)))
    assert whole.values.lo[0, 0] == 39.0 and whole.weights[0].tolist() == [1.0, 1.0, 1.0]
    for got in (suspect, stale):
        assert got.weights[0, 0] == 0.0 and got.agreement[0] < whole.agreement[0] and got.preferred[0] != 0
        assert got.values.hi[0, 0] >= whole.values.hi[0, 0] and got.values.heading[0, 0] >= whole.values.lo[0, 0]
    two_gone = one(members((40.0, 38.0, 39.0), hi=(math.inf, math.inf, 39.0)))
    assert two_gone.values.hi[0, 0] == math.inf, "less than half of the weight tells"
    none = one(members((6.0, 5.0), hi=(math.inf, math.inf)))
    assert (none.values.lo[0, 0], none.values.hi[0, 0], none.preferred[0], none.agreement[0]) == (5.0, math.inf, -1, 0.0)


def test_a_late_source_weighs_less_before_it_weighs_nothing() -> None:
    values = members((4.0, 4.0))
    late = replace(values, age_s=np.array([[600.0, 6600.0]]))
    assert one(values).weights[0].tolist() == [1.0, 1.0] and 0.0 < one(late).weights[0, 1] < 0.5


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(0, 4))
def test_no_path_alone_can_raise_a_thing_nor_a_loss_lower_what_is_held(seed: int, count: int, who: int) -> None:
    """250 rows an example: honest values, then one path replaced, then the same path lost."""
    random, liar = np.random.default_rng(seed), who % count
    said = np.round(random.gamma(0.6, 20.0, (250, count)), 1)
    weights, paths = tuple(random.uniform(0.1, 9.0, count)), tuple(range(count))
    lied = said.copy()
    lied[:, liar] = random.choice([0.0, 1e4, -5.0], 250)
    honest = np.delete(said, liar, axis=1)
    assert (one(members(*lied), weights, paths).values.lo[:, 0] <= honest.max(axis=1)).all()
    if count > 2:
        assert (one(members(*lied), weights, paths).values.hi[:, 0] >= honest.max(axis=1)).all()
    before = one(members(*said), weights, paths)
    lost = replace(members(*said), lo=np.where(np.arange(count) == liar, 0.0, said), sure=np.broadcast_to(np.arange(count) != liar, said.shape),
                   stale=np.broadcast_to(np.arange(count) == liar, said.shape))
    after = one(lost, weights, paths)
    assert (after.values.heading >= np.minimum(before.values.lo, np.sort(said, axis=1)[:, :1])).all() and (after.values.hi >= before.values.lo).all()


# --- the engine over the county, one path lying

RULES = tuple(r for p in load_packs(shipped()) for r in p.rules
              if r.role == "hazard" and r.stage == "live" and not any(CATALOGUE[n].kind == "report" for n in r.indicators))
PATHS = sorted({s.path for s in HAIMEN.stations})
TICKS = 60
WARM = 30
SERIES = ("rain", "wind_speed", "wind_gust", "stage", "tide")


def days(random: np.random.Generator, wild: float) -> pd.DataFrame:
    """Hourly readings of every station: showers that the whole county shares, loud or calm, and each station's own part."""
    hours = TICKS + WARM
    shared = {"rain": random.gamma(0.25, 20.0 * wild, hours), "wind_speed": random.gamma(2.0, 4.0 * wild, hours), "stage": 2.1 + 0.5 * wild * random.random(hours),
              "tide": 1.0 + np.sin(np.arange(hours) / 2) + wild * random.random(hours)}
    shared["wind_gust"] = shared["wind_speed"] * 1.5
    time = pd.to_datetime(START) + pd.to_timedelta(np.arange(hours), unit="h")
    parts = []
    for station in HAIMEN.stations:
        for prop in (p for p in station.properties if p in SERIES):
            value = shared[prop] * random.uniform(0.6, 1.4, hours) if prop in ("rain", "wind_speed", "wind_gust") else shared[prop] + random.normal(0, 0.1, hours)
            if station.datum == "吴淞":
                value = value + 1.763
            parts.append(pd.DataFrame({
                "feed": station.feed, "station": station.station, "observed_property": prop, "time": time.astype("datetime64[us, UTC]"), "value": value,
                "received": time, "raw": "r", "flag": 1, "reasons": "", "interval_s": 3600 if prop == "rain" else 0, "issued": pd.NaT, "datum": station.datum,
                "synthetic": True}))
    return pd.concat(parts, ignore_index=True)


EMPTY = sources({"name": "x", "series": {}}, 1.0, world({"name": "x"}, 1.0), START)


#: The same indicators with the witnesses' circle as their own, nothing fused, nothing asked of a second path: what all paths within reach measure.
WIDE = replace(load_catalogue(), indicators={n: replace(i, km=max(i.km, i.witness_km)) for n, i in CATALOGUE.items()})


def found(rows: pd.DataFrame, *, wide: bool = False):
    ticks = [START + timedelta(hours=h) for h in range(WARM, WARM + TICKS)]
    with pytest.MonkeyPatch.context() as patch:
        if wide:
            patch.setattr(sys.modules["rules.rule"], "load_catalogue", lambda: WIDE)
        rules = tuple(replace(r, corroborate=None) for r in RULES) if wide else RULES
        return judge(replace(EMPTY, observations=rows), ticks[-1], replace(HAIMEN, things=()) if wide else HAIMEN, rules, ticks)


def lie(rows: pd.DataFrame, path: str, random: np.random.Generator) -> pd.DataFrame:
    """All readings of a path replaced by anything: nothing, enormous, negative, tenfold, stuck, or noise, station by station."""
    liars = {s.station for s in HAIMEN.stations if s.path == path}
    value = rows["value"].to_numpy().copy()
    for (station, _), at in rows.groupby(["station", "observed_property"]).indices.items():
        if station in liars:
            kind = random.integers(0, 6)
            size = len(at)
            anything = random.choice([0.0, 3.0, 40.0, 500.0], size)
            value[at] = [np.zeros(size), np.full(size, 900.0), -value[at], value[at] * 10, np.full(size, value[at[0]]), anything][kind]
    return rows.assign(value=value)


SLOW = settings(max_examples=12, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(st.integers(0, 100_000), st.sampled_from(PATHS), st.sampled_from([0.15, 0.6, 1.0, 2.0]))
def test_one_lying_path_moves_a_level_up_by_one_step_at_most_and_hides_nothing_that_two_others_prove(seed: int, path: str, wild: float) -> None:
    """TICKS hours x 12 towns x every rule an example. Without the path's readings: `claimed` is what the others within reach say, `others` what two
    of them support."""
    random = np.random.default_rng(seed)
    honest = days(random, wild)
    without = honest[~honest["station"].isin([s.station for s in HAIMEN.stations if s.path == path])]
    lied, alone, around = found(lie(honest, path, random)), found(without), found(without, wide=True)
    felt = 0
    for with_lie, rest, wide in zip(lied.findings, alone.findings, around.findings, strict=True):
        spatial = [n for n in with_lie.rule.indicators if CATALOGUE[n].kind == "station"]
        many = np.array([_telling(name, town, path) for name in spatial for town in range(12)]).reshape(len(spatial), 12).min(axis=0, initial=9)
        up, down = many >= 1, many >= 2
        assert (with_lie.proved <= wide.claimed + 1)[:, up].all(), with_lie.rule.id
        assert (with_lie.proved >= np.minimum(rest.proved, rest.others))[:, down].all(), with_lie.rule.id
        assert (with_lie.ceiling >= with_lie.claimed).all() and (with_lie.claimed >= with_lie.proved).all()
        felt += int((with_lie.claimed > wide.claimed + 1)[:, up].sum())
    assert felt or path not in ("cma-a", "cma-b", "mobile-c") or wild > 1.0, "the lie was never told to a rule"


def _telling(name: str, town: int, without: str) -> int:
    """How many paths but one give values of an indicator for a town (witnesses do not); none for what only its own station measures."""
    indicator = CATALOGUE[name]
    if indicator.local:
        return 0
    there = found_reach(name)
    return len({s.path for s in there[town]} - {without})


REACHED: dict[str, list[list]] = {}


def found_reach(name: str) -> list[list]:
    if name not in REACHED:
        indicator, roster = CATALOGUE[name], roster_of(HAIMEN)
        stations = roster.layout(indicator).stations
        reach = roster.reach(indicator, stations)
        REACHED[name] = [[stations[i] for i in reach.member[reach.core[:, town], town]] for town in range(len(HAIMEN.towns))]
    return REACHED[name]


@SLOW
@given(st.integers(0, 100_000), st.sampled_from(PATHS))
def test_on_a_quiet_day_no_lie_of_one_path_gives_a_first_warning(seed: int, path: str) -> None:
    random = np.random.default_rng(seed)
    quiet = days(random, 0.02)
    lied = found(lie(quiet, path, random))
    for finding in lied.findings:
        spatial = [n for n in finding.rule.indicators if CATALOGUE[n].kind == "station"]
        many = np.array([_telling(name, town, path) for name in spatial for town in range(12)]).reshape(len(spatial), 12).min(axis=0, initial=9)
        assert not finding.proved[:, many >= 1].any() and not finding.heading[:, many >= 1].any(), finding.rule.id


# --- what people see

def rain(station: str, feed: str, now, amount: float, **more):
    return [reading(station, "rain", now - timedelta(hours=h), amount, feed=feed, received=now, **more) for h in range(3)]


def test_a_cloudburst_over_one_gauge_is_in_the_ceiling_and_marked(tmp_path: Path) -> None:
    home, now = make(tmp_path), beijing("07-01 08:00")
    home.calm(now)
    home.feed("weather", now, Batch(observations=tuple(rain("M9004", "weather", now, 40.0))))
    score = next(s for s in assess(now=now, county=home.county, lake=home.lake, ledger=home.ledger).scores if (s.town, s.hazard) == ("sanxing", Hazard.FLOOD))
    proof = next(e for e in score.evidence if e.rule == "flood.rainstorm")
    assert (score.level, score.ceiling) == (Level.NONE, Level.RED) and "one_path" in proof.flags and "另一线路" in proof.counterfactual


def test_evidence_tells_how_a_value_was_fused_and_explain_recomputes_it(tmp_path: Path) -> None:
    home, now = make(tmp_path), beijing("07-01 08:00")
    home.calm(now)
    home.feed("weather", now, Batch(observations=tuple(rain("M9001", "weather", now, 20.0))))
    home.feed("water", now, Batch(observations=tuple(rain("CQ1", "water", now, 18.0))))
    scores = assess(now=now, county=home.county, lake=home.lake, ledger=home.ledger).scores
    score = next(s for s in scores if (s.town, s.hazard) == ("haimen", Hazard.FLOOD))
    proof = next(e for e in score.evidence if e.rule == "flood.rainstorm")
    how = proof.fusion["rain_3h"]
    assert (how.thing, how.value, how.members, how.weights) == ("RAIN-HAIMEN", 54.0, {"M9001": 60.0, "CQ1": 54.0}, {"M9001": 1.0, "CQ1": 1.0})
    assert how.agreement == pytest.approx(0.95) and how.preferred == "CQ1" and score.level == Level.ORANGE
    assert {r.split("/")[1] for r in proof.records["rain_3h"]} == {"M9001", "CQ1"}
    assert json.loads(score_to_json(score))["evidence"][0].get("fusion") or any(e.get("fusion") for e in json.loads(score_to_json(score))["evidence"])
    told = explain(town="haimen", hazard=Hazard.FLOOD, at=now, county=home.county, lake=home.lake, ledger=home.ledger)
    assert told.matches and "合并 RAIN-HAIMEN = 54 mm（一致 0.95，优先看 CQ1）" in told.text()


def test_a_twin_that_lies_moves_nothing_and_a_suspect_one_is_not_counted(tmp_path: Path) -> None:
    home, now = make(tmp_path), beijing("07-01 08:00")
    home.calm(now)
    home.feed("weather", now, Batch(observations=tuple(rain("M9001", "weather", now, 90.0))))
    home.feed("water", now, Batch(observations=tuple(rain("CQ1", "water", now, 30.0, flag=Flag.SUSPECT))))
    score = next(s for s in assess(now=now, county=home.county, lake=home.lake, ledger=home.ledger).scores if (s.town, s.hazard) == ("haimen", Hazard.FLOOD))
    proof = next(e for e in score.evidence if e.rule == "flood.rainstorm")
    assert score.level == Level.NONE and score.ceiling == Level.RED
    assert proof.fusion["rain_3h"].weights["CQ1"] == 0.0 and "not_counted:CQ1" in proof.flags and any(f.startswith("suspect:CQ1") for f in proof.flags)
