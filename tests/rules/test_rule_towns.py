"""From stations to towns by layers: against one town and tick after another, with shared paths, lost stations, silent feeds and towns out of reach."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.catalogue import load_catalogue
from rules.spatial import Layers, Reach
from rules.statistics import StationValues
from rules.towns import FIRST_SHARE, SUPPORT_SHARE, Side, mean, worst, youngest

RAIN = load_catalogue().indicators["rain_3h"]
INF = math.inf


def reach_of(rng: np.random.Generator, towns: int, stations: int) -> Reach:
    """Any stations for any town, some of them core, several on one path."""
    layers = max(1, min(stations, 6))
    member = np.full((layers, towns), stations)
    core = np.zeros((layers, towns), dtype=bool)
    for town in range(towns):
        chosen = rng.permutation(stations)[: rng.integers(0, layers + 1)]
        member[: len(chosen), town], core[: len(chosen), town] = chosen, rng.random(len(chosen)) < 0.6
    return Reach(member, core, rng.uniform(0, 30, member.shape), rng.integers(0, max(1, stations - 1), stations))


def values_of(rng: np.random.Generator, ticks: int, stations: int, whole: bool) -> StationValues:
    shape = (ticks, stations)
    lo = np.where(rng.random(shape) < 0.1, -INF, rng.integers(-3, 4, shape) / 2)
    hi = np.where(rng.random(shape) < (0.0 if whole else 0.4), INF, lo + (rng.random(shape) < 0.2))
    heading = lo if rng.random() < 0.3 else np.where(rng.random(shape) < 0.1, lo + 1, lo)
    sure, age_s = np.isfinite(lo) & np.isfinite(hi), np.where(rng.random(shape) < 0.3, INF, 600.0)
    return StationValues(lo, sure, heading, ~np.isfinite(hi), age_s, hi if rng.random() < 0.5 else None)


def one(places: Side, stations: Side, side: str, tick: int, town: int) -> tuple[float, float, float, float]:
    """(own, second, left, backed) of one town at one tick, path by path."""
    def here(of: Side, core: bool) -> list[int]:
        column = of.found.member[:, town]
        return [int(s) for s, keep in zip(column, of.found.core[:, town], strict=True) if s < len(of.found.path) and (keep or not core)]

    said, heard = getattr(stations.values, side)[tick], np.isfinite(stations.values.age_s[tick])
    best: dict[int, float] = {}
    for s in here(stations, core=False):
        path = int(stations.found.path[s])
        best[path] = max(best.get(path, -INF), said[s])
    second = sorted([-INF, -INF, *best.values()])[-2]
    owner = max(best, key=lambda path: best[path]) if best and max(best.values()) > -INF else None
    own = max([-INF, *(getattr(places.values, side)[tick][s] for s in here(places, core=True))])
    own = max(own, min(max([-INF, *(said[s] for s in here(stations, core=True))]), second)) if here(places, core=True) else -INF
    contradicted = any(heard[s] and stations.found.path[s] != owner for s in here(stations, core=False))
    left = min(second, own) if contradicted else own
    return own, second, left, min(own, round(RAIN.baseline + (left - RAIN.baseline) / FIRST_SHARE, 6)) if contradicted else own


def possible(places: Side, known: float, tick: int, town: int) -> float:
    member, core = places.found.member[:, town], places.found.core[:, town]
    there = [(int(s), bool(c)) for s, c in zip(member, core, strict=True) if s < len(places.found.path)]
    hi, path = places.values.hi[tick], places.found.path
    sure = {s for s, _ in there if np.isfinite(hi[s])}
    excused = all(s in sure or (not places.silent[s] and any(path[o] != path[s] for o in sure)) for s, c in there if c)
    if not excused or not any(c for _, c in there):
        return INF
    healthy = [hi[s] for s, c in there if c and s in sure] or [hi[s] for s in sure]
    return max([known, *healthy])


@settings(max_examples=120)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 7), st.integers(0, 8), st.booleans(), st.booleans())
def test_towns_equal_one_after_another(seed: int, ticks: int, towns: int, stations: int, fused: bool, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    each = Side(values_of(rng, ticks, stations, whole), reach_of(rng, towns, stations), rng.random(stations) < 0.2)
    places = Side(values_of(rng, ticks, stations, whole), reach_of(rng, towns, stations), rng.random(stations) < 0.2) if fused else each
    got = worst(places, each, (), RAIN, youngest(places.values, places.found))
    for tick in range(ticks):
        for town in range(towns):
            own, second, left, backed = one(places, each, "lo", tick, town)
            headed, _, left_heading, backed_heading = one(places, each, "heading", tick, town)
            assert (got.lo[tick, town], got.corroborated[tick, town]) == (own, min(second / SUPPORT_SHARE, own))
            assert (got.second[tick, town], got.backed[tick, town]) == (left, backed)
            assert (got.heading[tick, town], got.second_heading[tick, town], got.backed_heading[tick, town]) == (headed, left_heading, backed_heading)
            assert got.hi[tick, town] == possible(places, max(own, headed), tick, town)
    local = worst(places, each, (), dataclasses.replace(RAIN, local=True), got.age_s)
    assert local.second is local.lo and local.single.all()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 7), st.integers(0, 8), st.sampled_from(["mean", "idw"]), st.sampled_from([None, 0.0, 0.2]))
def test_means_equal_one_after_another(seed: int, ticks: int, towns: int, stations: int, kind: str, lost: float | None) -> None:
    """Whether places know intervals, or each is exact but for those that are lost."""
    rng = np.random.default_rng(seed)
    values = values_of(rng, ticks, stations, whole=False)
    if lost is not None:
        values = dataclasses.replace(values, sure=np.isfinite(values.lo) & (rng.random(values.lo.shape) >= lost), above=None)
    places = Side(values, reach_of(rng, towns, stations), np.zeros(stations, dtype=bool))
    got = mean(places, dataclasses.replace(RAIN, reach=kind), (), youngest(places.values, places.found))
    for side, blank in (("lo", -INF), ("hi", INF), ("heading", -INF)):
        ends = getattr(places.values, side)
        for tick in range(ticks):
            for town in range(towns):
                layers = np.flatnonzero(places.found.core[:, town])
                own = ends[tick, places.found.member[layers, town]]
                weight = 1 / np.maximum(places.found.km[layers, town], 0.1) ** 2 if kind == "idw" else np.ones(len(layers))
                want = (own * weight).sum() / weight.sum() if len(own) and np.isfinite(own).all() else blank
                assert getattr(got, side)[tick, town] == (want if math.isinf(want) else pytest.approx(want, abs=2e-6))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([0.0, 0.01, 0.1, 1.0]))
def test_the_newest_age_is_every_towns_own(seed: int, ticks: int, share: float) -> None:
    """Whether none, a few or all of the stations are older than the newest."""
    rng = np.random.default_rng(seed)
    found, shape = reach_of(rng, 80, 40), (ticks, 40)
    age = np.where(rng.random(shape) < share, rng.choice([900.0, 1800.0, INF], shape), 300.0)
    told = youngest(StationValues(age, np.isfinite(age), age, np.zeros(shape, dtype=bool), age), found)
    for town in range(80):
        core = found.member[found.core[:, town], town]
        own = age[:, core].min(axis=1) if core.size else np.full(ticks, INF)
        assert np.array_equal(told[:, town], np.where(own == INF, 0.0, own)), "what is never heard is not waited for"


def test_layers_put_the_groups_with_most_members_first() -> None:
    layers = Layers.of(np.array([0, 2, 2, 2, 3, 3]), np.array([5, 1, 2, 3, 4, 0]), 4)
    assert layers.order.tolist() == [2, 3, 0, 1] and [m.tolist() for m in layers.member] == [[1, 4, 5], [2, 0], [3]]
    values = np.arange(12.0).reshape(6, 2)
    assert layers.joined(values, np.maximum, -INF).tolist() == [[10, 11], [-INF, -INF], [6, 7], [8, 9]]
