"""One self-contained HTML page of a verification: the numbers with their intervals, the pictures, and every outcome. No script, nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from core.model import Hazard, Level
from core.times import SHANGHAI, iso, people
from rules.verify import pictures
from rules.verify.events import Outcome, Span, match
from rules.verify.measures import COLOURS, leads, reliability, sensitivity
from rules.verify.period import Period, covered
from rules.verify.skill import Skill, skill

STYLE = ("body{font-family:'Noto Sans CJK SC','Microsoft YaHei',sans-serif;margin:24px auto;max-width:1000px;padding:0 16px;color:#1f2328}"
         "table{border-collapse:collapse;margin:12px 0}td,th{border:1px solid #d0d7de;padding:4px 10px;text-align:right}"
         "td:first-child,th:first-child{text-align:left}small,th{white-space:nowrap}svg{max-width:100%;height:auto}.few{color:#9a6700}")


NOTHING = "没有预警，也没有实况，无可检验 / neither warnings nor events, nothing to verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Outcomes and skill by (hazard, "level or more"); only pairs for which something was warned of or happened. `period`: what both cover, None where
    nobody said; what lies outside it has outcomes (out, open) and no part in the skill."""

    warned: tuple[Span, ...]
    happened: tuple[Span, ...]
    outcomes: dict[tuple[Hazard, Level], tuple[Outcome, ...]]
    skills: dict[tuple[Hazard, Level], Skill]
    period: Period | None = None

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """The hazards that something is known of."""
        return tuple(sorted({h for h, _ in self.outcomes}))

    def of(self, hazard: Hazard) -> tuple[list[Span], list[Span]]:
        """(warned, happened) of one hazard."""
        return [s for s in self.warned if s.hazard is hazard], [s for s in self.happened if s.hazard is hazard]

    def sensitivity(self, hazard: Hazard) -> list[list[float | None]]:
        """CSI by what counts as an event (rows) and what counts as a warning (columns), blue to red."""
        return sensitivity(*self.of(hazard), self.period)

    def left_out(self) -> tuple[int, int]:
        """Events that began outside the period, and warnings at its ends of which nobody knows whether something came; of any level, each once."""
        lowest = {hazard: min(lv for h, lv in self.outcomes if h is hazard) for hazard in self.hazards}
        kinds = [o.kind for key in lowest.items() for o in self.outcomes[key]]
        return kinds.count("out"), kinds.count("open")

    def as_json(self) -> dict[str, Any]:
        """The numbers and outcomes for machines; times ISO UTC."""
        events, warnings = self.left_out()
        return {"period": self.period.as_json() if self.period else None, "left_out": {"events": events, "warnings": warnings},
                "skill": [{"hazard": str(h), "level": lv.en, **asdict(s)} for (h, lv), s in self.skills.items()],
                "by_town": [{"hazard": str(h), "level": lv.en, "town": town, **asdict(skill([o for o in found if o.town == town]))}
                            for (h, lv), found in self.outcomes.items() for town in _towns_of(found)],
                "leads_h": [{"hazard": str(h), "level": lv.en, "town": town or None, "hours": list(hours)} for h, lv, town, hours in leads(self.outcomes)],
                "reliability": [asdict(b) for b in reliability(self.warned, self.happened, self.period)],
                "sensitivity_csi": {str(h): self.sensitivity(h) for h in self.hazards},
                "outcomes": [{"hazard": str(h), "level": lv.en, "kind": o.kind, "town": o.town, "at": iso(o.at), "lead_s": o.lead_s}
                             for (h, lv), found in self.outcomes.items() for o in found]}


def named(found: Verification, names: Mapping[str, str]) -> Verification:
    """The same with towns as people call them, by key."""
    warned, happened = (tuple(replace(span, town=names.get(span.town, span.town)) for span in spans) for spans in (found.warned, found.happened))
    outcomes = {key: tuple(replace(o, town=names.get(o.town, o.town)) for o in group) for key, group in found.outcomes.items()}
    return replace(found, warned=warned, happened=happened, outcomes=outcomes)


def verify(warned: Sequence[Span], happened: Sequence[Span], *, seed: int = 1, period: Period | None = None) -> Verification:
    """Match and score at every threshold of every hazard; byte-equal for equal input and seed."""
    outcomes: dict[tuple[Hazard, Level], tuple[Outcome, ...]] = {}
    for hazard in sorted({span.hazard for span in (*warned, *happened)}):
        for level in COLOURS:
            found = match([s for s in warned if s.hazard is hazard], [s for s in happened if s.hazard is hazard], level, period=period)
            if found:
                outcomes[hazard, level] = tuple(found)
    return Verification(warned=tuple(sorted(warned)), happened=tuple(sorted(happened)), outcomes=outcomes,
                        skills={key: skill(found, seed=seed) for key, found in outcomes.items() if _towns_of(found)}, period=period)


def _towns_of(outcomes: Sequence[Outcome]) -> list[str]:
    """The towns of which something counts."""
    return sorted({o.town for o in outcomes if o.kind not in ("out", "open")})


def _left_out(found: Verification) -> list[str]:
    events, warnings = found.left_out()
    told = [f"时段外开始的实况 {events} 次" if events else "", f"时段两端看不到下文的预警 {warnings} 次" if warnings else ""]
    return [f"未计入 left out：{'，'.join(filter(None, told))} / {events} events outside the period, {warnings} warnings whose end nobody saw"] if any(told) else []


def lines(found: Verification) -> list[str]:
    """The table for a terminal, and what had no part in it."""
    if not found.skills:
        return [NOTHING, *_left_out(found)]
    out = [f"{'灾种 hazard':14}{'级别 level':12}{'命中':>4}{'险中':>4}{'漏报':>4}{'空报':>4}  POD [95 %]           FAR [95 %]           CSI    偏差   提前量(时)"]
    for (hazard, level), s in found.skills.items():
        cells = "  ".join(f"{_number(getattr(s, name))} {_range(s.intervals[name]):14}" for name in ("pod", "far"))
        lead = f"{s.lead_h[1]:.1f} ({s.lead_h[0]:.1f}-{s.lead_h[2]:.1f})" if s.lead_h else "—"
        few = "  事件太少 too few events" if s.few else ""
        out.append(f"{hazard.zh:12}{level.zh + '以上':10}{s.hits:>6}{s.near:>6}{s.misses:>6}{s.false:>6}  {cells}{_number(s.csi)}  {_number(s.bias)}  {lead}{few}")
    return [*out, *_left_out(found)]


def html(found: Verification, title: str, zone: ZoneInfo = SHANGHAI) -> str:
    """The whole page, on the clock of the county."""
    parts = [f"<!doctype html><html lang='zh-CN'><meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{escape(title)}</title>"
             f"<style>{STYLE}</style><h1>{escape(title)}</h1>",
             *(f"<p>{line}</p>" for line in (covered(found.period, zone), *_left_out(found)))]
    if not found.skills:
        return "".join([*parts, f"<p>{NOTHING}</p></html>\n"])
    parts.append(_table(found))
    points = [(f"{h.zh}{lv.zh}", 1 - s.far, s.pod, lv) for (h, lv), s in found.skills.items() if s.far is not None and s.pod is not None]
    parts += ["<h2>命中率与成功率 performance</h2>", pictures.performance(points), *_reliability(found), *_leads(found)]
    names = [lv.zh for lv in COLOURS]
    for hazard in found.hazards:
        level = min(lv for h, lv in found.outcomes if h is hazard)
        parts.append(f"<h2>{hazard.zh}（{level.zh}以上）时间线 timeline</h2>" + pictures.timeline(*found.of(hazard), found.outcomes[hazard, level], zone))
        parts.append(f"<h2>{hazard.zh} 门槛敏感性 sensitivity</h2>" + pictures.heat_map(
            names, names, found.sensitivity(hazard), (f"{hazard.zh}：预警与实况各按几级算，CSI", "预警达到", "实况达到")))
    parts += ["<h2>按镇街 by town</h2>", *_towns(found)]
    parts.append("<h2>逐次结果</h2><table><tr><th>灾种<th>级别<th>镇街<th>时间<th>结果<th>提前量（时）</tr>")
    for (hazard, level), group in found.outcomes.items():
        for o in group:
            lead = "—" if o.lead_s is None else f"{o.lead_s / 3600:.1f}"
            parts.append(f"<tr><td>{hazard.zh}<td>{level.zh}以上<td>{escape(o.town)}<td>{people(o.at, zone)}<td>{pictures.MARK[o.kind][2]}<td>{lead}</tr>")
    return "".join([*parts, "</table></html>\n"])


def _table(found: Verification) -> str:
    rows = ["<table><tr><th>灾种与级别<th>命中<th>险中<th>漏报<th>空报<th>POD<th>FAR<th>CSI<th>偏差<th>提前量中位数（时）</tr>"]
    for (hazard, level), s in found.skills.items():
        scores = "".join(f"<td>{_number(getattr(s, n))}<br><small>{_range(s.intervals[n])}</small>" for n in ("pod", "far", "csi", "bias"))
        note = " <span class='few'>事件少于 10 次，不足为凭</span>" if s.few else ""
        lead = f"{s.lead_h[1]:.1f}" if s.lead_h else "—"
        rows.append(f"<tr><td>{hazard.zh}{level.zh}以上{note}<td>{s.hits}<td>{s.near}<td>{s.misses}<td>{s.false}{scores}<td>{lead}</tr>")
    return "".join([*rows, "</table>"])


def _reliability(found: Verification) -> list[str]:
    bins = reliability(found.warned, found.happened, found.period)
    told = pictures.reliability([(b.chance, b.share, b.cases) for b in bins]) if bins else \
        "<p>预警没有给出可能性（chance 列），不能检验可靠性 / no chances were given</p>"
    return ["<h2>可靠性 reliability</h2>", told]


def _leads(found: Verification) -> list[str]:
    rows = [(f"{h.zh}{lv.zh}以上{'：' + town if town else ''}", hours) for h, lv, town, hours in leads(found.outcomes)]
    return ["<h2>提前量分布 lead times</h2>", pictures.lead_times(rows)]


def _towns(found: Verification) -> list[str]:
    """One row a hazard, level and town; too few events are said here too, for here they are the rule."""
    rows = ["<table><tr><th>灾种与级别<th>镇街<th>命中<th>险中<th>漏报<th>空报<th>POD<th>FAR<th>提前量 四分位（时）</tr>"]
    for (hazard, level), group in found.outcomes.items():
        for town in _towns_of(group):
            s = skill([o for o in group if o.town == town])
            lead = f"{s.lead_h[1]:.1f}（{s.lead_h[0]:.1f}–{s.lead_h[2]:.1f}）" if s.lead_h else "—"
            few = " <span class='few'>事件太少</span>" if s.few else ""
            rows.append(f"<tr><td>{hazard.zh}{level.zh}以上<td>{escape(town)}{few}<td>{s.hits}<td>{s.near}<td>{s.misses}<td>{s.false}"
                        f"<td>{_number(s.pod)}<td>{_number(s.far)}<td>{lead}</tr>")
    return [*rows, "</table>"]


def _number(value: float | None) -> str:
    return " —  " if value is None else f"{value:.2f}"


def _range(interval: tuple[float, float] | None) -> str:
    return "—" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"
