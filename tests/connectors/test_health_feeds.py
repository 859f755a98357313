"""What people are told of feeds and stations: the ladder, one try in one sentence, maintenance, and a correction with its trace."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import connectors
from connectors.health import LAYERS, evaluate, rungs
from core.county.watch import Maintenance
from core.errors import ConfigError
from core.ledger import FeedHealthRow, verify_audit
from core.ledger import tables as t
from core.times import iso

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)


def outage_list(county, time="2021-07-26 08:00:00", out=10) -> bytes:
    rows = [{"town_code": town.code, "town": town.name, "customers_total": 1000, "customers_out": out, "areas_total": 10, "areas_out": 1} for town in county.towns]
    return json.dumps({"code": 0, "time": time, "unit": "户", "data": rows}).encode()


@pytest.mark.parametrize("layer", LAYERS)
def test_the_first_failing_rung_is_marked_and_nothing_beyond_it_is_claimed(layer) -> None:
    marks = dict(rungs(layer))
    assert marks[layer] == "failed" and list(marks) == list(LAYERS)
    assert all(marks[name] == "ok" for name in LAYERS[: LAYERS.index(layer)]) and all(marks[name] == "open" for name in LAYERS[LAYERS.index(layer) + 1:])
    assert set(dict(rungs("")).values()) == {"ok"}


@pytest.mark.parametrize(
    ("answer", "layer", "words"),
    [
        (lambda county: outage_list(county), "", "正常"),
        (lambda county: outage_list(county, time="2021-07-26 02:00:00"), "freshness", "停在旧时刻"),
        (lambda county: b'{"code":0,"time":"2021-07-26 08:00:00","unit":"\xe6\x88\xb7","data":[]}', "content", "too few"),
        (lambda county: b"<!doctype html><html><form>login", "content", "HTML"),
        (lambda county: outage_list(county)[:400], "content", "not JSON"),
    ],
)
def test_one_try_says_in_one_sentence_what_is_wrong_and_stores_nothing(serve, reply, county, settings, lake, answer, layer, words) -> None:
    url = serve(lambda request: reply(request, answer(county)))
    found = connectors.trial("power", now=NOW, county=county, settings=settings.model_copy(update={"sandbox_url": url}))
    assert (found.layer, words in found.sentence, "\n" in found.sentence) == (layer, True, False)
    assert lake.newest(as_of=NOW) == {}


def test_one_try_of_what_cannot_be_reached(county, settings) -> None:
    assert connectors.trial("power", now=NOW, county=county, settings=settings).layer == "network"
    live = settings.model_copy(update={"mode": "live", "sandbox_url": ""})
    assert connectors.trial("power", now=NOW, county=county, settings=live).layer == "source"  # no live address yet


@pytest.mark.parametrize("change", [{"body": b"[]"}, {"body": b"<html>login</html>"}, {"body": b'{"code":0,"data'}, {"status": 500}, {"old": True}])
def test_whatever_is_no_news_is_not_green_within_two_intervals(serve, reply, county, settings, lake, ledger, change) -> None:
    first = outage_list(county)
    state = {"body": first, "status": 200}
    live = settings.model_copy(update={"sandbox_url": serve(lambda request: reply(request, state["body"], state["status"]))})
    feed = county.feed("power")
    assert connectors.ingest("power", now=NOW, county=county, lake=lake, ledger=ledger, settings=live).state == "ok"
    state.update({k: v for k, v in change.items() if k != "old"})
    for minutes in (30, 60, 90, 120):
        connectors.ingest("power", now=NOW + timedelta(minutes=minutes), county=county, lake=lake, ledger=ledger, settings=live)
    row = next(h for h in connectors.health(NOW + timedelta(seconds=2 * feed.interval_s), county, ledger) if h.feed == "power")
    assert row.state != "ok" and "正常" not in row.headline


def test_a_feed_whose_stations_are_all_worked_on_is_neither_silent_nor_green(county) -> None:
    windows = tuple(Maintenance(station=s.station, start=NOW, end=None, kind="maintenance", note="") for s in county.stations_of("power"))
    row = FeedHealthRow(feed="power", state="ok", checked_at=iso(NOW + timedelta(hours=5)), success_at=iso(NOW), newest_reading=iso(NOW))
    at = NOW + timedelta(hours=5)
    assert evaluate(county.feed("power"), row, at, county).state == "silent"
    told = evaluate(county.feed("power"), row, at, replace(county, maintenance=windows))
    assert told.state == "unknown" and "维护" in told.headline
    some = evaluate(county.feed("power"), row, at, replace(county, maintenance=windows[1:]))
    assert some.state == "silent"


def test_each_station_has_its_own_state(serve, reply, county, settings, lake, ledger) -> None:
    live = settings.model_copy(update={"sandbox_url": serve(lambda request: reply(request, outage_list(county)))})
    connectors.ingest("power", now=NOW, county=county, lake=lake, ledger=ledger, settings=live)
    window = Maintenance(station="power-haimen", start=NOW, end=NOW + timedelta(hours=9), kind="calibration", note="年检")
    worked = replace(county, maintenance=(window,))
    at = {hours: {s.station: s for s in connectors.station_states(NOW + timedelta(hours=hours), worked, lake)} for hours in (1, 5)}
    assert at[1]["power-binjiang"].state == "ok" and at[5]["power-binjiang"].state == "silent"
    assert at[5]["power-haimen"].state == "maintenance" and "年检" in at[5]["power-haimen"].note
    assert at[1]["M9001"].state == "never"


def test_a_correction_leaves_its_trace_and_outlives_the_next_pull(serve, reply, county, settings, lake, ledger) -> None:
    state = {"body": outage_list(county, out=900)}
    live = settings.model_copy(update={"sandbox_url": serve(lambda request: reply(request, state["body"]))})
    connectors.ingest("power", now=NOW, county=county, lake=lake, ledger=ledger, settings=live)
    officer = county.policy.officers[0].officer
    how = {"feed": "power", "station": "power-haimen", "observed_property": "customers_out", "time": NOW, "by": officer, "county": county, "lake": lake, "ledger": ledger}
    connectors.correct(**how, value=9.0, reason="多写了两个零", now=NOW + timedelta(minutes=5))
    state["body"] = outage_list(county, out=900) + b"\n"  # the source repeats itself in other bytes
    connectors.ingest("power", now=NOW + timedelta(minutes=30), county=county, lake=lake, ledger=ledger, settings=live)

    def read(as_of):
        frame = lake.observations(start=NOW, end=NOW, as_of=as_of, properties=["customers_out"])
        return frame[frame["station"] == "power-haimen"].iloc[0]

    assert read(NOW + timedelta(hours=1))["value"] == 9.0 and read(NOW)["value"] == 900.0
    kept = json.loads(lake.raw(read(NOW + timedelta(hours=1))["raw"]))
    assert (kept["from"], kept["to"], kept["by"]) == (900.0, 9.0, officer)
    with ledger.begin() as tx:
        assert [row.action for row in tx.execute(t.audit.select()) if row.action == "correct"] == ["correct"]
    assert verify_audit(ledger).broken_at is None
    for wrong in ({"by": "nobody"}, {"reason": " "}, {"station": "power-x"}, {"observed_property": "x"}):
        with pytest.raises(ConfigError):
            connectors.correct(**{**how, "value": 1.0, "reason": "r", "now": NOW, **wrong})
