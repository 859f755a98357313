"""Ten thousand days, each once as it was and once mutilated: removed, delayed, repeated or reordered input lowers no level and invents none.

Where a rule asks what would explain a claim (`explained_by`), "invents none" reads: shows nothing that the whole data exclude. What is known *against*
a claim is data too; when it falls silent either silence suppresses the claim or it lets it count. Silence is never calm, so it counts: at most what
the gauge itself claims, which stood in the ceiling before.

The days lie side by side as the towns of one made-up county, far enough apart not to see each other, so that one pass of the rules judges all of
them. Half of the towns have one gauge, half have two on two lines that fall out together (a dead feed). An honest second line may
excuse a lost gauge by design; that is tested elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from core.county import County
from rules.assess import hold_all, judge
from rules.packs import FOLDER, Rule, load_pack
from rules.testworld import START, sources, world

RULE = next(r for r in load_pack(FOLDER / "cn" / "rainstorm.yaml").rules if r.id == "flood.rainstorm")
HOURS = 16
DAYS = 2500
RAIN = np.array([0.0, 0.0, 1.0, 4.0, 9.0, 17.0, 35.0, 52.0])
BASE = world({"name": "mutations", "series": {"rain@A": "0", "rain@B": "0"}, "stations": {"A": {"path": "a"}, "B": {"path": "b", "km": 1}}}, 1.0)
EMPTY = sources({"name": "x", "series": {}}, 1.0, BASE, START)


def county() -> County:
    """DAYS towns on a grid of two degrees with stations A<n> and, in every second town, B<n>."""
    towns, stations = [], []
    for n in range(DAYS):
        lat, lon = -60.0 + 2.0 * (n % 60), -170.0 + 4.0 * (n // 60)
        towns.append(replace(BASE.towns[0], key=f"t{n}", lat=lat, lon=lon))
        for name, where in zip("AB", BASE.stations, strict=True):
            if name == "A" or n % 2:
                stations.append(replace(where, station=f"{name}{n}", town=f"t{n}", lat=lat + (0.01 if name == "B" else 0.0), lon=lon, path=f"{name}{n}"))
    return replace(BASE, towns=tuple(towns), stations=tuple(stations), version="mutations")


COUNTY = county()
NUMBER = np.array([int(s.station[1:]) for s in COUNTY.stations])


def frame(values: np.ndarray, there: np.ndarray, of: County = COUNTY) -> pd.DataFrame:
    """Rows as lake.observations gives them; `values`, `there` (hours, stations)."""
    hour, column = np.nonzero(there)
    names, kinds = (np.array(list(column), dtype=object) for column in zip(*((s.station, s.properties[0]) for s in of.stations), strict=True))
    time = pd.to_datetime(START) + pd.to_timedelta(hour, unit="h")
    return pd.DataFrame({
        "feed": "readings", "station": names[column], "observed_property": kinds[column], "time": time.astype("datetime64[us, UTC]"),
        "value": values[hour, column], "received": time, "raw": "r", "flag": 1, "reasons": "", "interval_s": np.where(kinds[column] == "rain", 3600, 0),
        "issued": pd.NaT, "datum": "", "synthetic": True,
    })


def levels(rows: pd.DataFrame, at: list[int], of: County = COUNTY, rule: Rule = RULE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(proved, ceiling, held) (ticks, days); the memory goes from tick to tick."""
    ticks = [START + timedelta(hours=h) for h in at]
    judged = judge(replace(EMPTY, observations=rows), ticks[-1], of, (rule,), ticks)
    return judged.findings[0].proved, judged.findings[0].ceiling, memory(judged, ticks)


def memory(judged, ticks) -> np.ndarray:
    kept: dict = {}
    held = []
    for number, tick in enumerate(ticks):
        kept = hold_all(judged, kept, tick, number)
        held.append([kept[town.key, judged.findings[0].rule.id].level for town in judged.situation.county.towns])
    return np.array(held)


def draw(seed: int) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    random = np.random.default_rng(seed)
    return RAIN[random.integers(0, len(RAIN), (HOURS, len(COUNTY.stations)))], np.ones((HOURS, len(COUNTY.stations)), dtype=bool), random


def hold_together(whole, left, let: np.ndarray, what: str) -> None:
    """Nothing invented: never above what the whole data had shown so far. Nothing lowered: no level falls below `let`, which the whole data allow."""
    (_, _, full), (proved, ceiling, held) = whole, left
    assert (held <= np.maximum.accumulate(full, axis=0)).all(), f"{what} invented a level"
    assert (held[1:] >= np.minimum(held[:-1], let[1:])).all(), f"{what} lowered a level"
    assert (held >= proved).all() and (ceiling >= proved).all()


def test_a_removed_reading_lowers_nothing_and_invents_nothing() -> None:
    rain, there, random = draw(1)
    whole = levels(frame(rain, there), list(range(HOURS)))
    lost = random.random((HOURS, DAYS)) < random.choice([0.05, 0.3, 0.7], DAYS)
    dead = np.arange(HOURS)[:, None] > random.integers(0, 2 * HOURS, DAYS)[None, :]  # a third of the feeds also die at some hour and stay dead
    left = levels(frame(rain, there & ~(lost | dead)[:, NUMBER]), list(range(HOURS)))
    hold_together(whole, left, whole[2], "removing")
    assert (left[2] < whole[2]).any() and (left[1] > whole[1]).any()  # the mutilation was felt


@pytest.mark.parametrize("seed", [2, 3])
def test_repeated_and_reordered_rows_change_nothing(seed: int) -> None:
    rain, there, random = draw(seed)
    rows = frame(rain, there & (random.random(there.shape) < 0.9))
    again = pd.concat([rows, rows.sample(frac=0.3, random_state=seed)]).sample(frac=1.0, random_state=seed + 1)
    for a, b in zip(levels(rows, list(range(HOURS))), levels(again, list(range(HOURS))), strict=True):
        assert (a == b).all()


def test_a_delayed_reading_lowers_nothing_invents_nothing_and_counts_when_it_comes() -> None:
    rain, there, random = draw(4)
    at = list(range(HOURS))
    whole = levels(frame(rain, there), at)
    arrives = np.arange(HOURS)[:, None] + np.where(random.random((HOURS, DAYS)) < 0.4, random.integers(1, 6, (HOURS, DAYS)), 0)
    ticks = [START + timedelta(hours=h) for h in at]
    kept: dict = {}
    proved, ceiling, held = [], [], []
    for hour, tick in zip(at, ticks, strict=True):
        known = frame(rain, there & (arrives <= hour)[:, NUMBER])
        judged = judge(replace(EMPTY, observations=known[known["time"] <= tick]), tick, COUNTY, (RULE,))
        kept = hold_all(judged, kept, tick)
        proved.append(judged.findings[0].proved[-1])
        ceiling.append(judged.findings[0].ceiling[-1])
        held.append([kept[town.key, RULE.id].level for town in COUNTY.towns])
    # a feed may be two intervals old before it counts as lost, so its level may stand where the whole data were then; a peak that comes only
    # after it has passed does not start the hold anew, so what counts is what the whole data prove, not what they still hold
    let = np.stack([np.vstack([whole[0][:1]] * n + [whole[0][: len(at) - n]]) for n in range(3)]).min(axis=0)
    hold_together(whole, (np.array(proved), np.array(ceiling), np.array(held)), let, "delaying")
    came = (np.maximum.accumulate(arrives, axis=0)[-1] <= at[-1])
    assert came.any() and (np.array(proved)[-1][came] == whole[0][-1][came]).all()  # with everything here the state is as if nothing had been late


# --- a lone gauge, a rain gauge and a neighbour that could explain it, each on its own line

STAGE = next(r for r in load_pack(FOLDER / "cn" / "stage.yaml").rules if r.id == "flood.stage")
BELIEVED = replace(STAGE, explained_by=None)
LONG, MANY = 40, 40
KINDS = (("A", "stage", 0.0, 2.8), ("R", "rain", 0.1, None), ("B", "stage", 0.15, None))


def lone() -> County:
    """MANY towns with gauge A<n>, and rain R<n> and gauge B<n> 11 and 17 km away."""
    towns = tuple(replace(BASE.towns[0], key=f"t{n}", lat=-60.0 + 2.0 * (n % 60), lon=-170.0 + 4.0 * (n // 60)) for n in range(MANY))
    stations = tuple(replace(BASE.stations[0], station=f"{name}{n}", town=f"t{n}" if name == "A" else "", lat=town.lat + north, lon=town.lon, path=f"{name}{n}",
                             properties=(kind,), warning_stage=mark, guaranteed_stage=mark and mark + 0.5)
                     for n, town in enumerate(towns) for name, kind, north, mark in KINDS)
    return replace(BASE, towns=towns, stations=stations, version="lone")


def test_what_is_removed_around_a_lone_gauge_lowers_nothing_and_shows_nothing_that_was_excluded() -> None:
    of, random = lone(), np.random.default_rng(8)
    own = 2.0 + np.cumsum(random.choice([0.0, 0.0, 0.05, 0.2, -0.1], (LONG, MANY)), axis=0)
    rain = random.choice([0.0, 0.0, 0.0, 3.0], (LONG, MANY)) * (random.random(MANY) < 0.4)
    near = 2.0 + np.where(random.random(MANY) < 0.3, 0.01, 0.0) * np.arange(LONG)[:, None]
    values, at = np.stack([own, rain, near], axis=2).reshape(LONG, -1), list(range(LONG))
    there = np.ones(values.shape, dtype=bool)
    whole = levels(frame(values, there, of), at, of, STAGE)
    believed = levels(frame(values, there, of), at, of, BELIEVED)
    assert (whole[0] < believed[0]).any() and (whole[0][26:] == believed[0][26:])[believed[0][26:] > 0].any(), "some are explained and some are not"
    gone = (random.random(values.shape) < 0.1) | (np.arange(LONG)[:, None] > random.integers(0, 3 * LONG, values.shape[1])[None, :])
    around = gone & (np.arange(values.shape[1]) % 3 > 0)
    for lost, what in ((gone, "removing"), (around, "silencing what is around")):
        proved, ceiling, held = levels(frame(values, ~lost, of), at, of, STAGE)
        claimed = levels(frame(values, ~lost, of), at, of, BELIEVED)
        assert (held[1:] >= np.minimum(held[:-1], whole[2][1:])).all(), f"{what} lowered a level"
        assert (held <= claimed[2]).all() and (ceiling == claimed[1]).all(), f"{what} showed more than the gauge claims or was heading for"
        assert (held >= proved).all() and (ceiling >= proved).all()
    assert (held <= np.maximum.accumulate(whole[1], axis=0)).all(), "silence around showed a level that the whole data exclude"
    assert (proved >= whole[0]).all() and (held >= whole[2]).all() and (held > whole[2]).any() and (ceiling == whole[1]).all(), "silence around never suppresses"
