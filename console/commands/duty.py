"""What the duty desk calls: the summary, the board, one pass of the chain without Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import Json, Now, emit


def add(app: typer.Typer) -> None:
    """Hang the commands onto `app`."""
    for command in (summary, board, tick):
        app.command()(command)


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


def board(out: Annotated[Path, typer.Option(help="写到哪个文件 / the file to write")] = Path("board.html"), now: Now = "") -> None:
    """写出值班看板（单个 HTML 文件）/ write the duty board as one HTML file."""
    from console.board import write_board
    from console.context import Context, edge_now

    typer.echo(str(write_board(Context.load(), edge_now(now or None), out)))


def tick(now: Now = "") -> None:
    """Airflow 停摆时走一遍全链条，草稿等人签发 / one pass through the chain without Airflow; drafts wait for a person."""
    from console.context import Context, edge_now
    from console.replay import line
    from console.steps import tick as one

    typer.echo(line(one(edge_now(now or None), Context.load())))
