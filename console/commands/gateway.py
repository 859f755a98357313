"""`fengsui gateway`: the centre's end of telemetry and of pushes, a process of its own beside Airflow."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    import asyncio

    from connectors.telemetry.gateway import Gateway
    from console.context import Context

#: Seconds between two looks into the spool.
EVERY_S = 5.0
TELEMETRY = ("sl651", "mqtt_sensors")


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(gateway)


def gateway(
    feed: Annotated[str, typer.Argument(help="数据源名（连接器 sl651 或 mqtt_sensors），或 push、receipts / the feed's name, or push, or receipts")],
    host: Annotated[str, typer.Option(help="监听地址 / address to listen on")] = "",
    port: Annotated[int, typer.Option(help="监听端口 / port to listen on")] = 0,
    every: Annotated[float, typer.Option(help="入湖间隔秒 / seconds between drains")] = EVERY_S,
) -> None:
    """接入网关：SL 651 测站与部门推送（push）先落盘再应答；MQTT 传感器读后入湖再应答；短信回执（receipts）验签后记账 / take telemetry, pushes or SMS receipts.

    Address and port default to the feed's `address` (tcp://host:port); a sandbox listens on loopback only. `push` and `receipts` speak plain HTTP: put a proxy that ends
    TLS before them.
    """
    import asyncio

    from console.context import Context
    from core.errors import ConfigError

    ctx = Context.load()
    if feed == "push":
        from console.pushing import run

        asyncio.run(run(ctx, host, port, every))
        return
    if feed == "receipts":
        asyncio.run(_receipts(ctx, host or "127.0.0.1", port))
        return
    row = ctx.county.feed(feed)
    if row.connector not in TELEMETRY:
        raise ConfigError(f"数据源 {feed} 不是遥测 / not a telemetry feed", hint=f"connector: {' | '.join(TELEMETRY)}")
    asyncio.run(_run(ctx, feed, _centre(ctx, feed) if row.connector == "sl651" else None, host, port, every))


async def _receipts(ctx: Context, host: str, port: int) -> None:
    from console.receipts import serve
    from core.pii import redact_logs

    redact_logs()
    await serve(ctx.settings, host, port, lambda taken: typer.echo(f"短信回执：监听 listening on {host}:{taken}"))


def _centre(ctx: Context, feed: str) -> Gateway:
    """The listening end for SL 651."""
    from connectors.sl651 import spool_of
    from connectors.telemetry.gateway import Gateway
    from core.settings import secret

    row = ctx.county.feed(feed)
    password = secret(row.secret) if ctx.settings.mode == "live" and row.secret else ""
    return Gateway(feed=row, county=ctx.county, spool=spool_of(row, ctx.settings), clock=lambda: datetime.now(UTC), password=password)


async def _listen(ctx: Context, centre: Gateway, host: str, port: int) -> tuple[asyncio.Server, asyncio.Task[None]]:
    from core.errors import ConfigError
    from core.settings import is_loopback

    live = ctx.settings.mode == "live"
    given = urlsplit(centre.feed.address if live else "")
    host, port = host or given.hostname or "127.0.0.1", port or given.port or 0
    if not live and not is_loopback(host):
        raise ConfigError("演示模式只监听本机 / sandbox mode listens on loopback only")
    server, writer = await centre.serve(host, port)
    typer.echo(f"{centre.feed.title}：监听 listening on {host}:{server.sockets[0].getsockname()[1]}")
    return server, writer


async def _run(ctx: Context, feed: str, centre: Gateway | None, host: str, port: int, every: float) -> None:
    """Serve until SIGTERM or SIGINT; what waits moves into the lake meanwhile, and once more at the end."""
    import asyncio
    import signal

    from connectors import ingest
    from console.context import edge_now

    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    server, writer = await _listen(ctx, centre, host, port) if centre else (None, None)

    async def drain() -> None:
        """Pull once what is spooled, off the loop; says so where something came or the pull failed."""
        if centre is None or centre.spool.waiting():
            report = await asyncio.to_thread(ingest, feed, now=edge_now(None), county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, settings=ctx.settings)
            if report.records or report.outcome == "failed":
                typer.echo(f"{report.outcome}: {report.records} 条 readings, {report.set_aside} 条搁置 set aside {report.error}")

    while not stop.is_set():
        await drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
    if server and writer:
        server.close()
        writer.cancel()
    await drain()
