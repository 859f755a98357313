"""The table of test_served: for each connector two good records, one that is older, one that cannot be read, and how its source writes records down.

A case stands for a row of the county's feeds.yaml (`feed`) or for a feed of its own (`stations`, `options`, `table`). Times are hours before NOW. A second
case of a connector has a word behind its name. HTTP is the way in unless `source` says another.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import served_wire as wire
from grib_made import grid, message
from served_sources import NOW, Folder, Http, Mqtt, Postgres, Source, Spooled, Sqlite, Tcp
from served_wire import bj

from console.sandbox.rtu import element
from core.county import Column, Table

LOGIN = "<!doctype html><html><title>login</title></html>"
#: What a source that serves documents may serve in their place.
GARBAGE = (LOGIN.encode(), b"\x00\xff\xfe\x1f\x8b", b"", b'{"error": "busy"}')
FAX = {"at": NOW.isoformat(), "kind": "fax", "body": ""}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table.

    `sees` is what the lake holds of the two good records: values of readings and reports, latitudes of positions, levels of warnings. `late` comes after newer
    records were read. `ends` is a record by which the issuer ends the second good one, for lists of what is in force whose records name what they end.
    """

    write: Callable[[list[Any]], Any]
    good: tuple[Any, Any]
    sees: set[float]
    late: Any
    bad: Any
    ends: Any = None
    garbage: tuple[Any, ...] = GARBAGE
    feed: str = ""
    stations: tuple[dict[str, object], ...] = ()
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    table: Table | None = None
    source: Callable[..., Source] = Http
    quiet: bool = False  # having nothing to tell is no silence: the feed's age counts from the last good pull


def at(station: str, lat: float = 31.9, lon: float = 121.2, **more: object) -> dict[str, object]:
    return {"station": station, "lat": lat, "lon": lon} | more


TABLE = Table(
    form="json", records="rows", station="site.code", time="tm", time_format="epoch_ms", zone="",
    columns={"drp": Column(observed_property="rain", unit="mm", interval_s=3600)},
)
BROKEN = message((0, 0, 0), grid(1.0), level=2)
GAUGE = wire.ADDRESS
WEATHER = {
    "feed": "weather", "sees": {3.5, 4.5}, "good": (wire.music_row(1, "3.5"), wire.music_row(0, "4.5")), "late": wire.music_row(5, "2.5"),
    "bad": wire.music_row(1, "1", "M0000"),
}
WATER = {
    "feed": "water", "write": wire.water, "sees": {2.5, 2.75}, "good": ((1, 2.5), (0.5, 2.75)), "late": (5, 2.25), "bad": (-5, 9.0),
    "garbage": (["DROP TABLE ST_STBPRP_B"], ["ALTER TABLE ST_RIVER_R RENAME COLUMN TM TO T"]),
}
SEEN = {"feed": "reports", "sees": {0.4, 0.5}, "good": ((1, 40), (0.5, 50)), "late": (5, 30), "bad": (1, "deep")}

CASES: dict[str, Case] = {
    "zj_typhoon": Case(
        feed="typhoon_zj", write=wire.zj, sees={29.4, 29.6},
        good=(wire.zj_point(4, "29.4"), wire.zj_point(1, "29.6")), late=wire.zj_point(5, "29.2"), bad=wire.zj_point(2, "north"),
    ),
    "nmc_typhoon": Case(
        feed="typhoon_nmc", write=wire.nmc, sees={29.4, 29.6},
        good=(wire.nmc_point(4, 29.4), wire.nmc_point(1, 29.6)), late=wire.nmc_point(5, 29.2), bad=wire.nmc_point(2, 129.0),
    ),
    "music_surface": Case(**WEATHER, write=wire.music),
    "music_surface XML": Case(**WEATHER, write=wire.music_xml),
    "sl323": Case(**WATER, source=Sqlite),
    "sl323 PostgreSQL": Case(**WATER, source=Postgres),
    "outages": Case(
        feed="power", write=wire.outages, sees={10, 20, 1000},
        good=(wire.outage(1, "320614400000", "海门街道", 10), wire.outage(1, "320614418000", "三厂街道", 20)),
        late=wire.outage(5, "320614400000", "海门街道", 5), bad=wire.outage(1, "320614418000", "三厂街道", -5),
    ),
    "mqtt_sensors": Case(
        feed="geology", source=Mqtt, write=wire.sensors, sees={0.25, 0.5},
        good=((1, 0.25), (0.5, 0.5)), late=(5, 0.125), bad=(1, "steep"), garbage=([("sensors/DZ-01/tilt", LOGIN)], [("sensors/DZ-01/tilt", "{\x00")]),
    ),
    "nmc_alarms": Case(
        feed="warnings_nmc", write=wire.alarms, sees={2, 3},
        good=(wire.alarm(3, "海门区气象台发布台风橙色预警信号"), wire.alarm(1, "海门区气象台发布暴雨黄色预警信号")),
        late=wire.alarm(5, "海门区气象台发布大风蓝色预警信号"), bad=wire.alarm(2, "?"),
    ),
    "cap_feed": Case(
        feed="warnings_cap", write=wire.cap, sees={2, 3},
        good=(wire.cap_alert("A", 3, "橙色"), wire.cap_alert("B", 1, "黄色")), late=wire.cap_alert("C", 5, "蓝色"), bad="<alert/>",
        ends=wire.cap_alert("D", 0.5, "蓝色", "Update", "B"),
    ),
    "usgs_nwis": Case(
        stations=(at("01646500"),), write=wire.nwis, sees={28.316847, 56.633693}, good=((1, "1000"), (0.5, "2000")), late=(5, "500"), bad=(1, "?"),
    ),
    "usgs_quakes": Case(
        stations=(at("P1"),), quiet=True, write=wire.usgs, sees={4.0, 4.5, 0.0, 5.09, 5.82},
        good=(wire.quake(3, 4.0), wire.quake(1, 4.5)), late=wire.quake(5, 3.0), bad=wire.quake(2, 11),
    ),
    "cenc_quakes": Case(
        stations=(at("P1"),), quiet=True, write=wire.cenc, sees={4.0, 4.5, 0.0, 5.09, 5.82}, good=((3, "4.0"), (1, "4.5")), late=(5, "3.0"), bad=(2, "x"),
    ),
    "sl651": Case(
        stations=(at(GAUGE, properties=("stage",), datum="废黄河"),), source=Tcp, write=wire.telemetry, sees={3.5, 3.75},
        good=((1, element("stage", 3.5)), (0.5, element("stage", 3.75))), late=(5, element("stage", 3.25)), bad=(1, b"\x39"),
        garbage=([LOGIN.encode()], [b"~~\x00\xff" * 9], [wire.telemetry([(1, element("stage", 9.0))])[0][:-4]]),
    ),
    "noaa_coops": Case(
        stations=(at("9447130", 47.6026, -122.3393, datum="MLLW"),), options={"stations": "9447130"}, write=wire.coops, sees={-0.25, 1.5, 3.211},
        good=((1, "-0.25"), (0.5, "1.5")), late=(5, "0.5"), bad=(1, "?"),
    ),
    "ea_flood": Case(
        stations=(at("1491TH", datum="ASD 1491TH"),), write=wire.ea_flood, sees={2.5, 2.75}, good=((1, 2.5), (0.5, 2.75)), late=(5, 2.25), bad=(1, "x"),
    ),
    "sensorthings": Case(
        stations=(at("G1", datum="废黄河"),), options={"properties": "WaterLevel=stage"}, write=wire.things, sees={2.5, 2.75},
        good=((1, 250), (0.5, 275)), late=(5, 225), bad=(1, "high"),
    ),
    "firms": Case(
        stations=(at("F1"),), quiet=True, write=wire.fires, sees={1, 3.5, 4.5},
        good=("31.9,121.2,2021-07-25,2100,n,3.5", "31.9,121.2,2021-07-25,2300,n,4.5"), late="31.9,121.2,2021-07-25,1900,n,2.5", bad="1,2",
    ),
    "open_meteo": Case(
        stations=(at("P1"),), options={"points": "P1@31.9,121.2", "run": "/meta.json"}, write=wire.open_meteo, sees={12.5, 13.5},
        good=((6, 1, 12.5), (6, 2, 13.5)), late=(11, 1, 9.5), bad=(6, 3, "wet"),
    ),
    "nmc_station": Case(
        stations=(at("58259"),), options={"stations": "58259"}, write=wire.nmc_station, sees={3.5, 4.5},
        good=({"time": bj(1), "rain1h": 3.5}, {"time": bj(0), "rain1h": 4.5}), late={"time": bj(5), "rain1h": 2.5}, bad={"time": "soon", "rain1h": 1},
    ),
    "qweather": Case(
        stations=(at("P1"),), options={"points": "P1@31.9,121.2"}, write=wire.qweather, sees={12.5, 13.5},
        good=((1, 1, "12.5"), (1, 2, "13.5")), late=(6, 1, "9.5"), bad=(1, 3, "wet"),
    ),
    "qweather_alerts": Case(
        stations=(at("P1"),), options={"points": "P1@31.9,121.2"}, write=wire.qweather_alerts, sees={2, 3},
        good=(wire.qweather_alert("A", 3, "orange"), wire.qweather_alert("B", 1, "yellow")), late=wire.qweather_alert("C", 5, "blue"),
        bad=wire.qweather_alert("X", 2, "orange", "draft"), ends=wire.qweather_alert("D", 0.5, "blue", "update", "B"),
    ),
    "hazard_layer": Case(
        stations=(at("P1"), at("P2", lon=121.5)), quiet=True, write=wire.layer, sees={1, 120, 30},
        good=(wire.hazard("p1", 120), wire.hazard("p2", 30, 121.5)), late=wire.hazard("p1", 90), bad=wire.hazard("p3", -1),
    ),
    "metar": Case(
        stations=(at("ZSNT"),), write=wire.metar, sees={6, 7},
        good=("METAR ZSNT 252300Z VRB06MPS", "METAR ZSNT 252330Z VRB07MPS"), late="METAR ZSNT 251900Z VRB05MPS", bad="METAR ZSNT 252500Z VRB06MPS",
    ),
    "synop": Case(
        stations=(at("58259"),), write=wire.synop, sees={6, 7},
        good=("25231 58259 11/// /0006", "26001 58259 11/// /0007"), late="25191 58259 11/// /0005", bad="25231 58259 NIL",
    ),
    "grib": Case(
        stations=(at("P1"),), write=wire.grib, sees={25, 985},
        good=(message((0, 0, 0), grid(298.15), level=2, hour=18), message((0, 3, 1), grid(98500), level=0, hour=18)),
        late=message((0, 0, 0), grid(297.15), level=2, hour=12), bad=BROKEN[:16] + bytes(60) + BROKEN[76:],
    ),
    "nws_alerts": Case(
        write=wire.nws, sees={2, 3}, good=(wire.nws_alert("A", 3, "Severe"), wire.nws_alert("B", 1, "Moderate")), late=wire.nws_alert("C", 5, "Minor"),
        bad=wire.nws_alert("X", 2, "Bad"), ends=wire.nws_alert("D", 0.5, "Minor", "Update", "B"),
    ),
    "table": Case(stations=(at("T1"),), table=TABLE, write=wire.table, sees={3.5, 4.5}, good=((1, 3.5), (0.5, 4.5)), late=(5, 2.5), bad=(1, "wet")),
    "outage_points": Case(
        stations=(at("O1", town="haimen"), at("O2", town="yudong")), options={"time": "asof"}, write=wire.points, sees={10, 20},
        good=(wire.point(1, 1, 31.8962, 121.1727, 10), wire.point(2, 1, 32.0272, 121.355, 20)),
        late=wire.point(1, 5, 31.8962, 121.1727, 5), bad=wire.point(3, 1, 31.8962, 121.1727, -1),
    ),
    "inbox": Case(**SEEN, write=wire.seen),
    "inbox spool": Case(**SEEN, source=Spooled, write=wire.told, garbage=([FAX | {"kind": "json", "body": LOGIN}], [{"at": "x"}], [FAX])),
    "file_drop": Case(
        stations=(at("D1", properties=("stage",), datum="吴淞"),), source=Folder, write=wire.dropped, sees={2.5, 2.75},
        good=((1, 2.5), (0.5, 2.75)), late=(5, 2.25), bad=(1, "x"), garbage=tuple({ending: body} for ending in (".json", ".csv", ".xml") for body in GARBAGE),
    ),
}
