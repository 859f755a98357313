"""Read towns.csv, stations.csv and loudspeakers.csv."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date

from core.county import canary, gcj02
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
#: Where a county has mountains: m above mean sea level, and the kind of place (limits.csv).
UPLAND_COLUMNS = ("elevation", "site")
#: What a declared stage is a stage of, and how far (m) the lowest may lie from the highest; of a reservoir (own choices, unverified).
MARKED, FAR_MARKS = frozenset({"stage", "tide", "reservoir_stage", "gate_upstream", "gate_downstream"}), (20.0, 100.0)
#: What is read off the height of a station, and how far (m) a gauge's marks may lie from it.
BY_HEIGHT, OFF_MARK = frozenset({"pressure", "temperature"}), 200.0
SPEAKER_COLUMNS = ("speaker", "town", "name", "lat", "lon", "state", "synthetic")
DATUMS = ("1985", "1956", "废黄河", "吴淞", "珠江", "大沽", "罗零", "NAVD88", "MLLW", "MSL", "ODN", "假定")


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
    problems.names["towns.csv"] = {alias: town.key for town in towns for alias in (town.name, *([] if town.code_shared else [town.code]))}
    shared = [t.code for t in towns]
    for row, town in zip(rows, towns, strict=True):
        if town.code_shared and shared.count(town.code) < 2:
            row.refuse(f"代码 {town.code} 没有别的镇街共用 / nobody shares this code", "改为 code_shared=false，或核对代码 / set it to false, or check the code")
    return tuple(towns)


def _town(row: Cells, county_code: str, before: list[Town], outline: list[Point]) -> Town:
    code, shared = row["code"], row.yes("code_shared")
    if re.fullmatch(r"[0-9](\.[0-9]+)?[eE]\+?[0-9]+", code):
        row.refuse(f"代码 {shown(code)} 被表格软件写成了科学计数法，末几位已丢失 / a spreadsheet has rounded the code",
                   "把这一列的格式设为“文本”再重填 / make the column text and fill it in anew")
    elif not re.fullmatch(r"[0-9]{12}", code) or not code.startswith(county_code):
        row.refuse(f"代码 {shown(code)} 应为 12 位数字并以 {county_code} 开头 / code must have 12 digits and begin with the county's",
                   "查国家统计局区划代码 / look it up in the statistical codes")
    elif not shared and any(t.code == code for t in before):
        row.refuse(f"代码 {code} 重复 / code twice", "若确实共用，两行都写 code_shared=true / mark both rows code_shared")
    name = row.text("name")
    if any(t.name == name for t in before):
        row.refuse(f"镇街名 {shown(name)} 重复 / name twice", "核对镇街名 / check the names")
    if re.search(r"[\u4e00-\u9fff]", row["name_en"]):
        row.refuse(f"name_en {shown(row['name_en'])} 是中文 / is Chinese", "写拼音或英文，英文文案用它 / Pinyin or English")
    point = _point(row, outline)
    if any((t.lon, t.lat) == point for t in before):
        row.refuse(f"{shown(name)} 与另一镇街的点相同 / stands where another town does", "核对经纬度，站到镇街按距离算 / check lat and lon")
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
        row.refuse(f"{shown(row['name'])} 的点 {lon:g},{lat:g} 在县域轮廓外 / point outside the outline", _outside((lon, lat), outline))
    return lon, lat


def _outside(point: Point, outline: list[Point]) -> str:
    """Why a point may lie outside: swapped, or one of the two has the shifted degrees of a Chinese web map."""
    if inside(point[::-1], outline):
        return "经纬度颠倒了，对调 / lon and lat are swapped"
    for way, whose in ((gcj02.restored, "这个点 / the point"), (gcj02.shifted, "轮廓 / the outline")):
        if inside(way(*point), outline):
            return f"{whose} 像是网络地图的坐标 GCJ-02，换算成 CGCS2000 / looks like GCJ-02, convert it to WGS 84"
    return "核对经纬度与轮廓 / check the point and the outline"


def read_stations(problems: Problems, towns: Collection[str], feeds: Collection[str], datum: str) -> tuple[Station, ...]:
    """stations.csv; `datum` is the county's. A station may lie outside the county, its town is where it counts."""
    stations: dict[str, Station] = {}
    rows = read_csv(problems, "stations.csv", STATION_COLUMNS, UPLAND_COLUMNS)
    raised = any(row["elevation"] for row in rows)
    for row in rows:
        row.key("station", stations)
        if row["name"] and any((row["name"], row["feed"]) == (station.name, station.feed) for station in stations.values()):
            row.refuse(f"站名 {shown(row['name'])} 重复 / name twice", "值班员按站名认站，加以区别 / officers know stations by name, tell them apart")
        row.refer("town", towns, "towns.csv")
        row.refer("feed", feeds, "feeds.yaml")
        properties = _properties(row)
        stages = _stages(row, datum)
        verified, synthetic = row.yes("levels_verified"), row.yes("synthetic")
        if not row["source"] and (not synthetic or verified):
            row.refuse("没有出处却称为真实或已核实 / called real or verified without a source",
                       "在 source 写出处，或改为 synthetic=true、levels_verified=false / give the source")
        stations[row["station"]] = Station(
            station=row["station"], name=row.text("name"), feed=row["feed"], lat=row.number("lat", -90, 90), lon=row.number("lon", -180, 180),
            town=row["town"], properties=properties, datum=row["datum"], warning_stage=stages[0], guaranteed_stage=stages[1], record_stage=stages[2],
            datum_offset=row.maybe("datum_offset", -10, 10), levels_verified=verified, valid_from=_day(row), path=row.text("path"),
            source=row["source"], synthetic=synthetic, elevation=_height(row, properties, stages, raised), site=row["site"], line=row.line,
        )
    return tuple(stations.values())


def _height(row: Cells, properties: tuple[str, ...], stages: list[float | None], raised: bool) -> float | None:
    """The station's elevation; `raised`: some station of the county has one, so that those must which are compared by it. A gauge's marks lie about it."""
    elevation = row.maybe("elevation", -500, 9000)
    if elevation is None and raised and BY_HEIGHT & set(properties):
        row.refuse("测气压或气温的站要写 elevation / a station that measures pressure or temperature needs its elevation",
                   "填海拔（米）：别的站已填，比较时须同一高度 / other stations have theirs, they are compared at one height")
    mark = next((stage for stage in stages if stage is not None), None)
    if elevation is not None and mark is not None and row["datum"] != "假定" and abs(elevation - mark) > OFF_MARK:
        row.refuse(f"elevation {elevation:g} 与特征水位 {mark:g} 相差 {abs(elevation - mark):.0f} 米 / elevation and stages are far apart",
                   "海拔与水位都用米，核对两者与基面 / both in metres; check them and the datum")
    return elevation


def _properties(row: Cells) -> tuple[str, ...]:
    """What a station measures, each in its canonical unit."""
    if re.search("[；、，,/]", row["properties"] + row["units"].replace("m/s", "").replace("m3/s", "")):
        row.refuse("properties 与 units 用半角分号隔开 / are joined by ;", "写成 rain;wind_speed 与 mm;m/s / such as rain;wind_speed and mm;m/s")
        return ()
    properties, units = row.words("properties", PROPERTIES), row["units"].split(";")
    if not properties:
        row.refuse("properties 是空的 / no property", f"可用 / use: {', '.join(PROPERTIES)}")
    elif len(units) != len(properties):
        row.refuse(f"{len(properties)} 个要素、{len(units)} 个单位 / as many units as properties", "一一对应，用分号隔开 / one each, joined by ;")
    for name, unit in zip(properties, units, strict=False):
        if unit != PROPERTIES.get(name, unit):
            row.refuse(f"{name} 的单位应为 {PROPERTIES[name]}，写成了 {shown(unit)} / unknown unit", "按规范单位填写 / give the canonical unit")
    return properties


def _stages(row: Cells, datum: str) -> list[float | None]:
    """Warning, guaranteed and record stage; they rise in this order, and none stands without a datum."""
    row.one_of("datum", ("", *DATUMS))
    stages = [row.maybe(column, -20, 5000) for column in ("warning_stage", "guaranteed_stage", "record_stage")]
    given = [stage for stage in stages if stage is not None]
    if not row["datum"] and (given or {"stage", "tide"} & set(row["properties"].split(";"))):
        row.refuse("水位、潮位必须写基面 / a stage needs a datum", f"可用 / use: {', '.join(DATUMS)}")
    if given and not MARKED & set(row["properties"].split(";")):
        row.refuse("写了特征水位，却不测水位 / stages of a station that measures none",
                   f"在 properties 写 {'、'.join(sorted(MARKED))} 之一，或清空 / measure one of them")
    if len(given) > 1 and given[-1] - given[0] > FAR_MARKS["reservoir_stage" in row["properties"]]:
        row.refuse(f"特征水位相差 {given[-1] - given[0]:g} 米 / the stages are far apart", "单位是米，不是厘米 / in metres, not in centimetres")
    if given != sorted(given):
        row.refuse("警戒、保证、历史最高水位应依次升高 / warning, guaranteed and record stage must rise", "核对三个水位 / check the three")
    if row["datum"] == datum and row["datum_offset"] not in ("", "0"):
        row.refuse("与全县基面相同，datum_offset 应为空或 0 / same datum as the county's, no offset", "清空 datum_offset / empty it")
    return stages


def _day(row: Cells) -> date | None:
    text = row["valid_from"]
    try:
        return date(*map(int, re.split("[-/]", text))) if re.fullmatch(r"[0-9]{4}([-/])[0-9]{1,2}\1[0-9]{1,2}", text) else date.fromisoformat(text) if text else None
    except ValueError:
        row.refuse(f"valid_from 应为 年-月-日，写成了 {shown(text)} / a date is expected", "例如 2021-05-01 / such as 2021-05-01")
        return None


def read_loudspeakers(problems: Problems, towns: Collection[str], outline: list[Point]) -> tuple[Loudspeaker, ...]:
    """loudspeakers.csv, absent where there are none; the id is the topic on which the loudspeaker listens, so no two share it. The point may be empty."""
    if not (problems.root / "loudspeakers.csv").is_file():
        return ()
    speakers: dict[str, Loudspeaker] = {}
    for row in read_csv(problems, "loudspeakers.csv", SPEAKER_COLUMNS):
        row.key("speaker", speakers)
        lon, lat = _point(row, outline) if row["lat"] or row["lon"] else (None, None)
        speakers[row["speaker"]] = Loudspeaker(
            speaker=row["speaker"], town=row.refer("town", towns, "towns.csv"), name=row.text("name"), lat=lat, lon=lon,
            state="off" if row.one_of("state", ("on", "off")) == "off" else "on", synthetic=row.yes("synthetic"))
    return tuple(speakers.values())
