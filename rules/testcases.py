"""The test file beside a pack, read strictly: every word known, every time on a step, everything wrong told at once with its line.

    interval: 1 h                         # a case may have its own
    tests:
      - name: 6 小时 50 毫米
        rule: flood.rainstorm
        kind: firing                      # firing | quiet | missing
        series: {"rain@M1": "0x6 10x5"}   # property@station; suffix ? marks a suspect reading
        expect:
          - {at: 11 h, level: yellow, ceiling: yellow, held: yellow, reason: [6小时雨量 60 mm, flood.rainstorm 黄色]}

`reason` and `counterfactual` name pieces that must all stand in what people read at that time ("" says that nothing may stand there);
`flags` names flags that the evidence must carry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.model import Circle, Hazard, Level
from core.reporting import KINDS as REPORTS
from core.units import PROPERTIES
from rules.language import Place, unknown_word
from rules.packs import Pack
from rules.row import FIELDS
from rules.testworld import hours, values
from rules.yamltext import Document, Problems, load

KINDS = ("firing", "quiet", "missing")
CASE_KEYS = frozenset({"name", "rule", "kind", "interval", "series", "stations", "town", "tracks", "signals", "reports", "forecasts", "silent", "expect"})
LEVELS = ("level", "ceiling", "held")
WORDS = ("reason", "counterfactual", "flags")
EXPECT_KEYS = frozenset({"at", *LEVELS, *WORDS})
COLOURS = tuple(level.en for level in Level)
FEEDS = ("readings", "tracks", "signals")
#: What may stand in the parts of a case: (keys that must be there, keys that may), each with what its value is.
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "tracks": (("at", "lat", "lon"), ("wind", "pressure", "r7", "r10", "r12", "issued", "agency")),
    "signals": (("event", "level", "from"), ("until", "areas", "hazard")),
    "reports": (("at", "by", "kind"), ("value", "trust")),
    "forecasts": (("issued", "series"), ()),
}
STATION_KEYS = frozenset({"path", "km", "datum", "warning_stage", "guaranteed_stage", "record_stage"})
TIMES = frozenset({"at", "from", "until", "issued"})
TEXTS = frozenset({"event", "by", "agency", "path", "datum"})
CIRCLES = ("r7", "r10", "r12")
#: What a position of a storm may leave untold, written as in a series.
UNTOLD, MAY_BE_UNTOLD = "_", frozenset({"wind", "pressure"})
#: The words that a key allows, after how the key is called in Chinese and English.
CHOICES: dict[str, tuple[tuple[str, str], tuple[str, ...]]] = {
    "level": (("级别", "level"), COLOURS), "hazard": (("灾种", "hazard"), tuple(map(str, Hazard))), "kind": (("灾情种类", "kind"), tuple(REPORTS)),
}
MAX_STEPS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must hold at one time. `levels` by level, ceiling, held; `words` by reason, counterfactual, flags: pieces, () for "nothing there"."""

    at: str
    step: int
    levels: dict[str, Level]
    words: dict[str, tuple[str, ...]]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test case; `raw` lays out its world (testworld)."""

    name: str
    rule: str
    kind: str
    interval_h: float
    raw: dict[str, Any]
    expected: tuple[Expected, ...]
    place: Place


def beside(pack: Path) -> Path:
    """Where a pack's tests stand."""
    return pack.with_name(f"{pack.stem}.test.yaml")


def read(pack: Pack) -> tuple[Case, ...]:
    """The cases beside a pack, () where there is no file; ConfigErrors with file:line for everything wrong with it."""
    path = beside(pack.path)
    if not path.is_file():
        return ()
    document, problems = load(path), Problems()
    problems.unknown_keys(document, (), document.data, frozenset({"interval", "tests"}))
    interval = _step(document, problems, document.data.get("interval", "1 h"), "interval")
    cases = document.data.get("tests")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        problems.add("tests 应为用例的列表", "tests must be a list of cases", document.place("tests"))
        problems.raise_any()
    rules = tuple(rule.id for rule in pack.rules)
    found = [_case(document, problems, number, rules, interval) for number in range(len(cases or []))]
    problems.raise_any()
    return tuple(found)


def _case(document: Document, problems: Problems, number: int, rules: tuple[str, ...], interval: float) -> Case:
    raw, at = document.data["tests"][number], ("tests", number)
    problems.unknown_keys(document, at, raw, CASE_KEYS)
    if "interval" in raw:
        interval = _step(document, problems, raw["interval"], *at, "interval")
    if not isinstance(raw.get("name"), str) or not raw["name"].strip():
        problems.add("用例没有名字", "a case needs a name", document.place(*at), "加 name: 一句话 / add name")
    elif any(case.get("name") == raw["name"] for case in document.data["tests"][:number]):
        problems.add(f"用例“{raw['name'][:40]}”已有一个", "a case of that name is there already", document.place(*at, "name"))
    _word(document, problems, "规则", "rule", raw.get("rule"), rules, *at, "rule")
    _word(document, problems, "种类", "kind", raw.get("kind"), KINDS, *at, "kind")
    _series(document, problems, raw.get("series", {}), *at, "series")
    _row(document, problems, raw.get("town", {}), (), frozenset(FIELDS), *at, "town")
    stations = raw.get("stations", {})
    if not isinstance(stations, dict):
        problems.add("stations 应为 站: {…}", "stations must map each station to what it is", document.place(*at, "stations"))
        stations = {}
    ahead = raw.get("forecasts")
    series = [raw.get("series"), *(row.get("series") for row in (ahead if isinstance(ahead, list) else ()) if isinstance(row, dict))]
    spoken = {str(key).partition("@")[2] for each in series if isinstance(each, dict) for key in each}
    for name, station in stations.items():
        _row(document, problems, station, (), STATION_KEYS, *at, "stations", name)
        if name not in spoken:
            problems.errors.append(unknown_word("站", "station", str(name), spoken, document.key_place(*at, "stations", name)))
    for n, word in enumerate(_rows(document, problems, raw, *at, "silent")):
        _word(document, problems, "数据源", "feed", word, FEEDS, *at, "silent", n)
    for part, (needed, also) in PARTS.items():
        for n, row in enumerate(_rows(document, problems, raw, *at, part)):
            _row(document, problems, row, needed, frozenset((*needed, *also)), *at, part, n)
    given = raw.get("expect")
    if not isinstance(given, list) or not given:
        problems.add("没有 expect", "nothing is expected", document.place(*at))
        given = []
    expected = [_expected(document, problems, row, interval, *at, "expect", n) for n, row in enumerate(given)]
    return Case(name=str(raw.get("name", "")), rule=str(raw.get("rule")), kind=str(raw.get("kind")), interval_h=interval, raw=raw,
                expected=tuple(expected), place=document.place(*at))


def _rows(document: Document, problems: Problems, raw: dict[str, Any], *at: str | int) -> list[Any]:
    """The rows of one part of a case, [] where it has none."""
    rows = raw.get(str(at[-1]), [])
    if not isinstance(rows, list):
        problems.add(f"{at[-1]} 应为列表", "a list is expected", document.place(*at))
    return rows if isinstance(rows, list) else []


def _row(document: Document, problems: Problems, row: Any, needed: tuple[str, ...], known: frozenset[str], *at: str | int) -> None:
    """One storm position, signal, report or forecast issue, a station or the town: the keys it needs, none that is unknown, values of the right kind."""
    if not isinstance(row, dict):
        problems.add("应为 键: 值", "a mapping is expected", document.place(*at))
        return
    if any(key not in row for key in needed):
        problems.add(f"{at[-2]} 的一行要有 {'、'.join(needed)}", f"a row needs {', '.join(needed)}", document.place(*at))
    problems.unknown_keys(document, at, row, known)
    for key, value in row.items():
        if key in TIMES:
            _span(document, problems, value, *at, key)
        elif key in CHOICES:
            _word(document, problems, *CHOICES[key][0], value, CHOICES[key][1], *at, key)
        elif key == "series":
            _series(document, problems, value, *at, key)
        elif key in known and not _fits(key, value):
            problems.add(f"{key} 的值不对：{str(value)[:40]}", f"{key} is not of the kind expected", document.place(*at, key))


def _fits(key: str, value: Any) -> bool:
    """Whether a value is of its key's kind: a text, a list of texts, a yes or no, a number, four of them for a circle."""
    if key in TEXTS:
        return isinstance(value, str) and bool(value)
    if key == "areas":
        return isinstance(value, list) and all(isinstance(code, str) and code for code in value)
    if (key in FIELDS and isinstance(value, bool)) or (key in MAY_BE_UNTOLD and value == UNTOLD):
        return True
    parts = value if key in CIRCLES and isinstance(value, list) and len(value) == len(Circle.__slots__) else [value]
    return all(isinstance(part, int | float) and not isinstance(part, bool) and math.isfinite(part) for part in parts)


def _series(document: Document, problems: Problems, series: Any, *at: str | int) -> None:
    if not isinstance(series, dict):
        problems.add("series 应为 要素@站: 序列", "series must map property@station to values", document.place(*at))
        return
    for key, text in series.items():
        observed, _, station = str(key).partition("@")
        if not station or "@" in station:
            problems.add(f"{key} 应为 要素@站，如 rain@M1", "property@station is expected", document.place(*at, key))
        elif observed not in PROPERTIES:
            problems.errors.append(unknown_word("要素", "property", observed, PROPERTIES, document.place(*at, key)))
        try:
            if sum(1 for _ in islice(values(text), MAX_STEPS + 1)) > MAX_STEPS:
                problems.add(f"序列超过 {MAX_STEPS} 个值", f"more than {MAX_STEPS} values", document.place(*at, key))
        except ConfigError as error:
            problems.add(error.message.split(" / ")[0], error.message.split(" / ")[-1], document.place(*at, key))


def _expected(document: Document, problems: Problems, row: Any, interval: float, *at: str | int) -> Expected:
    place = document.place(*at)
    if not isinstance(row, dict):
        problems.add("expect 的一行应为映射", "a mapping is expected", place)
        row = {}
    problems.unknown_keys(document, at, row, EXPECT_KEYS)
    time = _span(document, problems, row.get("at"), *at, "at") or 0.0
    step = round(time / interval)
    if abs(step * interval - time) > 1e-6 or step > MAX_STEPS:
        problems.add(f"at {row.get('at')} 不在步上，或超过 {MAX_STEPS} 步", "not a multiple of the interval, or too far", place)
    for key in LEVELS:
        if key in row:
            _word(document, problems, "级别", "level", row[key], COLOURS, *at, key)
    if not set(row) - {"at"}:
        problems.add("没有写期望什么", "nothing is expected at this time", place)
    return Expected(
        at=str(row.get("at")), step=min(step, MAX_STEPS), levels={key: Level[str(row[key]).upper()] for key in LEVELS if str(row.get(key)) in COLOURS},
        words={key: _pieces(document, problems, row[key], *at, key) for key in WORDS if key in row}, place=place,
    )


def _pieces(document: Document, problems: Problems, given: Any, *at: str | int) -> tuple[str, ...]:
    """A text or a list of texts; "" is nothing."""
    pieces = given if isinstance(given, list) else [given]
    if not all(isinstance(piece, str) and (piece or pieces is not given) for piece in pieces):
        problems.add(f"{at[-1]} 应为一段文字或文字的列表", "a text or a list of texts is expected", document.place(*at))
    return tuple(str(piece) for piece in pieces if piece != "")


def _step(document: Document, problems: Problems, text: Any, *at: str | int) -> float:
    """The hours from one value of a series to the next."""
    span = _span(document, problems, text, *at)
    if span == 0:
        problems.add("间隔不能是零", "the interval cannot be zero", document.place(*at))
    return span or 1.0


def _span(document: Document, problems: Problems, text: Any, *at: str | int) -> float | None:
    try:
        return hours(text)
    except ConfigError as error:
        problems.add(error.message.split(" / ")[0], "a duration is expected", document.place(*at))
        return None


def _word(document: Document, problems: Problems, zh: str, en: str, word: Any, known: Any, *at: str | int) -> None:
    if word not in known:
        problems.errors.append(unknown_word(zh, en, str(word), known, document.place(*at)))
