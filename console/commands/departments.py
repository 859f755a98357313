"""`fengsui departments` and `fengsui reporters`: the keys of those who send to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import group

if TYPE_CHECKING:
    from core.access import Owner

Revoke = Annotated[bool, typer.Option("--revoke", help="收回密钥，不发新的 / take the key back, make no new one")]


def add(app: typer.Typer) -> None:
    """Hang the groups onto `app`."""
    departments, reporters = group("邻近部门的推送密钥 / keys of neighbouring departments."), group("灾害信息员的报送码 / codes of reporters.")
    departments.command("key")(department_key)
    reporters.command("code")(reporter_code)

    @departments.callback()
    def _departments() -> None:  # keeps the group a group while it has one command
        pass

    @reporters.callback()
    def _reporters() -> None:
        pass

    app.add_typer(departments, name="departments")
    app.add_typer(reporters, name="reporters")


def department_key(name: Annotated[str, typer.Argument(help="部门编号（departments.yaml）/ id of the department")], revoke: Revoke = False) -> None:
    """给部门发一把推送密钥，只显示这一次；旧的随即失效 / make a department's key and show it once; the former one holds no more."""
    _key("department", name, revoke)


def reporter_code(name: Annotated[str, typer.Argument(help="报告人编号（reporters.csv）/ id of the reporter")], revoke: Revoke = False) -> None:
    """给灾害信息员发一个报送码，只显示这一次；旧的随即失效 / make a reporter's code and show it once; the former one holds no more."""
    _key("reporter", name, revoke)


def _key(owner: Owner, name: str, revoke: bool) -> None:
    from console.context import Context, edge_now
    from core.access import Access
    from core.errors import ConfigError

    ctx, now = Context.load(), edge_now(None)
    home = "departments.yaml" if owner == "department" else "reporters.csv"
    known = [d.department for d in ctx.county.departments] if owner == "department" else [r.reporter for r in ctx.county.reporters]
    access = Access(ctx.settings.home)
    if name not in known and not revoke:  # a key may outlive its row; then it is still there to be taken back
        raise ConfigError(f"没有 {name} / unknown", path=ctx.county.root / home, hint=f"现有 / known: {', '.join(known) or '-'}")
    if revoke and not access.revoke(owner, name):
        raise ConfigError(f"{name} 没有密钥 / has no key")
    key = "" if revoke else access.issue(owner, name, now)
    with ctx.ledger.begin() as tx:
        ctx.ledger.duty(tx, now, "access_key", f"{'收回' if revoke else '发放'}密钥：{name} / key {'revoked' if revoke else 'issued'}")
    if revoke:
        typer.echo(f"已收回 {name} / revoked")
    elif owner == "department":
        typer.echo(f"{name}.{key}\n只显示这一次；推送时放在头里 / shown once, sent as: Authorization: Bearer <上面一行 the line above>")
    else:
        typer.echo(f"{key}\n{name} 的报送码，只显示这一次 / shown once")
