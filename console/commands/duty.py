"""What the duty desk calls: the summary, the board, the shift handover, one pass of the chain without Airflow, letting a stopped version go on."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import Json, Now, emit


def add(app: typer.Typer) -> None:
    """Hang the commands onto `app`."""
    for command in (summary, board, handover, tick, resume):
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


def handover(hours: Annotated[float, typer.Option(help="往回看几小时 / how many hours back")] = 12.0, now: Now = "", as_json: Json = False) -> None:
    """交接班：等人做的、生效中的、延后的、没通知到的、不知道的、本班记录；有要办的或不知道的退出码为 1 / the shift handover; 1 when something is open or not known."""
    from console.context import Context, edge_now
    from console.handover import handover as look
    from console.handover import text, unknown

    found = look(Context.load(), edge_now(now or None), hours)
    emit(found, as_json, text(found))
    raise typer.Exit(1 if found["waiting"] or found["stopped"] or unknown(found) else 0)


def tick(now: Now = "", as_json: Json = False) -> None:
    """Airflow 停摆时走一遍全链条，草稿等人签发，逾时按政策 / one pass through the chain without Airflow; drafts wait for a person, then for the policy."""
    from console.canary.walk import carry
    from console.context import Context, edge_now
    from console.decide import carry_on
    from console.replay import line
    from console.steps import tick as one
    from core.errors import FengsuiError
    from core.model import Level
    from core.times import iso

    ctx, at = Context.load(), edge_now(now or None)
    carry_on(at, ctx)
    done = one(at, ctx)
    facts = {"at": iso(at), "feeds": {pull.feed: pull.outcome for pull in done.ingests}, "records": sum(pull.records for pull in done.ingests),
             "level": max((score.level for score in done.assessment.scores), default=Level.NONE).en,
             "drafted": [str(ref) for ref in done.drafted], "issued": [str(ref) for ref in done.issued]}
    emit(facts, as_json, line(done, ctx.county.zone))
    with suppress(FengsuiError):  # a test that cannot go takes nothing from the real pass; its absence is told by the watch
        carry(at, ctx)


def resume(
    version: Annotated[str, typer.Argument(help="预警版本，如 320614FS-flood-20210725040000.v1 / the version")],
    officer: Annotated[str, typer.Option(help="值班名单上的人 / an officer of the county's list")],
    channel: Annotated[str, typer.Option(help="渠道 / sms | broadcast")] = "sms", now: Now = "",
) -> None:
    """核对之后恢复停发的一版 / let a version that was stopped on a channel go on, by a person's word."""
    import notifiers
    from console.context import Context, edge_now

    ctx = Context.load()
    if ctx.county.policy.officer(officer) is None:
        raise ValueError(f"{officer}: 不在值班名单 / not an officer of this county")
    notifiers.resume(now=edge_now(now or None), version=version, channel=channel, officer=officer, ledger=ctx.ledger)
    typer.echo(f"{version} {channel} 已恢复，下一次发送时继续 / resumed: it goes on with the next dispatch")
