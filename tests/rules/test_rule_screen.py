"""What is asked once of a block of ticks says the same as every tick by itself, whatever the condition and whatever is unknown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Level
from rules import findings
from rules.language import Columns, Interval, Node, evaluate, extremes, screen
from rules.language.nodes import Arithmetic, Call, Compare, Logic, Name, Negative, Not, Number

NAMES = ("a", "b", "c")
INF = np.inf
numbers = st.recursive(
    st.one_of(st.sampled_from(NAMES).map(lambda name: Name(name, 0)), st.sampled_from((-2.0, 0.0, 0.5, 3.0)).map(lambda value: Number(value, "1", 0))),
    lambda inner: st.one_of(
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner, st.just(0)), st.builds(Negative, inner, st.just(0)),
        st.builds(Call, st.sampled_from(("min", "max")), st.tuples(inner, inner), st.just(0))), max_leaves=5)
conditions = st.recursive(
    st.builds(Compare, st.sampled_from((">=", "<=", ">", "<", "==", "!=")), numbers, numbers, st.just(0)),
    lambda inner: st.one_of(st.builds(Logic, st.sampled_from(("and", "or")), st.tuples(inner, inner), st.just(0)), st.builds(Not, inner, st.just(0))), max_leaves=4)


def columns(seed: int, ticks: int, towns: int, absent: bool) -> Columns:
    """Steady towns and restless ones; known exactly, within bounds, on one side, or not at all."""
    rng = np.random.default_rng(seed)

    def drawn() -> Interval:
        value = np.where(rng.random(towns) < 0.5, rng.integers(-3, 4, towns), rng.integers(-3, 4, (ticks, towns))).astype(float)
        value[rng.random(value.shape) < 0.05] = np.nan
        exact = Interval.exact(value)
        if rng.random() < 0.3:
            return exact
        lo = np.where(rng.random(value.shape) < 0.2, -INF, exact.lo)
        return Interval(lo, np.where(rng.random(value.shape) < 0.3, INF, exact.hi + rng.integers(0, 2, value.shape)))

    return Columns({name: drawn() for name in NAMES}, {"b": rng.random(towns) < 0.5} if absent else {}, (ticks, towns))


@settings(max_examples=300)
@given(conditions, st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_what_a_block_has_in_common_holds_at_each_of_its_ticks(tree: Node, seed: int, ticks: int, towns: int) -> None:
    found = columns(seed, ticks, towns, absent=False)
    every, at_most = screen(tree, extremes(found, NAMES))
    truth = evaluate(tree, found)
    for side in ("must", "may"):
        assert not (getattr(every, side) & ~getattr(truth, side)).any() and not (getattr(truth, side) & ~getattr(at_most, side)).any()


@settings(max_examples=200)
@given(st.lists(conditions, min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.integers(4, 8), st.integers(1, 9), st.booleans())
def test_levels_asked_by_town_first_are_those_asked_tick_by_tick(trees: list[Node], seed: int, ticks: int, towns: int, absent: bool) -> None:
    by_level, found = dict(zip(list(Level)[1:], trees, strict=False)), columns(seed, ticks, towns, absent)
    with pytest.MonkeyPatch.context() as patch:
        wanted = findings.levels(by_level, NAMES, found)
        patch.setattr(findings, "MANY", 0)
        for one, other in zip(findings.levels(by_level, NAMES, found), wanted, strict=True):
            np.testing.assert_array_equal(one, other)


@given(conditions, st.integers(0, 2**32 - 1), st.booleans())
def test_some_places_say_what_they_say_among_all(tree: Node, seed: int, absent: bool) -> None:
    found = columns(seed, 4, 5, absent)
    places = np.array([3, 0, 19, 7])
    some, whole = evaluate(tree, found.at(NAMES, places)), evaluate(tree, found)
    assert (some.must[0] == whole.must.reshape(-1)[places]).all() and (some.may[0] == whole.may.reshape(-1)[places]).all()
