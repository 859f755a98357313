"""The duty board: one HTML page without scripts or foreign hosts, drawn from console.report; level = colour + word, and
hatching where data are missing, so that silence is never shown as calm."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console.report import collect
from console.summary import STATE_ZH, STEP_ZH, age, local
from core.model import Level

if TYPE_CHECKING:
    from console.context import Context

FILLS = ("#e8f0e8", "#1e32cd", "#efc100", "#d35f00", "#b00020")
INKS = ("#1b1f24", "#ffffff", "#111111", "#ffffff", "#ffffff")
WIDTH = 640.0


def level_badge(value: int) -> Markup:
    """A level as a coloured word."""
    return Markup('<span class="l l{}">{}</span>').format(int(value), Level(value).zh)


def render(ctx: Context, now: datetime) -> str:
    """The whole page at `now` (aware) as HTML text."""
    data = collect(ctx, now)
    env = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = env.get_template("board.html.j2")
    return page.render(d=data, map=town_map(ctx, data), local=local, age=age, level=level_badge, state=STATE_ZH, steps=STEP_ZH)


def write_board(ctx: Context, now: datetime, path: Path) -> Path:
    """Write the page to `path`, whole or not at all, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(render(ctx, now), encoding="utf-8")
    part.replace(path)
    return path


def town_map(ctx: Context, data: dict[str, Any]) -> dict[str, Any]:
    """Town cells as SVG polygons: equirectangular about the county's middle, north up."""
    corners = [point for town in ctx.county.towns for point in town.cell] or [(t.lon, t.lat) for t in ctx.county.towns]
    west, east = min(p[0] for p in corners), max(p[0] for p in corners)
    south, north = min(p[1] for p in corners), max(p[1] for p in corners)
    scale = WIDTH / ((east - west) * math.cos(math.radians((south + north) / 2)))
    squeeze = math.cos(math.radians((south + north) / 2))

    def place(lon: float, lat: float) -> tuple[float, float]:
        return round((lon - west) * squeeze * scale, 1), round((north - lat) * scale, 1)

    shapes = []
    for town in ctx.county.towns:
        rows = [row for row in data["towns"] if row["town"] == town.key]
        level = max((row["level"] for row in rows), default=0)
        is_open = any(row["ceiling"] > row["level"] for row in rows) or not rows
        x, y = place(town.lon, town.lat)
        shapes.append({
            "name": town.name, "x": x, "y": y, "fill": FILLS[level] if rows else "#cccccc", "ink": INKS[level], "open": is_open,
            "word": Level(level).zh if rows else "未研判", "points": " ".join(f"{px},{py}" for px, py in (place(*p) for p in town.cell)),
            "title": "；".join(f"{row['hazard_zh']} {Level(row['level']).zh}（不能排除 {Level(row['ceiling']).zh}）" for row in rows) or "未研判",
        })
    return {"box": f"-8 -8 {WIDTH + 16:.0f} {(north - south) * scale + 16:.0f}", "shapes": shapes}
