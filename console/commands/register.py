"""`fengsui register`: whom the county warns. A number never stands in a call: it is in the list, or on the standard input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import Json, Now, emit, group

if TYPE_CHECKING:
    from notifiers.register import Wish

By = Annotated[str, typer.Option("--by", help="policy.yaml 里的人员，记入审计链 / an officer, kept in the audit chain")]
Who = Annotated[str, typer.Argument(help="居民编号；不写则从标准输入读一个号码 / resident id; without it a number is read from standard input")]


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    commands = group("居民登记册：导入、就绪、退订、忘记、擦除 / the register of residents.")
    for name, command in (("import", import_), ("status", status), ("opt-out", opt_out), ("opt-in", opt_in), ("forget", forget), ("erase", erase)):
        commands.command(name)(command)
    app.add_typer(commands, name="register")


def import_(
    file: Annotated[Path, typer.Argument(help="CSV：编号、镇街、人群、手机号，见 county/README.md；- 为标准输入 / the list; - for standard input")], by: By,
    replace: Annotated[bool, typer.Option("--replace", help="整份替换：名单里没有的人移除 / who is not in the list is removed")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只试算，不写 / show what would change, write nothing")] = False,
    accept_good: Annotated[bool, typer.Option("--accept-good", help="收下无误的行，其余按行号列出 / take the good lines, list the others")] = False,
    removing: Annotated[int | None, typer.Option("--removing", help="确认移除这么多人 / confirm that so many people are removed")] = None,
    renewed: Annotated[str, typer.Option("--renewed", help="名单核实的日期，如 2026-04-15，用于没有自己日期的行 / the day on which the list was gone through")] = "",
    now: Now = "", as_json: Json = False,
) -> None:
    """导入居民名单：先整份检查，再一次写入；同一份再导入什么都不变 / take a list of residents, whole or not at all."""
    import sys
    from datetime import date

    from console.context import Context, edge_now
    from console.registering import import_error, import_facts, import_lines
    from core.errors import ConfigError
    from notifiers.register import Terms, import_list

    ctx, at = Context.load(), edge_now(now or None)
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"名单读不出来 / the list cannot be read: {error.strerror}", path=file) from None
    terms = Terms(replace=replace, trial=dry_run, accept_good=accept_good, removing=removing, renewed=date.fromisoformat(renewed) if renewed else None)
    words = {"read": "已读", "compared": "已比较", "written": "已写"}
    report = import_list(data=data, name=file, by=by, now=at, terms=terms, county=ctx.county, ledger=ctx.ledger, settings=ctx.settings,
                         progress=lambda stage, n: typer.echo(f"{words[stage]} {n} 行 / {stage}", err=True) if n >= 10_000 else None)
    if report.refusal and not as_json:
        raise import_error(report, file)
    emit(import_facts(report, ctx.county), as_json, "\n".join(import_lines(report, ctx.county)))
    raise typer.Exit(2 if report.refusal else 1 if report.faults else 0)


def status(now: Now = "", as_json: Json = False) -> None:
    """登记册是否就绪：各镇街、人群的人数与可达，更新日期，空号；只有数字 / people and reach by town and group, renewal; counts only."""
    import notifiers
    from console.context import Context, edge_now
    from console.registering import status_facts, status_lines

    ctx = Context.load()
    with ctx.ledger.read() as tx:
        found = notifiers.readiness(tx, ctx.county, edge_now(now or None))
    emit(status_facts(found, ctx.county), as_json, "\n".join(status_lines(found, ctx.county)))
    raise typer.Exit(1 if found.reasons else 0)


def opt_out(by: By, resident: Who = "", now: Now = "", as_json: Json = False) -> None:
    """退订：此后不再发给他，以后的名单也改不回来 / tell him nothing more; no later list undoes it."""
    _grant("opt_out", resident, by, now, as_json)


def opt_in(by: By, resident: Who = "", now: Now = "", as_json: Json = False) -> None:
    """恢复：撤回退订 / take an opt-out back."""
    _grant("opt_in", resident, by, now, as_json)


def forget(by: By, resident: Who = "", now: Now = "", as_json: Json = False) -> None:
    """忘记：删去一个人或一个号码的全部个人信息；退订的愿望仍有效 / erase a person, or everybody of a number; an opt-out stands."""
    _grant("forget", resident, by, now, as_json)


def erase(now: Now = "", as_json: Json = False) -> None:
    """按政策擦除不再需要的个人信息（每天由维护任务做一次）/ erase what is no longer needed, as the maintenance DAG does daily."""
    from dataclasses import asdict

    import notifiers
    from console.context import Context, edge_now

    ctx = Context.load()
    done = notifiers.erase(now=edge_now(now or None), county=ctx.county, ledger=ctx.ledger, home=ctx.settings.home)
    text = "有预警生效，没有擦除 / a warning is in force, nothing was erased" if done.postponed else ""
    emit(asdict(done), as_json, text or f"已擦除 erased：居民 residents {done.residents}，投递记录的收件人 recipients {done.recipients}（预警 alerts {done.alerts} 起）")


def _grant(wish: Wish, resident: str, by: str, now: str, as_json: bool) -> None:
    import sys
    from dataclasses import asdict
    from getpass import getpass

    from console.context import Context, edge_now
    from core.errors import ConfigError
    from core.pii import Vault, e164, mask
    from notifiers.register import grant

    if mask(resident) != resident:  # everybody on this machine reads a call, and the shell keeps it
        raise ConfigError("号码不要写在命令里 / never give a number in the call", hint="不写编号，号码从标准输入给 / leave it out and give it on standard input")
    ctx = Context.load()
    who = resident or e164(getpass("号码 number: ") if sys.stdin.isatty() else sys.stdin.readline())
    done = grant(wish, who, by=by, now=edge_now(now or None), county=ctx.county, ledger=ctx.ledger, vault=Vault(ctx.settings.sealing_key()))
    later = f"，其中 {done.waiting} 人等预警结束后擦除 / erased when the alert has ended" if done.waiting else ""
    emit(asdict(done), as_json, f"已办，涉及登记册中 {done.people} 人 / done for {done.people} in the register{later}")
