"""Pictures of skill as SVG text: performance diagram, reliability, timeline and heat map. Chinese labels, no library, no script.

Every picture has a title for readers of the screen, numbers beside colours, and nothing that only colour says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from html import escape
from statistics import median

from core.model import Level
from core.times import SHANGHAI, people
from rules.verify.events import Outcome, Span

WIDTH, HEIGHT, MARGIN = 460, 400, 56
COLOUR = {Level.BLUE: "#1e4fd0", Level.YELLOW: "#b58900", Level.ORANGE: "#d2691e", Level.RED: "#c0152f"}
MARK = {"hit": ("●", "#1a7f37", "命中"), "near": ("◐", "#b58900", "险中"), "miss": ("○", "#c0152f", "漏报"), "false": ("×", "#57606a", "空报"),
        "out": ("−", "#57606a", "时段外"), "open": ("…", "#57606a", "未了")}
FONT = "font-family='Noto Sans CJK SC,Microsoft YaHei,sans-serif'"


def svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """A whole SVG document."""
    body = "".join(parts)
    return (f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' role='img' {FONT}>"
            f"<title>{escape(title)}</title><rect width='{width}' height='{height}' fill='#fff'/>{body}</svg>")


def text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start", fill: str = "#1f2328") -> str:
    """One line of text."""
    return f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' text-anchor='{anchor}' fill='{fill}'>{escape(words)}</text>"


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = "#d0d7de", width: float = 1) -> str:
    """One straight line."""
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{stroke}' stroke-width='{width}'/>"


def _axes(across: str, up: str) -> list[str]:
    """A unit square with ticks at every fifth."""
    parts = []
    for n in range(6):
        x, y = _at(n / 5, n / 5)
        parts += [line(x, _at(0, 0)[1], x, _at(0, 1)[1]), line(_at(0, 0)[0], y, _at(1, 0)[0], y)]
        parts += [text(x, HEIGHT - MARGIN + 16, f"{n / 5:g}", anchor="middle"), text(MARGIN - 8, y + 4, f"{n / 5:g}", anchor="end")]
    return [*parts, text(WIDTH / 2, HEIGHT - 14, across, anchor="middle"), text(MARGIN - 40, MARGIN - 16, up)]


def _at(x: float, y: float) -> tuple[float, float]:
    return MARGIN + x * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - y * (HEIGHT - 2 * MARGIN)


def performance(points: Sequence[tuple[str, float, float, Level]]) -> str:
    """Performance diagram (Roebber 2009): success ratio across, POD upwards, curves of equal CSI; one named point a threshold."""
    parts = _axes("成功率 1 - FAR", "命中率 POD")
    for csi in (0.2, 0.4, 0.6, 0.8):
        curve = [(s / 100, 1 / (1 / csi - 1 / (s / 100) + 1)) for s in range(int(csi * 100) + 1, 101)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (_at(s, p) for s, p in curve if 0 < p <= 1))
        parts += [f"<polyline points='{path}' fill='none' stroke='#8c959f' stroke-dasharray='3 3'/>", text(*_at(1.005, csi + 0.005), f"CSI {csi:g}", size=10)]
    for name, success, pod, level in points:
        x, y = _at(success, pod)
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='6' fill='{COLOUR.get(level, '#57606a')}'/>", text(x + 9, y + 4, name)]
    return svg(WIDTH + 30, HEIGHT, "命中率与成功率", parts)


def reliability(bins: Sequence[tuple[float, float, int]]) -> str:
    """Reliability: forecast chance across, share that happened upwards, the number of cases beside each point."""
    parts = [*_axes("预报可能性", "实际发生的比例"), line(*_at(0, 0), *_at(1, 1), stroke="#57606a")]
    for chance, share, cases in bins:
        x, y = _at(chance, share)
        parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='#0969da'/>", text(x + 8, y + 4, f"{cases} 例", size=11)]
    return svg(WIDTH, HEIGHT, "可靠性", parts)


def timeline(warned: Sequence[Span], happened: Sequence[Span], outcomes: Sequence[Outcome], zone: tzinfo = SHANGHAI) -> str:
    """One row a town: what happened above, what was warned of below, marks for hit, near miss, miss and false alarm."""
    towns = sorted({s.town for s in (*warned, *happened)})
    spans = [*warned, *happened]
    if not spans:
        return svg(WIDTH, 60, "时间线", [text(20, 36, "没有事件，也没有预警")])
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    left, width, row = 120, 760, 34

    def x(at: datetime) -> float:
        """px from the left of a moment."""
        return left + width * (at - start) / (end - start)

    parts = [text(left, 18, people(start, zone)), text(left + width, 18, people(end, zone), anchor="end")]
    for number, town in enumerate(towns):
        top = 30 + number * row
        parts += [text(left - 8, top + 18, town, anchor="end"), line(left, top + row - 4, left + width, top + row - 4)]
        for height, group, faint in ((top, happened, "1"), (top + 12, warned, "0.55")):
            for span in group:
                if span.town == town:
                    parts.append(f"<rect x='{x(span.start):.1f}' y='{height}' width='{max(2.0, x(span.end) - x(span.start)):.1f}' height='10' "
                                 f"fill='{COLOUR[span.level]}' opacity='{faint}'><title>{span.level.zh} {people(span.start, zone)}</title></rect>")
        for outcome in outcomes:
            if outcome.town == town:
                sign, fill, _ = MARK[outcome.kind]
                parts.append(text(x(outcome.at), top + 20, sign, anchor="middle", fill=fill, size=14))
    bottom = 30 + len(towns) * row + 18
    legend = "　".join(f"{sign} {words}" for sign, _, words in MARK.values())
    return svg(left + width + 30, bottom + 16, "时间线", [*parts, text(left, bottom, f"上：实况　下：预警　{legend}")])


def lead_times(rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """One row a group: every lead time (hours before the event began; late ones left of zero) as a dot, the median as a stroke with its number."""
    if not rows:
        return svg(WIDTH, 60, "提前量", [text(20, 36, "没有命中，也没有险中，无提前量")])
    left, width, row = 200, 620, 26
    low, high = min(0.0, *(min(hours) for _, hours in rows)), max(1.0, *(max(hours) for _, hours in rows))

    def x(hours: float) -> float:
        """px from the left of a lead time in hours."""
        return left + width * (hours - low) / (high - low)

    bottom = 40 + row * len(rows)
    parts = [text(left, 18, "提前量（时），左于 0 为迟"), line(x(0), 28, x(0), bottom, stroke="#57606a")]
    parts += [text(x(tick), bottom + 16, f"{tick:.1f}", anchor="middle", size=11) for tick in sorted({low, 0.0, high / 2, high})]
    for number, (name, hours) in enumerate(rows):
        y, middle = 40 + row * number + row / 2, median(hours)
        parts += [text(left - 8, y + 4, name, anchor="end", size=11), line(left, y, left + width, y)]
        parts += [f"<circle cx='{x(h):.1f}' cy='{y:.1f}' r='4' fill='#0969da' opacity='0.6'/>" for h in hours]
        parts += [line(x(middle), y - 9, x(middle), y + 9, stroke="#1f2328", width=2), text(x(middle) + 5, y - 5, f"{middle:.1f} 时，{len(hours)} 次", size=10)]
    return svg(left + width + 70, bottom + 26, "提前量分布", parts)


def heat_map(across: Sequence[str], up: Sequence[str], values: Sequence[Sequence[float | None]], words: tuple[str, str, str]) -> str:
    """A table of numbers with their shade: `values` by row of `up`; `words`: title, name of the axis across, name of the one upwards."""
    cell, left, top = 62, 110, 50
    known = [v for line_ in values for v in line_ if v is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    parts = [text(left, 20, words[0], size=14), text(left, 38, f"{words[1]} →"), text(8, top + 14, f"{words[2]} ↓")]
    for column, name in enumerate(across):
        parts.append(text(left + column * cell + cell / 2, top + 14, name, anchor="middle", size=11))
    for number, (name, cells) in enumerate(zip(up, values, strict=True)):
        y = top + 22 + number * 30
        parts.append(text(left - 8, y + 19, name, anchor="end", size=11))
        for column, value in enumerate(cells):
            share = 0.0 if value is None or high <= low else (value - low) / (high - low)
            shade = f"rgb({255 - round(160 * share)},{255 - round(70 * share)},{255 - round(130 * share)})"
            parts.append(f"<rect x='{left + column * cell}' y='{y}' width='{cell - 2}' height='28' fill='{shade}'/>")
            parts.append(text(left + column * cell + cell / 2, y + 19, "—" if value is None else f"{value:.2f}", anchor="middle", size=11))
    return svg(left + len(across) * cell + 20, top + 30 * len(up) + 34, words[0], parts)
