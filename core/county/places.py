"""Read towns.csv, stations.csv and loudspeakers.csv."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date

from core.county import canary
from core.county.cells import Cells, read_csv
from core.county.outline import inside
from core.county.problems import Problems, shown
from core.county.types import Loudspeaker, Point, Station, Town
from core.units import PROPERTIES

TOWN_COLUMNS = ("key", "code", "code_shared", "name", "name_en", "lat", "lon", "point_verified", "population", "over60_share", "villages",
                "river_front", "sea_front", "low_ground", "bank_section", "synthetic")
#: Yearly subsidence in mm; few counties have it by town.
TOWN_EXTRA = ("subsidence_mm",)
STATION_COLUMNS = ("station", "name", "feed", "lat", "lon", "town", "properties", "units", "datum", "datum_offset", "warning_stage", "guaranteed_stage",
                   "record_stage", "levels_verified", "valid_from", "path", "source", "synthetic")
SPEAKER_COLUMNS = ("speaker", "town", "name", "lat", "lon", "state", "synthetic")
DATUMS = ("1985", "1956", "废黄河", "吴淞", "珠江", "大沽", "罗零", "NAVD88", "MLLW", "ODN", "假定")


def read_towns(problems: Problems, county_code: str, outline: list[Point]) -> tuple[Town, ...]:
    """towns.csv. A wrong key is told once: rows elsewhere that name it are not blamed."""
    towns: list[Town] = []
    rows = read_csv(problems, "towns.csv", TOWN_COLUMNS, TOWN_EXTRA)
    if rows and county_code and not any(row["code"].startswith(county_code) for row in rows):
        rows[0].refuse(f"没有一个镇街的代码以 county.yaml 的 {county_code} 开头 / no town's code begins with the county's",
                       "改 county.yaml 的 code 或各镇街的代码 / correct one of the two")
        county_code = ""
    for row in rows:
        before = len(problems.errors)
        row.key("key", {t.key for t in towns})
        if not re.fullmatch(r"[a-z][a-z0-9]{1,15}", row["key"]):
            row.refuse(f"key {shown(row['key'])} 应为小写字母和数字 / lower-case letters and digits", "例如拼音 / the name in Pinyin, say")
        if row["key"] == canary.TOWN:
            row.refuse(f"{canary.TOWN} 是链路自检的地方 / is the place of the canary", "换一个键 / choose another key")
        if len(problems.errors) > before:
            problems.broken.add("towns.csv")
        towns.append(_town(row, county_code, towns, outline))
    shared = [t.code for t in towns]
    for row, town in zip(rows, towns, strict=True):
        if town.code_shared and shared.count(town.code) < 2:
            row.refuse(f"代码 {town.code} 没有别的镇街共用 / nobody shares this code", "改为 code_shared=false，或核对代码 / set it to false, or check the code")
    return tuple(towns)


def _town(row: Cells, county_code: str, before: list[Town], outline: list[Point]) -> Town:
    code, shared = row["code"], row.yes("code_shared")
    if not re.fullmatch(r"[0-9]{12}", code) or not code.startswith(county_code):
        row.refuse(f"代码 {shown(code)} 应为 12 位数字并以 {county_code} 开头 / code must have 12 digits and begin with the county's",
                   "查国家统计局区划代码 / look it up in the statistical codes")
    elif not shared and any(t.code == code for t in before):
        row.refuse(f"代码 {code} 重复 / code twice", "若确实共用，两行都写 code_shared=true / mark both rows code_shared")
    name = row.text("name")
    if any(t.name == name for t in before):
        row.refuse(f"镇街名 {shown(name)} 重复 / name twice", "核对镇街名 / check the names")
    point = _point(row, outline)
    return Town(
        key=row["key"], code=code, code_shared=shared, name=name, name_en=row.text("name_en"), lat=point[1], lon=point[0],
        point_verified=row.yes("point_verified"), population=row.whole("population", 1, 5_000_000), over60_share=row.number("over60_share", 0, 1),
        villages=row.whole("villages", 0, 1000), river_front=row.yes("river_front"), sea_front=row.yes("sea_front"), low_ground=row.yes("low_ground"),
        bank_section=row.whole("bank_section", 0, 3), synthetic=row.words("synthetic", ("population", "over60_share", "villages", *TOWN_EXTRA)),
        subsidence_mm=row.maybe("subsidence_mm", 0, 500) or 0.0,
    )


def _point(row: Cells, outline: list[Point]) -> Point:
    """lon and lat of a row, inside the outline (if there is one)."""
    before = len(row.problems.errors)
    lon, lat = row.number("lon", -180, 180), row.number("lat", -90, 90)
    if outline and len(row.problems.errors) == before and not inside((lon, lat), outline):
        row.refuse(f"{shown(row['name'])} 的点 {lon:g},{lat:g} 在县域轮廓外 / point outside the outline", "检查经纬度是否颠倒 / lon and lat swapped?")
    return lon, lat


def read_stations(problems: Problems, towns: Collection[str], feeds: Collection[str], datum: str) -> tuple[Station, ...]:
    """stations.csv; `datum` is the county's. A station may lie outside the county, its town is where it counts."""
    stations: dict[str, Station] = {}
    for row in read_csv(problems, "stations.csv", STATION_COLUMNS):
        row.key("station", stations)
        row.refer("town", towns, "towns.csv")
        row.refer("feed", feeds, "feeds.yaml")
        properties = row.words("properties", PROPERTIES)
        _units(row, properties)
        stages = _stages(row, datum)
        verified, synthetic = row.yes("levels_verified"), row.yes("synthetic")
        if not row["source"] and (not synthetic or verified):
            row.refuse("没有出处却称为真实或已核实 / called real or verified without a source",
                       "在 source 写出处，或改为 synthetic=true、levels_verified=false / give the source")
        stations[row["station"]] = Station(
            station=row["station"], name=row.text("name"), feed=row["feed"], lat=row.number("lat", -90, 90), lon=row.number("lon", -180, 180),
            town=row["town"], properties=properties, datum=row["datum"], warning_stage=stages[0], guaranteed_stage=stages[1], record_stage=stages[2],
            datum_offset=row.maybe("datum_offset", -10, 10), levels_verified=verified, valid_from=_day(row), path=row.text("path"),
            source=row["source"], synthetic=synthetic,
        )
    return tuple(stations.values())


def _units(row: Cells, properties: tuple[str, ...]) -> None:
    units = row["units"].split(";")
    if not properties:
        row.refuse("properties 是空的 / no property", f"可用 / use: {', '.join(PROPERTIES)}")
    elif len(units) != len(properties):
        row.refuse(f"{len(properties)} 个要素、{len(units)} 个单位 / as many units as properties", "一一对应，用分号隔开 / one each, joined by ;")
    for name, unit in zip(properties, units, strict=False):
        if unit != PROPERTIES.get(name, unit):
            row.refuse(f"{name} 的单位应为 {PROPERTIES[name]}，写成了 {shown(unit)} / unknown unit", "按规范单位填写 / give the canonical unit")


def _stages(row: Cells, datum: str) -> list[float | None]:
    """Warning, guaranteed and record stage; they rise in this order, and none stands without a datum."""
    row.one_of("datum", ("", *DATUMS))
    stages = [row.maybe(column, -20, 5000) for column in ("warning_stage", "guaranteed_stage", "record_stage")]
    given = [stage for stage in stages if stage is not None]
    if not row["datum"] and (given or {"stage", "tide"} & set(row["properties"].split(";"))):
        row.refuse("水位、潮位必须写基面 / a stage needs a datum", f"可用 / use: {', '.join(DATUMS)}")
    if given != sorted(given):
        row.refuse("警戒、保证、历史最高水位应依次升高 / warning, guaranteed and record stage must rise", "核对三个水位 / check the three")
    if row["datum"] == datum and row["datum_offset"] not in ("", "0"):
        row.refuse("与全县基面相同，datum_offset 应为空或 0 / same datum as the county's, no offset", "清空 datum_offset / empty it")
    return stages


def _day(row: Cells) -> date | None:
    text = row["valid_from"]
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        row.refuse(f"valid_from 应为 年-月-日，写成了 {shown(text)} / a date is expected", "例如 2021-05-01 / such as 2021-05-01")
        return None


def read_loudspeakers(problems: Problems, towns: Collection[str], outline: list[Point]) -> tuple[Loudspeaker, ...]:
    """loudspeakers.csv; the id is the topic on which the loudspeaker listens, so no two share it. The point may be empty."""
    speakers: dict[str, Loudspeaker] = {}
    for row in read_csv(problems, "loudspeakers.csv", SPEAKER_COLUMNS):
        row.key("speaker", speakers)
        lon, lat = _point(row, outline) if row["lat"] or row["lon"] else (None, None)
        speakers[row["speaker"]] = Loudspeaker(
            speaker=row["speaker"], town=row.refer("town", towns, "towns.csv"), name=row.text("name"), lat=lat, lon=lon,
            state="off" if row.one_of("state", ("on", "off")) == "off" else "on", synthetic=row.yes("synthetic"))
    return tuple(speakers.values())
