"""How each source of test_served writes its records down: records -> what the source is told (for HTTP: part of the address -> body)."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from served_sources import NOW, dumps

from connectors.telemetry.frames import write as frame
from console.sandbox.rtu import report
from core.times import SHANGHAI


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def z(hours: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    """A time so many hours before NOW, UTC."""
    return f"{ago(hours):{form}}"


def bj(hours: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """The same on Beijing's clock."""
    return f"{ago(hours).astimezone(SHANGHAI):{form}}"


# Storms


def zj(points: list[Any]) -> Any:
    return {"": dumps([{"tfid": "202106", "name": "烟花", "enname": "IN-FA", "isactive": "1", "points": points}])}


def zj_point(hours: float, lat: str) -> dict[str, str]:
    return {"time": bj(hours), "lng": "123.3", "lat": lat, "speed": "38", "pressure": "965", "movespeed": "15", "movedirection": "西北",
            "radius7": "300|200|200|250", "radius10": "", "radius12": ""}


def nmc(points: list[Any]) -> Any:
    head = [2793, "IN-FA", "烟花\n", 2106, 2106, None, None, "start"]
    return {"/list_default": b"typhoon_jsons_list_default((" + dumps({"typhoonList": [head]}) + b"))",
            "/view_2793": b"typhoon_jsons_view_2793(" + dumps({"typhoon": [*head, points]}) + b")"}


def nmc_point(hours: float, lat: float) -> list[Any]:
    return [1, z(hours, "%Y%m%d%H%M"), int(ago(hours).timestamp() * 1000), "TY", 123.0, lat, 965, 38, "NW", 15, [["30KTS", 300, 200, 200, 250, 1]], {}]


# Warnings: lists of what is in force


def alarms(rows: list[Any]) -> Any:
    return {"": dumps({"code": 0, "data": {"page": {"count": len(rows), "list": rows}}})}


def alarm(hours: float, title: str) -> dict[str, str]:
    return {"alertid": f"32061441600000_{bj(hours, '%Y%m%d%H%M%S')}", "issuetime": bj(hours, "%Y/%m/%d %H:%M"), "title": title}


CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{}</identifier><sender>s</sender><sent>{}</sent><status>Actual</status>
<msgType>{}</msgType><scope>Public</scope>{}<info><language>zh-CN</language><event>台风</event><severity>Severe</severity>
<expires>2021-07-27T20:00:00+08:00</expires><headline>台风{}预警信号</headline><area><areaDesc>x</areaDesc>
<geocode><valueName>CPEAS Geographic Code</valueName><value>320614000000</value></geocode></area></info></alert>"""


def cap_alert(identifier: str, hours: float, colour: str, kind: str = "Alert", ends: str = "") -> str:
    return CAP.format(identifier, z(hours).replace("Z", "+00:00"), kind, f"<references>s,{ends},2021-07-25T00:00:00+00:00</references>" if ends else "", colour)


def cap(rows: list[Any]) -> Any:
    links = "".join(f'<entry><id>{n}</id><link href="/cap/{n}.xml" type="application/cap+xml"/></entry>' for n in range(len(rows)))
    return {"": f'<feed xmlns="http://www.w3.org/2005/Atom">{links}</feed>'.encode()} | {f"/cap/{n}.xml": row.encode() for n, row in enumerate(rows)}


def nws(rows: list[Any]) -> Any:
    return {"": dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None, "properties": row} for row in rows]})}


def nws_alert(key: str, hours: float, severity: str, kind: str = "Alert", ends: str = "") -> dict[str, object]:
    return {"id": key, "status": "Actual", "messageType": kind, "severity": severity, "event": "Flood Warning", "sent": z(hours), "effective": z(hours),
            "expires": z(-12), "geocode": {"SAME": ["047037"]}, "references": [{"identifier": ends}] if ends else []}


def qweather_alerts(rows: list[Any]) -> Any:
    return {"": dumps({"metadata": {"tag": "x"}, "alerts": rows})}


def qweather_alert(key: str, hours: float, colour: str, kind: str = "alert", ends: str = "") -> dict[str, object]:
    return {"id": key, "issuedTime": bj(hours, "%Y-%m-%dT%H:%M+08:00"), "messageType": {"code": kind, "supersedes": [ends] if ends else None},
            "eventType": {"name": "暴雨", "code": "1003"}, "severity": "severe", "color": {"code": colour}, "effectiveTime": bj(hours, "%Y-%m-%dT%H:%M+08:00"),
            "expireTime": bj(-12, "%Y-%m-%dT%H:%M+08:00"), "headline": "暴雨预警信号"}


# Weather


def music(rows: list[Any]) -> Any:
    return {"": dumps({"returnCode": "0", "returnMessage": "Query Succeed", "rowCount": str(len(rows)), "colCount": "5", "DS": rows})}


def music_row(hours: float, rain: object, station: str = "M9001") -> dict[str, object]:
    return {"Station_Id_C": station, "Lat": "31.8962", "Lon": "121.1727", "Datetime": z(hours, "%Y-%m-%d %H:%M:%S"), "PRE_1h": rain}


def music_xml(rows: list[Any]) -> Any:
    made = "".join("<R " + " ".join(f'{name}="{value}"' for name, value in row.items()) + "/>" for row in rows)
    return {"": f'<DS returnCode="0" rowCount="{len(rows)}">{made}</DS>'.encode()}


def open_meteo(rows: list[Any]) -> Any:
    """Rows are (run, hours ahead of NOW, rain); all rows of one answer are of one run."""
    document = {"latitude": 31.9, "longitude": 121.2, "utc_offset_seconds": 0, "hourly_units": {"time": "iso8601", "precipitation": "mm"},
                "hourly": {"time": [z(-ahead, "%Y-%m-%dT%H:%M") for _, ahead, _ in rows], "precipitation": [rain for *_, rain in rows]}}
    return {"/meta.json": dumps({"last_run_initialisation_time": int(ago(rows[0][0]).timestamp())}), "": dumps(document)}


def qweather(rows: list[Any]) -> Any:
    hourly = [{"fxTime": bj(-ahead, "%Y-%m-%dT%H:%M+08:00"), "precip": rain} for _, ahead, rain in rows]
    return {"": dumps({"code": "200", "updateTime": bj(rows[0][0], "%Y-%m-%dT%H:%M+08:00"), "hourly": hourly})}


def nmc_station(rows: list[Any]) -> Any:
    real = {"station": {"code": "58259"}, "publish_time": rows[-1]["time"] if isinstance(rows[-1], dict) else bj(1), "weather": {}, "wind": {}}
    return {"": dumps({"code": 0, "data": {"real": real, "passedchart": rows}})}


def grib(rows: list[Any]) -> Any:
    return {"": b"".join(rows)}


def metar(rows: list[Any]) -> Any:
    return {"": dumps([{"icaoId": "ZSNT", "receiptTime": z(0), "rawOb": row} for row in rows])}


def synop(rows: list[Any]) -> Any:
    return {"": "".join(f"AAXX {row}=\n" for row in rows).encode()}


# Water


def ea_flood(rows: list[Any]) -> Any:
    measure = "http://environment.data.gov.uk/flood-monitoring/id/measures/1491TH-level-stage-i-15_min-mASD"
    return {"": dumps({"items": [{"dateTime": z(hours), "measure": measure, "value": value} for hours, value in rows]})}


def coops(rows: list[Any]) -> Any:
    data = [{"t": z(hours, "%Y-%m-%d %H:%M"), "v": value, "f": "0,0,0,0", "q": "p"} for hours, value in rows]
    return {"product=predictions": dumps({"predictions": [{"t": z(-6, "%Y-%m-%d %H:%M"), "v": "3.211"}]}),
            "product=water_level": dumps({"metadata": {"id": "9447130", "lat": "47.6026", "lon": "-122.3393"}, "data": data})}


def nwis(rows: list[Any]) -> Any:
    series = {"sourceInfo": {"siteCode": [{"value": "01646500"}]}, "variable": {"variableCode": [{"value": "00060"}], "unit": {"unitCode": "ft3/s"}},
              "values": [{"value": [{"value": value, "dateTime": z(hours), "qualifiers": ["P"]} for hours, value in rows]}]}
    return {"": dumps({"value": {"timeSeries": [series]}})}


def things(rows: list[Any]) -> Any:
    """The last observation stands on a page of its own."""
    stream = {"unitOfMeasurement": {"symbol": "cm"}, "Thing": {"name": "G1"}, "ObservedProperty": {"name": "WaterLevel"}}
    found = [{"phenomenonTime": z(hours), "result": result, "Datastream": stream} for hours, result in rows]
    return {"skip=1": dumps({"value": found[-1:]}), "": dumps({"value": found[:-1], "@iot.nextLink": "HOME/it?$skip=1"})}


TABLES = ("ST_STBPRP_B", "STCD char(8), LGTD numeric, LTTD numeric, DTMNM char(16), DTPR numeric"), ("ST_RIVER_R", "STCD char(8), TM datetime, Z numeric, Q numeric")


def water(rows: list[Any]) -> list[str]:
    """Statements that fill the tables anew."""
    made = [text for name, columns in TABLES for text in (f"DROP TABLE IF EXISTS {name}", f"CREATE TABLE {name} ({columns})")]
    return [*made, "INSERT INTO ST_STBPRP_B VALUES ('CLZ     ', 121.25, 31.935, '废黄河口', 0)",
            *(f"INSERT INTO ST_RIVER_R VALUES ('CLZ', '{bj(hours)}', {stage}, NULL)" for hours, stage in rows)]


ADDRESS = "0032061401"


def telemetry(rows: list[Any]) -> list[bytes]:
    """Rows are (hours before NOW, elements of the report)."""
    return [frame(report(ADDRESS, 7, ago(hours), elements), station=ADDRESS, function=0x33) for hours, elements in rows]


def table(rows: list[Any]) -> Any:
    return {"": dumps({"rows": [{"site": {"code": "T1"}, "tm": int(ago(hours).timestamp() * 1000), "drp": rain} for hours, rain in rows]})}

# Ground, fires, earthquakes


def layer(rows: list[Any]) -> Any:
    return {"": dumps({"type": "FeatureCollection", "features": rows})}


def hazard(key: str, people: int, lon: float = 121.2) -> dict[str, object]:
    return {"properties": {"id": key, "kind": "hazard_point", "people": people}, "geometry": {"type": "Point", "coordinates": [lon, 31.9]}}


def fires(rows: list[Any]) -> Any:
    return {"": "\n".join(("latitude,longitude,acq_date,acq_time,confidence,frp", *rows, "")).encode()}


def usgs(rows: list[Any]) -> Any:
    return {"": dumps({"type": "FeatureCollection", "metadata": {"count": len(rows)}, "features": rows})}


def quake(hours: float, magnitude: object) -> dict[str, object]:
    return {"properties": {"mag": magnitude, "time": int(ago(hours).timestamp() * 1000), "status": "reviewed", "type": "earthquake"},
            "geometry": {"type": "Point", "coordinates": [121.2, 31.9, 10]}}


def cenc(rows: list[Any]) -> Any:
    return {"": dumps([{"O_TIME": bj(hours), "EPI_LAT": "31.9", "EPI_LON": "121.2", "M": magnitude, "AUTO_FLAG": "M"} for hours, magnitude in rows])}


def sensors(rows: list[Any]) -> list[tuple[str, str]]:
    found = [{"station": "DZ-01", "property": "tilt", "value": value, "unit": "deg", "time": z(hours)} for hours, value in rows]
    return [("sensors/DZ-01/tilt", dumps(row).decode()) for row in found]


# Power and people


def outages(rows: list[Any]) -> Any:
    return {"": dumps({"code": 0, "time": rows[0][0], "unit": "户", "data": [row for _, row in rows]})}


def outage(hours: float, code: str, town: str, out: int) -> tuple[str, dict[str, Any]]:
    return bj(hours), {"town_code": code, "town": town, "customers_total": 1000, "customers_out": out, "areas_total": 1000, "areas_out": out}


def points(rows: list[Any]) -> Any:
    return {"": dumps({"objectIdFieldName": "OBJECTID", "spatialReference": {"wkid": 4326}, "features": rows})}


def point(key: int, hours: float, lat: float, lon: float, out: object) -> dict[str, object]:
    return {"attributes": {"OBJECTID": key, "customers_out": out, "asof": int(ago(hours).timestamp() * 1000)}, "geometry": {"x": lon, "y": lat}}


def seen(rows: list[Any]) -> Any:
    return {"": "\n".join(("reporter,town,kind,time,value,unit", *(f"hm-bc-t1,baochang,ponding,{z(hours)},{value},cm" for hours, value in rows), "")).encode()}


def told(rows: list[Any]) -> list[dict[str, str]]:
    return [{"at": NOW.isoformat(), "kind": "json", "by": "web", "body": dumps({"reports": [
        {"reporter": "hm-bc-t1", "town": "包场镇", "kind": "积水", "value": value, "unit": "cm", "time": z(hours)}]}).decode()} for hours, value in rows]


def dropped(rows: list[Any]) -> Any:
    return {".json": dumps({"observations": [{"station": "D1", "property": "stage", "value": value, "unit": "m", "time": z(hours)} for hours, value in rows]})}
