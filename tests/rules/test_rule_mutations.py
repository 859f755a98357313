"""Ten thousand days, each once as it was and once mutilated: removed, delayed, repeated or reordered input lowers no level and invents none.

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
from rules.packs import FOLDER, load_pack
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


def frame(rain: np.ndarray, there: np.ndarray) -> pd.DataFrame:
    """Rows as lake.observations gives them; `rain`, `there` (HOURS, stations)."""
    hour, column = np.nonzero(there)
    names = np.array([s.station for s in COUNTY.stations], dtype=object)
    time = pd.to_datetime(START) + pd.to_timedelta(hour, unit="h")
    return pd.DataFrame({
        "feed": "readings", "station": names[column], "observed_property": "rain", "time": time.astype("datetime64[us, UTC]"), "value": rain[hour, column],
        "received": time, "raw": "r", "flag": 1, "reasons": "", "interval_s": 3600, "issued": pd.NaT, "datum": "", "synthetic": True,
    })


def levels(rows: pd.DataFrame, at: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(proved, ceiling, held) (ticks, days); the memory goes from tick to tick."""
    ticks = [START + timedelta(hours=h) for h in at]
    judged = judge(replace(EMPTY, observations=rows), ticks[-1], COUNTY, (RULE,), ticks)
    return judged.findings[0].proved, judged.findings[0].ceiling, memory(judged, ticks)


def memory(judged, ticks) -> np.ndarray:
    kept: dict = {}
    held = []
    for number, tick in enumerate(ticks):
        kept = hold_all(judged, kept, tick, number)
        held.append([kept[town.key, RULE.id].level for town in COUNTY.towns])
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
