"""Rows that declare an indicator as indicators: those of indicators.yaml and those under `indicators:` of a pack, which are of one shape.

Read strictly: the form of each row (rules.row), then what it cannot mean (rules.sense), everything wrong told at once with its place.
"""

from __future__ import annotations

from itertools import islice

from rules.indicator import CAINE, DECAY, Indicator
from rules.language import RESERVED, RuleError
from rules.row import KEY, MAX_WORDS, NAME, SENSES, Row, form
from rules.sense import faults
from rules.yamltext import Document, Problems

#: More than so many faults are told once the first are mended: looking for the nearest word of each takes its time.
MAX_WRONG = 40

def read(document: Document, problems: Problems) -> dict[str, Indicator]:
    """The rows under `indicators:`, everything wrong with them noted; only rows without fault are given."""
    given = document.data[KEY]
    if not isinstance(given, dict) or not given or len(given) > MAX_WORDS:
        problems.add(f"{KEY} 应为 名: {{…}}，至多 {MAX_WORDS} 个", f"indicators map names to what they are, {MAX_WORDS} at most", document.place(KEY))
        return {}
    found: dict[str, Indicator] = {}
    for name, raw in given.items():
        wrong = [] if isinstance(name, str) and NAME.fullmatch(name) and name not in RESERVED else [RuleError(
            f"指标名 {str(name)[:40]} 应为小写字母、数字、_，且不是语言里的词", "a name has lower-case letters, digits and _, and is no word of the language",
            document.key_place(KEY, name))]
        if not isinstance(raw, dict):
            wrong.append(RuleError(f"{str(name)[:40]} 应为映射", "a mapping is expected", document.place(KEY, name)))
        else:
            row = Row(document, str(name)[:64] if wrong else name, raw)
            wrong += list(islice(form(row), MAX_WRONG)) or list(faults(row))
        problems.errors += wrong
        if len(problems.errors) > MAX_WRONG:
            break
        if not wrong:
            found[name] = _indicator(row)
    return found


def _indicator(row: Row) -> Indicator:
    """The row as a type; nothing is wrong with it."""
    raw, curve = row.raw, row.raw.get("curve")
    return Indicator(
        name=row.name, title=raw["title"], title_en=raw["title_en"], unit=raw["unit"], kind=row.kind, baseline=float(raw.get("baseline", 0)),
        properties=row.properties, per=raw.get("per", ""), statistic=raw.get("statistic", "last"), window_h=float(raw.get("window_h", 0)),
        reach=raw.get("reach", "own"), km=float(raw.get("km", 0)), witness_km=float(raw.get("witness_km", 0)), above=raw.get("above", ""),
        quantity=raw.get("quantity", ""), force=int(raw.get("force", 0)), lead_h=float(raw.get("lead_h", 0)), events=tuple(raw.get("events", ())),
        attribute=raw.get("field", ""), map={int(k): float(v) for k, v in raw.get("map", {}).items()}, worse=raw.get("worse", SENSES[0]),
        decay=float(raw.get("decay", DECAY)), curve=(float(curve["a"]), float(curve["b"])) if curve else CAINE, floor=float(raw.get("floor", 0)),
        hazard=raw.get("hazard", ""), local=raw.get("local", False), place=row.place(),
    )
