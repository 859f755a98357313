"""`fengsui gateway`: the centre's end of telemetry, a process of its own beside Airflow."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from connectors.sl651_gateway import Gateway
    from console.context import Context

#: Seconds between two looks into the spool.
EVERY_S = 5.0


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(gateway)


def gateway(
    feed: Annotated[str, typer.Argument(help="数据源名（连接器 sl651）/ the feed's name")],
    host: Annotated[str, typer.Option(help="监听地址 / address to listen on")] = "",
    port: Annotated[int, typer.Option(help="监听端口 / port to listen on")] = 0,
    every: Annotated[float, typer.Option(help="入湖间隔秒 / seconds between drains")] = EVERY_S,
) -> None:
    """水文遥测站接入（SL 651-2014，TCP）/ take the stations' telemetry: store, answer, move into the lake. Address and port default to the feed's `address`."""
    from connectors.sl651 import spool_of
    from connectors.sl651_gateway import Gateway
    from console.context import Context
    from core.errors import ConfigError
    from core.settings import is_loopback, secret

    ctx = Context.load()
    row = ctx.county.feed(feed)
    if row.connector != "sl651":
        raise ConfigError(f"数据源 {feed} 不是 SL 651 遥测 / not a telemetry feed", hint="connector: sl651")
    live = ctx.settings.mode == "live"
    given = urlsplit(row.address if live else "")
    host, port = host or given.hostname or "127.0.0.1", port or given.port or 0
    if not live and not is_loopback(host):
        raise ConfigError("演示模式只监听本机 / sandbox mode listens on loopback only")
    centre = Gateway(
        feed=row, county=ctx.county, spool=spool_of(row, ctx.settings), clock=lambda: datetime.now(UTC), password=secret(row.secret) if live and row.secret else "",
    )
    asyncio.run(_run(ctx, centre, host, port, every))


async def _run(ctx: Context, centre: Gateway, host: str, port: int, every: float) -> None:
    """Serve until SIGTERM or SIGINT; what is spooled moves into the lake meanwhile, and once more at the end."""
    from connectors import ingest
    from console.context import edge_now

    server, writer = await centre.serve(host, port)
    typer.echo(f"{centre.feed.title}：监听 listening on {host}:{server.sockets[0].getsockname()[1]}")
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)

    async def drain() -> None:
        if centre.spool.waiting():
            report = await asyncio.to_thread(
                ingest, centre.feed.feed, now=edge_now(None), county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, settings=ctx.settings
            )
            typer.echo(f"{report.outcome}: {report.records} 条 readings, {report.set_aside} 条搁置 set aside; {dict(centre.told)}")

    while not stop.is_set():
        await drain()
        try:
            await asyncio.wait_for(stop.wait(), every)
        except TimeoutError:
            continue
    server.close()
    writer.cancel()
    await drain()
