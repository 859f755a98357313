"""`fengsui rules explain`, also as `fengsui explain`: why a town stands where it stands."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands.options import Json, emit
from core.errors import ConfigError

NEXT = "先运行 make run，或用 FENGSUI_HOME 指出状态文件夹，如 .run/state / run make run first, or set FENGSUI_HOME"


def explain(
    town: Annotated[str, typer.Option(help="镇街名、键或代码 / town")],
    hazard: Annotated[str, typer.Option(help="flood | typhoon | geological …，缺省为全部灾种 / default: every hazard")] = "",
    at: Annotated[str, typer.Option(help="研判时刻（ISO 带时区），缺省为最近一次 / assessment time, default: the newest")] = "",
    as_json: Json = False,
) -> None:
    """为什么是这个级别：条件、数值、阈值、质量标记、原始数据哈希、差多少，并重算核对 / why this level, recomputed; exit 1 when it differs."""
    import rules
    from console.context import Context
    from core.county import load_county
    from core.model import Hazard
    from core.settings import Settings
    from core.times import parse_iso
    from rules.explain import head

    settings = Settings.load()
    key, hazards = load_county(settings.county).town(town).key, (Hazard.of(hazard),) if hazard else None
    when = parse_iso(at) if at else None
    ctx = Context.load(settings) if settings.founded else None
    newest = ctx.ledger.scores() if ctx else []
    if ctx is None or not newest:
        raise ConfigError("台账里还没有研判 / nothing assessed yet", path=settings.home, hint=NEXT)
    found = rules.explain_town(town=key, at=when or newest[0].time, county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, hazards=hazards)
    emit(head(found), as_json, "\n".join(e.text() for e in found))
    raise typer.Exit(0 if all(e.matches for e in found) else 1)
