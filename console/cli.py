"""`fengsui`: the command line. Every command takes --json where a machine may read it; nothing here imports Airflow or pandas at the top.

Exit codes: 0 done and as expected; 1 done, but not as expected; 2 the call or the configuration is wrong; 3 a store or a service failed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import ConfigError, FengsuiError, LifeCycleError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="烽燧：县域多源灾害预警 / multi-source disaster early warning for one county.")
county_app = typer.Typer(no_args_is_help=True, help="县域文件夹 / the county folder.")
audit_app = typer.Typer(no_args_is_help=True, help="审计链 / the audit chain.")
rules_app = typer.Typer(no_args_is_help=True, help="规则 / the rules.")
app.add_typer(county_app, name="county")
app.add_typer(audit_app, name="audit")
app.add_typer(rules_app, name="rules")

Json = Annotated[bool, typer.Option("--json", help="机器可读 / machine-readable")]
Now = Annotated[str, typer.Option("--now", help="时刻（ISO 带时区）/ time with zone; default: the wall clock")]


def emit(value: Any, as_json: bool, text: str) -> None:
    """Print `value` as JSON or `text` for people."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str) if as_json else text)


@county_app.command("check")
def county_check(folder: Annotated[Path, typer.Argument()] = Path("county/haimen"), as_json: Json = False) -> None:
    """检查县域文件夹，一次报出全部错误 / check a county folder, all errors at once."""
    from core.county import load_county

    county = load_county(folder)
    facts = {"county": county.name, "code": county.code, "version": county.version, "towns": len(county.towns),
             "stations": len(county.stations), "feeds": len(county.feeds)}
    emit(facts, as_json, f"{county.name} {county.name_en}: {len(county.towns)} 镇街 towns, {len(county.stations)} 站 stations, "
                         f"{len(county.feeds)} 数据源 feeds, 版本 version {county.version[:12]}")


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="情景名 / scenario")],
    home: Annotated[Path, typer.Option(help="状态文件夹 / state folder")] = Path(".fengsui/replay"),
    county: Annotated[Path, typer.Option()] = Path("county/haimen"),
    speed: Annotated[float, typer.Option(help="倍速，0 为尽快 / times real time, 0 for as fast as it goes")] = 0.0,
    as_json: Json = False,
) -> None:
    """不经 Airflow 重放一个情景 / run a scenario through the same steps without Airflow."""
    import shutil

    from console import replay as r
    from console.board import write_board
    from console.report import collect, expectations
    from console.sandbox.officers import demonstrate
    from console.summary import print_summary

    shutil.rmtree(home, ignore_errors=True)
    scenario = r.find_scenario(county, name)
    with r.world(home, county, name) as (outside, ctx):
        r.run(outside, ctx, r.instants(scenario), demonstrate, lambda line: typer.echo(line, err=True), speed)
        data = collect(ctx, scenario.end)
        board = write_board(ctx, scenario.end, home / "board.html")
    held = expectations(ctx, scenario.expect, data)
    if as_json:
        emit({**data, "expectations": held}, True, "")
    else:
        print_summary(data, {"CAP": str(home / "cap"), "短信沙箱日志 SMS sandbox log": str(outside.sms_log), "看板 board": str(board)})
        for sentence, holds in held:
            typer.echo(f"  {'✓' if holds else '✗'} {sentence}")
    raise typer.Exit(0 if all(holds for _, holds in held) else 1)


@app.command()
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


@app.command()
def summary(now: Now = "", as_json: Json = False) -> None:
    """值班摘要：数据源、镇街、预警、送达 / the duty summary."""
    from console.context import Context, edge_now
    from console.report import collect
    from console.summary import print_summary

    ctx = Context.load()
    data = collect(ctx, edge_now(now or None))
    if as_json:
        emit(data, True, "")
    else:
        print_summary(data, {"CAP": str(ctx.settings.home / "cap")})


@app.command()
def feeds(now: Now = "", as_json: Json = False) -> None:
    """数据源健康 / health of the feeds."""
    from console.context import Context, edge_now
    from console.report import feeds as rows_of
    from console.summary import STATE_ZH, age

    ctx = Context.load()
    with ctx.ledger.begin() as tx:
        rows = rows_of(tx, ctx, edge_now(now or None))
    emit(rows, as_json, "\n".join(f"{r['feed']:14} {STATE_ZH[r['state']]} {age(r['age_s']):>10} {r['records']:>7} {r['headline']}" for r in rows))
    raise typer.Exit(0 if all(r["state"] == "ok" for r in rows) else 1)


@app.command()
def board(out: Annotated[Path, typer.Option()] = Path("board.html"), now: Now = "") -> None:
    """写出值班看板（单个 HTML 文件）/ write the duty board as one HTML file."""
    from console.board import write_board
    from console.context import Context, edge_now

    typer.echo(str(write_board(Context.load(), edge_now(now or None), out)))


@app.command()
def tick(now: Now = "") -> None:
    """Airflow 停摆时走一遍全链条，草稿等人签发 / one pass through the chain without Airflow; drafts wait for a person."""
    from console.context import Context, edge_now
    from console.replay import line
    from console.steps import tick as one

    typer.echo(line(one(edge_now(now or None), Context.load())))


@audit_app.command("verify")
def audit_verify(as_json: Json = False) -> None:
    """核对审计链，任何改动都会被发现 / verify the hash chain."""
    from console.context import Context
    from core.ledger import verify_audit

    result = verify_audit(Context.load().ledger)
    emit({"rows": result.rows, "broken_at": result.broken_at}, as_json,
         f"审计链 {result.rows} 条 " + ("完好 intact" if result.broken_at is None else f"在第 {result.broken_at} 条断开 / broken"))
    raise typer.Exit(0 if result.broken_at is None else 1)


@rules_app.command("test")
def rules_test(as_json: Json = False) -> None:
    """运行规则包旁的测试 / run the tests beside each pack."""
    from rules.packtest import run_all

    results = run_all()
    bad = [r for r in results if not r.passed]
    emit([{"pack": r.pack, "case": r.case, "passed": r.passed, "message": r.message} for r in results], as_json,
         "\n".join([*(f"✗ {r.pack}: {r.case}: {r.message}" for r in bad), f"{len(results) - len(bad)} 通过 passed, {len(bad)} 未过 failed"]))
    raise typer.Exit(1 if bad else 0)


def main() -> None:
    """Entry point: errors of ours become one clear line and an exit code, never a traceback."""
    try:
        app()
    except (ConfigError, LifeCycleError, ValueError) as error:  # a time or a word that cannot be read is a wrong call too
        typer.echo(f"错误 error: {error}", err=True)
        sys.exit(2)
    except FengsuiError as error:
        typer.echo(f"错误 error: {error}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
