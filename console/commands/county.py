"""`fengsui county`: the county folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from console.commands.options import Json, emit, group


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    commands = group("县域文件夹 / the county folder.")
    commands.command("check")(check)
    app.add_typer(commands, name="county")


def check(
    folder: Annotated[Path | None, typer.Argument(help="县域文件夹，缺省为 FENGSUI_COUNTY / county folder, by default FENGSUI_COUNTY")] = None,
    as_json: Json = False,
) -> None:
    """检查县域文件夹，一次报出全部错误；渠道不足两个独立的镇街只作警告 / check a county folder, all errors at once; weak channels are warnings."""
    from console.drill import limited
    from core.county import load_county, weak_points
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
    facts: dict[str, Any] = {"county": county.name, "code": county.code, "version": county.version, "towns": len(county.towns),
             "stations": len(county.stations), "feeds": len(county.feeds), "packs": len(packs), "rules": sum(len(pack.rules) for pack in packs),
             "overrides": len(county.overrides), "limits": len(county.limits), "warnings": weak_points(county)}
    emit(facts, as_json, f"{county.name} {county.name_en}: {len(county.towns)} 镇街 towns, {len(county.stations)} 站 stations, "
                         f"{len(county.feeds)} 数据源 feeds, {facts['rules']} 规则 rules, {len(county.overrides)} 改值 overrides, "
                         f"{len(county.limits)} 限值 limits, 版本 version {county.version[:12]}"
                         + "".join(f"\n警告 warning: {words}" for words in facts["warnings"]))
