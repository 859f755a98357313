"""Invariants of the engine over random days: enclosure, monotony, and that whatever falls silent lowers nothing."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.model import Level
from rules.assess import hold_all, judge
from rules.packs import FOLDER, load_pack
from rules.testworld import START, sources, world

RULES = {r.id: r for name in ("rainstorm", "stage", "typhoon_circle", "geological_points") for r in load_pack(FOLDER / "cn" / f"{name}.yaml").rules}
HOURS = 26
SLOW = settings(max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate), suppress_health_check=[HealthCheck.too_slow])
RAIN = st.lists(st.sampled_from([0.0, 1.0, 4.0, 8.0, 17.0, 35.0]), min_size=HOURS, max_size=HOURS)
STATIONS = {"A": {"path": "a", "warning_stage": 2.8, "guaranteed_stage": 3.3}, "B": {"path": "b", "km": 6}}


def run(rule: str, series: dict[str, list[float | None]], silent: tuple[str, ...] = (), tracks: tuple[dict, ...] = (), hours: int = HOURS):
    """(proved, ceiling, held) per hour for the one town."""
    text = {key: " ".join("_" if v is None else f"{v:g}" for v in values) for key, values in series.items()}
    case = {"name": "property", "series": text, "stations": STATIONS, "silent": silent, "tracks": tracks}
    county, ticks = world(case, 1.0), [START + timedelta(hours=h) for h in range(hours)]
    judged = judge(sources(case, 1.0, county, ticks[-1]), ticks[-1], county, (RULES[rule],), ticks)
    memory, held = {}, []
    for number, tick in enumerate(ticks):
        memory = hold_all(judged, memory, tick, number)
        held.append(max(s.level for s in memory.values()))
    return judged.findings[0].proved[:, 0], judged.findings[0].ceiling[:, 0], np.array(held)


@SLOW
@given(RAIN, RAIN, st.integers(0, HOURS - 1), st.sampled_from(["rain@A", "rain@B"]))
def test_more_rain_never_lowers_proof_ceiling_or_level(a: list[float], b: list[float], hour: int, where: str) -> None:
    dry = {"rain@A": list(a), "rain@B": list(b)}
    wet = {key: list(values) for key, values in dry.items()}
    wet[where][hour] += 20.0
    for less, more in zip(run("flood.rainstorm", dry), run("flood.rainstorm", wet), strict=True):
        assert (more >= less).all()


@SLOW
@given(st.lists(st.floats(1.5, 3.6), min_size=HOURS, max_size=HOURS), st.integers(0, HOURS - 1), st.floats(0, 1))
def test_a_higher_stage_never_lowers_a_level(stage: list[float], hour: int, more: float) -> None:
    higher = [round(v, 3) + (round(more, 3) if n == hour else 0) for n, v in enumerate(stage)]
    for less, greater in zip(run("flood.stage", {"stage@A": [round(v, 3) for v in stage]}), run("flood.stage", {"stage@A": higher}), strict=True):
        assert (greater >= less).all()


@SLOW
@given(RAIN, st.sets(st.integers(0, HOURS - 1)))
def test_holes_in_a_lone_station_never_prove_more_nor_exclude_more(a: list[float], holes: set[int]) -> None:
    """Judged at the hours whose own reading came; one that is merely late is not yet a hole."""
    came = [n for n in range(HOURS) if n not in holes]
    whole = run("flood.rainstorm", {"rain@A": list(a)})
    holed = run("flood.rainstorm", {"rain@A": [None if n in holes else v for n, v in enumerate(a)]})
    assert (holed[0][came] <= whole[0][came]).all() and (holed[1][came] >= whole[1][came]).all()


@SLOW
@given(RAIN, RAIN, st.integers(1, HOURS - 2), st.sampled_from([("rain@A",), ("rain@A", "rain@B")]))
def test_a_station_or_a_feed_that_dies_never_lowers_what_was_in_force(a, b, hour: int, dead: tuple[str, ...]) -> None:
    """From the hour of death on the level stays at least the lower of what it was then and what the whole data would have allowed since."""
    whole = {"rain@A": list(a), "rain@B": list(b)}
    died = {key: [None if key in dead and n > hour else v for n, v in enumerate(values)] for key, values in whole.items()}
    full, left = run("flood.rainstorm", whole), run("flood.rainstorm", died)
    allowed = np.minimum.accumulate(full[2][hour:])
    if len(dead) == 2:
        assert (left[2][hour:] >= allowed).all()
    assert (left[1][hour:] >= left[0][hour:]).all() and (left[2] >= left[0]).all()


@SLOW
@given(st.lists(st.floats(2.0, 3.4), min_size=HOURS, max_size=HOURS), st.integers(3, HOURS - 2))
def test_a_lost_gauge_keeps_at_least_the_level_that_its_last_reading_proved(stage: list[float], hour: int) -> None:
    died = [round(v, 3) if n <= hour else None for n, v in enumerate(stage)]
    proved, ceiling, held = run("flood.stage", {"stage@A": died})
    assert (held[hour:] >= proved[hour]).all() and (ceiling[hour + 3 :] == Level.ORANGE).all()


@SLOW
@given(st.floats(120.0, 124.0), st.floats(28.0, 33.0), st.floats(14.0, 50.0), st.floats(50, 400), st.floats(0, 100))
def test_a_larger_circle_never_lowers_a_level(lon: float, lat: float, wind: float, radius: float, more: float) -> None:
    def level(r7: float) -> tuple[int, int]:
        storm = {"at": "0 h", "lat": lat, "lon": lon, "wind": wind, "pressure": 970, "r7": r7, "r10": r7 / 3, "r12": r7 / 8}
        ahead = {"issued": "0 h", "at": "24 h", "lat": lat + 1, "lon": lon - 1, "wind": wind, "pressure": 970}
        proved, ceiling, _ = run("typhoon.circle", {}, tracks=(storm, ahead), hours=1)
        return int(proved[0]), int(ceiling[0])

    small, large = level(radius), level(radius + more)
    assert large[0] >= small[0] and large[1] >= small[1]


@pytest.mark.parametrize("rule", ["flood.rainstorm", "flood.stage", "typhoon.circle", "geological.points"])
def test_a_silent_feed_leaves_everything_open(rule: str) -> None:
    series = {"rain@A": [0.0] * HOURS, "stage@A": [2.0] * HOURS, "tilt@A": [0.1] * HOURS, "displacement@A": [1.0] * HOURS, "crack@A": [1.0] * HOURS}
    _, ceiling, _ = run(rule, series, silent=("readings", "tracks"))
    assert ceiling[-1] >= Level.ORANGE
