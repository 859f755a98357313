"""Towns as a bureau has them: outlines as GeoJSON, or a table saved by a spreadsheet. Read kindly, because what is written from it is read strictly."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from shapely.errors import ShapelyError
from shapely.geometry import MultiPoint, Point, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import transform, unary_union

from core.county.cells import plain
from core.errors import ConfigError

#: What a column or a property may be called, without blanks and in small letters.
NAMES = {
    "name": ("name", "名称", "镇街", "镇街名称", "乡镇", "乡镇名称", "街道", "xzqmc", "town"), "name_en": ("name_en", "英文名", "拼音", "pinyin"),
    "code": ("code", "代码", "区划代码", "行政区划代码", "统计代码", "xzqdm", "geoid"), "lat": ("lat", "latitude", "纬度", "y"),
    "lon": ("lon", "lng", "longitude", "经度", "x"), "population": ("population", "人口", "常住人口", "人口数"),
}
_BY_NAME = {name: key for key, names in NAMES.items() for name in names}
#: What a GeoJSON may say of its coordinates: degrees of WGS 84 or CGCS2000, which differ by less than a metre.
DEGREES = re.compile(r"(4326|4490|CRS84)$")
#: An outline keeps corners to about 100 m, and 3 km about points that have no outline (degrees).
FINE, ABOUT = 0.001, 0.03
#: A title may stand above the header of a table for so many rows.
HEAD_WITHIN = 6
#: Rows that are no town.
TOTALS = ("合计", "总计", "小计", "Total", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A town as far as the file tells: a point (degrees), its outline where there is one; '' and None for what it does not say."""

    name: str
    lat: float
    lon: float
    code: str = ""
    name_en: str = ""
    population: int | None = None
    outline: BaseGeometry | None = None


def read(path: Path) -> list[Place]:
    """The towns of a GeoJSON or CSV file; ConfigError that says what to do for any other, for metres, for latitude before longitude, for a name twice."""
    places = _geojson(path) if path.suffix.lower() in (".json", ".geojson") else _table(path)
    if not places:
        raise ConfigError("没有一个镇街 / holds no town", path=path, hint=f"每个镇街一行或一个 Feature，列名 / columns: {', '.join(NAMES)}")
    names = [place.name for place in places]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(f"镇街名 {twice} 有 {names.count(twice)} 个 / a town twice", path=path,
                          hint="一个镇街的几块范围合成一个 MultiPolygon，两个镇街加以区别 / several parts of one town make one MultiPolygon")
    return places


def ring(places: list[Place]) -> list[tuple[float, float]]:
    """One ring (lon, lat; not closed) about all towns: their union where it is one piece, else what is stretched around the pieces and points."""
    shapes = [place.outline for place in places if place.outline is not None]
    whole = unary_union([one.buffer(1e-6) for one in shapes]).simplify(FINE) if shapes else MultiPoint([(p.lon, p.lat) for p in places]).buffer(ABOUT, 4)
    if whole.geom_type != "Polygon" or not all(whole.contains(Point(place.lon, place.lat)) for place in places):
        whole = MultiPoint([(p.lon, p.lat) for p in places]).union(whole).convex_hull.buffer(FINE, 2)
    return list(dict.fromkeys((round(x, 4), round(y, 4)) for x, y in whole.exterior.coords[:-1]))


def moved(place: Place, by: Callable[[float, float], tuple[float, float]]) -> Place:
    """The same town with each of its points (lon, lat) taken through `by`."""
    lon, lat = by(place.lon, place.lat)
    outline = None if place.outline is None else transform(lambda xs, ys: tuple(zip(*map(by, xs, ys), strict=True)), place.outline)
    return replace(place, lon=round(lon, 5), lat=round(lat, 5), outline=outline)


def text_of(path: Path) -> str:
    """The file as text: UTF-8 with or without a byte order mark, else GB18030, which a Chinese spreadsheet writes."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError("文件读不到 / the file cannot be read", path=path, hint=error.strerror or "") from error
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise ConfigError("既不是 UTF-8 也不是 GB18030 / neither UTF-8 nor GB18030", path=path, hint="另存为 UTF-8 / save as UTF-8")


def _geojson(path: Path) -> list[Place]:
    try:
        data = json.loads(text_of(path))
        crs = str(data.get("crs", {}).get("properties", {}).get("name", "")) if isinstance(data.get("crs"), dict) else ""
        features = list(data["features"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError("不是 GeoJSON FeatureCollection / not a GeoJSON FeatureCollection", path=path,
                          hint="用 QGIS 或 ogr2ogr 另存为 GeoJSON / save as GeoJSON with QGIS or ogr2ogr") from error
    if crs and not DEGREES.search(crs):
        raise ConfigError(f"坐标系 {crs[:60]} 不是经纬度 / is not in degrees", path=path, hint=_TO_DEGREES)
    return [_feature(path, number, feature) for number, feature in enumerate(features, 1)]


_TO_DEGREES = "转成 EPSG:4490 或 4326 / convert to degrees: ogr2ogr -t_srs EPSG:4326 out.geojson in.geojson"


def _feature(path: Path, number: int, feature: Any) -> Place:
    where = f"第 {number} 个 Feature / feature {number}"
    try:
        known, area = _known(feature["properties"]), shape(feature["geometry"])
    except (KeyError, TypeError, AttributeError, ValueError, ShapelyError) as error:
        raise ConfigError(f"{where} 没有 properties 或 geometry / lacks properties or geometry", path=path, hint="重新导出 / export it anew") from error
    if not known.get("name"):
        raise ConfigError(f"{where} 没有名称 / has no name", path=path, hint=f"属性名可用 / call the property: {', '.join(NAMES['name'])}")
    if area.geom_type not in ("Polygon", "MultiPolygon", "Point") or area.is_empty:
        raise ConfigError(f"{where} {known['name']} 是 {area.geom_type or '空的'} / is no area", path=path, hint="要 Polygon 或 MultiPolygon / Polygon or MultiPolygon")
    if not area.is_valid:
        area = area.buffer(0)
    parts = getattr(area, "geoms", [area])
    point = max(parts, key=lambda part: part.area).representative_point()
    _degrees(path, None, f"{where} {known['name']}", point.y, point.x)
    return _place(known, point.y, point.x, None if area.geom_type == "Point" else area)


def _table(path: Path) -> list[Place]:
    rows = [(n, [cell.strip() for cell in row]) for n, row in enumerate(csv.reader(StringIO(text_of(path))), 1) if any(cell.strip() for cell in row)]
    head = next((i for i, (_, cells) in enumerate(rows[:HEAD_WITHIN]) if {"name", "lat", "lon"} <= {_column(cell) for cell in cells}), None)
    if head is None:
        raise ConfigError("没有找到表头：要有名称、纬度、经度三列 / no header with name, lat and lon", path=path, line=1,
                          hint="列名可用 / columns: " + "；".join("、".join(NAMES[key]) for key in ("name", "lat", "lon")))
    columns, places = [_column(cell) for cell in rows[head][1]], list[Place]()
    for line, cells in rows[head + 1:]:
        known = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
        if not known.get("name") or known["name"] in TOTALS:
            continue
        try:
            lat, lon = (float(plain(known.get(key, "")).rstrip("°NEne")) for key in ("lat", "lon"))
        except ValueError:
            raise ConfigError(f"{known['name']} 的经纬度不是十进制度 / no decimal degrees", path=path, line=line,
                              hint="写成 27.5566，不写度分秒 / such as 27.5566") from None
        _degrees(path, line, known["name"], lat, lon)
        places.append(_place(known, lat, lon, None))
    return places


def _degrees(path: Path, line: int | None, name: str, lat: float, lon: float) -> None:
    if abs(lat) > 180 or abs(lon) > 180:
        raise ConfigError(f"{name} 的坐标 {lon:.0f},{lat:.0f} 是米，不是度 / metres, not degrees", path=path, line=line, hint=_TO_DEGREES)
    if abs(lat) > 90:
        raise ConfigError(f"{name} 的经纬度颠倒了 / lat and lon are swapped", path=path, line=line, hint="GeoJSON 先经度后纬度 / longitude comes first in GeoJSON")


def _known(row: Mapping[str, Any]) -> dict[str, str]:
    return {_column(str(key)): str(value).strip() for key, value in row.items() if _column(str(key)) and value not in (None, "")}


def _column(heading: str) -> str:
    return _BY_NAME.get("".join(plain(heading).casefold().split()), "")


def _place(known: Mapping[str, str], lat: float, lon: float, outline: BaseGeometry | None) -> Place:
    people = re.sub(r"[,，人\s]", "", plain(known.get("population", "")))
    code = re.sub(r"\D", "", plain(known.get("code", "")))
    return Place(name=known["name"], lat=round(lat, 5), lon=round(lon, 5), code=code, name_en=known.get("name_en", ""), outline=outline,
                 population=int(float(people)) if re.fullmatch(r"\d+(\.0+)?", people) else None)
