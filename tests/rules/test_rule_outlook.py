"""The agencies' spread as a probability of level, and the time to a mark: counted by hand, shown to officers, moving no level."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rules_world import beijing, make, reading

import rules
from core.model import Batch, Circle, Hazard, Level, TrackPoint
from rules import track
from rules.assess import Judged, judge
from rules.packs import FOLDER, load_pack
from rules.testworld import START, sources, world

CIRCLES = tuple(load_pack(FOLDER / "cn" / "typhoon_circle.yaml").rules)
#: Towards the town, past it at sea, and away from it.
INTO, BESIDE, AWAY = {"lat": 31.9, "lon": 121.3}, {"lat": 31.0, "lon": 123.5}, {"lat": 22.0, "lon": 135.0}


def storm(**agencies: dict[str, float]) -> Judged:
    """One storm 500 km away whose agencies each have it somewhere else in 24 hours."""
    now = {"at": "0 h", "lat": 28.0, "lon": 124.0, "wind": 35, "pressure": 965, "r7": 250, "r10": 100}
    ahead = [{"issued": "0 h", "at": "24 h", "wind": 35, "pressure": 965, "agency": name, **place} for name, place in agencies.items()]
    case: dict[str, Any] = {"name": "spread", "tracks": [now, *ahead]}
    county = world(case, 1.0)
    return judge(sources(case, 1.0, county, START), START, county, CIRCLES)


def test_each_agency_is_judged_on_its_own_track_alone() -> None:
    judged = storm(中国=AWAY, 日本=INTO, 美国=INTO, 韩国=AWAY, 中国香港=BESIDE)
    found = judged.outlook.agencies(Hazard.TYPHOON)
    alone = {name: int(storm(**{"中国": place}).findings[0].proved[-1, 0]) for name, place in (("in", INTO), ("by", BESIDE), ("away", AWAY))}
    assert alone["away"] == 0 < alone["by"] and alone["in"] >= Level.BLUE
    wanted = {"中国": alone["away"], "日本": alone["in"], "美国": alone["in"], "韩国": alone["away"], "中国香港": alone["by"]}
    assert dict(zip(found.names, found.levels[:, 0].tolist(), strict=True)) == wanted
    assert found.chances(0) == {lv.en: (n, 5) for lv in Level if lv and (n := sum(v >= lv for v in wanted.values()))}
    assert found.chances(0)["blue"] == (3, 5) and judged.findings[0].proved[-1, 0] == Level.NONE, "the home agency says none: the spread moves nothing"


def test_a_town_is_followed_hour_by_hour_along_every_track() -> None:
    judged = storm(中国=AWAY, 日本=INTO)
    rows = {h.agency: h for h in judged.outlook.hours(Hazard.TYPHOON, 0)}
    assert set(rows) == {"中国", "日本"} and judged.outlook.hours(Hazard.FLOOD, 0) == ()
    near, far = rows["日本"], rows["中国"]
    assert near.lead_h == tuple(float(n) for n in range(25)) == far.lead_h and near.km[0] == far.km[0] == pytest.approx(508, abs=5)
    assert near.km[-1] == pytest.approx(9.5, abs=1) and far.km[-1] > 1500, "0.1 degree of longitude beside the town, and far out at sea"
    worst = max(near.wind)
    said = judged.situation.catalogue.indicators["typhoon_wind_24h"]
    paths = judged.situation.storms.last()
    alone = paths.where(paths.agency == "日本")
    found = track.intervals([said], replace(alone, home=np.ones_like(alone.home)), judged.situation.lat, judged.situation.lon, silent=False)
    whole = found[said.name].lo[0, 0]
    assert worst <= whole <= worst + 3.0 and max(far.wind[12:]) == 0.0, "the hours are those that the indicator takes the highest of"
    assert f"最大模拟风速 {worst:g} m/s" in near.line() and "路径 T1 日本" in near.line()


def test_a_strength_that_nobody_told_is_no_line_of_0_m_s() -> None:
    case: dict[str, Any] = {"name": "untold", "tracks": [{"at": "0 h", "lat": 31.0, "lon": 122.0, "wind": "_", "pressure": "_", "r7": 250}]}
    county = world(case, 1.0)
    judged = judge(sources(case, 1.0, county, START), START, county, CIRCLES)
    assert judged.outlook.hours(Hazard.TYPHOON, 0) == () and judged.findings[0].proved[-1, 0] == Level.YELLOW


def test_one_agency_has_no_spread_and_one_agency_by_two_names_is_one() -> None:
    assert storm(中国=INTO).outlook.agencies(Hazard.TYPHOON).chances(0) == {}
    twice = storm(中国=AWAY, BABJ=INTO, 日本=AWAY).outlook.agencies(Hazard.TYPHOON)
    assert set(twice.names) == {"中国", "日本"} and twice.chances(0)["blue"] == (1, 2), "the worse of one agency's two tracks counts"
    assert storm().outlook.agencies(Hazard.TYPHOON).names == (), "a track carried on by motion is no agency's forecast"
    assert storm(中国=INTO, 日本=INTO).outlook.agencies(Hazard.FLOOD).names == (), "no flood rule looks at a storm here"


@pytest.fixture
def surge(tmp_path: Path) -> Any:
    """Haimen with a storm off the coast, two agencies apart, and a canal that has risen 0.1 m/h for six hours."""
    place, now = make(tmp_path), beijing("07-25 20:00")
    place.calm(now)
    station = next(s for s in place.county.stations if "stage" in s.properties and s.warning_stage is not None and s.town)
    rows = tuple(reading(station.station, "stage", now - timedelta(hours=h), station.warning_stage - 0.4 - 0.1 * h, feed=station.feed, received=now,
                         datum=station.datum) for h in range(26))
    place.feed(station.feed, now, Batch(observations=rows))
    ring = Circle(ne=250, se=250, sw=250, nw=250)
    base: dict[str, Any] = {"feed": "typhoon_zj", "storm": "9", "name": "试", "received": now, "raw": "ab" * 32, "pressure": 965.0, "wind": 35.0, "r7": ring}
    place.feed("typhoon_zj", now, Batch(tracks=(
        TrackPoint(time=now, lat=28.0, lon=124.0, agency="中国", **base),
        TrackPoint(time=now + timedelta(hours=24), agency="中国", issued=now, **(base | AWAY)),
        TrackPoint(time=now + timedelta(hours=24), agency="日本", issued=now, **(base | INTO)))))
    return place, now, station, rules.assess(now=now, county=place.county, lake=place.lake, ledger=place.ledger)


def test_officers_are_told_and_the_public_is_not(surge: Any) -> None:
    place, now, station, report = surge
    typhoon = next(s for s in report.scores if (s.town, s.hazard) == (station.town, Hazard.TYPHOON))
    assert typhoon.chances["blue"] == (1, 2) and "达到蓝色的机构占比 1/2" in typhoon.outlook and typhoon.level is Level.NONE
    flood = next(s for s in report.scores if (s.town, s.hazard) == (station.town, Hazard.FLOOD))
    assert "约 4.0 小时到警戒水位" in flood.outlook and flood.chances == {}
    assert not any("机构" in text or "小时到警戒" in text for s in report.scores for text in s.told().values())
    told = rules.explain_town(town=station.town, at=now, county=place.county, lake=place.lake, ledger=place.ledger)
    assert all(e.matches for e in told) and any(f"展望 {typhoon.outlook}" in e.text() for e in told)
    assert place.ledger.scores(at=now) == list(report.scores), "stored and read back whole"


def test_the_outlook_speaks_of_the_last_tick(surge: Any) -> None:
    place, now, _, _ = surge
    from rules.assess import read

    ticks = [now - timedelta(hours=1), now]
    both, one = (judge(read(now, place.county, place.lake, place.ledger), now, place.county, ticks=t) for t in (ticks, [now]))
    assert np.array_equal(both.outlook.agencies(Hazard.TYPHOON).levels, one.outlook.agencies(Hazard.TYPHOON).levels)
