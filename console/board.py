"""The duty board: one HTML page without foreign hosts, drawn from console.report, made for tired eyes at three in the morning.

What people are asked to do comes first: who, by when, and what happens if nobody does. A level is colour, word and shape; hatching marks what missing
data cannot exclude, so that silence is never shown as calm; every reading shows its age; synthetic data and exercises say so. Written to a file it runs
nothing; served (console.pages) a script draws it anew. In both it says in big letters that it is old, by its style alone, unless it is drawn anew in time.
"""

from __future__ import annotations

import functools
import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from console.context import STALE_S, edge_now
from console.dossier import ALERT_ZH, MSG_ZH, unanswered
from console.reach import missed, words
from console.report import collect
from console.summary import LAYER_ZH, STATE_ZH, STEP_ZH, Clock, age, clock_of
from core.model import Level
from core.times import clock_name, parse_iso
from rules.explain import LABELS

if TYPE_CHECKING:
    from console.context import Context

FILLS = ("#22303c", "#3f6fd8", "#e9c022", "#e2711d", "#d32f45")
INKS = ("#c9d4de", "#ffffff", "#14181c", "#14181c", "#ffffff")
#: A shape per level, for eyes and screens that do not tell colours apart.
MARKS = ("○", "◔", "◑", "◕", "●")
WAITING, OPEN = ("draft", "review", "approved"), ("draft", "review", "approved", "issued")
#: Seconds after which a page that was not drawn anew says so over everything else; the script (board.js) tries six times in that time.
DEAD_S = 120
CHANNEL_ZH = {"sms": "短信", "broadcast": "大喇叭"}
WIDTH = 640.0


def level_badge(value: int, prefix: str = "") -> Markup:
    """A level as shape and coloured word; `prefix` stands before the word ("不排除")."""
    return Markup('<span class="l l{0}{3}"><i aria-hidden="true">{1}</i>{4}{2}</span>').format(
        int(value), MARKS[int(value)], Level(value).zh, " gap" if prefix else "", prefix)


@functools.lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def draw(name: str, ctx: Context, data: dict[str, Any], live: bool, **more: Any) -> str:
    """Template `name` with what every page of the desk uses; `live` where the page is served and not written to a file."""
    speakers, local = {s.speaker: s.name for s in ctx.county.loudspeakers}, clock_of(data["zone"])
    return _templates().get_template(name).render(
        d=data, local=local, age=age, ago=functools.partial(ago, parse_iso(data["now"]), local), span=span, level=level_badge, state=STATE_ZH,
        clock=clock_name(ctx.county.zone), alert_zh=ALERT_ZH, msg_zh=MSG_ZH, open=OPEN, channels=CHANNEL_ZH, reach=words, missed=missed, unanswered=unanswered,
        speaker=lambda key: speakers.get(key, key), live=live, dead_s=DEAD_S, simulated=ctx.settings.mode == "sandbox", **more,
    )


def render(ctx: Context, now: datetime, *, live: bool = False) -> str:
    """The whole page at `now` (aware) as HTML text."""
    data = collect(ctx, now)
    return draw("board.html.j2", ctx, data, live, now=overview(data), rows=by_town(data), map=town_map(ctx, data), told=LABELS, steps=STEP_ZH,
                layer_zh=LAYER_ZH, marks=MARKS)


def span(seconds: float) -> str:
    """A length of time in words, to the minute, and to the second below ten minutes."""
    whole = abs(int(seconds))
    if whole < 600:
        return f"{whole // 60} 分 {whole % 60} 秒" if whole >= 60 else f"{whole} 秒"
    return f"{whole // 3600} 小时 {whole % 3600 // 60} 分" if whole >= 5400 else f"{whole // 60} 分钟"


def ago(now: datetime, local: Clock, text: str | None) -> str:
    """An ISO time on the county's clock (`local`) and how long ago it was, or how long it is till then; a dash for none."""
    if not text:
        return "-"
    past = (now - parse_iso(text)).total_seconds()
    return f"{local(text)}（{span(past)}前）" if past > 0 else f"{local(text)}（还有 {span(past)}）" if past else f"{local(text)}（此刻）"


def as_of(ctx: Context) -> datetime:
    """Now by the wall clock, so that whatever stopped grows old in sight; in a sandbox, whose clock is the scenario's, the newest assessment."""
    scores = ctx.ledger.scores() if ctx.settings.mode == "sandbox" else []
    return scores[0].time if scores else edge_now(None)


def write_board(ctx: Context, now: datetime, path: Path) -> Path:
    """Write the page to `path`, whole or not at all, and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(render(ctx, now), encoding="utf-8")
    part.replace(path)
    return path


def overview(data: dict[str, Any]) -> dict[str, Any]:
    """What to know first: the highest level now and where, what data cannot exclude, which feeds are not well, what waits for a signature."""
    top = max((row["level"] for row in data["towns"]), default=None)
    worst = [row for row in data["towns"] if row["level"] == top and top]
    ceiling = max((row["ceiling"] for row in data["towns"]), default=None)
    feeds = data["feeds"]
    in_force = [alert for alert in data["alerts"] if alert["state"] == "issued"]
    counts = [alert["reach"].get("sms", {}) for alert in in_force]
    assessed = max((row["at"] for row in data["towns"]), default=None)
    old = (parse_iso(data["now"]) - parse_iso(assessed)).total_seconds() if assessed else None
    return {
        "stale_s": old if old is not None and old > STALE_S else None,
        "level": top, "ceiling": ceiling, "hazards": list(dict.fromkeys(row["hazard_zh"] for row in worst)),
        "towns": list(dict.fromkeys(row["name"] for row in worst)),
        "open": list(dict.fromkeys(row["name"] for row in data["towns"] if row["ceiling"] > row["level"])),
        "ill": [feed for feed in feeds if feed["state"] != "ok"], "feeds": len(feeds), "in_order": sorted(feeds, key=lambda feed: feed["state"] == "ok"),
        "waiting": sorted((alert for alert in data["alerts"] if alert["state"] in WAITING), key=lambda alert: -alert["level"]), "in_force": in_force,
        "unsigned": sum(alert["waits"] is not None for alert in data["alerts"]),
        "missed": sum(map(missed, counts)), "mute": sum(missed(alert["reach"].get("broadcast", {})) for alert in in_force),
        "reached": sum(n.get("delivered", 0) + n.get("held", 0) for n in counts), "on_way": sum(n.get("on_way", 0) for n in counts),
        "unsent": sum(n.get("waiting", 0) for n in counts),
        "synthetic": any(row["synthetic"] for row in data["towns"]) or any(feed["synthetic"] for feed in feeds),
    }


def by_town(data: dict[str, Any]) -> list[dict[str, Any]]:
    """One row a town, the worst first: the hazards that are above none or cannot be excluded, worst first."""
    rows: dict[str, dict[str, Any]] = {}
    for row in data["towns"]:
        town = rows.setdefault(row["town"], {"name": row["name"], "hazards": [], "rank": (0, 0, 0.0)})
        town["rank"] = max(town["rank"], (row["level"], row["ceiling"], row["score"]))
        if row["level"] or row["ceiling"]:
            town["hazards"].append(row)
    for town in rows.values():
        town["hazards"].sort(key=lambda row: (-row["level"], -row["ceiling"]))
    return sorted(rows.values(), key=lambda town: town["rank"], reverse=True)


def town_map(ctx: Context, data: dict[str, Any]) -> dict[str, Any]:
    """Town cells as SVG polygons: equirectangular about the county's middle, north up."""
    corners = [point for town in ctx.county.towns for point in town.cell] or [(t.lon, t.lat) for t in ctx.county.towns]
    west, east = min(p[0] for p in corners), max(p[0] for p in corners)
    south, north = min(p[1] for p in corners), max(p[1] for p in corners)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = WIDTH / (((east - west) or 0.1) * squeeze)

    def place(lon: float, lat: float) -> tuple[float, float]:
        """Degrees to the drawing's pixels, y downwards, longitudes drawn together by the cosine of the county's latitude."""
        return round((lon - west) * squeeze * scale, 1), round((north - lat) * scale, 1)

    shapes = []
    for town in ctx.county.towns:
        rows = [row for row in data["towns"] if row["town"] == town.key]
        level = max((row["level"] for row in rows), default=0)
        is_open = any(row["ceiling"] > row["level"] for row in rows) or not rows
        ring = [place(*p) for p in town.cell] or [place(town.lon, town.lat)]
        x, y = sum(p[0] for p in ring) / len(ring), sum(p[1] for p in ring) / len(ring)
        shapes.append({
            "name": town.name, "x": round(x, 1), "y": round(y, 1), "fill": FILLS[level], "ink": INKS[level], "open": is_open,
            "word": f"{MARKS[level]} {Level(level).zh}" if rows else "未研判", "points": " ".join(f"{px},{py}" for px, py in ring),
            "title": f"{town.name}：" + ("；".join(f"{row['hazard_zh']} {Level(row['level']).zh}（不能排除 {Level(row['ceiling']).zh}）" for row in rows) or "未研判"),
        })
    return {"box": f"-8 -8 {WIDTH + 16:.0f} {(north - south) * scale + 16:.0f}", "shapes": shapes}
