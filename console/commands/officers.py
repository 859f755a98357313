"""`fengsui officers`: who may sign, and the keys with which they do."""

from __future__ import annotations

from pathlib import Path
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
    from console.enrolment import KEPT, WORDS, roster

    rows = roster(Context.load())
    emit(rows, as_json, "\n".join(f"{r['officer']:16} {r['title']} {r['role']}  {WORDS[r['key']]}  {KEPT[r['kept']]}  {r['fingerprint']}".rstrip() for r in rows))
    raise typer.Exit(0 if all(r["key"] == "enrolled" for r in rows) else 1)


def key(
    name: Annotated[str, typer.Argument(help="名单上的代号；standing-order 为预先授权的机器密钥 / an officer, or standing-order for the machine's key")],
    revoke: Annotated[bool, typer.Option("--revoke", help="收回密钥：此人签过而未发完的随即停发 / take it back: what it signed and is not out stops")] = False,
    own: Annotated[bool, typer.Option("--own", help="在本人的机器上做密钥，打印公钥一行，不连服务器；加 --revoke 删去 / on one's own machine")] = False,
    public: Annotated[Path | None, typer.Option("--public", help="在服务器上：登记 --own 打印的一行，私钥不来 / on the server: enrol the line in this file")] = None,
) -> None:
    """为一个人做一次签名密钥，用本人输入的口令封存，公钥登记入审计 / make an officer's key once, sealed by their passphrase, and enrol it."""
    from console.asking import new_passphrase
    from console.context import Context, edge_now
    from console.enrolment import enrol, enrol_public, withdraw

    if public is not None and (own or revoke):
        raise ValueError("--public 单独用 / --public stands alone")
    if own:
        return typer.echo(_own(name, revoke))
    ctx, now = Context.load(), edge_now(None)
    if revoke:
        withdraw(ctx, now, name)
        return typer.echo(f"已收回 {name} 的密钥 / revoked")
    made = enrol_public(ctx, now, name, public.read_text(encoding="utf-8")) if public else enrol(ctx, now, name, lambda: new_passphrase(name))
    typer.echo(f"{name} 的密钥已登记，指纹 / fingerprint {made}")


def _own(name: str, revoke: bool) -> str:
    """The public line of who signs on this machine; the fingerprint goes to the screen, to be told to the desk by telephone. With `revoke` the key is
    deleted here, for a passphrase that was forgotten."""
    import json

    from console.asking import new_passphrase, passphrase
    from console.enrolment import fingerprint, own
    from core.keyring import Keyring
    from core.settings import Settings

    settings = Settings.load()
    if settings.founded:
        raise ValueError(f"{settings.home} 是服务器的状态文件夹，--own 在本人的机器上做 / is the server's; --own belongs on the officer's own machine")
    ring = Keyring(settings.home / "keys")
    if revoke:
        return f"本机{'已删去' if ring.retire(name) else '没有'} {name} 的密钥；服务器上另须 --revoke / deleted here; the server's own --revoke is still needed"
    line = own(ring, name, lambda: new_passphrase(name), lambda: passphrase(name))
    typer.echo(f"{name} 的密钥在本机，指纹 / fingerprint {fingerprint(json.loads(line)['public'])}", err=True)
    return line
