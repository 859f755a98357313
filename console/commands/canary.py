"""`fengsui canary watch`: whether the test through the whole chain arrives, for a cron or timer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import Json, Now, emit, group


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    commands = group("链路自检 / the canary.")
    commands.command()(watch)
    app.add_typer(commands, name="canary")


def watch(
    inboxes: Annotated[Path | None, typer.Option(help="测试手机收件文件夹，其下每部手机一个 / folder with the inbox of each test phone")] = None,
    now: Now = "", as_json: Json = False,
) -> None:
    """看自检到没到，由 cron 或 systemd 单独运行：0 正常，2 迟到或时断时续 / whether beats arrive: 0 fresh, 2 late or intermittent.

    只看测试手机收到的与测试喇叭答复的，不问 Airflow、台账和数据湖。 / Asks neither Airflow nor ledger nor lake.
    """
    from console.canary.watch import look, state
    from console.context import edge_now
    from core.county import load_county
    from core.settings import Settings

    settings, at = Settings.load(), edge_now(now or None)
    county = load_county(settings.county)
    trouble = look(at, county, settings, inboxes)
    found = state(at, county, settings)
    if found is None:
        raise ValueError("policy.yaml 没有 canary / policy names no canary")
    emit(found | {"trouble": trouble}, as_json, "\n".join([*(end["line"] for end in found["ends"]), *trouble]))
    raise typer.Exit(2 if found["ill"] else 0)
