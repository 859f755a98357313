"""`fengsui feeds`: health of the feeds; try one now; each station; set a reading right."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands.options import Json, Now, emit

MARKS = {"ok": "✓", "failed": "✗", "open": "·"}


def add(app: typer.Typer) -> None:
    """Hang the commands onto `app`."""
    group = typer.Typer(help="数据源：健康、试拉、测站、订正 / feeds: health, try one, stations, corrections.")
    group.callback(invoke_without_command=True)(feeds)
    group.command("test")(try_one)
    group.command()(stations)
    group.command()(correct)
    app.add_typer(group, name="feeds")


def feeds(context: typer.Context, now: Now = "", as_json: Json = False) -> None:
    """数据源健康：阶梯（调度、网络、来源、内容、时效）、最新读数、时龄、今日条数 / health of the feeds."""
    if context.invoked_subcommand is not None:
        return
    from console.context import Context, edge_now
    from console.feedrows import feeds as rows_of
    from console.summary import STATE_ZH, age, clock_of

    ctx = Context.load()
    with ctx.ledger.begin() as tx:
        rows = rows_of(tx, ctx, edge_now(now or None))
    local = clock_of(ctx.county.zone.key)
    lines = [
        f"{r['feed']:14} {STATE_ZH[r['state']]} {''.join(MARKS[s] for _, s in r['ladder'])} {local(r['newest']):>11} {age(r['age_s']):>10} "
        f"今日 {r['today']:>6} {r['headline']}" for r in rows
    ]
    emit(rows, as_json, "\n".join([*lines, "阶梯 ladder: 调度 网络 来源 内容 时效 / schedule network source content freshness"]))
    raise typer.Exit(0 if all(r["state"] == "ok" for r in rows) else 1)


def try_one(name: Annotated[str, typer.Argument(help="数据源 / feed")], now: Now = "", as_json: Json = False) -> None:
    """现在试拉一个数据源，一句话说明哪里不对，不入库 / try one feed now; nothing is stored."""
    from dataclasses import asdict

    import connectors
    from console.context import Context, edge_now

    ctx = Context.load()
    found = connectors.trial(name, now=edge_now(now or None), county=ctx.county, settings=ctx.settings)
    emit(asdict(found), as_json, found.sentence)
    raise typer.Exit(1 if found.layer else 0)


def stations(now: Now = "", as_json: Json = False) -> None:
    """每个测站：正常、静默、维护中、从未 / every station."""
    from dataclasses import asdict

    import connectors
    from console.context import Context, edge_now
    from console.summary import age

    ctx = Context.load()
    found = connectors.station_states(edge_now(now or None), ctx.county, ctx.lake)
    words = {"ok": "正常", "silent": "静默", "maintenance": "维护", "never": "从未"}
    emit([asdict(s) for s in found], as_json, "\n".join(f"{s.station:16} {words[s.state]} {age(s.age_s):>10} {s.name} {s.note}" for s in found))
    raise typer.Exit(0 if all(s.state in ("ok", "maintenance") for s in found) else 1)


def correct(
    feed: Annotated[str, typer.Option(help="数据源 / feed")], station: Annotated[str, typer.Option(help="站 / station")],
    observed: Annotated[str, typer.Option("--property", help="要素 / property")], time: Annotated[str, typer.Option(help="读数时刻（ISO 带时区）/ its time")],
    value: Annotated[str, typer.Option(help="正确的值，规范单位；none 为无可用值 / the right value, or none")],
    by: Annotated[str, typer.Option(help="policy.yaml 里的人员 / officer")], reason: Annotated[str, typer.Option(help="理由 / why")], now: Now = "",
) -> None:
    """订正一条读数：原值保留，审计在案，此后以订正为准 / set a reading right, with trace."""
    import math

    import connectors
    from console.context import Context, edge_now
    from core.errors import ConfigError
    from core.times import parse_iso

    number = None if value.lower() == "none" else float(value)
    if number is not None and not math.isfinite(number):
        raise ConfigError(f"值应为有限的数：{value} / a finite number is expected")
    ctx = Context.load()
    made = connectors.correct(
        feed=feed, station=station, observed_property=observed, time=parse_iso(time), value=number, by=by, reason=reason, now=edge_now(now or None),
        county=ctx.county, lake=ctx.lake, ledger=ctx.ledger,
    )
    typer.echo(f"已订正 {station} {observed}：{made.value} / corrected, the original stays in the lake")
