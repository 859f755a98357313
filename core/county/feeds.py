"""Read feeds.yaml: one row a feed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from core.county.problems import Problems, shown
from core.county.tables import read_table
from core.county.tree import ABSENT, Node
from core.county.types import Feed, Table
from core.model import Hazard, Sector

HTTP = ("http", "https")
#: Connector kinds that a feed may name (connectors/registry.py has one file for each): the schemes of its live address and its options.
KINDS: Mapping[str, tuple[tuple[str, ...], dict[str, type]]] = {
    "zj_typhoon": (HTTP, {}),
    "nmc_typhoon": (HTTP, {}),
    "music_surface": (HTTP, {"data_code": str, "hours": int, "admin_codes": str, "format": str}),
    "sl323": ((), {"hours": int, "residual": bool}),
    "outages": (HTTP, {"encoding": str}),
    "outage_points": (HTTP, {"id": str, "out": str, "restored": str, "critical": str, "time": str, "lat": str, "lon": str, "records": str}),
    "table": (HTTP, {}),
    "mqtt_sensors": (("mqtt", "mqtts"), {"topic": str, "client_id": str}),
    "nmc_alarms": (HTTP, {"renamed": str, "province": str}),
    "cap_feed": (HTTP, {"renamed": str, "events": str, "geocode": str, "only": str, "statuses": str, "certificate": str}),
    "usgs_nwis": (HTTP, {"sites": str, "period": str, "rain_interval_s": int}),
    "usgs_quakes": (HTTP, {"min_magnitude": float, "radius_km": float}),
    "cenc_quakes": (HTTP, {"min_magnitude": float, "radius_km": float}),
    "metar": (HTTP, {"stations": str, "hours": int}),
    "synop": (HTTP, {"hours": int, "block": str}),
    "grib": (HTTP, {"path": str, "every_h": int, "delay_h": int}),
    "nws_alerts": (HTTP, {"area": str}),
    "open_meteo": (HTTP, {"points": str, "models": str, "run": str, "days": int}),
    "nmc_station": (HTTP, {"stations": str}),
    "qweather": (HTTP, {"points": str, "kind": str}),
    "qweather_alerts": (HTTP, {"points": str}),
    "sl651": (("tcp",), {"keep_online": bool, "residual": bool}),
    "noaa_coops": (HTTP, {"stations": str, "datum": str, "hours": int, "ahead": int, "residual": bool}),
    "ea_flood": (HTTP, {"residual": bool}),
    "sensorthings": (HTTP, {"properties": str, "station_key": str, "hours": int}),
    "firms": (HTTP, {"reach_km": float}),
    "hazard_layer": (HTTP, {"fields": str, "reach_km": float}),
    "inbox": (HTTP, {"renamed": str, "page": bool}),
    "file_drop": (("file", "sftp", "ftp", "s3"), {"renamed": str}),
}
CONNECTOR_KINDS = tuple(KINDS)
REQUIRED = ("title", "sector", "connector", "cron", "interval_s", "max_age_s", "expected")
OPTIONAL = ("address", "sandbox", "secret", "age_from", "options", "enabled", "table")
_POINT = r"[A-Za-z0-9_-]+@-?[0-9]{1,2}(\.[0-9]+)?,-?[0-9]{1,3}(\.[0-9]+)?"
_HAZARD = "|".join(Hazard)
#: Blanks alone would be in every event.
_WORD = r"\s*[^=,\s][^=,]*"
#: Options that are written in a way of their own: the pattern, and what to write.
PATTERNS = {
    "points": (rf"\s*{_POINT}(\s+{_POINT})*\s*", "写成 \"站号@纬度,经度 站号@纬度,经度\"，站号取自 stations.csv / write \"STATION@lat,lon STATION@lat,lon\""),
    "renamed": (r"[0-9A-Za-z_.-]{2,20}=[0-9]{2,12}(,[0-9A-Za-z_.-]{2,20}=[0-9]{2,12})*", "写成 \"旧码=新码,旧码=新码\" / write \"old=new,old=new\""),
    "events": (rf"{_WORD}=({_HAZARD})(,{_WORD}=({_HAZARD}))*", f"写成 \"词=灾种,词=灾种\" / write \"word=hazard,word=hazard\"; {_HAZARD.replace('|', ', ')}"),
}
#: Lowest and highest value of the five fields of a cron line.
_CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def read_feeds(problems: Problems) -> tuple[Feed, ...]:
    """All rows of feeds.yaml, the wrong ones too (so that nobody else is blamed for them)."""
    rows = list(Node.read(problems, "feeds.yaml").items())
    feeds = tuple(_feed(name, node) for name, node in rows)
    titles: dict[str, str] = {}
    for feed, (_, node) in zip(feeds, rows, strict=True):
        if feed.title and titles.setdefault(feed.title, feed.feed) != feed.feed:
            node.child("title", feed.title).refuse(f"与 {titles[feed.title]} 同名 / the title of another feed", "值班员按名称认数据源，加以区别 / tell them apart")
    pages = [(feed, node) for feed, (_, node) in zip(feeds, rows, strict=True) if feed.options.get("page")]
    for _, node in pages[1:]:
        node.refuse(f"与 {pages[0][0].feed} 都写了 page / two feeds have the reporters' page", "只留一个 page: true / leave one")
    return feeds


def _feed(name: str, node: Node) -> Feed:
    row = node.fields(REQUIRED, OPTIONAL)
    if name == "push":
        node.refuse("是推送网关的名字 / the name of the push gateway", "换一个编号 / choose another id")
    connector = row["connector"].word(CONNECTOR_KINDS)
    schemes, known = KINDS.get(connector, ((*HTTP, "mqtt", "mqtts"), {}))
    interval, max_age = row["interval_s"].whole(1, 604_800, " 秒"), row["max_age_s"].whole(1, 2_592_000, " 秒")
    if max_age < interval and isinstance(row["max_age_s"].value, int) and isinstance(row["interval_s"].value, int):
        row["max_age_s"].refuse("小于 interval_s，数据源会一直静默 / shorter than interval_s, the feed would always be silent",
                                "取两个报送间隔加发布延迟 / two intervals and the delay")
    before, cron = len(node.problems.errors), _cron(row["cron"])
    if cron and len(node.problems.errors) == before and max_age > 1 and (gap := _longest_gap(cron)) > max_age:
        row["cron"].refuse(f"隔 {gap // 3600} 小时才拉一次，超过 max_age_s {max_age} 秒，其间总是静默 / pulled too seldom for max_age_s",
                           "加密 cron，或放宽 max_age_s / pull more often, or allow more")
    sector = row["sector"].word([str(s) for s in Sector], Sector.WEATHER)
    if sector not in tuple(Sector):
        sector = Sector.WEATHER
    return Feed(
        feed=name, title=row["title"].text(), sector=Sector(sector), connector=connector, address=_address(row["address"], schemes),
        sandbox=row["sandbox"].text(r"/[A-Za-z0-9/_.-]+", "以 / 开头的路径 / a path that begins with /"),
        secret=row["secret"].text(r"[a-z][a-z0-9_-]*", "只写密钥的名字，值在环境变量里 / the name of the secret, its value is in the environment"),
        cron=cron, interval_s=interval, max_age_s=max_age, expected=row["expected"].whole(0, 100_000),
        age_from="fetch" if row["age_from"].word(("reading", "fetch"), "reading") == "fetch" else "reading",
        options=_options(row["options"], known if connector else None), enabled=row["enabled"].yes(default=True), table=_table(row["table"], connector, node),
    )


def _table(node: Node, connector: str, row: Node) -> Table | None:
    """The description of a declared source; it belongs to the connector `table` and to no other."""
    if connector == "table" and node.value is ABSENT:
        row.refuse("缺少 table / missing key", "写明 form、station、time、time_format、columns / describe the source")
    elif connector and connector != "table" and node.value is not ABSENT:
        node.refuse(f"不属于连接器 {connector} / does not belong to this connector", "改用 connector: table，或删去 / use connector: table, or drop it")
        return None
    return read_table(node)


def _address(node: Node, schemes: tuple[str, ...]) -> str:
    """A live address, or nothing where it has to be applied for: a scheme of the connector's, no account inside, not this machine."""
    if node.value == "":
        return ""
    text = node.text(r"[!-~]+", "写成一个网址，没有就写 \"\" / an address, or \"\" where there is none")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        node.refuse("不是一个网址 / not an address", "检查主机与端口 / check host and port")
        return text
    if parts.scheme not in schemes:
        node.refuse(f"不能用 {shown(parts.scheme)} 地址 / this scheme is not for this connector" if parts.scheme else "没有写 http:// 之类的开头 / has no scheme",
                    f"可用 / use: {', '.join(schemes)}" if schemes else "写 \"\"，地址放在密钥里 / write \"\", the address is in the secret")
    elif not host and parts.scheme in HTTP:
        node.refuse("没有主机名 / has no host", "写全网址 / write the whole address")
    elif parts.username or parts.password:
        node.refuse("网址里有账号 / an account in the address", "账号放在密钥里，这里只写 secret: 名字 / name a secret instead")
    elif host == "localhost" or host.startswith(("127.", "0.", "169.254.")) or host in ("::1", "::"):
        node.refuse("指向本机 / points to this machine", "本机的模拟器写在 sandbox / the simulator belongs into sandbox")
    return text


def _cron(node: Node) -> str:
    """Five fields of numbers, ranges, lists and steps."""
    text = node.text(hint="五段，例如 \"*/10 * * * *\"，要加引号 / five fields in quotes")
    fields = text.split()
    if text and (len(fields) != 5 or not all(_cron_field(f, low, high) for f, (low, high) in zip(fields, _CRON, strict=True))):
        node.refuse(f"{shown(text)} 不是 cron / not a cron line", "五段：分 时 日 月 周，例如 \"*/10 * * * *\" / minute hour day month weekday")
    return text


def _longest_gap(cron: str) -> int:
    """Seconds between two pulls at most; of a line that names days a day at least."""
    minutes, hours, *days = (_numbers(text, low, high) for text, (low, high) in zip(cron.split(), _CRON, strict=True))
    at = sorted(60 * hour + minute for hour in hours for minute in minutes)
    gaps = [later - former for former, later in zip(at, [*at[1:], at[0] + 1440], strict=True)]
    named = any(len(day) < high - low + 1 for day, (low, high) in zip(days, _CRON[2:], strict=True))
    return 60 * max([*gaps, *([1440] if named else [])])


def _numbers(text: str, low: int, high: int) -> set[int]:
    """What a cron field that `_cron_field` passed stands for."""
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        found |= set(range(int(first), int(last or (high if step else first)) + 1, int(step or 1)))
    return found


def _cron_field(text: str, low: int, high: int) -> bool:
    for part in text.split(","):
        match = re.fullmatch(r"(?:\*|([0-9]{1,2})(?:-([0-9]{1,2}))?)(?:/([0-9]{1,2}))?", part)
        if not match:
            return False
        first, last, step = (int(g) if g else None for g in match.groups())
        last = first if last is None else last
        if (step is not None and not 1 <= step <= high) or (first is not None and last is not None and not low <= first <= last <= high):
            return False
    return True


def _options(node: Node, known: dict[str, type] | None) -> dict[str, str | int | float | bool]:
    """The connector's own options; None for `known` says that the connector itself is not known."""
    if known is None or not isinstance(node.value, dict):
        if node.value is not ABSENT and not isinstance(node.value, dict):
            node.refuse("应为映射 / must be a mapping", "写成 {名: 值} / write {name: value}")
        return {}
    kept: dict[str, Any] = {}
    for key, child in node.fields((), tuple(known)).items():
        if key in node.value:
            kept[key] = _option(child, known[key])
    return kept


def _option(node: Node, kind: type) -> str | int | float | bool:
    if kind is bool:
        return node.yes()
    if kind is int:
        return node.whole(1, 86_400)
    if kind is float:
        return node.number(0, 20_000)
    return node.text(*PATTERNS[str(node.keys[-1])]) if node.keys[-1] in PATTERNS else node.text()
