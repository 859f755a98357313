"""The step against real servers, a real lake and a real ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import connectors
from connectors.health import evaluate
from connectors.registry import CONNECTORS
from core.county import CONNECTOR_KINDS
from core.errors import StoreError
from core.ledger import tables as t
from core.ledger.store import FeedHealthRow
from core.model import FeedState
from core.times import iso

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)


def document(*rows, time="2021-07-26 08:00:00") -> bytes:
    return json.dumps({"code": 0, "time": time, "unit": "户", "data": list(rows)}).encode()


def row(town, out: int) -> dict:
    return {"town_code": town.code, "town": town.name, "customers_total": 1000, "customers_out": out, "areas_total": 10, "areas_out": 1}


@pytest.fixture
def source(serve, reply):
    """A feed's server whose answer the test changes."""
    state = {"body": b"", "status": 200, "headers": {}, "asked": 0}

    def handle(request):
        state["asked"] += 1
        if state["headers"].get("ETag") and request.headers.get("If-None-Match") == state["headers"]["ETag"]:
            reply(request, b"", 304)
        else:
            reply(request, state["body"], state["status"], **state["headers"])

    state["url"] = serve(handle)
    return state


@pytest.fixture
def pull(source, county, lake, ledger, settings):
    def run(feed="power", now=NOW, **change):
        source.update(change)
        live = settings.model_copy(update={"sandbox_url": source["url"]})
        return connectors.ingest(feed, now=now, county=county, lake=lake, ledger=ledger, settings=live)

    return run


def towns(county, time="2021-07-26 08:00:00", out=10):
    return document(*(row(town, out) for town in county.towns), time=time)


def test_every_kind_has_its_connector() -> None:
    assert set(CONNECTORS) == set(CONNECTOR_KINDS)


def test_good_data_reach_the_lake_with_their_bytes(pull, county, lake, ledger) -> None:
    body = towns(county)
    report = pull(body=body)
    assert (report.outcome, report.records, report.set_aside, report.state, report.newest_reading) == ("ok", 48, 0, FeedState.OK, NOW)
    frame = lake.observations(start=NOW, end=NOW, as_of=NOW)
    assert len(frame) == 48 and set(frame["raw"]) == {report.raw} and lake.raw(report.raw) == body
    assert ledger.feed_health()["power"].headline == "停电信息：正常 / normal"


def test_the_same_bytes_and_304_are_unchanged_and_still_age(pull, county, source) -> None:
    pull(body=towns(county))
    assert pull(now=NOW + timedelta(minutes=5)).outcome == "unchanged"
    pull(now=NOW + timedelta(minutes=6), headers={"ETag": '"x"'}, body=towns(county, out=11))
    again = pull(now=NOW + timedelta(minutes=7))
    assert again.outcome == "unchanged" and again.raw
    old = pull(now=NOW + timedelta(seconds=7801))
    assert (old.outcome, old.state) == ("unchanged", FeedState.SILENT)


@pytest.mark.parametrize(
    ("change", "layer", "words"),
    [
        ({"body": b"<!doctype html><html>login"}, "content", "HTML"),
        ({"body": b'{"code":0,"data"'}, "content", "not JSON"),
        ({"body": b""}, "content", "empty"),
        ({"status": 503}, "source", "503"),
        ({"body": document()}, "content", "too few"),
        ({"url": "http://127.0.0.1:9"}, "network", "no connection"),
    ],
)
def test_what_is_no_data_is_never_green(pull, county, ledger, lake, change, layer, words) -> None:
    pull(body=towns(county))
    report = pull(now=NOW + timedelta(minutes=30), **change)
    health = ledger.feed_health()["power"]
    assert (report.outcome, report.state, health.layer) == ("failed", FeedState.FAILED, layer) and words in report.error
    assert health.newest_reading == iso(NOW) and len(lake.observations(start=NOW, end=NOW, as_of=NOW + timedelta(hours=1))) == 48
    later = pull(now=NOW + timedelta(hours=3))
    assert later.state is FeedState.SILENT and later.outcome == "failed"


def test_a_silence_is_told_to_the_desk_once(pull, county, ledger) -> None:
    pull(body=towns(county))
    for hours in (3, 4, 5):
        pull(now=NOW + timedelta(hours=hours), status=500)
    with ledger.begin() as tx:
        rows = tx.execute(t.duty_log.select()).mappings().all()
    assert [r["kind"] for r in rows] == ["feed_silent"] and "停电信息" in rows[0]["text"]


def test_recovery_is_ok_again(pull, county) -> None:
    pull(status=500)
    assert pull(now=NOW + timedelta(minutes=5), status=200, body=towns(county)).state is FeedState.OK


def test_one_bad_row_is_partial(pull, county) -> None:
    bad = json.loads(towns(county))
    bad["data"][0]["customers_out"] = -5
    report = pull(body=json.dumps(bad).encode())
    assert (report.outcome, report.set_aside, report.records) == ("partial", 1, 44)


def test_a_connectors_own_mistake_costs_that_feed_only(pull, monkeypatch, county) -> None:
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("13800000000")

    monkeypatch.setitem(CONNECTORS, "outages", replace(CONNECTORS["outages"], parse=broken))
    report = pull(body=towns(county))
    assert (report.outcome, report.error) == ("failed", "power: ZeroDivisionError")


def test_a_lake_that_cannot_be_written_is_nobodys_feed(pull, county, lake, monkeypatch) -> None:
    (lake.place.root / "raw").parent.mkdir(parents=True, exist_ok=True)
    (lake.place.root / "raw").write_text("in the way")
    with pytest.raises(StoreError):
        pull(body=towns(county))


def test_repeated_and_late_payloads_end_in_the_same_state(pull, county, lake) -> None:
    early, late = towns(county, "2021-07-26 07:00:00", 5), towns(county, out=10)
    for body in (late, early, late, early):
        pull(body=body)
    frame = lake.observations(start=NOW - timedelta(days=1), end=NOW, as_of=NOW, properties=["customers_out"])
    assert len(frame) == 24 and set(frame["value"]) == {5.0, 10.0}


def alarms(*rows):
    return json.dumps({"code": 0, "data": {"page": {"count": len(rows), "list": list(rows)}}}).encode()


ALARM = {"alertid": "32061441600000_20210725210800", "issuetime": "2021/07/25 21:08", "title": "海门区气象台发布台风橙色预警信号"}


def in_force(lake, now):
    frame = lake.signals(as_of=now, feed="warnings_nmc")
    return set(frame[(frame["listed_at"] == frame["snapshot_at"]) & (frame["msg_type"] != "Cancel")]["identifier"])


def test_a_listing_is_in_force_until_a_whole_list_lacks_it(pull, lake) -> None:
    one = {ALARM["alertid"]}
    pull("warnings_nmc", body=alarms(ALARM))
    pull("warnings_nmc", NOW + timedelta(minutes=5))  # same bytes: listed again
    assert in_force(lake, NOW + timedelta(minutes=5)) == one
    pull("warnings_nmc", NOW + timedelta(minutes=10), status=500)
    assert in_force(lake, NOW + timedelta(minutes=10)) == one
    unreadable = ALARM | {"alertid": "32061441600000_20210726000000", "title": "?"}
    assert pull("warnings_nmc", NOW + timedelta(minutes=15), status=200, body=alarms(unreadable)).outcome == "partial"
    assert in_force(lake, NOW + timedelta(minutes=15)) == one  # the unreadable row may be this one
    pull("warnings_nmc", NOW + timedelta(minutes=20), body=alarms())
    assert in_force(lake, NOW + timedelta(minutes=20)) == set()


def test_health_re_evaluates_without_pulling(pull, county, ledger, source) -> None:
    pull(body=towns(county))
    asked = source["asked"]
    states = {h.feed: (h.state, h.layer) for h in connectors.health(NOW + timedelta(hours=3), county, ledger)}
    assert states["power"] == ("silent", "schedule") and states["weather"] == ("unknown", "") and source["asked"] == asked
    assert all(h.headline for h in connectors.health(NOW, county, ledger))


@pytest.mark.parametrize(
    ("feed", "minutes", "row", "state", "layer"),
    [
        ("power", 10, {}, "ok", ""),
        ("power", 100, {}, "late", "freshness"),
        ("power", 131, {}, "silent", "freshness"),
        ("power", 10, {"failures": 1, "layer": "network"}, "failed", "network"),
        ("power", 131, {"failures": 9, "layer": "source"}, "silent", "source"),
        ("power", 10, {"newest_reading": None}, "failed", "freshness"),
        ("typhoon_zj", 10, {"newest_reading": None}, "ok", ""),
        ("typhoon_zj", 10, {"newest_reading": iso(NOW - timedelta(hours=5))}, "late", "freshness"),
        ("typhoon_zj", 10, {"newest_reading": iso(NOW - timedelta(hours=7))}, "silent", "freshness"),
        ("typhoon_zj", 10, {"newest_reading": iso(NOW - timedelta(hours=7)), "failures": 1, "layer": "source"}, "silent", "source"),
        ("reports", 10, {"newest_reading": iso(NOW - timedelta(hours=30))}, "ok", ""),  # nobody reporting is no silence
    ],
)
def test_the_ladder(county, feed, minutes, row, state, layer) -> None:
    now = NOW + timedelta(minutes=minutes)
    known = {"checked_at": iso(now), "success_at": iso(NOW), "newest_reading": iso(NOW)} | row
    health = evaluate(county.feed(feed), FeedHealthRow(feed=feed, state="ok", **known), now)
    assert (health.state, health.layer) == (state, layer)
    assert (health.headline.endswith("normal")) == (state == "ok")
