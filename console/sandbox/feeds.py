"""The feed simulator: a scenario over loopback in the feeds' own wire formats, at the scenario's clock.

The connectors' production code does the pulling. /clock moves time, /fault breaks a feed in one of the ways feeds break.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from console.sandbox.clock import Clock
from console.sandbox.scenario import DIRECTIONS, FILES, PATTERN, Row, Scenario
from core.county import County
from core.model import Level
from core.times import SHANGHAI, iso, parse_iso, parse_local
from core.units import beaufort

Body = tuple[str, str]  # content type, text
#: The ways in which feeds break; "none" mends.
FAULTS = ("none", "off", "garbage", "login", "empty", "truncated", "old", "slow")
#: Classes of tropical cyclones by 2-min mean near the centre, m/s, lower edges (GB/T 19201-2006): Chinese word and nmc.cn's code.
CLASSES = ((51.0, "超强台风", "SuperTY"), (41.5, "强台风", "STY"), (32.7, "台风", "TY"), (24.5, "强热带风暴", "STS"), (17.2, "热带风暴", "TS"),
           (0.0, "热带低压", "TD"))
#: nmc.cn's names of the directions that the scenario files write in Chinese.
COMPASS = dict(zip(("", *DIRECTIONS), ("", "N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"), strict=True))
LOGIN = "<!doctype html><html><head><title>统一身份认证</title></head><body><form>请登录</form></body></html>"


def local(at: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A time on the Beijing clock without a zone, as the feeds write it."""
    return at.astimezone(SHANGHAI).strftime(pattern)


class FeedSimulator:
    """Answers for every HTTP feed at `clock.base`; `on_clock` are told when time moves, before /clock answers."""

    def __init__(self, county: County, scenario: Scenario, clock: Clock, on_clock: Sequence[Callable[[datetime], None]]) -> None:
        self.county, self.scenario, self.clock, self.on_clock = county, scenario, clock, on_clock
        self.faults: dict[str, tuple[str, datetime | None]] = {}
        self.kept: dict[str, Body] = {}
        self.changed: dict[str, tuple[str, str]] = {}

    def routes(self, app: web.Application) -> None:
        """Mount all pages on `app`."""
        pages: dict[str, Callable[[web.Request], Body]] = {
            "/zj/typhoon": lambda r: _json(zj_typhoon(self.scenario, self.clock.base)),
            "/nmc/typhoon/list_default": lambda r: nmc_list(self.scenario, self.clock.base),
            "/nmc/typhoon/view_{storm}": lambda r: nmc_view(self.scenario, self.clock.base),
            "/music/api": lambda r: _json(music(self.county, self.scenario, self.clock.base, r.query.get("timeRange", ""))),
            "/power/outages": lambda r: _json(outages(self.county, self.scenario, self.clock.base)),
            "/people/reports": lambda r: ("text/csv", field_reports(self.scenario, self.clock.base)),
            "/nmc/rest/findAlarm": lambda r: _json(find_alarm(self.scenario, self.clock.base, r.query)),
            "/cap/feed": lambda r: cap_index(self.scenario, self.clock.base, str(r.url.origin())),
            "/cap/{name}": lambda r: cap_document(self.scenario, self.clock.base, r.match_info["name"].removesuffix(".xml")),
        }
        for path, page in pages.items():
            app.router.add_get(path, self._serve(page))
        app.router.add_post("/clock", self._set_clock)
        app.router.add_get("/clock", self._get_clock)
        app.router.add_post("/fault", self._set_fault)
        app.router.add_get("/health", self._get_clock)

    def _serve(self, page: Callable[[web.Request], Body]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            """The page, or what its fault of the moment makes of it: 503, the last page again, a slow or a broken one."""
            kind = self.fault_of(request.path)
            if kind == "off":
                return web.Response(status=503, text="Service Unavailable")
            if kind == "old" and request.path in self.kept:
                content_type, text = self.kept[request.path]
            else:
                content_type, text = self.kept[request.path] = page(request)
            if kind == "slow":
                return await _drip(request, text)
            content_type, text = _broken(kind, content_type, text)
            return self._conditional(request, content_type, text)

        return answer

    def _conditional(self, request: web.Request, content_type: str, text: str) -> web.Response:
        """The whole answer, or 304 where the asker has this very one; Last-Modified is the scenario's time at which the text changed."""
        etag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        if self.changed.get(request.path_qs, ("", ""))[0] != etag:
            self.changed[request.path_qs] = etag, format_datetime(self.clock.base.astimezone(UTC), usegmt=True)
        modified = self.changed[request.path_qs][1]
        headers, asked = {"ETag": etag, "Last-Modified": modified}, request.headers
        same = asked["If-None-Match"] == etag if "If-None-Match" in asked else asked.get("If-Modified-Since") == modified
        if same:
            return web.Response(status=304, headers=headers)
        return web.Response(text=text, content_type=content_type, charset="utf-8", headers=headers)

    def fault_of(self, path: str) -> str:
        """The fault in force for a path ('' for none)."""
        for prefix, (kind, until) in self.faults.items():
            if path.startswith(prefix) and (until is None or self.clock.base <= until):
                return kind
        return ""

    async def _set_clock(self, request: web.Request) -> web.Response:
        self.clock.set(_time((await request.json()).get("now")))
        for told in self.on_clock:
            await asyncio.to_thread(told, self.clock.base)
        return web.json_response({"now": iso(self.clock.base)})

    async def _get_clock(self, _request: web.Request) -> web.Response:
        return web.json_response({"now": iso(self.clock.now()), "scenario": self.scenario.name})

    async def _set_fault(self, request: web.Request) -> web.Response:
        wish = await request.json()
        kind, feed = wish.get("kind"), wish.get("feed")
        if kind not in FAULTS or not str(feed or "").startswith("/"):
            raise web.HTTPBadRequest(text=f"feed is a path, kind one of {', '.join(FAULTS)}")
        self.faults.pop(feed, None)
        if kind != "none":
            self.faults[feed] = (kind, _time(wish["until"]) if wish.get("until") else None)
        return web.json_response({"faults": {k: v[0] for k, v in self.faults.items()}})


def _time(text: Any) -> datetime:
    try:
        return parse_iso(str(text))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"an ISO time with a zone is needed: {error}") from error


async def _drip(request: web.Request, text: str) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for byte in text.encode()[:600]:
        await response.write(bytes([byte]))
        await asyncio.sleep(0.1)
    return response


def _broken(kind: str, content_type: str, text: str) -> Body:
    return {
        "garbage": ("application/json", "\x00\x01{]garbage"),
        "login": ("text/html", LOGIN),
        "empty": (content_type, "[]" if text.startswith("[") else "{}" if content_type == "application/json" else ""),
        "truncated": (content_type, text[: len(text) // 2]),
    }.get(kind, (content_type, text))


def _json(value: Any) -> Body:
    return "application/json", json.dumps(value, ensure_ascii=False)


def _positions(scenario: Scenario, at: datetime) -> list[tuple[datetime, Row]]:
    return [(when, row) for when, row in scenario.until("track", at) if not row["landfall"]]


def _active(scenario: Scenario, at: datetime) -> bool:
    """The storm counts as active until ten hours after its last published position."""
    shown = _positions(scenario, at)
    return bool(shown) and at - shown[-1][0] <= timedelta(hours=10)


def forecast(scenario: Scenario, issued: datetime) -> list[tuple[int, float, float, str, str]]:
    """Synthetic forecast points (lead h, lat, lon, hPa, m/s) at `issued`: the later track, drifting 0.012 degrees an hour of lead to the east."""
    later = [(when, row) for when, row in scenario.rows["track"] if when > issued and not row["landfall"]]
    points = []
    for lead in (6, 12, 18, 24, 36, 48):
        near = [pair for pair in later if abs(pair[0] - issued - timedelta(hours=lead)) <= timedelta(hours=1, minutes=31)]
        if near:
            when, row = min(near, key=lambda pair: abs(pair[0] - issued - timedelta(hours=lead)))
            lead_h = round((when - issued).total_seconds() / 3600)
            points.append((lead_h, float(row["lat"]), round(float(row["lon"]) + 0.012 * lead_h, 2), row["pressure"], row["wind"]))
    return points


def storm_class(wind: str) -> tuple[str, str]:
    """(Chinese word, nmc.cn's code) of a storm's class by its wind in m/s."""
    return next((word, code) for edge, word, code in CLASSES if float(wind) >= edge)


def zj_typhoon(scenario: Scenario, at: datetime) -> list[dict[str, Any]]:
    """The Zhejiang API's own fields; numbers are text, times are Beijing clock, landfall rows repeat the hour with the text 'null'."""
    shown = scenario.until("track", at)
    if not shown:
        return []
    points: list[dict[str, Any]] = []
    for when, row in shown:
        if row["landfall"]:
            points.append({"time": local(when), "lng": row["lon"], "lat": row["lat"], "type": "DL", "speed": "null", "pressure": "null",
                           "power": "null", "movespeed": "null", "movedirection": "", "strong": "", "radius7": "", "radius10": "", "radius12": "",
                           "forecast": []})
            continue
        ahead = [{"time": local(when + timedelta(hours=h)), "lng": str(lon), "lat": str(lat), "strong": storm_class(w)[0],
                  "power": str(beaufort(float(w))), "speed": w, "pressure": p}
                 for h, lat, lon, p, w in forecast(scenario, when)]
        points.append({
            "time": local(when), "lng": row["lon"], "lat": row["lat"], "strong": storm_class(row["wind"])[0],
            "power": str(beaufort(float(row["wind"]))), "speed": row["wind"], "pressure": row["pressure"],
            "movespeed": row["move_speed"], "movedirection": row["move_direction"], "radius7": _as_served(row["r7"]), "radius10": _as_served(row["r10"]),
            "radius12": _as_served(row["r12"]), "ckposition": "", "jl": "", "forecast": [{"tm": "中国", "synthetic": True, "forecastpoints": ahead}] if ahead else [],
        })
    storm = scenario.storm
    return [{"tfid": storm["id"], "name": storm["name"], "enname": storm["en"], "isactive": "1" if _active(scenario, at) else "0",
             "starttime": local(shown[0][0]), "endtime": "", "points": points, "land": []}]


def _as_served(radii: str) -> str:
    """Radii of a scenario (NE|SE|SW|NW) in the order of the Zhejiang API (NE|SE|NW|SW)."""
    parts = radii.split("|")
    return "|".join([*parts[:2], parts[3], parts[2]]) if len(parts) == 4 else radii


def nmc_list(scenario: Scenario, at: datetime) -> Body:
    """nmc.cn's list of storms: JSONP with double parentheses."""
    storm = scenario.storm
    rows = [[int(storm["nmc"]), storm["en"], storm["name"], storm["id"][2:], storm["id"][2:], None, None,
             "start" if _active(scenario, at) else "stop"]] if scenario.until("track", at) else []
    return "application/javascript", f"typhoon_jsons_list_default(({json.dumps({'typhoonList': rows}, ensure_ascii=False)}))"


def nmc_view(scenario: Scenario, at: datetime) -> Body:
    """nmc.cn's one storm: JSONP with single parentheses, longitude before latitude, UTC times; what is synthetic says so at the row's end."""
    storm, points = scenario.storm, []
    for index, (when, row) in enumerate(_positions(scenario, at)):
        stamp = when.strftime("%Y%m%d%H%M")
        circles = [[name, *(int(v) for v in row[key].split("|")), index] for name, key in (("30KTS", "r7"), ("50KTS", "r10"), ("64KTS", "r12")) if row[key]]
        ahead = [[h, stamp, lon, lat, int(p), int(w), "BABJ", storm_class(w)[1], {"synthetic": True}] for h, lat, lon, p, w in forecast(scenario, when)]
        points.append([
            index, stamp, int(when.timestamp() * 1000), storm_class(row["wind"])[1], float(row["lon"]), float(row["lat"]), int(row["pressure"]),
            int(row["wind"]), COMPASS[row["move_direction"]], float(row["move_speed"]), circles, {"BABJ": ahead},
            [local(when, "%Y%m%d%H%M"), "", None, None],
        ])
    body = {"typhoon": [int(storm["nmc"]), storm["en"], storm["name"], int(storm["id"][2:]), int(storm["id"][2:]), None, None,
                        "start" if _active(scenario, at) else "stop", points]}
    return "application/javascript", f"typhoon_jsons_view_{storm['nmc']}({json.dumps(body, ensure_ascii=False)})"


def music(county: County, scenario: Scenario, at: datetime, time_range: str) -> dict[str, Any]:
    """The MUSIC interface's JSON over `[yyyymmddHHMMSS,yyyymmddHHMMSS]` (UTC, both ends in; the last six hours where none is given):
    values are text, times UTC, 999999 for missing; return code -1 says that nothing was found."""
    try:
        since, until = (datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC) for text in time_range.strip("[]").split(","))
    except ValueError:
        if time_range:
            return {"returnCode": "-3", "returnMessage": f"timeRange {time_range[:40]!r} is not understood", "rowCount": "0", "DS": []}
        since, until = at - timedelta(hours=6), at
    rows = []
    for when, row in scenario.until("weather", min(at, until)):
        if when < since:
            continue
        station = county.station(row["station"])
        rows.append({
            "Station_Id_C": row["station"], "Station_Name": station.name if station else row["station"],
            "Lat": str(station.lat) if station else "32.5", "Lon": str(station.lon) if station else "120.5",
            "Datetime": when.strftime("%Y-%m-%d %H:%M:%S"), "PRE_1h": row["rain_1h"], "WIN_S_Avg_2mi": row["wind"], "WIN_D_Avg_2mi": row["direction"],
            "WIN_S_Inst_Max": row["gust"], "PRS": row["pressure"], "TEM": "999999", "Q_PRE_1h": "0", "Q_WIN_S_Avg_2mi": "0", "synthetic": row["synthetic"],
        })
    code, message = ("0", "Query Succeed") if rows else ("-1", "Query Succeed, no record")
    return {"returnCode": code, "returnMessage": message, "rowCount": str(len(rows)), "DS": rows}


def outages(county: County, scenario: Scenario, at: datetime) -> dict[str, Any]:
    """Customers out by town at the newest hour."""
    shown = scenario.until("power", at)
    newest = shown[-1][0] if shown else at
    data = [{
        "town_code": county.town(row["town"]).code, "town": county.town(row["town"]).name, "customers_total": int(row["customers_total"]),
        "customers_out": int(row["customers_out"]), "areas_total": int(row["areas_total"]), "areas_out": int(row["areas_out"]), "critical_out": [],
        "synthetic": row["synthetic"] == "true",
    } for when, row in shown if when == newest]
    return {"code": 0, "time": local(newest), "unit": "户", "data": data}


def _in_force(scenario: Scenario, at: datetime) -> list[tuple[datetime, Row]]:
    return [(when, row) for when, row in scenario.until("signals", at) if parse_local(row["lifted"], PATTERN) > at]


def find_alarm(scenario: Scenario, at: datetime, query: Mapping[str, str]) -> dict[str, Any]:
    """nmc.cn's list of signals in force, by pages (`pageNo` from 1, `pageSize`); `count` is of the whole list."""
    rows = [{"alertid": row["identifier"], "issuetime": local(when, "%Y/%m/%d %H:%M"), "title": row["title"],
             "url": f"/publish/alarm/{row['identifier']}.html", "pic": "", "synthetic": row["synthetic"] == "true"} for when, row in _in_force(scenario, at)]
    number, size = (int(text) if text.isdecimal() and int(text) else default
                    for text, default in ((query.get("pageNo", ""), 1), (query.get("pageSize", ""), 200)))
    page = {"pageNo": number, "pageSize": size, "count": len(rows), "list": rows[(number - 1) * size:number * size]}
    return {"msg": "success", "code": 0, "data": {"page": page, "provinceAlarms": [], "stat": {}}}


def cap_index(scenario: Scenario, at: datetime, origin: str) -> Body:
    """An Atom index of the CAP documents in force."""
    entries = "".join(
        f"<entry><id>{row['identifier']}</id><title>{escape(row['title'])}</title><updated>{iso(when)}</updated>"
        f'<link rel="alternate" type="application/cap+xml" href="{origin}/cap/{row["identifier"]}.xml"/></entry>' for when, row in _in_force(scenario, at))
    return "application/atom+xml", (f'<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:sandbox:cap</id>'
                                    f"<title>CAP</title><updated>{iso(at)}</updated>{entries}</feed>")


def cap_document(scenario: Scenario, at: datetime, identifier: str) -> Body:
    """One CAP 1.2 document; HTTP 404 for an unknown one."""
    for when, row in scenario.until("signals", at):
        if row["identifier"] == identifier:
            severity = ("", "Minor", "Moderate", "Severe", "Extreme")[Level[row["level"].upper()]]
            return "application/cap+xml", CAP.format(
                identifier=identifier, sender=escape(row["issuer"]), sent=when.astimezone(SHANGHAI).isoformat(timespec="seconds"), event=escape(row["event"]),
                severity=severity, colour=row["level"], title=escape(row["title"]), synthetic=row["synthetic"], code=row["adcode"] + "000000",
                expires=parse_local(row["lifted"], PATTERN).astimezone(SHANGHAI).isoformat(timespec="seconds"))
    raise web.HTTPNotFound(text="<html>404</html>", content_type="text/html")


CAP = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{identifier}</identifier><sender>{sender}</sender><sent>{sent}</sent>
<status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language><category>Met</category><event>{event}</event>
<urgency>Expected</urgency><severity>{severity}</severity><certainty>Likely</certainty><eventCode><valueName>colour</valueName><value>{colour}</value></eventCode>
<expires>{expires}</expires><headline>{title}</headline>
<parameter><valueName>synthetic</valueName><value>{synthetic}</value></parameter><area><areaDesc>{title}</areaDesc>
<geocode><valueName>CPEAS Geographic Code</valueName><value>{code}</value></geocode></area></info></alert>
"""


def field_reports(scenario: Scenario, at: datetime) -> str:
    """The field reports of the last day as a CSV list in the agreed columns."""
    columns = FILES["reports"]
    rows = [row | {"time": when.astimezone(SHANGHAI).isoformat()} for when, row in scenario.until("reports", at) if at - when <= timedelta(days=1)]
    return "\n".join([",".join(columns), *(",".join(row[column] for column in columns) for row in rows)]) + "\n"
