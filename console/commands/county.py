"""`fengsui county`: the county folder."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from console.commands.options import Json, Now, emit, group
from core.times import SHANGHAI


class Language(StrEnum):
    """Languages that a starter speaks; every other is a translation of its words.yaml and templates.yaml."""

    ZH = "zh"
    EN = "en"


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    commands = group("县域文件夹 / the county folder.")
    commands.command("new")(new)
    commands.command("check")(check)
    app.add_typer(commands, name="county")


def new(
    folder: Annotated[Path, typer.Argument(help="新文件夹，须是空的或还没有 / a new or empty folder")],
    name: Annotated[str, typer.Option(help="县名，如 泰顺县 / name")] = "",
    name_en: Annotated[str, typer.Option(help="英文名或拼音 / name in English")] = "",
    code: Annotated[str, typer.Option(help="六位区划代码 / six digits")] = "",
    centre: Annotated[str, typer.Option("--centre", "--center", help="县城的 纬度,经度 / latitude,longitude; 有 --towns 时可不给 not needed with --towns")] = "",
    zone: Annotated[str, typer.Option(help="时区 / IANA time zone")] = SHANGHAI.key,
    language: Annotated[Language, typer.Option(help="预警的语言 / language of the warnings")] = Language.ZH,
    towns: Annotated[Path | None, typer.Option(help="镇街：GeoJSON，或有名称、纬度、经度列的 CSV / towns as GeoJSON or CSV")] = None,
    gcj02: Annotated[bool, typer.Option("--gcj02", help="--towns 是网络地图的坐标（GCJ-02），换算 / the file has the degrees of a Chinese web map")] = False,
    issuer: Annotated[str, typer.Option(help="发布单位 / who speaks")] = "",
    signature: Annotated[str, typer.Option(help="短信签名 / signature of an SMS")] = "",
    datum: Annotated[str, typer.Option(help="水位基面 / datum of stages")] = "",
    packs: Annotated[str, typer.Option(help="规则包，逗号隔开；缺省 cn/rainstorm，英文为 own/first / rule packs, by commas")] = "",
    now: Now = "",
) -> None:
    """新建一个县域文件夹：最少的文件，编造的都标明，不能用于正式 / make a first county folder: the fewest files, all made-up values marked, never live.

    没有给的逐项询问 / asks for what is not given.
    """
    from console.context import edge_now
    from console.starting import asking
    from console.starting.folder import files, write
    from core.county import load_county

    start = asking.start(name=name, name_en=name_en, code=code, centre=centre, zone=zone, language=str(language), towns=towns, gcj02=gcj02, issuer=issuer,
                         signature=signature, datum=datum, packs=packs)
    write(folder, files(start, edge_now(now or None)))
    county = load_county(folder)
    typer.echo(asking.done(folder, county))


def check(
    folder: Annotated[Path | None, typer.Argument(help="县域文件夹，缺省为 FENGSUI_COUNTY / county folder, by default FENGSUI_COUNTY")] = None,
    as_json: Json = False,
) -> None:
    """检查县域文件夹，一次报出全部错误；渠道不足两个独立的镇街只作警告 / check a county folder, all errors at once; weak channels are warnings."""
    from console.drill import limited
    from core.county import load_county, weak_points
    from core.county.unready import unready
    from core.settings import Settings
    from rules import overrides, widened
    from rules.packs import find, load_packs

    folder = folder or Settings.load().county
    county = load_county(folder)
    packs = load_packs(find(county.packs, county.root))
    overrides.check((rule for pack in packs for rule in pack.rules), county)
    widened.check((rule for pack in packs for rule in pack.rules), county)
    if (folder / "drill.yaml").exists():
        limited(county)
    scored = (hazard for pack in packs for rule in pack.rules for hazard in rule.hazards)
    facts: dict[str, Any] = {"county": county.name, "code": county.code, "version": county.version, "towns": len(county.towns),
             "stations": len(county.stations), "feeds": len(county.feeds), "packs": len(packs), "rules": sum(len(pack.rules) for pack in packs),
             "overrides": len(county.overrides), "limits": len(county.limits), "warnings": [*unready(county, scored), *weak_points(county)]}
    emit(facts, as_json, f"{county.name} {county.name_en}: {len(county.towns)} 镇街 towns, {len(county.stations)} 站 stations, "
                         f"{len(county.feeds)} 数据源 feeds, {facts['rules']} 规则 rules, {len(county.overrides)} 改值 overrides, "
                         f"{len(county.limits)} 限值 limits, 版本 version {county.version[:12]}"
                         + "".join(f"\n警告 warning: {words}" for words in facts["warnings"]))
