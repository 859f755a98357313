"""The recorded season of 2026 in its feeds' own wire formats. The recorder had reshaped what it pulled; each function here undoes that, and no more.

Typhoon: the Zhejiang site's storm, its numbers as text, forecasts hung on the newest position (in the recording every agency's forecast is
based on it), `ybsj` as recorded. Warnings: nmc.cn's rest/findAlarm; the id is made of area code, office and issue time, the title of place, event
and colour, as the site makes them; rows without an issue time get that of the snapshot. The same warnings as CAP 1.2 documents behind an Atom index,
the form in which the recorder had pulled them: what it kept, in the elements that it had kept it from. Airfields: one METAR of wind and weather, which
is all that the recorder kept. Table: the recorder's own rows, as they are. Wind grid: Open-Meteo's hourly columns in the unit and at the steps recorded.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from core.times import SHANGHAI

#: The recorder kept some events in English, as the relay gave them.
EVENTS = {"Strong convection": "强对流", "Sea wave": "海浪", "Agrometeorological Disaster": "农业气象灾害"}
WEATHER_OFFICE = "41600000"
#: Grid points that every snapshot after 07-19 has, near Haimen; the answer's own coordinates are those recorded.
GRID = {"GRID-W": (31.5, 121.0), "GRID-E": (31.5, 122.5)}

Stamped = list[tuple[datetime, Any]]


@cache
def rows(path: Path) -> list[dict[str, Any]]:
    """The records of a .jsonl.gz file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def moment(text: str) -> datetime:
    """A recorded time with its zone ('Z', '+00:00' or ' UTC') as UTC."""
    return datetime.fromisoformat(text.replace(" UTC", "+00:00")).astimezone(UTC)


def pull_after(at: datetime) -> datetime:
    """The first pull of the warnings' cron (every five minutes) at or after `at`."""
    return at + (-(at - datetime.min.replace(tzinfo=at.tzinfo)) % timedelta(minutes=5))


def local(text: str) -> datetime:
    """A recorded time by Beijing's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def steps(changes: Iterable[datetime], first: datetime, last: datetime, longest: timedelta) -> list[datetime]:
    """From `first` to `last`: the pull after each change and at least every `longest`."""
    regular = (first + longest * n for n in range(int((last - first) / longest) + 1))
    return sorted({at for at in (*map(pull_after, changes), *regular) if first <= at <= last})


@cache
def storms(folder: Path) -> Stamped:
    """(when the snapshot was kept, recorder's payload), oldest first."""
    return [(moment(row["committed"]), row["payload"]) for row in rows(folder / "typhoon_202613.snapshots.jsonl.gz")]


def storm(payload: dict[str, Any]) -> bytes:
    """One payload as the array of storms that the feed serves."""
    def ahead(point: dict[str, Any], issued: str) -> dict[str, Any]:
        return {"time": point["time"], "lat": str(point["lat"]), "lng": str(point["lng"]), "ybsj": issued,
                **{name: str(point[name]) for name in ("strong", "power", "speed", "pressure") if point.get(name) is not None}}

    points = [
        {"time": p["time"], "lat": str(p["lat"]), "lng": str(p["lng"]), "strong": p["strong"], "power": p["power"], "speed": p["speed"],
         "pressure": p["pressure"], "movedirection": p["moveDir"], "movespeed": p["moveSpeed"],
         **{f"radius{force}": "|".join(f"{km:g}" for km in p[f"r{force}"] or []) for force in (7, 10, 12)}}
        for p in payload["track"]
    ]
    points[-1]["forecast"] = [{"tm": agency, "forecastpoints": [ahead(p, told["issued"]) for p in told["points"]]}
                              for agency, told in payload["forecasts"].items()]
    return json.dumps([{"tfid": payload["tfid"], "name": payload["name"], "enname": payload["enName"], "isactive": "1" if payload["active"] else "0",
                        "points": points}], ensure_ascii=False).encode()


def mended(folder: Path, payload: dict[str, Any], now: datetime) -> dict[str, Any]:
    """What the feed would have said at `now` inside the hole: the later track up to `now`, and each agency's newest forecast of verify_202613.json.

    Those forecasts keep places only, neither wind nor pressure.
    """
    def clock(epoch: float) -> str:
        return datetime.fromtimestamp(epoch, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")

    issues = json.loads((folder / "verify_202613.json").read_text(encoding="utf-8"))["issues"]
    newest = {agency: max((i for i in told if i[0] <= now.timestamp()), default=None) for agency, told in issues.items()}
    forecasts = {agency: {"issued": datetime.fromtimestamp(told[0], UTC).isoformat(),
                          "points": [{"time": clock(at), "lat": lat, "lng": lng} for at, lat, lng in told[1]]} for agency, told in newest.items() if told}
    track = [p for p in payload["track"] if local(p["time"]) <= now]
    return payload | {"active": True, "track": track, "forecasts": forecasts}


@cache
def warnings(folder: Path) -> Stamped:
    return [(moment(row["updated"]), row) for row in rows(folder / "cma_warnings_active_JS_SH_ZJ.snapshots.jsonl.gz")]


def alarm(code: str, told: dict[str, Any], seen: str) -> dict[str, str]:
    """One warning as a row of the list."""
    issued = moment(told.get("issued") or seen).astimezone(SHANGHAI)
    event = EVENTS.get(told["type"], told["type"])
    return {"alertid": f"{code}{WEATHER_OFFICE}_{issued:%Y%m%d%H%M%S}", "issuetime": f"{issued:%Y/%m/%d %H:%M:%S}",
            "title": f"{told['name']}气象台发布{event}{told['color']}预警信号", "url": f"/publish/alarm/{code}.html", "pic": ""}


def alarms(row: dict[str, Any]) -> bytes:
    """One snapshot as the whole list."""
    found = [alarm(code, told, row["updated"]) for code, several in row["warnings"].items() for told in several]
    page = {"pageNo": 1, "pageSize": 200, "count": len(found), "list": found}
    return json.dumps({"msg": "success", "code": 0, "data": {"page": page, "provinceAlarms": [], "stat": {}}}, ensure_ascii=False).encode()


def cap_name(code: str, told: dict[str, Any], seen: str) -> str:
    """The address of a warning's CAP document."""
    return f"/cap/{alarm(code, told, seen)['alertid']}.xml"


@cache
def cap_documents(folder: Path) -> dict[str, tuple[str, dict[str, Any], str]]:
    """(area code, warning, snapshot's time) of every CAP document by its address."""
    return {cap_name(code, told, row["updated"]): (code, told, row["updated"]) for _, row in warnings(folder) for code, several in row["warnings"].items()
            for told in several}


def cap_index(row: dict[str, Any]) -> bytes:
    """One snapshot as the Atom index of the documents in force."""
    found = [(cap_name(code, told, row["updated"]), told) for code, several in row["warnings"].items() for told in several]
    entries = "".join(f'<entry><id>{name}</id><title>{escape(told["name"])}</title><link type="application/cap+xml" href="{name}"/></entry>' for name, told in found)
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>CAP</title><updated>{row["updated"]}</updated>{entries}</feed>'.encode()


def cap(code: str, told: dict[str, Any], seen: str) -> bytes:
    """One warning as its CAP document; the colour stands in the headline, the area is the code."""
    listed, event = alarm(code, told, seen), escape(EVENTS.get(told["type"], told["type"]))
    sent = moment(told.get("issued") or seen).astimezone(SHANGHAI).isoformat(timespec="seconds")
    expires = f"<expires>{moment(told['expires']).astimezone(SHANGHAI).isoformat(timespec='seconds')}</expires>" if told.get("expires") else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{listed["alertid"]}</identifier><sender>cn-cma</sender><sent>{sent}</sent><status>Actual</status>
<msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language><category>Met</category><event>{event}</event><urgency>Unknown</urgency>
<severity>Unknown</severity><certainty>Unknown</certainty>{expires}<headline>{escape(listed["title"])}</headline><area><areaDesc>{escape(told["name"])}</areaDesc>
<geocode><valueName>CPEAS Geographic Code</valueName><value>{code}000000</value></geocode></area></info></alert>""".encode()


@cache
def airfields(folder: Path) -> Stamped:
    return sorted(((moment(row["first_seen"]), row) for row in rows(folder / "metar_all_stations.jsonl.gz") if row["i"].startswith("ZS")), key=lambda r: r[0])


def metars(found: list[dict[str, Any]]) -> bytes:
    """Rows as the JSON of /api/data/metar; its own decoding beside the report is left out, the connector reads the report."""
    def report(row: dict[str, Any]) -> str:
        direction = row["wd"] if isinstance(row["wd"], str) else f"{row['wd']:03d}"
        gust = f"G{row['wg']:02d}" if row["wg"] else ""
        return f"METAR {row['i']} {moment(row['t']):%d%H%MZ} {direction}{row['ws']:02d}{gust}KT" + (f" {row['wx']}" if row["wx"] else "")

    return json.dumps([{"icaoId": row["i"], "receiptTime": row["first_seen"], "rawOb": report(row)} for row in found]).encode()


@cache
def grids(folder: Path) -> Stamped:
    return [(moment(row["updatedAt"]), row) for row in rows(folder / "openmeteo_wind_grid_near_nantong.jsonl.gz") if len(row["grid"]) >= 11]


def grid(row: dict[str, Any]) -> bytes:
    """One snapshot as Open-Meteo answers for GRID, each point by the recorded one nearest to it."""
    def answer(lat: float, lon: float) -> dict[str, Any]:
        near = min(range(len(row["grid"])), key=lambda n: abs(row["grid"][n][0] - lat) + abs(row["grid"][n][1] - lon))
        values = [frame[near] for frame in row["frames"]]
        return {"latitude": row["grid"][near][0], "longitude": row["grid"][near][1], "utc_offset_seconds": 0, "timezone": "UTC",
                "hourly_units": {"time": "iso8601", "wind_speed_10m": row["unit"], "wind_direction_10m": "°"},
                "hourly": {"time": [t.removesuffix("Z") for t in row["times"]], "wind_speed_10m": [v[0] for v in values],
                           "wind_direction_10m": [v[1] for v in values]}}

    return json.dumps([answer(*place) for place in GRID.values()]).encode()


def newest(stamped: Stamped, now: datetime, back: timedelta | None = None) -> Any:
    """The newest record at `now`; with `back`, all of those within it."""
    if back is not None:
        return [value for at, value in stamped if now - back < at <= now]
    return next((value for at, value in reversed(stamped) if at <= now), None)
