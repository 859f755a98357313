"""`fengsui officers`: who may sign, and the keys with which they do."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands.options import Json, emit


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    group = typer.Typer(help="值班名单上的人与签名密钥 / the officers and their keys.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(officers)
    group.command("key")(key)
    app.add_typer(group, name="officers")


def officers(context: typer.Context, as_json: Json = False) -> None:
    """每个人的角色、密钥与登记；缺密钥或与登记不符的，退出码为 1 / roles and keys; 1 when one is missing or not the one enrolled."""
    if context.invoked_subcommand is not None:
        return
    from console.context import Context
    from console.enrolment import WORDS, roster

    rows = roster(Context.load())
    emit(rows, as_json, "\n".join(f"{r['officer']:16} {r['title']} {r['role']}  {WORDS[r['key']]}  {r['fingerprint']}".rstrip() for r in rows))
    raise typer.Exit(0 if all(r["key"] == "enrolled" for r in rows) else 1)


def key(
    name: Annotated[str, typer.Argument(help="名单上的代号；standing-order 为预先授权的机器密钥 / an officer, or standing-order for the machine's key")],
    revoke: Annotated[bool, typer.Option("--revoke", help="收回密钥：此人签过而未发完的随即停发 / take it back: what it signed and is not out stops")] = False,
) -> None:
    """为一个人做一次签名密钥，用本人输入的口令封存，公钥登记入审计 / make an officer's key once, sealed by their passphrase, and enrol it."""
    from console.asking import new_passphrase
    from console.context import Context, edge_now
    from console.enrolment import enrol, withdraw

    ctx, now = Context.load(), edge_now(None)
    if revoke:
        withdraw(ctx, now, name)
        typer.echo(f"已收回 {name} 的密钥 / revoked")
    else:
        typer.echo(f"{name} 的密钥已登记，指纹 / fingerprint {enrol(ctx, now, name, lambda: new_passphrase(name))}")
