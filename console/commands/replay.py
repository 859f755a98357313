"""`fengsui replay`: a scenario through the production steps; `fengsui record`: a scenario out of what an installation's own feeds answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import Json, emit

#: Stands in a folder that a replay made, and may therefore empty.
MARK = ".replay"


def add(app: typer.Typer) -> None:
    """Hang the commands onto `app`."""
    app.command()(replay)
    app.command()(record)


def replay(
    name: Annotated[str, typer.Argument(help="情景名 / scenario")],
    home: Annotated[Path | None, typer.Option(help="重放写到哪个文件夹，缺省在状态文件夹的 replay 里 / where it is played; default: replay in the state folder")] = None,
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

    settings = Settings.load()
    county, home = county or settings.county, home or settings.home / "replay"
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


def record(
    name: Annotated[str, typer.Argument(help="情景名，小写字母、数字、连字符 / scenario")],
    start: Annotated[str, typer.Option("--from", help="起（ISO 带时区）/ from, with zone")],
    end: Annotated[str, typer.Option("--to", help="止 / to")],
    lead: Annotated[str, typer.Option(help="此前多久的读数也带上 / how much of the time before to take along")] = "24 h",
    step: Annotated[str, typer.Option(help="重放的步长 / step of a replay")] = "1 h",
    title: Annotated[str, typer.Option(help="标题 / title")] = "",
    as_json: Json = False,
) -> None:
    """把本县数据源当时的应答录成情景，供演练（replay）与回测（backtest --storm）/ make a scenario of what this county's feeds answered."""
    from console import recording
    from console.context import Context
    from console.trials import span
    from core.times import iso, parse_iso

    done = recording.record(Context.load(), name, start=parse_iso(start), end=parse_iso(end), lead=span(lead), step=span(step), title=title,
                            say=lambda line: typer.echo(line, err=True))
    told = [f"{done.folder}：{done.pulls} 次拉取，{done.documents} 份文档 / pulls, documents"]
    told += [f"  {feed}：{n} 份未收入（原始数据不在，或像有电话号码）/ left out: gone, or with what looks like a number" for feed, n in sorted(done.left_out.items())]
    emit({"folder": str(done.folder), "pulls": done.pulls, "documents": done.documents, "left_out": done.left_out, "from": iso(parse_iso(start)),
          "to": iso(parse_iso(end))}, as_json, "\n".join(told))
