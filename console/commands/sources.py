"""`fengsui sources`: the table of connectors: what each reads, what it needs, and its options in feeds.yaml."""

from __future__ import annotations

import inspect

import typer

from console.commands.options import Json, emit


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(sources)


def sources(as_json: Json = False) -> None:
    """能接入的数据源：连接器名、读什么、需要什么、地址协议、可用选项 / what can be connected, what each needs, its options."""
    from connectors.registry import CONNECTORS
    from core.county.feeds import KINDS

    rows = []
    for name, connector in sorted(CONNECTORS.items()):
        schemes, options = KINDS[name]
        words = inspect.getdoc(inspect.getmodule(connector.parse))
        rows.append({
            "connector": name, "title": connector.title, "needs": connector.needs, "address": list(schemes) or ["secret"],
            "options": {option: kind.__name__ for option, kind in options.items()}, "about": (words or "").split("\n")[0],
        })
    emit(rows, as_json, "\n\n".join(
        f"{row['connector']}  {row['title']}\n    {row['about']}\n    需要 needs: {row['needs']}；地址 address: {', '.join(row['address'])}"
        + (f"；选项 options: {', '.join(row['options'])}" if row["options"] else "") for row in rows))
