"""One process of stand-ins: feeds, and on demand the SMS gateway and the loudspeakers, on one clock.

`python -m console.sandbox.serve --county DIR --scenario NAME --home DIR --ready-file F [--broker HOST:PORT] [--sms] [--speakers]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import uvloop
from aiohttp import web

from console.canary.lane import county_of, numbers
from console.canary.log import inbox
from console.sandbox.clock import Clock
from console.sandbox.feeds import FeedSimulator
from console.sandbox.phone import Phones
from console.sandbox.recording import Recording
from console.sandbox.scenario import load_scenario
from console.sandbox.telemetry import Telemetry
from console.sandbox.water_db import WaterDatabase
from core.county import load_county
from core.settings import Settings


def arguments() -> argparse.Namespace:
    """The command line of this process."""
    parser = argparse.ArgumentParser(prog="console.sandbox.serve")
    for name in ("--county", "--scenario", "--home", "--ready-file"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--broker", default="", help="host:port of the MQTT broker for sensors and loudspeakers")
    parser.add_argument("--protocol", type=int, choices=(4, 5), default=5)
    parser.add_argument("--sms", action="store_true")
    parser.add_argument("--speakers", action="store_true")
    return parser.parse_args()


async def serve(args: argparse.Namespace) -> None:
    """Start everything that was asked for, write the ready file, and run until SIGTERM or SIGINT."""
    county = load_county(Path(args.county))
    scenario = load_scenario(county.root / "scenarios" / args.scenario)
    clock, home, plan = Clock(scenario.start), Path(args.home), county.policy.canary
    told: list[Callable[[datetime], None]] = []
    if not scenario.recorded:
        told.append(WaterDatabase(f"sqlite:///{home / 'sandbox' / 'water.db'}", county, scenario).advance)
    closing: list[Callable[[], None]] = []
    if args.broker:
        host, _, port = args.broker.partition(":")
        if not scenario.recorded:
            telemetry = Telemetry(host, int(port), args.protocol, scenario)
            told.append(telemetry.advance)
            closing.append(telemetry.stop)
        if args.speakers:
            from console.sandbox.loudspeakers import Fleet

            listening = {home / "keys": county} | ({home / "canary" / "keys": county_of(county, plan, clock.now())} if plan else {})
            for keys, who in listening.items():
                fleet = Fleet(county=who, host=host, port=int(port), protocol=args.protocol, keys=keys, clock=clock)
                await asyncio.to_thread(fleet.start)
                closing.append(fleet.stop)
    app = web.Application(client_max_size=1 << 20)
    FeedSimulator(county, scenario, clock, told).routes(app)
    if scenario.recorded:
        Recording(county, county.root / "scenarios" / args.scenario, scenario.runs, clock).routes(app)
    if args.sms:
        from console.sandbox.sms_gateway import SmsGateway

        settings = Settings.load()
        phones = {number: inbox(settings, name) for name, number in numbers(plan, settings).items()} if plan else {}
        SmsGateway(clock=clock, log_path=home / "sandbox" / "sms.jsonl", settings=settings, phones=Phones(phones)).mount(app)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", args.port)
    await site.start()
    port_taken = runner.addresses[0][1]
    ready = Path(args.ready_file)
    part = ready.with_suffix(".part")
    part.write_text(json.dumps({"port": port_taken, "pid": os.getpid(), "recorded": scenario.recorded}), encoding="utf-8")
    part.replace(ready)
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await stop.wait()
    await runner.cleanup()
    for close in closing:
        await asyncio.to_thread(close)


if __name__ == "__main__":
    uvloop.run(serve(arguments()))
