"""Every connector through the whole step from a real server on loopback: good, duplicated, partial, malformed and late.

Those whose own test does not do it are here, one row each; SERVED names the test of every other row of the registry and is held to the files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.registry import CONNECTORS
from core.model import FeedState

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)
#: Where the other connectors are served (HTTP, SQL, TCP, MQTT, files): file, test.
SERVED = {
    "ea_flood": "ea_flood:over_http_good_duplicated_late_partial_and_malformed", "firms": "firms:over_http_good_duplicated_late_partial_and_malformed",
    "grib": "grib:served_good_twice_cut_malformed", "hazard_layer": "hazard_layer:over_http_good_duplicated_partial_and_malformed",
    "noaa_coops": "noaa_coops:over_http_good_duplicated_late_partial_and_malformed", "nws_alerts": "nws_alerts:served_lifted_when_no_longer_listed",
    "outage_points": "outage_points:served_good_twice_partial_late_malformed", "open_meteo": "points:served_good_twice_late_malformed",
    "qweather": "points:served_good_twice_late_malformed", "nmc_station": "points:served_good_twice_late_malformed",
    "qweather_alerts": "points:warnings_served_then_lifted_and_a_half_list_lifts_nothing", "metar": "reports:reports_served_good_twice_partial_late_malformed",
    "synop": "reports:bulletin_served_good_twice_cut_malformed", "sensorthings": "sensorthings:over_http_page_after_page",
    "table": "table:served_good_twice_partial_late_malformed", "usgs_nwis": "usgs_nwis:over_http_good_duplicated_late_partial_and_malformed",
    "usgs_quakes": "usgs_quakes:over_http_good_duplicated_late_partial_and_malformed", "cenc_quakes": "usgs_quakes:cenc_over_http",
    "sl323": "sl323:over_the_whole_step_late_duplicated_and_partial", "mqtt_sensors": "mqtt_sensors:the_queue_is_drained_in_rounds_and_only_once",
    "sl651": "sl651_gateway:a_reading_is_answered_when_it_is_on_the_disk_and_reaches_the_lake_once",
    "inbox": "field_reports:the_spool_goes_through_the_whole_step_late_doubled_and_damaged", "file_drop": "file_drop:bad_files_stand_beside_their_reason",
}


@dataclass(frozen=True)
class Case:
    """Records of one feed and how they become its documents: path below the feed's own -> body."""

    feed: str
    good: tuple[Any, Any]
    late: Any
    bad: Any
    write: Callable[[list[Any]], dict[str, str]]


def zj(points: list[Any]) -> dict[str, str]:
    return {"": json.dumps([{"tfid": "202106", "name": "烟花", "enname": "IN-FA", "isactive": "1", "points": points}])}


def zj_point(hour: int, lat: str = "29.4") -> dict[str, str]:
    return {"time": f"2021-07-26 {hour:02d}:00:00", "lng": "123.3", "lat": lat, "speed": "38", "pressure": "965", "movespeed": "15", "movedirection": "西北",
            "radius7": "300|200|200|250", "radius10": "", "radius12": ""}


def nmc(points: list[Any]) -> dict[str, str]:
    storm = [2793, "IN-FA", "烟花\n", 2106, 2106, None, None, "start", points]
    row = [2793, "IN-FA", "烟花", 2106, 2106, None, None, "start"]
    listed = f"typhoon_jsons_list_default(({json.dumps({'typhoonList': [row]})}))"
    return {"/list_default": listed, "/view_2793": f"typhoon_jsons_view_2793({json.dumps({'typhoon': storm})})"}


def nmc_point(hour: int, lat: float = 29.7) -> list[Any]:
    at = datetime(2021, 7, 25, hour, tzinfo=UTC)
    return [hour, f"{at:%Y%m%d%H%M}", int(at.timestamp() * 1000), "TY", 123.0, lat, 965, 38, "NW", 15, [["30KTS", 300, 200, 200, 250, 1]], {}]


def alarms(rows: list[Any]) -> dict[str, str]:
    return {"": json.dumps({"code": 0, "data": {"page": {"count": len(rows), "list": rows}}})}


def alarm(hour: int, title: str = "海门区气象台发布台风橙色预警信号") -> dict[str, str]:
    return {"alertid": f"32061441600000_20210725{hour:02d}0000", "issuetime": f"2021/07/25 {hour:02d}:00", "title": title}


CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{}</identifier><sender>s</sender><sent>{}</sent><status>Actual</status>
<msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language><event>台风</event><severity>Severe</severity>
<expires>2021-07-27T20:00:00+08:00</expires><headline>台风橙色预警信号</headline><area><areaDesc>x</areaDesc>
<geocode><valueName>CPEAS Geographic Code</valueName><value>320614000000</value></geocode></area></info></alert>"""


def cap(rows: list[Any]) -> dict[str, str]:
    links = "".join(f'<entry><id>{n}</id><link href="/cap/{n}.xml" type="application/cap+xml"/></entry>' for n in range(len(rows)))
    documents = {f"!/cap/{n}.xml": row if isinstance(row, str) else CAP.format(*row) for n, row in enumerate(rows)}
    return {"": f'<feed xmlns="http://www.w3.org/2005/Atom">{links}</feed>'} | documents


def outages(rows: list[Any]) -> dict[str, str]:
    return {"": json.dumps({"code": 0, "time": "2021-07-26 08:00:00", "unit": "户", "data": rows}, ensure_ascii=False)}


def outage(code: str, town: str, out: int = 10) -> dict[str, Any]:
    return {"town_code": code, "town": town, "customers_total": 1000, "customers_out": out, "areas_total": 10, "areas_out": 1}


def music(rows: list[Any]) -> dict[str, str]:
    return {"": json.dumps({"returnCode": "0", "returnMessage": "Query Succeed", "rowCount": str(len(rows)), "colCount": "5", "DS": rows})}


def hour(at: int, station: str = "M9001") -> dict[str, str]:
    return {"Station_Id_C": station, "Lat": "31.8962", "Lon": "121.1727", "Datetime": f"2021-07-25 {at:02d}:00:00", "PRE_1h": "3.5", "WIN_S_Avg_2mi": "9.8"}


CASES = {
    "zj_typhoon": Case("typhoon_zj", (zj_point(4), zj_point(7)), zj_point(1), zj_point(2, lat="north"), zj),
    "nmc_typhoon": Case("typhoon_nmc", (nmc_point(18), nmc_point(21)), nmc_point(12), nmc_point(15, lat=129.0), nmc),
    "nmc_alarms": Case("warnings_nmc", (alarm(20), alarm(22)), alarm(9), alarm(11, title="?"), alarms),
    "cap_feed": Case("warnings_cap", (("A", "2021-07-25T21:08:00+08:00"), ("B", "2021-07-25T22:08:00+08:00")), ("C", "2021-07-25T09:08:00+08:00"), "<alert/>", cap),
    "outages": Case("power", (outage("320614400000", "海门街道"), outage("320614418000", "三厂街道")), outage("320614400000", "滨江街道"),
                    outage("320614418000", "三厂街道", -5), outages),
    "music_surface": Case("weather", (hour(22), hour(23)), hour(19), hour(20, "M0000"), music),
}


def test_every_row_of_the_registry_is_served_by_a_test() -> None:
    assert set(CASES) | set(SERVED) == set(CONNECTORS) and not set(CASES) & set(SERVED)
    for place in SERVED.values():
        file, _, test = place.partition(":")
        text = (Path(__file__).parent / f"test_{file}.py").read_text(encoding="utf-8")
        assert re.search(rf"^def test_{test}\(", text, re.MULTILINE), place


@pytest.mark.parametrize("name", list(CASES))
def test_good_duplicated_partial_malformed_and_late(name, county, serve, reply, settings, lake, ledger) -> None:
    case = CASES[name]
    feed, documents, minute = county.feed(case.feed), {}, iter(range(0, 90, 5))
    here = replace(county, feeds=tuple(replace(f, expected=1) if f.feed == case.feed else f for f in county.feeds))

    def handle(request) -> None:
        path = request.path.partition("?")[0]
        body = documents.get(f"!{path}", documents.get(path.removeprefix(feed.sandbox)))
        reply(request, (body or "").encode(), 200 if body is not None else 404)

    live = settings.model_copy(update={"sandbox_url": serve(handle)})

    def pull(served: dict[str, str]):
        documents.clear()
        documents.update(served)
        at = NOW + timedelta(minutes=next(minute))
        report = connectors.ingest(case.feed, now=at, county=here, lake=lake, ledger=ledger, settings=live)
        window = {"start": NOW - timedelta(days=2), "end": NOW + timedelta(days=1), "as_of": at}
        frames = (lake.observations(**window), lake.tracks(**window), lake.signals(as_of=at))
        return report, {tuple(str(row.get(key)) for key in ("station", "observed_property", "storm", "identifier", "time", "value", "lat", "level"))
                        for frame in frames for row in frame.to_dict("records")}

    first, second = case.good
    report, rows = pull(case.write([first, second]))
    assert (report.outcome, report.set_aside, report.state) == ("ok", 0, FeedState.OK) and len(rows) == report.records > 1
    same, again = pull({path: f"{body}\n" for path, body in case.write([first, second]).items()})
    assert (same.outcome, again) == ("ok", rows) and same.raw != report.raw
    twice, again = pull(case.write([first, second, second]))
    assert twice.outcome in ("ok", "partial") and again == rows
    part, again = pull(case.write([first, case.bad, second]))
    assert (part.outcome, part.set_aside, again) == ("partial", 1, rows)
    for cut in (len, lambda text: len(text) // 2):  # whole pages of an error, then half a document
        broken, again = pull({path: "<!doctype html><html>" if cut is len else body[: cut(body)] for path, body in case.write([first, second]).items()})
        assert broken.outcome in ("failed", "partial") and broken.records == 0 and again == rows and (broken.state != FeedState.OK or broken.set_aside)
    late, grown = pull(case.write([first, second, case.late]))
    assert (late.outcome, late.state) == ("ok", FeedState.OK) and grown > rows and late.records > report.records
