"""`fengsui broker`: what a county needs that runs its MQTT broker itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import group


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    broker = group("自有的 MQTT 代理 / a broker of one's own.")
    broker.command("certificate")(certificate)

    @broker.callback()
    def _broker() -> None:  # keeps the group a group while it has one command
        pass

    app.add_typer(broker, name="broker")


def certificate(
    host: Annotated[list[str], typer.Option("--host", help="代理的主机名或地址，可多次 / name or address of the broker, may be repeated")],
    out: Annotated[Path, typer.Option("--out", help="写到哪个文件夹 / the folder to write into")] = Path("broker"),
    owner: Annotated[int, typer.Option(help="文件归哪个用户（编号），缺省为自己 / user, by number, who is to own the files")] = -1,
    keep: Annotated[bool, typer.Option("--keep", help="三个文件都在就不动 / leave all three where they are there")] = False,
) -> None:
    """造一个证书机构与代理的证书：ca.crt 给各端（FENGSUI_BROKER_CA），broker.crt、broker.key 给代理 / an authority, and a certificate for the broker."""
    from console.certificate import FILES, make_certificate
    from console.context import edge_now

    there = [out / name for name in FILES]
    kept = keep and all(path.exists() for path in there)
    for path in there if kept else make_certificate(host, out, edge_now(None), owner):
        typer.echo(path)
