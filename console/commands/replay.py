"""`fengsui replay`: a scenario through the production steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import Json, emit

#: Stands in a folder that a replay made, and may therefore empty.
MARK = ".replay"


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(replay)


def replay(
    name: Annotated[str, typer.Argument(help="情景名 / scenario")],
    home: Annotated[Path, typer.Option(help="状态文件夹 / state folder")] = Path(".fengsui/replay"),
    county: Annotated[Path | None, typer.Option(help="县域文件夹，缺省为 FENGSUI_COUNTY / county folder, by default FENGSUI_COUNTY")] = None,
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
    from core.errors import ConfigError
    from core.settings import Settings

    county = county or Settings.load().county
    scenario = r.find_scenario(county, name)
    if home.is_dir() and any(home.iterdir()) and not (home / MARK).exists():
        raise ConfigError("这个文件夹不是重放留下的，重放会清空它 / not a replay's folder, a replay empties it", path=home, hint="换一个 --home / another --home")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / MARK).touch()
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
