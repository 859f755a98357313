"""Columns of readings are the same sequence as the observations that they were made of."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from core.model import Batch, Flag, Observation
from core.readings import Readings, Words, latest

WORDS = st.sampled_from(["", "a", "b", "站;1"])
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]))
OBSERVATIONS = st.builds(
    Observation, feed=WORDS, station=WORDS, observed_property=WORDS, time=TIMES, value=st.none() | st.floats(allow_nan=False), received=TIMES, raw=WORDS,
    flag=st.sampled_from(Flag), reasons=st.lists(WORDS, max_size=2).map(tuple), interval_s=st.integers(0, 2**31 - 1), issued=st.none() | TIMES, datum=WORDS,
    synthetic=st.booleans(),
)
MANY = st.lists(OBSERVATIONS, max_size=5).map(tuple)
SOME = limits(max_examples=40)


@SOME
@given(MANY)
def test_columns_give_back_what_they_were_made_of(given_: tuple[Observation, ...]) -> None:
    readings = Readings.of(given_)
    assert tuple(readings) == given_ and len(readings) == len(given_) and Readings.of(readings) is readings
    assert [readings[i] for i in range(-len(given_), len(given_))] == [*given_, *given_]
    assert all(type(getattr(mine, f.name)) is type(getattr(theirs, f.name)) for mine, theirs in zip(readings, given_, strict=True) for f in fields(mine))
    assert readings.measured.tolist() == [o.issued is None for o in given_]
    assert readings.newest == max((o.time for o in given_ if o.issued is None and o.value is not None), default=None)
    assert latest(readings.issued) == max((o.issued for o in given_ if o.issued is not None), default=None)


@SOME
@given(MANY, st.data())
def test_a_part_is_the_part_of_the_sequence(given_: tuple[Observation, ...], data) -> None:
    readings, where = Readings.of(given_), data.draw(st.slices(len(given_)))
    assert readings[where] == given_[where]
    keep = data.draw(st.lists(st.booleans(), min_size=len(given_), max_size=len(given_)))
    wanted = tuple(o for o, kept in zip(given_, keep, strict=True) if kept)
    assert readings.take(np.array(keep, dtype=bool)) == wanted == readings.take(np.flatnonzero(keep))


@SOME
@given(st.lists(MANY, max_size=3))
def test_joined_is_one_after_the_other(parts: list[tuple[Observation, ...]]) -> None:
    whole = tuple(o for part in parts for o in part)
    assert Readings.join(*parts) == whole == Readings.join(*map(Readings.of, parts))
    assert Readings.of(whole) == Readings.join(*map(Readings.of, parts))  # whatever their vocabularies


@SOME
@given(OBSERVATIONS, OBSERVATIONS)
def test_equal_only_where_every_field_is(one: Observation, other: Observation) -> None:
    for name in (f.name for f in fields(Observation)):
        changed = replace(one, **{name: getattr(other, name)})
        assert (Readings.of([one]) == Readings.of([changed])) is (one == changed) is (Readings.of([one]) == [changed])
    assert Readings.of([one]) != [one, one] and Readings.of([one]) != "x" and Readings.of([one]) != 3


@SOME
@given(MANY)
def test_a_batch_may_hold_either(given_: tuple[Observation, ...]) -> None:
    assert Batch(observations=given_) == Batch(observations=Readings.of(given_)) == Batch(observations=given_)
    assert Batch(observations=Readings.of(given_)).records == len(given_)


def test_a_naive_time_and_columns_of_different_lengths_are_refused() -> None:
    one = Observation(feed="f", station="s", observed_property="rain", time=datetime(2026, 7, 1, tzinfo=UTC), value=1.0,
                      received=datetime(2026, 7, 1, tzinfo=UTC), raw="r")
    with pytest.raises(ValueError, match="without a zone"):
        Readings.of([replace(one, time=datetime(2026, 7, 1))])
    with pytest.raises(ValueError, match="different lengths"):
        replace(Readings.of([one]), value=np.array([1.0, 2.0]))
    with pytest.raises(IndexError):
        Readings.of([one])[1]


def test_words_are_asked_once_each() -> None:
    words, asked = Words.of(["a", "b", "a", "c"]), []
    assert words.where(lambda word: asked.append(word) or word > "a").tolist() == [False, True, False, True] and asked == ["a", "b", "c"]
    assert words.take(np.array([1, 3])).used() == {"b", "c"} and words.used() == {"a", "b", "c"} and Words.of([]).used() == set()
    few = words.take(np.array([3, 1, 3])).bare()
    assert few.tolist() == ["c", "b", "c"] and few.words == ("b", "c") and words.bare() is words and Words.of([]).bare().words == ()
    assert Words.every("x", 3).tolist() == ["x"] * 3 and Words.of([]).where(bool).tolist() == []
