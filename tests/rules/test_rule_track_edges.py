"""Storms at the edges of what is told: no wind, no pressure, no circle, a missing quadrant, over the date line, over the town."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.agencies import one_name
from rules import track
from rules.catalogue import load_catalogue
from rules.paths import _RADII, Paths, paths_at
from rules.spatial import distance_km

INDICATORS = [i for i in load_catalogue().indicators.values() if i.kind == "track"]
NOW = pd.Timestamp("2024-07-24T00:00Z")
LAT, LON = 31.9, 121.2
NEAR: dict[str, Any] = {"lat": 31.5, "lon": 121.3}  # 45 km away
CIRCLES = {f"r{force}_{quarter}": km for force, km in ((7, 250.0), (10, 100.0)) for quarter in ("ne", "se", "sw", "nw")}
OPEN = {"typhoon_wind_now": math.inf, "typhoon_wind_24h": math.inf, "r7_eta": 0.0, "r10_eta": 0.0, "r12_eta": 0.0, "agencies_8bft_24h": 1.0}


def paths(*rows: dict[str, Any]) -> Paths:
    """Of one storm; `at` hours from NOW, `ahead` for a home forecast issued an hour ago."""
    made = pd.DataFrame([dict.fromkeys(("wind", "pressure", "move_speed", "move_bearing", *_RADII), np.nan) | row for row in rows])
    ahead = made.pop("ahead").fillna(False).astype(bool) if "ahead" in made else np.zeros(len(made), dtype=bool)
    made = made.assign(
        feed="a", storm="1", ended_at=pd.NaT, agency=[row.get("agency", "中国") if row.get("ahead") else "" for row in rows],
        time=NOW + pd.to_timedelta(made.pop("at"), unit="h"), issued=np.where(ahead, NOW - pd.Timedelta(hours=1), pd.NaT))
    return paths_at(made.assign(**{name: pd.to_datetime(made[name], utc=True).astype("datetime64[us, UTC]") for name in ("time", "issued", "ended_at")}),
                    [NOW.to_pydatetime()])


def seen(*rows: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """(lo, hi) of every track indicator at the town."""
    found = track.intervals(INDICATORS, paths(*rows), np.array([LAT]), np.array([LON]), silent=False)
    return {name: (float(told.lo[0, 0]), float(told.hi[0, 0])) for name, told in found.items()}


def test_a_landfall_row_without_wind_takes_nothing_away() -> None:
    before = NEAR | CIRCLES | {"wind": 35.0, "pressure": 965.0}
    assert seen(before | {"at": -2}, NEAR | CIRCLES | {"at": -1}) == seen(before | {"at": -1})


def test_a_storm_whose_strength_nobody_told_may_be_anything() -> None:
    told = seen(NEAR | CIRCLES | {"at": -1})
    assert told["r7_eta"] == told["r10_eta"] == (0.0, 0.0), "a told circle stands"
    assert told["r12_eta"] == (0.0, math.inf) and told["typhoon_wind_24h"] == (0.0, math.inf) and told["agencies_8bft_24h"] == (0.0, 1.0)
    bare = seen(NEAR | {"at": -1})
    assert {name: bare[name][0 if "eta" in name else 1] for name in OPEN} == OPEN
    far = seen({"lat": 10.0, "lon": 150.0, "at": -1}, {"lat": 11.0, "lon": 149.0, "at": 30, "ahead": True})
    assert far["typhoon_wind_24h"] == (0.0, 0.0) and far["r7_eta"] == (math.inf, math.inf), "but not from the other side of the sea"


def test_of_wind_and_pressure_one_tells_the_other() -> None:
    by_pressure, by_wind = paths(NEAR | {"pressure": 950.0, "at": -1}), paths(NEAR | {"wind": 45.0, "at": -1})
    assert by_pressure.wind[0] == pytest.approx(43.8, abs=0.2) and by_wind.pressure[0] == pytest.approx(951.5, abs=1.5)
    assert seen(NEAR | {"pressure": 950.0, "at": -1})["typhoon_wind_now"][0] > 40


@pytest.mark.parametrize(("agency", "factor"), [("日本", 1.02), ("RJTD", 1.02), ("中国香港", 1.02), ("JMA", 1.02), ("美国", 1.0), ("中国", 1.0), ("某台", 1.0)])
def test_a_mean_of_ten_minutes_is_told_as_one_of_two(agency: str, factor: float) -> None:
    found = paths(NEAR | {"wind": 40.0, "pressure": 960.0, "at": -1}, NEAR | {"wind": 40.0, "pressure": 960.0, "at": 24, "ahead": True, "agency": agency})
    assert found.wind[found.agency == one_name(agency), -1] == pytest.approx([40.0 * factor]) and np.all(found.wind[:, 0] <= 40.05)


def test_between_two_sides_of_the_date_line_lies_the_date_line() -> None:
    found = paths({"lat": 31.0, "lon": 179.0, "wind": 45.0, "pressure": 950.0, "at": -1},
                  {"lat": 31.0, "lon": -177.0, "wind": 45.0, "pressure": 950.0, "at": 23, "ahead": True})
    assert np.all((found.lon >= 179.0) & (found.lon <= 183.0))
    assert distance_km(found.lat, found.lon, np.array(LAT), np.array(LON)).min() > 5000
    own = paths(*({"lat": 31.0, "lon": lon, "wind": 45.0, "pressure": 950.0, "at": at} for at, lon in ((-4, -179.0), (-1, 179.0))))
    assert own.lon[0, -1] == pytest.approx(-181.0 - 7 * 2 / 3), "carried on westwards by its own motion"


@pytest.mark.parametrize("rows", [
    [{"lat": LAT, "lon": LON, "wind": 45.0, "pressure": 950.0, "at": -1}],
    [{"lat": LAT, "lon": LON + 0.1, "wind": 45.0, "pressure": 950.0, "at": -1} | CIRCLES],
    [{"lat": LAT, "lon": LON, "wind": 45.0, "pressure": 950.0, "at": at} | CIRCLES for at in (-7, -4, -1)],
    [{"lat": LAT + 0.1 * at, "lon": LON + 0.2, "wind": 45.0, "pressure": 950.0, "at": at} for at in (-7, -4, -1)],  # it runs north, the town to its left
])
def test_the_eye_over_a_town_gives_it_no_relief(rows: list[dict[str, Any]]) -> None:
    assert seen(*rows)["typhoon_wind_now"] == (45.0, 45.0)


def test_a_quadrant_without_circle_is_not_windier_than_the_others() -> None:
    """The town lies to the south-west, where none is told: it has the widest of the others, not the 17 m/s at 300 km of a storm without circles."""
    storm = {"lat": 32.8, "lon": 122.0, "wind": 22.0, "pressure": 990.0, "at": -1}
    told = {"r7_ne": 120.0, "r7_se": 110.0, "r7_nw": 100.0}
    assert seen(storm | told | {"r7_sw": 0.0})["typhoon_wind_now"] == seen(storm | told | {"r7_sw": 120.0})["typhoon_wind_now"]
    assert seen(storm | told | {"r7_sw": 0.0})["typhoon_wind_now"][0] < 13.9 < seen(storm)["typhoon_wind_now"][0]


def test_the_right_of_a_track_is_windier_where_no_circle_tells_it() -> None:
    """Northward at 36 km/h, 90 km to the right and to the left."""
    def wind(lon: float) -> float:
        moves = ({"lat": LAT + 0.324 * h, "lon": lon, "wind": 35.0, "pressure": 970.0, "at": h, "ahead": h > 0} for h in (-1, 23))
        return seen(*moves)["typhoon_wind_24h"][0]
    right, left = wind(LON - 0.95), wind(LON + 0.95)
    assert 3 < right - left < 2 * 5.5 and right < 35.0


def test_a_circle_holds_the_wind_at_its_edge() -> None:
    """Recorded on 9 August 2026: force 12 to 50 km, 10 to 250, 7 to 350, which no single exponent can say."""
    known = {f"r{f}_{q}": km for f, km in ((7, 350.0), (10, 250.0), (12, 50.0)) for q in ("ne", "se", "sw", "nw")}
    def wind(km: float) -> float:
        return seen({"lat": LAT - km / 111.195, "lon": LON, "wind": 45.0, "pressure": 940.0, "at": -1} | known)["typhoon_wind_now"][0]
    assert [wind(km) for km in (50.0, 250.0, 350.0)] == pytest.approx([32.7, 24.5, 13.9], abs=0.11)
    assert wind(49.0) >= 32.7 and wind(51.0) < 32.7 and 24.5 < wind(150.0) < 32.7
