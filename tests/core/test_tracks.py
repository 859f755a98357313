from __future__ import annotations

import gzip
import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import TrackPoint
from core.times import parse_iso, parse_local
from core.tracks import spread

NOW = datetime(2021, 7, 24, tzinfo=UTC)


def point(agency: str, hours: float, lat: float, lon: float, *, issued: datetime | None = NOW, wind: float | None = 30.0, feed: str = "f", storm: str = "2106"):
    time = NOW + timedelta(hours=hours)
    return TrackPoint(feed=feed, storm=storm, name="x", agency=agency, time=time, lat=lat, lon=lon, received=NOW, raw="r", wind=wind, issued=issued)


def track(agency: str, lat: float, lon: float, **more):
    return [point(agency, 0, lat, lon, **more), point(agency, 48, lat + 4, lon - 4, **more)]


def test_two_agencies_a_degree_of_latitude_apart() -> None:
    (half, day, two) = spread(track("CMA", 25, 125) + track("JMA", 26, 125, wind=40.0), storm="2106", now=NOW)
    assert [s.lead_h for s in (half, day, two)] == [12, 24, 48]
    assert day.max_km == pytest.approx(55.6, abs=0.1) and day.mean_km == pytest.approx(55.6, abs=0.1) and (day.lat, day.lon) == pytest.approx((27.5, 123), abs=0.02)
    assert (day.agencies, day.wind_low, day.wind_high) == (("CMA", "JMA"), 30, 40)


def test_one_agency_has_no_spread_and_a_short_track_drops_out() -> None:
    assert spread(track("CMA", 25, 125), storm="2106", now=NOW) == ()
    short = [point("JTWC", 0, 25, 125), point("JTWC", 12, 26, 124)]
    assert {s.lead_h: s.agencies for s in spread(track("CMA", 25, 125) + short, storm="2106", now=NOW)} == {12: ("CMA", "JTWC")}


def test_old_later_and_foreign_issues_do_not_count() -> None:
    others = (track("OLD", 30, 130, issued=NOW - timedelta(hours=13)) + track("LATE", 30, 130, issued=NOW + timedelta(hours=1))
              + track("SEEN", 30, 130, issued=None) + track("OTHER", 30, 130, storm="2107"))
    assert spread(track("CMA", 25, 125) + others, storm="2106", now=NOW) == ()
    newer = track("CMA", 20, 125, issued=NOW - timedelta(hours=6))
    both = spread(newer + track("CMA", 25, 125) + track("JMA", 25, 125), storm="2106", now=NOW)
    assert both and all(s.max_km < 0.01 for s in both)


def test_the_date_line_is_no_distance() -> None:
    west, east = [point("A", 0, 20, 179.5), point("A", 24, 20, -179.5)], [point("B", 0, 20, 179.5), point("B", 24, 20, -179.5)]
    assert all(s.max_km < 0.01 and abs(s.lon) > 179 for s in spread(west + east, storm="2106", now=NOW))


def test_wind_that_nobody_says_is_none() -> None:
    assert {(s.wind_low, s.wind_high) for s in spread(track("A", 25, 125, wind=None) + track("B", 25, 125, wind=None), storm="2106", now=NOW)} == {(None, None)}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.floats(-40, 40), st.floats(-179, 179)), min_size=2, max_size=6), st.integers(0, 99))
def test_order_and_repetition_change_nothing_and_the_mean_lies_within(starts, seed) -> None:
    points = [p for agency, lat, lon in {a: (a, x, y) for a, x, y in starts}.values() for p in track(agency, lat, lon)]
    shuffled = points * 2
    random.Random(seed).shuffle(shuffled)
    one, two = spread(points, storm="2106", now=NOW), spread(shuffled, storm="2106", now=NOW)
    assert one == two and all(0 <= s.mean_km <= s.max_km <= 20016 for s in one)


@pytest.mark.recorded
def test_recorded_agencies_side_by_side() -> None:
    """DOLPHIN 2026, first snapshot with five agencies: they part as the lead grows."""
    root = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("recorded feeds are not here; set FENGSUI_RECORDED")
    with gzip.open(root / "typhoon_season_2026" / "typhoon_202613.snapshots.jsonl.gz", "rt") as lines:
        payload = next(p for p in (json.loads(line)["payload"] for line in lines) if len(p["forecasts"]) == 5)
    points = [
        TrackPoint(
            feed="f", storm="202613", name="x", agency=agency, time=parse_local(p["time"], "%Y-%m-%d %H:%M:%S"), lat=p["lat"], lon=p["lng"], received=NOW, raw="r",
            wind=float(p["speed"]) if p.get("speed") else None, issued=parse_iso(of["issued"]),
        )
        for agency, of in payload["forecasts"].items() for p in of["points"]
    ]
    found = spread(points, storm="202613", now=max(p.issued for p in points if p.issued))
    assert len(found) >= 4 and len(found[0].agencies) >= 3 and found[0].max_km < found[3].max_km < 1500
