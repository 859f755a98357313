"""Times: one text a second, in the order of time; eight hours are never lost on the way in or out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.times import iso, parse_iso, parse_local, people, utc

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1000, 1, 3), datetime(9999, 12, 29), timezones=ZONES | st.just(UTC))
#: The Beijing clock has had no summer time since 1991.
TODAY = st.datetimes(datetime(1992, 1, 1), datetime(2099, 12, 31))


@given(TIMES)
def test_the_text_of_a_time_is_read_back_to_its_second_whatever_zone_it_came_in(time: datetime) -> None:
    text = iso(time)
    back = parse_iso(text)
    assert iso(back) == text and back.tzinfo is UTC and timedelta(0) <= time - back < timedelta(seconds=1)
    assert parse_iso(f"  {time.isoformat()} ") == time == utc(time)


@given(TIMES, TIMES)
def test_the_order_of_texts_is_the_order_of_times(one: datetime, other: datetime) -> None:
    """The ledger compares texts."""
    early, late = sorted((one, other))
    assert iso(early) <= iso(late) and len(iso(early)) == len(iso(late)) == 25


@given(TODAY)
def test_the_beijing_clock_is_eight_hours_ahead_and_is_what_people_read(clock: datetime) -> None:
    clock = clock.replace(microsecond=0)
    time = parse_local(f"{clock:%Y-%m-%d %H:%M:%S}\n", "%Y-%m-%d %H:%M:%S")
    assert time == clock.replace(tzinfo=UTC) - timedelta(hours=8) and people(time) == f"{clock:%m-%d %H:%M}"


@pytest.mark.parametrize("text", ["2021-07-25T06:00:00", "2021-07-25 06:00", "2021-07-25", "", "noon", "2021-07-25T25:00:00Z", "0001-01-01T00:00:00+08:00",
                                  "9999-12-31T23:00:00-08:00"])
def test_a_time_without_a_zone_or_beyond_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_iso(text)


def test_a_naive_time_is_refused_everywhere() -> None:
    for use in (utc, iso, people):
        with pytest.raises(ValueError, match="zone"):
            use(datetime(2021, 7, 25))
