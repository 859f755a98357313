"""The push gateway as a process: departments and reporters knock on one side, the inbox feeds are drained into the lake on the other."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import typer

from connectors import ingest
from connectors.inbox import spool_of
from connectors.push.door import Door
from connectors.push.server import PushServer
from connectors.push.take import Taker
from console.context import Context, edge_now
from core.county import Feed
from core.errors import ConfigError
from core.pii import redact_logs
from core.settings import is_loopback

#: Seconds between two sweeps of old receipts.
SWEEP_S = 86_400.0


def inboxes(ctx: Context) -> list[Feed]:
    """The feeds that somebody may push to, or that the reporters' page fills; ConfigError where there is none."""
    named = {feed for department in ctx.county.departments for feed in department.feeds}
    found = [feed for feed in ctx.county.feeds if feed.connector == "inbox" and (feed.feed in named or feed.options.get("page"))]
    if not found:
        raise ConfigError("没有可推送的数据源 / nothing can be pushed to", path=ctx.county.root / "departments.yaml",
                          hint="写明部门与数据源 / name a department and its feeds")
    return found


@contextmanager
def only_one(ctx: Context) -> Iterator[None]:
    """Hold the installation's lock: two gateways over one folder of receipts would each believe to be the only writer."""
    folder = ctx.settings.home / "push"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "gateway.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError("另一个推送网关正在运行 / another push gateway is running", hint="先停掉它 / stop it first") from error
        yield


async def run(ctx: Context, host: str, port: int, every: float) -> None:
    """Serve until SIGTERM or SIGINT; what waits moves into the lake meanwhile, and once more at the end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    redact_logs()
    feeds, host = inboxes(ctx), host or "127.0.0.1"
    if ctx.settings.mode != "live" and not is_loopback(host):
        raise ConfigError("演示模式只监听本机 / sandbox mode listens on loopback only")
    taker = Taker(county=ctx.county, settings=ctx.settings, clock=lambda: datetime.now(UTC))
    server = PushServer(door=Door(county=ctx.county, settings=ctx.settings), taker=taker)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    with only_one(ctx):
        for feed in feeds:
            spool_of(feed, ctx.settings).sweep()
        runner, taken = await server.serve(host, port)
        typer.echo(f"推送网关：监听 listening on {host}:{taken} -> {', '.join(feed.feed for feed in feeds)}")
        loop, swept = asyncio.get_running_loop(), -SWEEP_S
        while not stop.is_set():
            if loop.time() - swept >= SWEEP_S:
                swept = loop.time()
                await asyncio.to_thread(taker.receipts.sweep, datetime.now(UTC))
            await drain(ctx, feeds)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)
        await runner.cleanup()
        await drain(ctx, feeds)


async def drain(ctx: Context, feeds: list[Feed]) -> None:
    """Move what waits into the lake, by the step that every feed goes through."""
    for feed in feeds:
        if not spool_of(feed, ctx.settings).waiting():
            continue
        report = await asyncio.to_thread(
            ingest, feed.feed, now=edge_now(None), county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, settings=ctx.settings)
        if report.records or report.set_aside or report.outcome == "failed":
            typer.echo(f"{feed.feed} {report.outcome}: {report.records} 条 records, {report.set_aside} 条搁置 set aside {report.error}".rstrip())
