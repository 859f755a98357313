"""A storm that reaches no town is passed over; what is said of it must be what the whole computation says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import paths, track
from rules.catalogue import load_catalogue
from rules.paths import HORIZON_H, STEP_H, Paths

INDICATORS = [i for i in load_catalogue().indicators.values() if i.kind == "track"]
TOWNS = np.array([31.9, 32.1, 31.7]), np.array([121.1, 121.6, 121.9])


@st.composite
def one(draw: st.DrawFn) -> Paths:
    """Near, just out of reach or far; with wide circles, narrow ones or none; to the horizon or not."""
    hours = draw(st.sampled_from([HORIZON_H, HORIZON_H, 6.0]))
    lead = np.minimum(np.arange(0.0, HORIZON_H + STEP_H / 2, STEP_H), hours)[None]
    away = draw(st.sampled_from([0.5, 6.0, 7.19, 7.2, 7.21, 7.7, 9.0, 25.0]))  # degrees south; 800 km are 7.19
    radius = draw(st.sampled_from([np.nan, 150.0, 900.0]))
    return Paths(
        tick=np.zeros(1, dtype=np.int64), storm=np.array([draw(st.sampled_from(["a", "b"]))], dtype=object), agency=np.array(["x"], dtype=object),
        home=np.array([draw(st.booleans())]), lead=lead, lat=31.9 - away - lead * draw(st.sampled_from([0.0, 0.05])), lon=np.full_like(lead, 121.1),
        wind=np.full_like(lead, draw(st.sampled_from([0.0, 15.0, 45.0]))), pressure=np.full_like(lead, 970.0), radii=np.full((1, 3, 4), radius),
        rows=np.zeros((1, 1), dtype=np.int64), outdated=np.zeros(0, dtype=bool))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(one(), max_size=3), outdated=st.booleans())
def test_passed_over_or_worked_out_it_says_the_same(found: list[Paths], outdated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    both = paths._joined([paths._none(), *found], np.array([outdated, False]))

    def told() -> dict[str, Any]:
        return {name: (i.lo.tolist(), i.hi.tolist()) for name, i in track.intervals(INDICATORS, both, *TOWNS, silent=False).items()}

    short = told()
    with monkeypatch.context() as patch:
        patch.setattr(track, "_far", lambda seen, *_: np.zeros(len(seen.tick), dtype=bool))
        assert told() == short, "by the middle of the towns"
        patch.setattr(track._View, "quiet", np.zeros(1, dtype=bool))
        assert told() == short, "by every town"


@given(one())
def test_far_is_never_near(path: Paths) -> None:
    assert not (track._far(path, *TOWNS) & ~track._View(path, *TOWNS).quiet).any()
    assert not track._far(replace(path, lead=np.minimum(path.lead, 23.0)), *TOWNS).any(), "it ends too soon to be known"
