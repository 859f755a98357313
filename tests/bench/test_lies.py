"""Every station of the county tells every lie on a quiet day, through the real judge and the real rules; and the rates over recorded series."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import liars
import numpy as np
import pytest
import series
from rules_world import Scenario

from connectors.reading.records import Gather, Refused
from connectors.reading.stations import Stations
from core.county import load_county
from core.model import Hazard, Level
from rules.catalogue import load_catalogue
from rules.questions import questions

COUNTY = load_county(Path(__file__).parents[2] / "county" / "haimen")
#: Hours after a lie's beginning at which people would be warned: at once, in the middle and when it is over.
HOURS = {"spike": (0, 1), "calibration pulse": (0, 1, 3)}


@pytest.fixture(scope="module")
def day() -> liars.Day:
    """The quiet day; who changes its rules does so by monkeypatch."""
    return liars.Day(COUNTY)


@pytest.fixture(scope="module")
def foretold_day() -> liars.Day:
    """The same day where the tide is foretold."""
    return liars.Day(COUNTY, foretold=True)


def test_every_station_that_a_rule_reads_lies_somewhere(day: liars.Day) -> None:
    read = {p for r in day.rules for i in r.indicators for p in load_catalogue().indicators[i].properties}
    stations = {s.station for s in COUNTY.stations if read & set(s.properties)}
    assert stations == {name for name, _ in day.town.liars} and len(stations) >= 32


def test_the_quiet_day_is_quiet_and_nobody_honest_is_doubted(day: liars.Day) -> None:
    judged = day.judged(None, liars.START + 2)
    assert not any(f.claimed.any() or f.heading.any() for f in judged.findings)
    assert (judged.situation.sources.observations["flag"] == 1).all()


@pytest.mark.parametrize("name", liars.LIES)
def test_no_lie_of_one_station_causes_an_alert(day: liars.Day, name: str) -> None:
    assert day.alarms(name, HOURS.get(name, (0, 6))) == []


def test_no_drift_causes_an_alert_where_the_tide_is_foretold_either(foretold_day: liars.Day) -> None:
    assert foretold_day.alarms("drift", (0, 3, 6)) == []


@pytest.mark.parametrize("foretold", [False, True])
def test_a_lone_sensor_that_drifts_is_asked_about_and_hidden_nowhere(day: liars.Day, foretold_day: liars.Day, foretold: bool) -> None:
    """No other path measures what eight gauges and six ground sensors measure; their drift stands in the ceiling and rings the duty desk."""
    judged = (foretold_day if foretold else day).judged(liars.LIES["drift"], liars.START + 3)
    calm = {(town.key, hazard): Level.NONE for town in judged.situation.county.towns for hazard in Hazard}
    told = {ref.split(".")[0]: text for ref, text in questions(judged.situation, judged.findings, calm)}
    asked = set(told)
    assert ("（天文潮最高 4.1" if foretold else "（无天文潮预报，前一潮日最高 4.1") in told["TSG"]
    assert asked == {"CQ1", "HYZ", "LJZ", "SJZ", "SXZ", "TSG", "YDZ", "YLZ", *(f"DZ-0{n}" for n in range(1, 7))}
    for finding in judged.findings:
        assert (finding.ceiling[-1] >= finding.unexplained[-1]).all()


@pytest.mark.parametrize("around", liars.TRUE)
@pytest.mark.parametrize("hours", [1, 3])
def test_a_rise_that_is_true_or_that_nobody_can_deny_is_believed_at_once(day: liars.Day, around: str, hours: int) -> None:
    shown, whole = day.believed(around, hours)
    assert shown == whole >= 6


def test_without_asking_nature_a_drift_of_a_lone_sensor_would_warn(day: liars.Day, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "rules", tuple(replace(r, explained_by=None) for r in day.rules))
    assert {a.rule for a in day.alarms("drift", (3,))} == {"flood.stage", "geological.points"}


def test_without_the_flags_or_the_second_path_the_lies_would_warn(day: liars.Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above bites: with the leap test off, and nature not asked, a pulse warns at a lone gauge."""
    monkeypatch.setattr(day, "rules", tuple(replace(r, explained_by=None) for r in day.rules))
    monkeypatch.setattr("core.signatures.leap", lambda t, v, *_: (v != v, v * float("nan")))
    assert {a.rule for a in day.alarms("calibration pulse", (1,))} == {"flood.stage", "geological.points"}


@pytest.mark.parametrize("storm", ["in-fa-2021", "plum-rain-2023"])
@pytest.mark.parametrize("feed", liars.GROUPS)
def test_no_reading_of_the_countys_storms_is_doubted(storm: str, feed: str) -> None:
    told, stations = Scenario(storm, COUNTY).observations[feed], COUNTY.stations_of(feed)
    column, row = {s.station: n for n, s in enumerate(stations)}, {t: n for n, t in enumerate(sorted({o.time for o in told}))}
    values: liars.Arrays = {}
    for o in told:
        values.setdefault(o.observed_property, np.full((len(row), len(column)), np.nan))[row[o.time], column[o.station]] = o.value
    found = liars.flagged(feed, COUNTY, stations, values, np.array([t.timestamp() for t in row]), 3600)
    assert len(told) > 300 and {d.reason for several in found.values() for d in several if d.flag > 1 and d.where.any()} == set()


def test_a_clock_ahead_and_a_station_that_stands_elsewhere_are_refused_at_the_door() -> None:
    now = datetime(2026, 8, 1, tzinfo=UTC)
    gather = Gather(feed=COUNTY.feed("water"), received=now, raw="r")
    with pytest.raises(Refused, match="later than its receipt"):
        gather.check(gather.observation("SXZ", "stage", now + timedelta(hours=8), 2.1))
    stations = Stations(COUNTY, COUNTY.feed("water"))
    with pytest.raises(Refused, match="from its place"):
        stations.in_place(stations.known("SXZ"), "31.9680", "121.1230")


BOUNDS = {  # property: lie -> least share told of the draws
    "wind_speed": {"units x10": 0.5, "stuck": 0.7, "spike": 0.8, "calibration pulse": 0.85, "swapped fields": 0.9},
    "rain": {"units x10": 0.55, "spike": 0.65, "calibration pulse": 0.75},
    "tide": {"units x10": 0.95, "stuck": 0.95, "spike": 0.95, "calibration pulse": 0.95},
    "stage": {"units x10": 0.95, "spike": 0.95, "calibration pulse": 0.95},
    "temperature": {"units x10": 0.95, "spike": 0.95, "calibration pulse": 0.95},
}
#: Share of honest readings that may be doubted. Wind is reported in whole knots by airports, so that calm nights look stuck.
BLAMED = {"wind_speed": 0.025, "rain": 0.0005, "tide": 0.005, "stage": 0.005, "temperature": 0.005}


@pytest.mark.recorded
@pytest.mark.parametrize("load", series.SERIES, ids=lambda load: load.__name__)
def test_rates_over_recorded_series(load) -> None:
    folder = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("recorded feeds are not here; set FENGSUI_RECORDED")
    recorded = load(folder, COUNTY)
    readings, blamed = series.false_flags(COUNTY, recorded)
    assert readings > 300 and blamed <= BLAMED[recorded.property]
    if recorded.name == "rain":  # the storm itself: what is heavy is not taken for a lie
        heavy = recorded.values["rain"] >= 30.0
        assert heavy.sum() > 50 and series.told(COUNTY, recorded, recorded.values)[heavy].mean() <= 0.05
    drawn, who = series.draws(recorded, 40)
    for name, least in BOUNDS[recorded.property].items():
        share, delay = series.detection(COUNTY, drawn, who, name)
        assert share >= least and delay <= 6, (name, share, delay)
