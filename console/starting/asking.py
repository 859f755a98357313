"""What a first folder needs to be told: taken from the command line, else asked for at a terminal; and what to do next."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import typer

from console.starting import places
from console.starting.folder import OWN_PACK, Start
from core.county import County
from core.county.gcj02 import restored
from core.errors import ConfigError

DATUM = {"zh": "1985", "en": "MSL"}
PACKS = {"zh": "cn/rainstorm", "en": OWN_PACK}


def start(
    *, name: str, name_en: str, code: str, centre: str, zone: str, language: str, towns: Path | None, gcj02: bool, issuer: str, signature: str, datum: str,
    packs: str,
) -> Start:
    """All answers, checked as far as the county check would not say it better; ConfigError for what cannot be."""
    found = _towns(towns, gcj02) if towns else []
    name = name or _ask("--name", "县名 / name of the county")
    name_en = name_en or (name if name.isascii() else _ask("--name-en", "英文名或拼音 / name in English"))
    code = code or _ask("--code", "六位区划代码（国家统计局）/ six digits (US: 0 and the FIPS code of the county)")
    if not re.fullmatch("[0-9]{6}", code):
        raise ConfigError(f"--code {code} 应为六位数字 / six digits", hint="例如 / such as 330329；美国 US: 0 + 州县五位 FIPS, e.g. 002220")
    lat, lon = _centre(centre or _ask("--centre", "县城的 纬度,经度 / latitude,longitude")) if not found else (found[0].lat, found[0].lon)
    if zone not in available_timezones():
        raise ConfigError(f"--zone 不认识时区 {zone} / unknown zone", hint="例如 / such as Asia/Shanghai, America/Sitka, Asia/Manila")
    chinese = language == "zh"
    return Start(
        name=name, name_en=name_en, code=code, lat=lat, lon=lon, zone=ZoneInfo(zone), language=language, towns=found, datum=datum or DATUM[language],
        issuer=issuer or (f"{name}应急管理局" if chinese else f"{name} Emergency Management"), signature=signature or (f"{name}预警" if chinese else name),
        packs=tuple(pack.strip() for pack in (packs or PACKS[language]).split(",")))


def done(folder: Path, county: County) -> str:
    """What was made, and the first steps with it, each a command to paste."""
    told = f"已写出 written: {folder}（{county.name}，{len(county.towns)} 镇街 towns）。草稿，不能用于正式 / a draft, never live."
    return "\n".join((
        told, "下一步，逐行粘贴 / next, line by line:", f"  fengsui county check {folder}",
        f"  export FENGSUI_COUNTY={folder} FENGSUI_HOME={folder}.state FENGSUI_STATUS=Exercise FENGSUI_SANDBOX_URL=http://127.0.0.1:8899",
        "  export FENGSUI_SEAL_KEY=$(python3 -c 'import os,base64;print(base64.b64encode(os.urandom(32)).decode())')",
        f"  python3 -m http.server 8899 --bind 127.0.0.1 --directory {folder}/try &",
        "  fengsui feeds test rain    # 试拉合成的雨量 / pull the synthetic rain", "  fengsui tick               # 取数、研判、拟稿 / pull, assess, draft",
        "  fengsui alerts             # 等人签的 / what waits for a signature", "以后 / from there on: county/README.md"))


def _towns(path: Path, gcj02: bool) -> list[places.Place]:
    found = places.read(path)
    return [places.moved(place, restored) for place in found] if gcj02 else found


def _ask(option: str, question: str) -> str:
    """The answer at a terminal; where there is none, an error that names the option."""
    if not sys.stdin.isatty():
        raise ConfigError(f"缺少 {option} / is missing：{question}", hint=f"{option} …")
    return str(typer.prompt(question)).strip()


def _centre(text: str) -> tuple[float, float]:
    """latitude,longitude in degrees."""
    try:
        lat, lon = (float(part) for part in re.split("[,，]", text))
    except ValueError:
        raise ConfigError(f"--centre {text} 看不懂 / cannot be read", hint="写 纬度,经度 / latitude,longitude: 27.56,119.72") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ConfigError(f"--centre {text} 的纬度超过 90 度 / latitude beyond 90", hint="先纬度后经度 / latitude first: 27.56,119.72")
    return lat, lon
