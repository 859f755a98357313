"""A storm that reaches no town is passed over; what is said of it must be what the whole computation says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules import track
from rules.catalogue import load_catalogue
from rules.paths import HORIZON_H, STEP_H, StormPath, TrackState

INDICATORS = [i for i in load_catalogue().indicators.values() if i.kind == "track"]
TOWNS = np.array([31.9, 32.1, 31.7]), np.array([121.1, 121.6, 121.9])


@st.composite
def paths(draw: st.DrawFn) -> StormPath:
    """Near, just out of reach or far; with wide circles, narrow ones or none; to the horizon or not."""
    hours = draw(st.sampled_from([HORIZON_H, HORIZON_H, 6.0]))
    lead = np.arange(0.0, hours + STEP_H / 2, STEP_H)
    away = draw(st.sampled_from([0.5, 6.0, 7.19, 7.2, 7.21, 9.0, 25.0]))  # degrees south; 800 km are 7.19
    radius = draw(st.sampled_from([np.nan, 150.0, 900.0]))
    return StormPath(
        storm=draw(st.sampled_from(["a", "b"])), home=draw(st.booleans()), lead=lead, lat=31.9 - away - lead * draw(st.sampled_from([0.0, 0.05])),
        lon=np.full(len(lead), 121.1), wind=np.full(len(lead), draw(st.sampled_from([0.0, 15.0, 45.0]))), pressure=np.full(len(lead), 970.0),
        circles=np.full((3, len(lead), 4), radius), rows=())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(paths(), max_size=3), outdated=st.booleans())
def test_passed_over_or_worked_out_it_says_the_same(found: list[StormPath], outdated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    states = [TrackState(tuple(found), outdated), TrackState((), False)]

    def told() -> dict[str, Any]:
        return {name: (i.lo.tolist(), i.hi.tolist()) for name, i in track.intervals(INDICATORS, states, *TOWNS, silent=False).items()}

    short = told()
    with monkeypatch.context() as patch:
        patch.setattr(track._View, "quiet", False)
        assert told() == short
