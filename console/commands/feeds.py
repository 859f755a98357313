"""`fengsui feeds`: health of the feeds."""

from __future__ import annotations

import typer

from console.commands.options import Json, Now, emit


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(feeds)


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
