"""Typhoon DOLPHIN, August 2026, as recorded, through the production connectors, lake, rules and ledger: official floors, silence, recovery."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import season_wire as wire
from season_facts import HUSHED, official
from season_world import CAP, HOLE, PATHS, World, scores, world
from sqlalchemy import select
from typer.testing import CliRunner

import connectors
from connectors.official import COLOURS, hazard_of
from console.cli import app
from console.feedrows import feeds
from console.steps import TickReport
from core.ledger import tables as t
from core.ledger import verify_audit
from core.model import FeedState, Hazard, Level
from core.times import parse_iso

pytestmark = pytest.mark.recorded
HOUR = timedelta(hours=1)
#: Haimen's official record: (event, level, issued).
OFFICIAL = (
    ("台风", Level.BLUE, "2026-08-07T23:13Z"), ("暴雨", Level.YELLOW, "2026-08-09T03:22Z"), ("暴雨", Level.BLUE, "2026-08-10T11:31Z"),
    ("暴雨", Level.BLUE, "2026-08-14T02:59Z"), ("暴雨", Level.ORANGE, "2026-08-14T23:05Z"),
)
FAILURES = {"/zj/typhoon": "gateway", "/metar": "page", "/airfields.json": "drop", "/grid": "gateway"}


@pytest.fixture(scope="module")
def folder() -> Path:
    path = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data")) / "typhoon_season_2026"
    if not path.is_dir():
        pytest.skip("recorded feeds are not here; set FENGSUI_RECORDED")
    return path


def every(start: datetime, end: datetime, step: timedelta) -> Iterator[datetime]:
    while start <= end:
        yield start
        start += step


def expected(played: World, now: datetime, hazard: Hazard, codes: tuple[str, ...] = ("320614", "320600", "320000")) -> int:
    """The floor that the recorded list gives an inland town of Haimen: its own warnings, those of Nantong and of Jiangsu."""
    listed = wire.newest(played.season.warnings, now)["warnings"]
    return max((int(COLOURS[w["color"]]) for code in codes for w in listed.get(code, ()) if w["color"] and "浪" not in wire.EVENTS.get(w["type"], "")
                and hazard_of(wire.EVENTS.get(w["type"], w["type"])) is hazard), default=0)


def listed(played: World, event: str, level: Level, issued: str) -> tuple[datetime, datetime]:
    """When the recorder first saw one of Haimen's warnings, and when it first did not see it any more."""
    word = next(word for word, colour in COLOURS.items() if colour is level)
    has = [(at, any(w["type"] == event and w["color"] == word and w["issued"][:16] + "Z" == issued for w in row["warnings"].get("320614", ())))
           for at, row in played.season.warnings]
    first = next(n for n, (_, there) in enumerate(has) if there)
    return has[first][0], next(at for at, there in has[first:] if not there)


def test_officials_are_floors_from_the_first_pull_to_the_last_listing(tmp_path: Path, folder: Path) -> None:
    """Counts per feed over the season's decisive days, the floor of every town at every step, and how long after its issue each warning was one."""
    with world(tmp_path, folder, wire.moment("2026-08-07T18:00Z")) as played:
        spans = {w: listed(played, *w) for w in OFFICIAL}
        turns = {wire.pull_after(at) + side for span in spans.values() for at in span for side in (timedelta(), timedelta(minutes=-5))}
        steps = sorted(turns | set(every(played.season.now, wire.moment("2026-08-09T08:00Z"), 4 * HOUR)))
        reports = {at: played.step(at) for at in steps}
        for at, report in reports.items():
            for hazard in (Hazard.TYPHOON, Hazard.FLOOD):
                floors = {town.key: scores(report)[town.key, hazard].floor for town in played.ctx.county.towns}
                inland = {floors[town.key] for town in played.ctx.county.towns if not town.sea_front}
                assert inland == {expected(played, at, hazard)}, (at, hazard)
                assert min(floors.values()) == expected(played, at, hazard)
            assert all(score.level >= score.floor for score in report.assessment.scores)
        rose = fell = 0
        for (event, level, issued), (seen, gone) in spans.items():
            hazard = hazard_of(event)
            at, last = wire.pull_after(seen), wire.pull_after(gone)
            floor = {when: {scores(reports[when])[town.key, hazard].floor for town in played.ctx.county.towns if not town.sea_front}
                     for when in (at - timedelta(minutes=5), at, last - timedelta(minutes=5), last)}
            print(f"{event}{level.zh} 签发 issued {issued}, 下限 floor {at:%m-%dT%H:%MZ} (+{(at - wire.moment(issued)).total_seconds() / 60:.0f} min), "
                  f"离开名单 off the list {last:%m-%dT%H:%MZ}")
            assert floor[at] == floor[last - timedelta(minutes=5)] == {level}
            rose, fell = rose + (level not in floor[at - timedelta(minutes=5)]), fell + (level not in floor[last])
            assert timedelta() <= at - wire.moment(issued) <= 90 * timedelta(minutes=1)
        assert (rose, fell) == (3, 5)  # Nantong's own blue stood already when two of Haimen's came
        told(played, reports)
        lead(played, reports)


def test_each_warning_stands_by_list_and_by_document_from_its_recorded_time(tmp_path: Path, folder: Path) -> None:
    """Two of Haimen's warnings pulled from the list and as CAP documents: a floor of every town from the first pull after the recorder saw them, by the
    list until it was gone from it, by its document until it expires."""
    first, last = wire.moment("2026-08-07T23:00Z"), wire.moment("2026-08-16T00:00Z")
    with world(tmp_path, folder, first, CAP) as played:
        warned = [w for w in official(played.season, first, last) if (w.event, w.level) in (("台风", Level.BLUE), ("暴雨", Level.ORANGE))]
        turns = {wire.pull_after(at) + side for w in warned for at in (w.seen, w.gone or last, w.expires) for side in (timedelta(), timedelta(minutes=-5))}
        for at in sorted(turns):
            report = played.step(at)
            for w in warned:
                w.look(played, report)
    facts = [fact for w in warned for fact in w.facts()]
    assert len(facts) == 6 and [fact.words for fact in facts if not fact.holds] == []


def told(played: World, reports: dict[datetime, TickReport]) -> None:
    """What came by each feed, what was set aside, and the agencies' forecasts with their issue and lead."""
    counts = Counter[tuple[str, str]]()
    for report in reports.values():
        for ingest in report.ingests:
            counts[ingest.feed, ingest.outcome] += 1
            counts[ingest.feed, "records"] += ingest.records
            counts[ingest.feed, "set aside"] += ingest.set_aside
    print(dict(counts))
    assert {feed: (counts[feed, "failed"], counts[feed, "set aside"]) for feed in ("typhoon_zj", "warnings_nmc", "wind_grid")} == dict.fromkeys(
        ("typhoon_zj", "warnings_nmc", "wind_grid"), (0, 0))
    at = wire.moment("2026-08-08T06:00Z")
    tracks = played.ctx.lake.tracks(start=at - 90 * HOUR, end=at + 240 * HOUR, as_of=at)
    newest = tracks[tracks["received"] == tracks["received"].max()]
    payload = wire.newest(played.season.storms, max(report for report in reports if report <= at))
    ahead = newest[newest["issued"].notna()]
    said = {agency: sum(wire.moment(told["issued"]) < datetime.fromisoformat(p["time"] + "+08:00") for p in told["points"])
            for agency, told in payload["forecasts"].items()}
    assert ahead.groupby("agency").size().to_dict() == said and set(said) >= {"中国", "中国台湾", "日本", "美国"}
    for agency, rows in ahead.groupby("agency"):
        assert {stamp.to_pydatetime() for stamp in rows["issued"]} == {wire.moment(payload["forecasts"][agency]["issued"])}
        leads = (rows["time"] - rows["issued"]).dt.total_seconds() / 3600
        assert leads.min() > 0 and 72 <= leads.max() <= 132, agency


def lead(played: World, reports: dict[datetime, TickReport]) -> None:
    """When the forecast-based packs proved a colour for any town of Haimen: in order, and here after the official blue, which the floor bridges."""
    first: dict[Level, datetime] = {}
    for at, report in sorted(reports.items()):
        proved = max(scores(report)[town.key, Hazard.TYPHOON].proved for town in played.ctx.county.towns)
        for level in (Level.BLUE, Level.YELLOW):
            if proved >= level:
                first.setdefault(level, at)
    issued = wire.moment("2026-08-07T23:13Z")
    print({level.zh: f"{at:%m-%dT%H:%MZ}，比官方蓝色早 ahead of the official blue by {(issued - at) / HOUR:+.1f} h" for level, at in first.items()})
    assert first[Level.BLUE] < first[Level.YELLOW]
    assert -14 * HOUR < issued - first[Level.BLUE] < timedelta()


@pytest.mark.parametrize("how", ["standing still", "failing"])
def test_the_hole_is_silence_and_never_calm(tmp_path: Path, folder: Path, how: str) -> None:
    """64.8 h without news, once with every server repeating its last answer (304 or the same bytes), once with 502, HTML and cut connections."""
    with world(tmp_path, folder, HOLE[0] - 6 * HOUR) as played:
        before = scores(played.step(HOLE[0]))
        played.season.stuck = {path: HOLE[0] for path in PATHS if path != "/nmc/rest/findAlarm"} if how == "standing still" else {}
        played.season.broken = FAILURES if how == "failing" else {}
        held = {key: score.level for key, score in before.items()}
        assert all(score.ceiling == score.level for score in before.values())
        outcomes = Counter[str]()
        for at in every(HOLE[0] + timedelta(minutes=3), HOLE[1] - timedelta(minutes=30), 7 * HOUR):
            report = played.step(at)
            outcomes.update(i.outcome for i in report.ingests if i.feed in HUSHED)
            quiet(played, report, at - HOLE[0])
            for key, score in scores(report).items():
                assert score.ceiling >= score.level >= held[key], (at, key)
                held[key] = score.level
        assert set(outcomes) == ({"unchanged"} if how == "standing still" else {"failed"})
        with played.ctx.ledger.begin() as tx:
            log = [row.text for row in tx.execute(select(t.duty_log).where(t.duty_log.c.kind == "feed_silent"))]
            assert tx.execute(select(t.alert_version).where(t.alert_version.c.msg_type == "Cancel")).first() is None
        assert {feed for feed in HUSHED if any(played.ctx.county.feed(feed).title in text for text in log)} == set(HUSHED) and len(log) == len(HUSHED)
        said = fengsui_feeds(played, report.at)
        assert said.exit_code == 1 and said.output.count("静默") == len(HUSHED) and "官方预警信号（中央气象台）：正常" in said.output
        tried = connectors.trial("typhoon_zj", now=report.at, county=played.ctx.county, settings=played.ctx.settings)
        assert tried.layer == ("freshness" if how == "standing still" else "source") and "正常" not in tried.sentence
        played.season.stuck, played.season.broken = {}, {}
        report = played.step(HOLE[1] + 2 * HOUR)
        assert not report.assessment.silent and {i.state for i in report.ingests} == {FeedState.OK}
        assert all(score.ceiling == score.level for score in scores(report).values())
        assert verify_audit(played.ctx.ledger).broken_at is None


def fengsui_feeds(played: World, now: datetime) -> Any:
    """What `fengsui feeds` prints at a time."""
    settings = played.ctx.settings
    where = {"FENGSUI_HOME": str(settings.home), "FENGSUI_COUNTY": str(settings.county), "FENGSUI_SANDBOX_URL": settings.sandbox_url}
    return CliRunner().invoke(app, ["feeds", "--now", now.isoformat()], env=where)


def quiet(played: World, report: TickReport, into: timedelta) -> None:
    """At a time `into` the hole: which feeds say that they are silent, on the ladder and in words, and what cannot be excluded."""
    with played.ctx.ledger.begin() as tx:
        rows = {row["feed"]: row for row in feeds(tx, played.ctx, report.at)}
    for feed, limit in HUSHED.items():
        newest = parse_iso(rows[feed]["newest"]) if rows[feed]["age_from"] == "reading" else None
        if into > limit or (newest and report.at - newest > limit):
            assert rows[feed]["state"] == "silent" and feed in report.assessment.silent, (into, feed)
            assert "正常" not in rows[feed]["headline"] and ["freshness", "ok"] not in rows[feed]["ladder"]
    if into > HUSHED["typhoon_zj"]:
        assert {score.ceiling for key, score in scores(report).items() if key[1] == Hazard.TYPHOON} == {Level.RED}


def test_what_silence_could_not_exclude_covers_what_the_agencies_were_saying(tmp_path: Path, folder: Path) -> None:
    """The hole once more with the feed mended from the later track and verify_202613.json: no level of that night is over the silent one's ceiling."""
    end = HOLE[1] + 14 * HOUR
    with world(tmp_path / "silent", folder, HOLE[0]) as hushed, world(tmp_path / "told", folder, HOLE[0]) as informed:
        informed.season.mended = True
        hushed.season.broken = {"/zj/typhoon": "gateway"}
        excluded = 0
        for at in every(HOLE[0], end, 10 * HOUR):
            silent, known = scores(hushed.step(at)), scores(informed.step(at))
            assert informed.ctx.ledger.feed_health()["typhoon_zj"].state == FeedState.OK
            for key, score in known.items():
                assert score.level <= silent[key].ceiling and silent[key].level <= score.level, (at, key)
                excluded += score.ceiling < silent[key].ceiling
        assert excluded  # and the news did narrow what was possible
        tracks = informed.ctx.lake.tracks(start=HOLE[0], end=HOLE[1] + 99 * HOUR, as_of=HOLE[1])
        inside = tracks[(tracks["received"] > HOLE[0]) & tracks["issued"].notna()]
        assert set(inside["agency"]) == {"中国", "中国台湾", "日本", "美国", "中国香港"}


@pytest.mark.parametrize("how", ["standing still", "line cut"])
def test_silence_on_the_night_of_the_storm_lowers_and_cancels_nothing(tmp_path: Path, folder: Path, how: str) -> None:
    """The same silence moved to 08-08T16Z, the storm 24 h away and an alert out: levels, alert and renewals stand for 36 h; fresh data end them."""
    start = wire.moment("2026-08-08T16:00Z")
    with world(tmp_path, folder, start - 8 * HOUR) as played:
        for at in (start - 8 * HOUR, start):
            played.step(at, people=True)
        held = {key: score.level for key, score in scores(played.step(start + timedelta(minutes=5), people=True)).items()}
        assert min(level for (_, hazard), level in held.items() if hazard == Hazard.TYPHOON) >= Level.BLUE
        played.season.stuck = dict.fromkeys(PATHS, start + timedelta(minutes=5)) if how == "standing still" else {}
        played.cut = how == "line cut"
        out = versions(played)
        assert out[-1].state == "issued"
        for hours in (2, 8, 15, 16, 24, 36):
            report = played.step(start + hours * HOUR, people=True)
            found = scores(report)
            assert all(score.ceiling >= score.level >= held[key] for key, score in found.items()), hours
            rows = versions(played)
            assert {"Cancel"}.isdisjoint(row.msg_type for row in rows) and any(row.state == "issued" and parse_iso(row.expires) > report.at for row in rows)
            assert all(row.level >= out[-1].level for row in rows[len(out) - 1:]), "downgraded in silence"
        assert {score.ceiling for key, score in found.items() if key[1] == Hazard.TYPHOON} == {Level.RED} and "typhoon_zj" in report.assessment.silent
        played.season.stuck, played.cut = {}, False
        for at in every(wire.moment("2026-08-11T14:00Z"), wire.moment("2026-08-11T23:00Z"), 3 * HOUR):
            found = scores(played.step(at, people=True))
        assert {score.level for score in found.values()} == {Level.NONE} == {score.ceiling for score in found.values()}
        assert [row.msg_type for row in versions(played)][-1] == "Cancel"
        assert verify_audit(played.ctx.ledger).broken_at is None


def versions(played: World) -> list[Any]:
    """Every version of the typhoon alert's threads, oldest first."""
    with played.ctx.ledger.begin() as tx:
        rows = tx.execute(select(t.alert_version, t.alert.c.hazard).join(t.alert, t.alert.c.alert_id == t.alert_version.c.alert_id)
                          .order_by(t.alert_version.c.drafted_at, t.alert_version.c.version)).all()
    return [row for row in rows if row.hazard == Hazard.TYPHOON]
