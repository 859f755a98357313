"""The form of a row that declares an indicator: which keys it takes and what each value may be. The schema for editors is made of the same tables.

A row says what kind of source it has, and each kind, statistic and quantity says which keys it takes; any other key would be passed over in
silence, so it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.model import Hazard
from core.units import PROPERTIES
from rules.language import Place, RuleError, unknown_word
from rules.statistics import STATISTICS
from rules.yamltext import Document

KEY = "indicators"
#: Words of one file; properties of one word.
MAX_WORDS, MAX_PROPERTIES = 200, 4
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
REACHES = ("own", "nearest", "within", "idw", "mean")
OFFSETS = ("warning_stage", "guaranteed_stage", "record_stage")
SENSES = ("high", "low")
FIELDS = ("river_front", "sea_front", "low_ground", "bank_section", "over60_share", "population")

Keys = tuple[tuple[str, ...], tuple[str, ...]]
#: What every row says, and may say.
EVERY: Keys = (("title", "title_en", "unit"), ("kind", "baseline", "note"))
#: By kind what a row must say besides, and what it may.
KINDS: dict[str, Keys] = {
    "station": (("property",), ("statistic", "reach", "km", "witness_km", "local")), "forecast": (("property", "statistic", "lead_h"), ("reach", "km")),
    "track": (("quantity",), ()), "official": (("events",), ()), "town": (("field",), ("map",)), "report": (("quantity", "hazard"), ()),
}
#: By statistic of a station's readings.
TAKES: dict[str, Keys] = {
    "last": ((), ("above", "worse")), "share": (("per",), ()), "mean": (("window_h",), ("above", "worse")),
    **dict.fromkeys(("max", "min"), (("window_h",), ("above",))), "projected": (("lead_h",), ("above",)), "hours_to": (("above",), ()),
    "hours_above": (("above", "window_h"), ()), "antecedent": (("window_h",), ("decay",)), "intensity_duration": (("window_h",), ("curve",)),
    "tangent_angle": (("window_h",), ("floor",)),
    **dict.fromkeys(("sum", "rise", "fall", "change", "mean_drop", "min_drop", "lowest_daily_max", "failure_eta"), (("window_h",), ())),
}
#: By quantity of a storm's track, or of reports.
QUANTITIES: dict[str, dict[str, Keys]] = {
    "track": {"distance": ((), ()), "eta": (("force",), ()), "wind": ((), ("lead_h",)), "agreement": (("force",), ("lead_h",))},
    "report": {"reported": ((), ()), "reported_by_one": ((), ())},
}
CHOICES: dict[str, tuple[str, ...]] = {
    "kind": tuple(KINDS), "statistic": tuple(STATISTICS), "reach": REACHES, "above": OFFSETS, "worse": SENSES, "field": FIELDS, "per": tuple(PROPERTIES),
    "quantity": tuple(word for words in QUANTITIES.values() for word in words), "hazard": tuple(map(str, Hazard)),
}
#: Lowest and highest of each number: hours of a window (31 days) and ahead, kilometres, Beaufort.
RANGES: dict[str, tuple[float, float]] = {
    "baseline": (-1e6, 1e6), "window_h": (0.25, 744), "km": (0.1, 300), "witness_km": (0.1, 300), "force": (1, 17), "lead_h": (0.25, 120),
    "decay": (0.01, 1), "floor": (0, 1e4),
}
#: How long a text may be that people read.
LENGTHS = {"title": 40, "title_en": 80, "unit": 10, "note": 2_000}
KNOWN_KEYS = frozenset(key for pair in (EVERY, *KINDS.values(), *TAKES.values(), *(k for q in QUANTITIES.values() for k in q.values())) for one in pair for key in one)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in its file."""

    document: Document
    name: str
    raw: Mapping[str, Any]

    def place(self, key: str = "") -> Place:
        """Where a value of the row stands, or its name."""
        return self.document.place(KEY, self.name, key) if key in self.raw else self.document.key_place(KEY, self.name)

    def fault(self, zh: str, en: str, key: str = "", hint: str = "") -> RuleError:
        """What is wrong with the row, or with one of its values."""
        return RuleError(f"{self.name} {zh}", en, self.place(key), hint=hint)

    @property
    def kind(self) -> str:
        """What kind of source it has."""
        return str(self.raw.get("kind", "station"))

    @property
    def shape(self) -> str:
        """The statistic or quantity, "" for what has neither."""
        return str(self.raw.get("statistic", "last") if self.kind == "station" else self.raw.get("quantity", ""))

    @property
    def properties(self) -> tuple[str, ...]:
        """The observed properties."""
        given = self.raw.get("property", [])
        return tuple(given) if isinstance(given, list) else (given,)

    def keys(self) -> Keys:
        """What the row must and may say, by its kind and its statistic or quantity."""
        more = TAKES.get(self.shape) if self.kind == "station" else QUANTITIES.get(self.kind, {}).get(self.shape)
        parts = (EVERY, KINDS[self.kind], more or ((), ()))
        return tuple(key for part in parts for key in part[0]), tuple(key for part in parts for key in part[1])


def form(row: Row) -> Iterator[RuleError]:
    """What is wrong with a row's keys, and with each value by itself."""
    yield from (unknown_word("键", "key", str(key), KNOWN_KEYS, row.document.key_place(KEY, row.name, key)) for key in row.raw if key not in KNOWN_KEYS)
    for key in [key for key in row.raw if key in KNOWN_KEYS]:
        yield from _value(row, key, row.raw[key])
    if row.kind not in KINDS:
        return
    must, may = row.keys()
    yield from (row.fault(f"缺少 {key}", f"{key} is missing") for key in must if key not in row.raw)
    what = "、".join(word for word in (row.kind, row.shape) if word)
    yield from (row.fault(f"用不到 {key}（{what}）", f"{key} says nothing here", key, f"删去 / drop it; 可写 / it takes: {', '.join((*must, *may))}")
                for key in row.raw if key in KNOWN_KEYS and key not in (*must, *may))


def _value(row: Row, key: str, value: Any) -> Iterator[RuleError]:
    known = CHOICES.get(key)
    if key == "quantity" and row.kind in QUANTITIES:
        known = tuple(QUANTITIES[row.kind])
    if known is not None and value not in known:
        yield unknown_word(f"的 {key} ", key, str(value), known, row.place(key))
    elif key == "property":
        yield from (unknown_word("要素", "property", str(p), PROPERTIES, row.place(key)) for p in row.properties if p not in CHOICES["per"])
        if not 0 < len(row.properties) <= MAX_PROPERTIES:
            yield row.fault("property 应为一个要素，或几个的列表", "a property or a few of them", key)
    elif key in RANGES and not _within(value, *RANGES[key]):
        low, high = RANGES[key]
        yield row.fault(f"的 {key} 应为 {low:g} 到 {high:g} 的数，写成了 {str(value)[:40]}", f"{key} is a number from {low:g} to {high:g}", key)
    elif key in LENGTHS and not (isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= LENGTHS[key]):
        yield row.fault(f"的 {key} 应为一行至多 {LENGTHS[key]} 字的文字", f"{key} is one line of {LENGTHS[key]} characters at most", key, "数字加引号 / quote a number")
    elif key in _FITS and not _FITS[key](value):
        yield row.fault(f"的 {key} 不对：{str(value)[:40]}", f"{key} is not of the kind expected", key)


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _points(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(str(k).isdecimal() and _within(v, -1e6, 1e6) for k, v in value.items())


def _curve(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"a", "b"} and _within(value["a"], 0.001, 1e4) and _within(value["b"], 0, 1)


def _events(value: Any) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MAX_WORDS and all(isinstance(one, str) and one.strip() for one in value)


#: How the values of the other keys look.
_FITS: dict[str, Callable[[Any], bool]] = {"map": _points, "curve": _curve, "events": _events, "local": lambda value: isinstance(value, bool)}
