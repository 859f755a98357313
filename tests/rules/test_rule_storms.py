"""A storm of two feeds is one, and so is an agency: what its newest and fullest forecast says counts, once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import track
from rules.catalogue import load_catalogue
from rules.paths import _RADII, Paths, paths_at

NOW = pd.Timestamp("2024-07-24T00:00Z")
SHARE = load_catalogue().indicators["agencies_8bft_24h"]
TOWN = np.array([31.9]), np.array([121.2])
#: Over the town, and far out at sea.
HERE, FAR = {"lat": 31.9, "lon": 121.3}, {"lat": 25.0, "lon": 132.0}


def seen(feed: str, storm: str, *, at: float = -1.0, lat: float = 28.0, lon: float = 124.0, ended: float | None = None, **more: float) -> dict[str, Any]:
    """An analysed position, `at` hours from NOW; `ended` hours from NOW its feed was without it."""
    return {"feed": feed, "storm": storm, "agency": "", "at": at, "issued": None, "ended": ended, "lat": lat, "lon": lon, "wind": 40.0, "pressure": 955.0, **more}


def ahead(feed: str, storm: str, agency: str, place: dict[str, float], *, issued: float = -1.0, leads: tuple[float, ...] = (24,), **more: Any) -> list[dict[str, Any]]:
    return [seen(feed, storm, at=issued + lead, **place) | {"agency": agency, "issued": issued} | more for lead in leads]


def paths(rows: list[dict[str, Any]]) -> Paths:
    made = pd.DataFrame([dict.fromkeys(("move_speed", "move_bearing", *_RADII), np.nan) | row for row in rows])
    times = {new: pd.to_datetime([NOW + pd.Timedelta(hours=h) if h == h and h is not None else pd.NaT for h in made[old]], utc=True).astype("datetime64[us, UTC]")
             for new, old in (("time", "at"), ("issued", "issued"), ("ended_at", "ended"))}
    return paths_at(made.assign(**times), [NOW.to_pydatetime()])


def share(found: Paths) -> float:
    return float(track.intervals([SHARE], found, *TOWN, silent=False)[SHARE.name].lo[0, 0])


def test_one_agency_by_two_feeds_counts_once() -> None:
    rows = [seen("nmc", "202406"), seen("zj", "202406"), *ahead("nmc", "202406", "RJTD", HERE), *ahead("zj", "202406", "日本", HERE), *ahead("zj", "202406", "中国", FAR)]
    found = paths(rows)
    assert set(found.storm) == {"202406"} and sorted(set(found.agency)) == ["中国", "日本"] and share(found) == pytest.approx(0.5)


def test_the_newest_issue_counts_then_the_fuller_and_of_equals_the_worse() -> None:
    both = [seen("nmc", "202406"), seen("zj", "202406"), *ahead("zj", "202406", "中国", FAR)]
    older = ahead("nmc", "202406", "JMA", HERE, issued=-7, leads=(12, 24, 48))
    newer = ahead("zj", "202406", "日本", FAR)
    assert share(paths([*both, *older, *newer])) == 0.0, "what it said six hours ago it says no more"
    fuller = ahead("nmc", "202406", "JMA", HERE, leads=(6, 12, 18, 24))
    assert share(paths([*both, *fuller, *newer])) == 0.5 == share(paths([*both, *ahead("nmc", "202406", "JMA", HERE), *newer]))
    assert share(paths([*both, *ahead("nmc", "202406", "JMA", FAR, leads=(6, 12, 18, 24)), *ahead("zj", "202406", "日本", HERE)])) == 0.0
    bare = ahead("nmc", "202406", "JMA", FAR, leads=(12, 24), wind=np.nan, pressure=np.nan)
    assert share(paths([*both, *bare, *ahead("zj", "202406", "日本", HERE)])) == 0.5, "places alone say less than one place with its wind"
    beside = HERE | {"lat": 32.0}
    assert share(paths([*both, *ahead("nmc", "202406", "JMA", HERE), *ahead("zj", "202406", "日本", beside)])) == 0.5, "it reaches it once, not twice"
    over = ahead("zj", "202406", "日本", FAR, issued=-0.5, leads=(0,))
    assert share(paths([*both, *ahead("nmc", "202406", "JMA", HERE), *over])) == 0.5, "a forecast that has run out says nothing"


def test_a_depression_is_one_storm_in_two_feeds_and_on_the_day_that_it_is_numbered() -> None:
    track_of = [{"at": -12.0 + n, "lat": 27.0 + n * 0.1, "lon": 125.0 - n * 0.1} for n in (0, 6, 11)]
    two = [seen("nmc", "3285913", **one) for one in track_of] + [seen("zj", "202490", **one) for one in track_of[:2]]
    assert set(paths(two).storm) == {"202490"}
    numbered = [seen("nmc", "3285913", ended=-1.0, **one) for one in track_of[:2]] + [seen("nmc", "202406", **one) for one in track_of]
    assert set(paths(numbered).storm) == {"202406"}
    other = [seen("nmc", "3285914", **one | {"lon": 130.0}) for one in track_of]
    assert set(paths([*numbered, *other]).storm) == {"202406", "3285914"}
    never_together = [seen("nmc", "1", at=-3.0), seen("zj", "2", at=-1.0)]
    assert len(set(paths(never_together).storm)) == 2


def test_two_numbers_are_two_storms_however_near_and_a_nameless_one_joins_only_one_of_them() -> None:
    near = [seen("nmc", "202406"), seen("zj", "202407", lat=28.1), seen("zj", "9", lat=28.05)]
    assert sorted(paths(near).storm) == ["202406", "202407"]


def test_over_the_date_line_it_is_one_storm() -> None:
    rows = [seen("nmc", "1", at=h, lon=lon) for h, lon in ((-7, 179.5), (-1, -179.7))] + [seen("zj", "202406", at=h, lon=lon) for h, lon in ((-4, 179.9), (-1, -179.7))]
    assert set(paths(rows).storm) == {"202406"}


def test_a_feed_that_stands_still_does_not_hide_what_another_tells() -> None:
    stale, fresh = seen("nmc", "202406", at=-20.0), seen("zj", "202406")
    assert paths([stale]).outdated.all() and not paths([stale, fresh]).outdated.any()
    gone = stale | {"ended": -2.0}
    assert len(paths([gone]).tick) == 0 and len(paths([gone, fresh | {"at": -13.0}]).tick) == 1, "one feed still has it: it is not over"
    assert len(paths([gone, fresh | {"at": -13.0, "ended": -1.0}]).tick) == 0, "both are without it"


def test_of_one_analysis_told_twice_the_worse_of_both_counts() -> None:
    circles = {name: 300.0 for name in _RADII if name.startswith("r7")}
    found = paths([seen("nmc", "202406", wind=30.0, pressure=980.0, **circles), seen("zj", "202406", wind=45.0, pressure=np.nan, lat=28.1)])
    assert (len(found.tick), found.wind[0, 0], found.pressure[0, 0], found.lat[0, 0]) == (1, 45.0, 980.0, 28.1) and found.radii[0, 0].tolist() == [300.0] * 4


def test_a_feed_that_stands_still_after_it_numbered_a_storm_has_not_said_that_it_is_over() -> None:
    """The depression's own name ends on the day of its number; the storm does not."""
    before = [seen("nmc", "3285913", at=-30.0 + h, ended=-18.0) for h in (0, 6, 10)]
    after = [seen("nmc", "202406", at=-30.0 + h) for h in (0, 6, 10, 16)]
    assert paths([*before, *after]).outdated.all()
    assert not paths([*before, *(row | {"ended": -1.0} for row in after)]).outdated.any(), "now it has"


@pytest.mark.parametrize("wrong", [{"lat": 18.0, "wind": 60.0}, {"lon": -124.0, "wind": 60.0}, {"lat": 18.0, "at": 0.0}])
def test_a_feed_that_has_a_storm_in_the_wrong_place_does_not_take_it_away(wrong: dict[str, float]) -> None:
    """One number, two places: nobody knows which is right, so both stand."""
    right = [seen("nmc", "202406", at=h, **HERE) for h in (-7.0, -1.0)]
    assert near(right) < 20.0
    assert near([*right, *(seen("zj", "202406", at=h, **HERE) | wrong | {"at": h + wrong.get("at", -1.0) + 1} for h in (-7.0, -1.0))]) < 20.0


STATED = tuple(load_catalogue().indicators[name] for name in ("typhoon_distance", "r7_eta", "r10_eta", "typhoon_wind_now", "typhoon_wind_24h"))
SPELT = {"中国": "BABJ", "日本": "RJTD", "美国": "JTWC"}


def near(rows: list[dict[str, Any]]) -> float:
    """Km that the storm is at most off."""
    return float(track.intervals([STATED[0]], paths(rows), *TOWN, silent=False)[STATED[0].name].hi[0, 0])


def danger(rows: list[dict[str, Any]]) -> list[float]:
    """Both ends of every indicator, the more the worse."""
    found = track.intervals(list(STATED), paths(rows), *TOWN, silent=False)
    return [float(getattr(found[i.name], end)[0, 0]) * (1 if i.quantity == "wind" else -1) for i in STATED for end in ("lo", "hi")]


def whole(rng: np.random.Generator, feed: str, storm: str, lat: float, lon: float) -> list[dict[str, Any]]:
    """A storm that moves and veers, seen every six hours, with the forecasts of three agencies."""
    move, wind, rows = rng.normal(0, 0.15, 2), float(rng.integers(18, 55)), []
    circles = {name: float(rng.integers(100, 400)) for name in _RADII if name.startswith("r7")} if rng.random() < 0.5 else {}
    for h in (-19.0, -13.0, -7.0, -1.0):
        rows.append(seen(feed, storm, at=h, lat=lat + move[0] * h, lon=lon + move[1] * h, wind=wind, **circles))
    for agency in SPELT:
        for issued in (-7.0, -1.0):
            north, east = move + rng.normal(0, 0.1, 2)
            for at in (issued + lead for lead in (6, 12, 18, 24, 36)):
                rows += ahead(feed, storm, agency, {"lat": lat + north * at, "lon": lon + east * at}, issued=issued, leads=(at - issued,), wind=wind)
    return rows


def less(rng: np.random.Generator, rows: list[dict[str, Any]], storm: str) -> list[dict[str, Any]]:
    """The same storm as a feed has it that knows less: late, fewer agencies by other names, fewer times, no wind, no circles, no number, or without it already."""
    late, gone = rng.choice((-1.0, -7.0, -13.0)), rng.choice((np.nan, -0.5))
    without = {name for name in SPELT if rng.random() < 0.4}
    told = [row | {"feed": "zj", "storm": storm, "agency": SPELT.get(row["agency"], "")} for row in rows
            if (row["at"] if row["issued"] is None else row["issued"]) <= late and row["agency"] not in without and (row["issued"] is None or rng.random() < 0.8)]
    bare = {name: np.nan for name in (*_RADII, *(("wind",) if rng.random() < 0.3 else ())) if rng.random() < 0.5}
    return [row | bare | {"ended": None if gone != gone else float(gone)} for row in told]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(("202406", "9", "3285913")), st.sampled_from((1, -1)))
def test_a_feed_that_knows_less_takes_nothing_from_one_that_knows_more(seed: int, storm: str, order: int) -> None:
    rng = np.random.default_rng(seed)
    more = whole(rng, "nmc", "202406", 31.0 + rng.normal(0, 2), 122.0 + rng.normal(0, 3))
    both = [more, less(rng, more, storm)][::order]
    assert all(joined >= alone for joined, alone in zip(danger([*both[0], *both[1]]), danger(more), strict=True))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from((("202406", "202407"), ("202406", "9"), ("8", "9"), ("202406", "202406"))))
def test_two_storms_are_as_bad_as_the_worse_of_them(seed: int, names: tuple[str, str]) -> None:
    """By different numbers, or far from each other whatever they are called."""
    rng = np.random.default_rng(seed)
    off = 0.2 if names[1] == "202407" else 6.0
    one = whole(rng, "nmc", names[0], 31.0, 122.0)
    other = [row | {"lat": row["lat"] + off} for row in one] if rng.random() < 0.5 else whole(rng, "zj", names[1], 31.0 + off, 122.0 + 4 * off)
    other = [row | {"feed": "zj", "storm": names[1], "ended": -0.5 if rng.random() < 0.3 else None} for row in other]
    assert danger([*one, *other]) == [max(pair) for pair in zip(danger(one), danger(other), strict=True)]
