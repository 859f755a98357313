"""`fengsui rules`: what the analyst does with the packs."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands.options import Json, emit, group
from core.errors import ConfigError


def add(app: typer.Typer) -> None:
    """Hang the group and `explain` onto `app`."""
    commands = group("规则 / the rules.")
    commands.command("test")(test)
    app.command()(explain)
    app.add_typer(commands, name="rules")


def test(as_json: Json = False) -> None:
    """运行规则包旁的测试 / run the tests beside each pack."""
    from rules.packtest import run_all

    results = run_all()
    bad = [r for r in results if not r.passed]
    emit([{"pack": r.pack, "case": r.case, "passed": r.passed, "message": r.message} for r in results], as_json,
         "\n".join([*(f"✗ {r.pack}: {r.case}: {r.message}" for r in bad), f"{len(results) - len(bad)} 通过 passed, {len(bad)} 未过 failed"]))
    raise typer.Exit(1 if bad else 0)


def explain(
    town: Annotated[str, typer.Option(help="镇街名、键或代码 / town")],
    hazard: Annotated[str, typer.Option(help="flood | typhoon | geological")],
    at: Annotated[str, typer.Option(help="研判时刻（ISO 带时区）/ assessment time")] = "",
    as_json: Json = False,
) -> None:
    """为什么是这个级别：规则、数值、阈值、质量标记、原始数据哈希，并重算核对 / why this level, recomputed."""
    import dataclasses

    import rules
    from console.context import Context
    from core.model import Hazard
    from core.times import parse_iso

    ctx = Context.load()
    known = [] if at else ctx.ledger.scores()
    if not at and not known:
        raise ConfigError("台账里还没有研判 / nothing assessed yet", hint="先运行 make run，或设置 FENGSUI_HOME / run make run first, or set FENGSUI_HOME")
    when = parse_iso(at) if at else known[0].time
    result = rules.explain(town=ctx.county.town(town).key, hazard=Hazard(hazard), at=when, county=ctx.county, lake=ctx.lake, ledger=ctx.ledger)
    emit(dataclasses.asdict(result), as_json, result.text())
    raise typer.Exit(0 if result.matches else 1)
