"""Every connector through the whole step from a real server on loopback, in five cases: good, duplicated, partial, malformed and late data.

The table stands in served_cases.py, the servers in served_sources.py, the documents in served_wire.py. Each test begins with an empty lake. What the lake holds is
compared as a whole after every pull, so that a record that is lost, doubled or changed is seen whatever its connector.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from served_cases import CASES, LOGIN, Case
from served_sources import NOW, Http, Postgres, Source, Tcp, postgresql

import connectors
from connectors.registry import CONNECTORS
from core.county import County
from core.lake import Lake
from core.ledger import Ledger
from core.model import FeedState

OK, FAILED = FeedState.OK, FeedState.FAILED
COLUMNS = ("station", "observed_property", "storm", "agency", "identifier", "kind", "time", "issued", "value", "lat", "level", "areas")


@dataclass(slots=True, kw_only=True)
class World:
    """One feed with its source, lake and ledger; every pull is a minute later than the one before."""

    case: Case
    listing: bool
    feed: str
    county: County
    lake: Lake
    ledger: Ledger
    source: Source
    at: datetime = NOW

    def pull(self, *records: Any) -> tuple[connectors.IngestReport, list[tuple[str, ...]]]:
        """The source holds, or sends, these records; the report and all rows of the lake."""
        return self.tell(self.case.write(list(records)))

    def tell(self, told: Any) -> tuple[connectors.IngestReport, list[tuple[str, ...]]]:
        self.source.tell(told)
        for _ in range(self.source.pulls):
            self.at += timedelta(minutes=1)
            report = connectors.ingest(self.feed, now=self.at, county=self.county, lake=self.lake, ledger=self.ledger, settings=self.source.settings)
        return report, self.rows()

    def records(self) -> list[dict[str, Any]]:
        """All that the lake holds, of the kinds that it holds."""
        lake, window = self.lake, {"start": NOW - timedelta(days=2), "end": NOW + timedelta(days=2), "as_of": self.at}
        reads = {
            "observations": lambda: [lake.observations(**window), lake.observations(**window, forecasts=True)], "tracks": lambda: [lake.tracks(**window)],
            "reports": lambda: [lake.reports(**window)], "signals": lambda: [lake.signals(as_of=self.at)],
        }
        frames = [frame for kind, read in reads.items() if (lake.place.root / kind).is_dir() for frame in read()]
        return [row for frame in frames for row in frame[frame.columns.intersection(COLUMNS)].astype(object).to_dict("records")]

    def rows(self) -> list[tuple[str, ...]]:
        return sorted(tuple(str(row.get(key)) for key in COLUMNS) for row in self.records())

    def sees(self) -> set[float]:
        """Values of readings and reports, latitudes of positions, levels of warnings."""
        return {round(float(next(row[name] for name in ("value", "lat", "level") if name in row)), 6) for row in self.records()}

    def in_force(self) -> set[str]:
        frame = self.lake.signals(as_of=self.at)
        return set(frame[(frame["listed_at"] == frame["snapshot_at"]) & (frame["msg_type"] != "Cancel")]["identifier"])


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgresql() as url:
        yield url


every = pytest.mark.parametrize("world", CASES, indirect=True)
LISTS = [name for name in CASES if CONNECTORS[name.split()[0]].listing]
ENDED = [name for name in LISTS if CASES[name].ends]


@pytest.fixture
def world(request, county, elsewhere, lake, ledger, settings, monkeypatch) -> Iterator[World]:
    case, connector = CASES[request.param], request.param.split()[0]
    if case.source is Postgres:
        monkeypatch.setenv("FENGSUI_SECRET_WATER", request.getfixturevalue("postgres"))
    if not case.feed:
        county, _ = elsewhere(connector, *case.stations, **case.options)
    row = CONNECTORS[connector]
    change = {"expected": 0, "age_from": "fetch"} if row.listing or row.standstill or case.quiet else {"expected": 0}
    if connector == "file_drop" or case.source.__name__ == "Spooled":
        change["sandbox"] = ""
    feed = replace(county.feed(case.feed or "elsewhere"), table=case.table, **change)
    county = replace(county, feeds=tuple(feed if f.feed == feed.feed else f for f in county.feeds))
    source = case.source(county, feed, settings.model_copy(update={"http_deadline_s": 30.0}))
    yield World(case=case, listing=row.listing, feed=feed.feed, county=county, lake=lake, ledger=ledger, source=source)
    source.close()


def test_the_table_has_every_connector_of_the_registry() -> None:
    assert {name.split()[0] for name in CASES} == set(CONNECTORS)


@every
def test_good(world) -> None:
    report, rows = world.pull(*world.case.good)
    assert (report.outcome, report.set_aside, report.state) == ("ok", 0, OK)
    assert len(rows) == report.records > 1 and world.sees() == world.case.sees and world.lake.raw(report.raw)


@every
def test_duplicated(world) -> None:
    """The same answer again, and one record twice in an answer."""
    first, second = world.case.good
    _, rows = world.pull(first, second)
    again, held = world.pull(first, second)
    assert again.outcome in ("ok", "unchanged") and held == rows and again.state == OK
    twice, held = world.pull(first, second, second)
    assert twice.outcome in ("ok", "partial") and held == rows and twice.state == OK


@every
def test_partial(world) -> None:
    """One bad record among good ones costs itself and is counted; a document cut off, or one of several that is none, costs nothing that was known."""
    first, second = world.case.good
    report, rows = world.pull(first, world.case.bad, second)
    assert (report.outcome, report.set_aside, report.state) == ("partial", 1, OK)
    assert world.pull(first, second)[1] == rows and world.sees() == world.case.sees
    if isinstance(world.source, Http):
        whole = world.case.write([first, second])
        cut = {path: body[: len(body) * 2 // 3] for path, body in whole.items()}
        for part in (cut, *({**whole, path: LOGIN.encode()} for path in whole)):  # all cut off, or one of several a login page
            half, held = world.tell(part)
            assert held == rows and (half.state == FAILED or half.set_aside), half


@every
def test_malformed(world) -> None:
    """A login page, bytes that are no text, nothing, another document: nothing is taken and nothing is lost, and the feed is told as ill until it is well again."""
    _, rows = world.pull(*world.case.good)
    for page in world.case.garbage:
        report, held = world.tell(dict.fromkeys(world.case.write(list(world.case.good)), page) if isinstance(world.source, Http) else page)
        assert report.records == 0 and held == rows
        if isinstance(world.source, Tcp):  # turned away at the door, without an answer
            assert report.outcome == "unchanged"
        elif world.source.queue:
            assert report.outcome == "partial" and report.set_aside
        else:
            assert (report.outcome, report.state) == ("failed", FAILED) and report.error
    well, held = world.pull(*world.case.good)
    assert well.outcome in ("ok", "partial") and held == rows and well.state == OK


@pytest.mark.parametrize("world", [name for name in CASES if name not in ("hazard_layer", *LISTS)], indirect=True)
def test_late(world) -> None:
    """Something older after something newer: it is taken, and the newer stays as it was. A queue's newest is the newest that it ever brought."""
    report, rows = world.pull(*world.case.good)
    late, grown = world.pull(world.case.late)
    assert late.outcome == "ok" and set(grown) > set(rows) and len(grown) == len(set(grown))
    assert late.newest_reading == report.newest_reading if world.source.queue else late.newest_reading is None or late.newest_reading < report.newest_reading
    again, held = world.pull(*world.case.good)
    assert again.outcome == "ok" and held == grown and again.state == OK


@pytest.mark.parametrize("world", LISTS, indirect=True)
def test_late_in_a_list(world) -> None:
    """A list of what is in force has no time of its own, its warnings have: one that was issued earlier and is listed later is taken with its own time."""
    first, second = world.case.good
    _, rows = world.pull(first, second)
    late, grown = world.pull(first, second, world.case.late)
    assert (late.outcome, late.state) == ("ok", OK) and set(grown) > set(rows) and len(world.in_force()) == 3


@pytest.mark.parametrize("world", LISTS, indirect=True)
def test_partial_list_lifts_nothing(world) -> None:
    """What is missing from a list that could not be read whole may be the record that could not be read."""
    first, second = world.case.good
    world.pull(first, second)
    before = world.in_force()
    report, _ = world.pull(world.case.bad, second)
    assert (report.outcome, report.records) == ("partial", 1) and world.in_force() == before and len(before) == 2
    world.pull(second)
    assert len(world.in_force()) == 1


@pytest.mark.parametrize("world", ENDED, indirect=True)
def test_late_list_brings_back_nothing_that_its_issuer_ended(world) -> None:
    """An old list after a newer one, out of a cache: what an update has ended stays ended, and the update, which that list does not know, stays in force."""
    first, second = world.case.good
    world.pull(first, second)
    world.pull(first, world.case.ends)
    assert world.in_force() == {"A", "D"}
    old, _ = world.pull(first, second)
    assert old.outcome == "partial" and world.in_force() == {"A", "D"}
    world.pull(first)
    assert world.in_force() == {"A"}


@pytest.mark.parametrize("world", [name for name in LISTS if name not in ENDED], indirect=True)
def test_late_list_without_references_can_only_raise(world) -> None:
    """Where no warning names the one that it ends, an old list cannot be told from a warning issued again: it is in force until a list lacks it."""
    first, second = world.case.good
    _, rows = world.pull(first, second)
    world.pull(second)
    world.pull(first, second)
    assert len(world.in_force()) == 2 and world.rows() == rows
    world.pull(second)
    assert len(world.in_force()) == 1


@pytest.mark.parametrize("world", ["hazard_layer"], indirect=True)
def test_late_layer_is_the_reading_of_the_day_on_which_it_came(world) -> None:
    """A layer has no time: of a day's layers the last counts, and an old one that comes on a later day changes nothing of the days before."""
    _, rows = world.pull(*world.case.good)
    world.at += timedelta(days=1)
    late, grown = world.pull(world.case.late)
    assert late.outcome == "ok" and set(grown) > set(rows) and len(grown) == 2 * len(rows)
