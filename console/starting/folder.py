"""The files of a first folder: the least that `fengsui county check` passes. What nobody has told is made up, and marked so."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from string import Template
from zoneinfo import ZoneInfo

from console.starting.places import Place, ring
from core.county.canary import TOWN
from core.errors import ConfigError

FILES = Path(__file__).parent / "files"
#: How far the made-up outline of a county without towns reaches from its centre (degrees), and what its one town, gauge and reading are.
REACH = 0.1
PEOPLE, OVER60, VILLAGES, RAIN_MM = 1000, 0.2, 1, 20.0
#: The pack that is written for a county to which no shipped one applies.
OWN_PACK = "own/first"
#: Words of the made-up rows, by language.
SAID = {
    "zh": {"feed_title": "雨量（试用，合成）", "duty": "值班与镇街负责人", "residents": "居民", "duty_1": "值班员（待填）", "chief_1": "带班领导（待填）",
           "draft_source": "草稿，待本县设定", "town": "示例镇", "station": "示例雨量站（合成）"},
    "en": {"feed_title": "Rain (trial, synthetic)", "duty": "duty officers", "residents": "residents", "duty_1": "Duty officer (to be named)",
           "chief_1": "Chief (to be named)", "draft_source": "draft, to be set by the county", "town": "Example town", "station": "Example rain gauge (synthetic)"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is told of a county: six digits, names, centre (degrees), clock, language `zh` or `en`, towns where there is a file of them."""

    code: str
    name: str
    name_en: str
    lat: float
    lon: float
    zone: ZoneInfo
    language: str
    issuer: str
    signature: str
    datum: str
    packs: tuple[str, ...]
    towns: Sequence[Place] = ()


def files(start: Start, now: datetime) -> dict[str, str]:
    """Text by relative path. `now` (aware, whole seconds) is when the synthetic readings of try/rain.csv end."""
    said = SAID[start.language]
    places = list(start.towns) or [Place(name=said["town"], name_en="Example", lat=start.lat, lon=start.lon)]
    outline = ring(places) if start.towns else [(round(start.lon + x, 4), round(start.lat + y, 4)) for x, y in
                                                ((-REACH, -REACH), (REACH, -REACH), (REACH, REACH), (-REACH, REACH))]
    keys = _keys(places)
    slots = {name: _quoted(str(value)) for name, value in (*said.items(), *((n, getattr(start, n)) for n in ("name", "name_en", "issuer", "signature", "datum")))}
    slots |= {"code": f'"{start.code}"', "prefecture": f'"{start.code[:4]}"', "zone": start.zone.key, "title": f"{start.name} {start.name_en}",
              "packs": "\n".join(f"  - {pack}" for pack in start.packs)}
    texts = {name: Template((FILES / name).read_text(encoding="utf-8")).substitute(slots) for name in ("county.yaml", "feeds.yaml", "groups.yaml", "policy.yaml")}
    texts["templates.yaml"] = (FILES / f"templates.{start.language}.yaml").read_text(encoding="utf-8")
    if start.language != "zh":
        texts["words.yaml"] = (FILES / f"words.{start.language}.yaml").read_text(encoding="utf-8")
    if OWN_PACK in start.packs:
        texts[f"packs/{OWN_PACK}.yaml"] = (FILES / "first.yaml").read_text(encoding="utf-8")
    drawn = ("各镇街范围的并集，简化到约百米 / union of the towns' outlines, to about 100 m" if any(place.outline for place in places)
             else "编造的：由点外推 / made up about the points")
    texts["outline.csv"] = f"# {drawn}；不是法定界线 / no legal boundary\nlon,lat\n" + "".join(f"{x},{y}\n" for x, y in outline)
    texts["towns.csv"] = _towns(start, places, keys)
    texts["stations.csv"] = (
        "# 合成的试用站：换成本县的站 / a synthetic gauge, to be replaced by the county's own\n"
        "station,name,feed,lat,lon,town,properties,units,datum,datum_offset,warning_stage,guaranteed_stage,record_stage,levels_verified,valid_from,path,source,"
        f"synthetic\nTRY-1,{said['station']},rain,{places[0].lat},{places[0].lon},{keys[0]},rain,mm,,,,,,false,,try,,true\n")
    texts["try/rain.csv"] = "station,time,rain_mm\n" + "".join(
        f"TRY-1,{(now - timedelta(hours=h)).astimezone(start.zone).isoformat()},{RAIN_MM:g}\n" for h in (3, 2, 1, 0))
    return texts


def write(folder: Path, texts: dict[str, str]) -> None:
    """Write the files into `folder`, which must be empty or not there: nothing of anybody's is overwritten."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError("文件夹不是空的 / the folder is not empty", path=folder, hint="换一个文件夹，这里什么也没有改 / choose another; nothing was changed")
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _towns(start: Start, places: Sequence[Place], keys: Sequence[str]) -> str:
    lines = [
        "# 沿江、沿海、低洼（river_front、sea_front、low_ground）都先写成 false，据实改 / river_front, sea_front and low_ground: make them true where they are",
        "# synthetic 列出编造的列；900 起的代码是编的 / `synthetic` lists what is made up, codes from 900 on are made up too",
        "key,code,code_shared,name,name_en,lat,lon,point_verified,population,over60_share,villages,river_front,sea_front,low_ground,bank_section,synthetic"]
    codes = [_code(start.code, number, place) for number, place in enumerate(places)]
    for place, key, code in zip(places, keys, codes, strict=True):
        made = ("population;" if place.population is None else "") + "over60_share;villages"
        name_en = place.name_en or (place.name if place.name.isascii() else key.capitalize())
        lines.append(",".join((
            key, code, str(codes.count(code) > 1).lower(), _cell(place.name), _cell(name_en), f"{place.lat}", f"{place.lon}", "false",
            str(PEOPLE if place.population is None else place.population), f"{OVER60:g}", str(VILLAGES), "false", "false", "false", "0", made)))
    return "\n".join(lines) + "\n"


def _code(county: str, number: int, place: Place) -> str:
    """The town's own twelve digits (nine are filled up) where they are the county's; else made-up ones."""
    own = place.code.ljust(12, "0") if len(place.code) in (9, 12) else ""
    return own if own.startswith(county) else f"{county}{900 + number:03d}000"


def _keys(places: Sequence[Place]) -> list[str]:
    """A key a town: its name in Latin letters, t01 where there is none or it is taken."""
    keys: list[str] = []
    for number, place in enumerate(places, 1):
        key = re.sub(r"[^a-z0-9]", "", (place.name_en or place.name).casefold())[:16]
        keys.append(key if re.fullmatch(r"[a-z][a-z0-9]{1,15}", key) and key not in (*keys, TOWN) else f"t{number:02d}")
    return keys


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search('[,"]', text) else text
