"""`fengsui audit`: the hash chain over everything that was decided."""

from __future__ import annotations

import typer

from console.commands.options import Json, emit, group


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    commands = group("审计链 / the audit chain.")
    commands.command("verify")(verify)
    app.add_typer(commands, name="audit")


def verify(as_json: Json = False) -> None:
    """核对审计链，任何改动都会被发现 / verify the hash chain."""
    from console.context import Context
    from core.ledger import verify_audit

    result = verify_audit(Context.load().ledger)
    emit({"rows": result.rows, "broken_at": result.broken_at}, as_json,
         f"审计链 {result.rows} 条 " + ("完好 intact" if result.broken_at is None else f"在第 {result.broken_at} 条断开 / broken"))
    raise typer.Exit(0 if result.broken_at is None else 1)
