"""Read and check a county folder. Every problem found is told at once, with file:line and what to do, before anything starts."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from core import yamlfile
from core.county.types import County, Feed, Loudspeaker, Point, Station, Town
from core.errors import ConfigError, ConfigErrors
from core.model import Sector
from core.signing import digest
from core.units import PROPERTIES

#: Connector kinds that a feed may name; connectors/registry.py has one file for each.
CONNECTOR_KINDS = (
    "zj_typhoon", "nmc_typhoon", "music_surface", "sl323", "outages", "mqtt_sensors", "nmc_alarms", "cap_feed", "usgs_nwis", "usgs_quakes",
    "cenc_quakes", "sl651",
)
DATUMS = ("废黄河", "吴淞", "1985", "")
_CACHE: dict[tuple[Path, str], County] = {}


@dataclass
class Problems:
    """Where the errors of one reading are gathered."""

    root: Path
    errors: list[ConfigError] = field(default_factory=list)

    def add(self, name: str, line: int | None, message: str, hint: str = "") -> None:
        """Note one error of file `name`."""
        self.errors.append(ConfigError(message, path=self.root / name, line=line, hint=hint))

    def guard(self, read: Callable[[], Any], default: Any) -> Any:
        """Run one reader; its ConfigError is noted and `default` returned."""
        try:
            return read()
        except ConfigErrors as many:
            self.errors += many.errors
        except ConfigError as error:
            self.errors.append(error)
        return default


def load_county(path: Path) -> County:
    """The county in folder `path`; ConfigErrors with all problems when it is wrong. Unchanged folders are read once a process."""
    from core.county.policy import read_groups, read_policy, read_templates

    root = path.resolve()
    if not (root / "county.yaml").is_file():
        raise ConfigErrors([ConfigError("这不是县域文件夹：缺 county.yaml / not a county folder", path=path, hint="从 county/haimen 复制一份 / copy county/haimen")])
    files = sorted(p for p in root.iterdir() if p.suffix in (".yaml", ".csv"))
    version = digest("".join(f"{p.name}:{digest(p.read_bytes())}\n" for p in files))
    if (root, version) in _CACHE:
        return _CACHE[root, version]
    problems = Problems(root)
    head, _where = problems.guard(lambda: yamlfile.load(root / "county.yaml"), ({}, lambda *_: 1))
    for key in ("code", "name", "name_en", "prefecture", "issuer", "signature", "datum", "packs"):
        if key not in head:
            problems.add("county.yaml", 1, f"缺少 {key} / missing key", "补上这一行 / add it")
    code = str(head.get("code", ""))
    if not re.fullmatch(r"\d{6}", code):
        problems.add("county.yaml", _where("code"), f"县代码应为 6 位数字，写成了 {code!r} / county code must be 6 digits in quotes")
    towns = _towns(problems, code)
    feeds = _feeds(problems)
    stations = _stations(problems, {t.key for t in towns}, {f.feed for f in feeds})
    groups = read_groups(problems)
    policy = read_policy(problems, {g.group for g in groups})
    templates = read_templates(problems)
    speakers = _loudspeakers(problems, {t.key for t in towns})
    if problems.errors:
        raise ConfigErrors(problems.errors)
    county = County(
        code=code, name=head["name"], name_en=head["name_en"], prefecture=str(head["prefecture"]), issuer=head["issuer"],
        signature=head["signature"], datum=head["datum"], root=root, version=version, towns=towns, stations=stations, feeds=feeds,
        policy=policy, groups=groups, loudspeakers=speakers, templates=templates, packs=tuple(head["packs"]),
    )
    _CACHE[root, version] = county
    return county


def read_csv(problems: Problems, name: str, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their line numbers; a missing column, a short row or a formula-like cell is an error."""
    text = problems.guard(lambda: yamlfile.read_text(problems.root / name), "")
    if not text:
        return []
    reader = csv.DictReader(StringIO(text))
    missing = [c for c in columns if c not in (reader.fieldnames or [])]
    if missing:
        problems.add(name, 1, f"缺少列 {'、'.join(missing)} / missing column", f"表头应有 / the header needs: {','.join(columns)}")
        return []
    rows = []
    for row in reader:
        line = reader.line_num
        if None in row or any(row[c] is None for c in columns):
            problems.add(name, line, "列数与表头不符 / the number of cells differs from the header", "检查逗号 / check the commas")
        elif bad := next((c for c in columns if row[c][:1] in ("=", "@")), None):
            problems.add(name, line, f"{bad} 像公式 / looks like a formula", "填数值或文字 / give a value")
        else:
            rows.append((line, {c: row[c].strip() for c in columns}))
    return rows


class Cells:
    """Reads the cells of one row; what does not fit is noted with its line."""

    def __init__(self, problems: Problems, name: str, line: int, row: dict[str, str]) -> None:
        self.problems, self.name, self.line, self.row = problems, name, line, row

    def number(self, column: str, low: float, high: float, *, empty: float | None = None, may_be_empty: bool = False) -> float:
        """A finite number within [low, high]."""
        text = self.row[column]
        if text == "" and (may_be_empty or empty is not None):
            return math.nan if empty is None else empty
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            self.problems.add(self.name, self.line, f"{column} 应在 {low:g} 到 {high:g} 之间，写成了 {text!r} / out of range")
        return value

    def yes(self, column: str) -> bool:
        """true or false."""
        return self.one_of(column, ("true", "false")) == "true"

    def one_of(self, column: str, known: tuple[str, ...] | set[str]) -> str:
        """A word out of `known`."""
        if self.row[column] not in known:
            self.problems.add(self.name, self.line, f"{column} 不认识 {self.row[column]!r} / unknown", f"可用 / use: {', '.join(sorted(known))}")
        return self.row[column]


TOWN_COLUMNS = ("key", "code", "code_shared", "name", "name_en", "lat", "lon", "point_verified", "population", "over60_share", "villages",
                "river_front", "sea_front", "low_ground", "bank_section", "synthetic")


def _towns(problems: Problems, county_code: str) -> tuple[Town, ...]:
    outline = _outline(problems)
    towns: list[Town] = []
    for line, row in read_csv(problems, "towns.csv", TOWN_COLUMNS):
        c = Cells(problems, "towns.csv", line, row)
        if not re.fullmatch(r"\d{12}", row["code"]) or not row["code"].startswith(county_code):
            problems.add("towns.csv", line, f"代码 {row['code']!r} 应为 12 位并以 {county_code} 开头 / code must have 12 digits and begin with the county's",
                         "查国家统计局区划代码 / look it up in the statistical codes")
        if not re.fullmatch(r"[a-z][a-z0-9]{1,15}", row["key"]) or any(t.key == row["key"] for t in towns):
            problems.add("towns.csv", line, f"键 {row['key']!r} 重复或不合规 / key twice or not [a-z0-9]")
        if not c.yes("code_shared") and any(t.code == row["code"] for t in towns):
            problems.add("towns.csv", line, f"代码 {row['code']} 重复 / code twice", "若确实共用，两行都写 code_shared=true / mark both rows code_shared")
        lat, lon = c.number("lat", -90, 90), c.number("lon", -180, 180)
        if outline and not _inside((lon, lat), outline):
            problems.add("towns.csv", line, f"{row['name']} 的点 {lon},{lat} 在县域轮廓外 / point outside the outline", "检查经纬度是否颠倒 / lon and lat swapped?")
        towns.append(Town(
            key=row["key"], code=row["code"], code_shared=c.yes("code_shared"), name=row["name"], name_en=row["name_en"], lat=lat, lon=lon,
            point_verified=c.yes("point_verified"), population=int(c.number("population", 0, 5e6)), over60_share=c.number("over60_share", 0, 1),
            villages=int(c.number("villages", 0, 1000)), river_front=c.yes("river_front"), sea_front=c.yes("sea_front"),
            low_ground=c.yes("low_ground"), bank_section=int(c.number("bank_section", 0, 3)), synthetic=tuple(filter(None, row["synthetic"].split(";"))),
        ))
    if not towns:
        problems.add("towns.csv", None, "没有一个镇街 / no town")
    return _with_cells(towns, outline) if outline and not problems.errors else tuple(towns)


def _outline(problems: Problems) -> list[Point]:
    points = []
    for line, row in read_csv(problems, "outline.csv", ("lon", "lat")):
        c = Cells(problems, "outline.csv", line, row)
        points.append((c.number("lon", -180, 180), c.number("lat", -90, 90)))
    return points


def _inside(point: Point, ring: list[Point]) -> bool:
    """Ray casting in degrees: good enough for a plausibility check."""
    x, y = point
    hit = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            hit = not hit
    return hit


def _with_cells(towns: list[Town], outline: list[Point]) -> tuple[Town, ...]:
    """Give each town the part of the outline nearer to its point than to any other: cut the ring by each perpendicular bisector."""
    from dataclasses import replace

    squeeze = math.cos(math.radians(sum(p[1] for p in outline) / len(outline)))
    done = []
    for town in towns:
        ring = [(x * squeeze, y) for x, y in outline]
        here = (town.lon * squeeze, town.lat)
        for other in towns:
            if other is not town:
                ring = _cut(ring, here, (other.lon * squeeze, other.lat))
        done.append(replace(town, cell=tuple((round(x / squeeze, 5), round(y, 5)) for x, y in ring)))
    return tuple(done)


def _cut(ring: list[Point], here: Point, other: Point) -> list[Point]:
    """Sutherland-Hodgman clip of `ring` by the half plane nearer to `here` than to `other`."""
    nx, ny = other[0] - here[0], other[1] - here[1]
    limit = nx * (here[0] + other[0]) / 2 + ny * (here[1] + other[1]) / 2
    kept: list[Point] = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        da, db = nx * a[0] + ny * a[1] - limit, nx * b[0] + ny * b[1] - limit
        if da <= 0:
            kept.append(a)
        if (da < 0 < db) or (db < 0 < da):
            kept.append((a[0] + (b[0] - a[0]) * da / (da - db), a[1] + (b[1] - a[1]) * da / (da - db)))
    return kept


STATION_COLUMNS = ("station", "name", "feed", "lat", "lon", "town", "properties", "units", "datum", "warning_stage", "guaranteed_stage",
                   "levels_verified", "path", "synthetic")


def _stations(problems: Problems, towns: set[str], feeds: set[str]) -> tuple[Station, ...]:
    stations: dict[str, Station] = {}
    for line, row in read_csv(problems, "stations.csv", STATION_COLUMNS):
        c = Cells(problems, "stations.csv", line, row)
        properties, units = row["properties"].split(";"), row["units"].split(";")
        for name, unit in zip(properties, units + [""] * len(properties), strict=False):
            if name not in PROPERTIES:
                problems.add("stations.csv", line, f"不认识的要素 {name!r} / unknown property", f"可用 / use: {', '.join(PROPERTIES)}")
            elif unit != PROPERTIES[name]:
                problems.add("stations.csv", line, f"{name} 的单位应为 {PROPERTIES[name]}，写成了 {unit!r} / unknown unit", "按规范单位填写 / give the canonical unit")
        if row["station"] in stations:
            problems.add("stations.csv", line, f"站号 {row['station']} 重复 / station twice")
        if "stage" in properties and not row["datum"]:
            problems.add("stations.csv", line, "水位站必须写基面 / a stage needs a datum", f"可用 / use: {', '.join(d for d in DATUMS if d)}")
        c.one_of("town", towns), c.one_of("feed", feeds), c.one_of("datum", DATUMS)
        stages = [None if math.isnan(v) else v for v in (c.number(k, -20, 100, may_be_empty=True) if row[k] else math.nan
                                                        for k in ("warning_stage", "guaranteed_stage"))]
        stations[row["station"]] = Station(
            station=row["station"], name=row["name"], feed=row["feed"], lat=c.number("lat", -90, 90), lon=c.number("lon", -180, 180),
            town=row["town"], properties=tuple(properties), datum=row["datum"], warning_stage=stages[0], guaranteed_stage=stages[1],
            levels_verified=c.yes("levels_verified"), path=row["path"], synthetic=c.yes("synthetic"),
        )
    return tuple(stations.values())


def _loudspeakers(problems: Problems, towns: set[str]) -> tuple[Loudspeaker, ...]:
    speakers = []
    for line, row in read_csv(problems, "loudspeakers.csv", ("speaker", "town", "name", "state", "synthetic")):
        c = Cells(problems, "loudspeakers.csv", line, row)
        speakers.append(Loudspeaker(speaker=row["speaker"], town=c.one_of("town", towns), name=row["name"],
                                    state=c.one_of("state", ("on", "off")), synthetic=c.yes("synthetic")))  # type: ignore[arg-type]
    return tuple(speakers)


FEED_KEYS = {"title", "sector", "connector", "address", "sandbox", "secret", "cron", "interval_s", "max_age_s", "expected", "age_from", "options", "enabled"}
_OPTIONAL = {"address": "", "sandbox": "", "secret": "", "age_from": "reading", "options": {}, "enabled": True}


def _feeds(problems: Problems) -> tuple[Feed, ...]:
    data, where = problems.guard(lambda: yamlfile.load(problems.root / "feeds.yaml"), ({}, lambda *_: 1))
    feeds = []
    for name, raw in dict(data).items():
        line = where(name)
        if not isinstance(raw, dict):
            problems.add("feeds.yaml", line, f"{name} 应为映射 / must be a mapping")
            continue
        for key in sorted(set(raw) - FEED_KEYS):
            problems.add("feeds.yaml", where(name, key), f"{name}: 不认识的键 {key} / unknown key", f"可用 / use: {', '.join(sorted(FEED_KEYS))}")
        missing = sorted(FEED_KEYS - set(_OPTIONAL) - set(raw))
        if missing:
            problems.add("feeds.yaml", line, f"{name}: 缺少 {'、'.join(missing)} / missing key")
            continue
        row = _OPTIONAL | {k: v for k, v in raw.items() if k in FEED_KEYS}
        for key, known in (("connector", CONNECTOR_KINDS), ("sector", tuple(Sector)), ("age_from", ("reading", "fetch"))):
            if row[key] not in known:
                problems.add("feeds.yaml", where(name, key), f"{name}: {key} 不认识 {row[key]!r} / unknown", f"可用 / use: {', '.join(known)}")
        for key in ("interval_s", "max_age_s", "expected"):
            if not isinstance(row[key], int) or isinstance(row[key], bool) or row[key] < 0:
                problems.add("feeds.yaml", where(name, key), f"{name}: {key} 应为非负整数 / a whole number is expected")
        if not re.fullmatch(r"[\d*/,\-]+( [\d*/,\-]+){4}", str(row["cron"])):
            problems.add("feeds.yaml", where(name, "cron"), f"{name}: cron 应有五段 / five fields are expected: {row['cron']!r}")
        if not problems.errors:
            feeds.append(Feed(feed=name, **{**row, "sector": Sector(row["sector"])}))
    return tuple(feeds)
