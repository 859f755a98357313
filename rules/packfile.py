"""One pack file read strictly: every word known, every number with its unit, everything wrong told at once with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.model import Hazard, Level
from rules import packcheck
from rules.catalogue import Catalogue, Indicator, clash
from rules.declared import read
from rules.language import RESERVED, Place, Symbol, compile_condition, unknown_word
from rules.language.nodes import Node, names
from rules.language.units import UNITS, to_unit
from rules.row import KEY, NAME
from rules.rule import COLOURS, Cause, Hold, Pack, Rule
from rules.yamltext import Document, Problems, load

PACK_KEYS = frozenset({"pack", "title", "jurisdiction", "valid_from", "valid_to", "source", "verified", "note", "indicators", "parameters", "rules"})
RULE_KEYS = frozenset({
    "id", "title", "hazard", "levels", "hold", "role", "stage", "optional", "corroborate", "explained_by", "source", "verified", "note",
})
CAUSE_KEYS = ("condition", "question", "source", "verified")
#: And what may stand there too.
CAUSE_ALSO = ("tide_margin", "sudden")
REQUIRED = ("pack", "title", "jurisdiction", "valid_from", "source", "verified", "rules")
_SPAN = re.compile(r"(\d{1,5})\s*(s|min|h)\Z")
_NUMBER = re.compile(r"(-?\d{1,9}(?:\.\d{1,9})?)\s*(\S*)\Z")


def read_pack(path: Path, sha: str, catalogue: Catalogue) -> Pack:
    """The pack in a file whose hash is `sha`; ConfigErrors with file:line:column for everything wrong with it."""
    document, problems = load(path), Problems()
    data = document.data
    problems.unknown_keys(document, (), data, PACK_KEYS)
    for key in REQUIRED:
        if key not in data:
            problems.add(f"缺少 {key}", f"{key} is missing", Place(path, 1))
    problems.raise_any()
    head = Pack(
        pack=_text(document, problems, "pack"), title=_text(document, problems, "title"), jurisdiction=_text(document, problems, "jurisdiction"),
        valid_from=_day(document, problems, "valid_from") or date.min, valid_to=_day(document, problems, "valid_to") if "valid_to" in data else None,
        source=_source(document, problems), verified=_yes(document, problems, data["verified"], "verified"), hash=sha, path=path,
        words=_words(document, problems, catalogue),
    )
    if head.valid_to is not None and head.valid_to < head.valid_from:
        problems.add("valid_to 早于 valid_from，这个包永远不生效", "the pack would never be in force", document.place("valid_to"))
    catalogue = catalogue.widened(head.words)
    symbols = catalogue.symbols() | _parameters(document, problems, catalogue)
    rules = [rule for number in range(len(_list(document, problems))) if (rule := _rule(document, problems, number, head, symbols, catalogue))]
    for number, rule in enumerate(rules):
        if rule.id in {other.id for other in rules[:number]}:
            problems.add(f"规则编号 {rule.id} 重复", "rule id used twice", document.place("rules", number, "id"))
    problems.raise_any()
    return replace(head, rules=tuple(rules))


def _words(document: Document, problems: Problems, catalogue: Catalogue) -> tuple[Indicator, ...]:
    """The indicators that the pack declares; what is wrong with them is told before the conditions are read, which would only lack them."""
    if KEY not in document.data:
        return ()
    words = tuple(read(document, problems).values())
    problems.errors += [clash(word, known) for word in words if (known := catalogue.indicators.get(word.name)) not in (None, word)]
    problems.raise_any()
    return words


def _list(document: Document, problems: Problems) -> list[Any]:
    rules = document.data["rules"]
    if not isinstance(rules, list) or not rules or not all(isinstance(rule, dict) for rule in rules):
        problems.add("rules 应为规则的列表", "rules must be a list of rules", document.place("rules"))
        problems.raise_any()
    return list(rules)


def _day(document: Document, problems: Problems, key: str) -> date | None:
    value = document.data[key]
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        problems.add(f"{key} 应为日期，如 2007-06-12", "a date is expected", document.place(key))
        return None


def _source(document: Document, problems: Problems) -> str:
    source = document.data["source"]
    if not isinstance(source, dict) or set(source) != {"document", "clause"} or not all(source.values()):
        problems.add("source 应写明 document 与 clause", "source needs document and clause", document.place("source"))
        return ""
    return f"{source['document']}，{source['clause']}"


def _text(document: Document, problems: Problems, *keys: str | int) -> str:
    """The text under a key path; one that is empty, a number or a list is noted."""
    value: Any = document.data
    for key in keys:
        value = value[key]
    if not isinstance(value, str) or not value.strip():
        problems.add(f"{keys[-1]} 应为一段文字，写成了 {'空' if value is None else str(value)[:40]}", "a text is expected", document.place(*keys),
                     "填上；只是数字的加引号 / fill it in, quote what is only digits")
    return str(value)


def _yes(document: Document, problems: Problems, value: Any, *keys: str | int) -> bool:
    if not isinstance(value, bool):
        problems.add(f"{keys[-1]} 应为 true 或 false", "true or false is expected", document.place(*keys))
    return value is True


def _parameters(document: Document, problems: Problems, catalogue: Catalogue) -> dict[str, Symbol]:
    """Named numbers of the pack: "0.7" or "10.8 m/s"."""
    found: dict[str, Symbol] = {}
    given = document.data.get("parameters") or {}
    if not isinstance(given, dict):
        problems.add("parameters 应为 名: 数", "parameters must map names to numbers", document.place("parameters"))
        return found
    for name, value in given.items():
        match = _NUMBER.match(str(value).strip())
        if match is not None and match[2] not in ("", *UNITS):
            problems.errors.append(unknown_word("单位", "unit", match[2], UNITS, document.place("parameters", name)))
        elif match is None or name in catalogue.indicators or name in RESERVED or not NAME.fullmatch(str(name)):
            problems.add(f"参数 {name} 应为未用过的名字和一个数，如 0.7 或 10.8 m/s", "a parameter is a new name and a number",
                         document.place("parameters", name))
        else:
            found[name] = Symbol(match[2] or "1", float(match[1]))
    return found


def _rule(document: Document, problems: Problems, number: int, head: Pack, symbols: Mapping[str, Symbol], catalogue: Catalogue) -> Rule | None:
    raw = document.data["rules"][number]
    at = ("rules", number)
    before = len(problems.errors)
    problems.unknown_keys(document, at, raw, RULE_KEYS)
    for key in ("id", "title", "hazard", "levels"):
        if key not in raw:
            problems.add(f"规则缺少 {key}", f"{key} is missing", document.place(*at))
    words = {
        "role": (raw.get("role", "hazard"), ("hazard", "impact")), "stage": (raw.get("stage", "live"), ("live", "shadow", "off")),
        "corroborate": (raw.get("corroborate", "blue"), tuple(level.en for level in COLOURS)),
    }
    for key, (word, known) in words.items():
        if word not in known:
            problems.errors.append(unknown_word(f" {key} ", key, str(word), known, document.place(*at, key)))
    if len(problems.errors) > before:
        return None
    conditions = _conditions(document, problems, raw["levels"], at, symbols)
    cause = _cause(document, problems, raw["explained_by"], (*at, "explained_by"), symbols) if "explained_by" in raw else None
    optional = _optional(document, problems, raw.get("optional", []), at, catalogue)
    named = tuple(dict.fromkeys(name for _, tree in conditions.values() for name in names(tree)))
    rule = Rule(
        id=_text(document, problems, *at, "id"), title=_text(document, problems, *at, "title"),
        hazards=_hazards(document, problems, raw["hazard"], at), conditions=conditions,
        indicators=named, hold=_hold(document, problems, raw.get("hold", {}), at),
        role=words["role"][0], stage=words["stage"][0], optional=optional,
        corroborate=Level[words["corroborate"][0].upper()] if "corroborate" in raw else None,
        explained_by=cause, pack=head.pack, pack_hash=head.hash,
        source=str(raw.get("source", head.source)), verified=_yes(document, problems, raw.get("verified", head.verified), *at, "verified"),
        parameters={name: symbol for name, symbol in symbols.items() if symbol.value is not None},
        words=tuple(word for word in head.words if word.name in {*named, *optional, *(cause.indicators if cause else ())}),
    )
    if raw["id"] is not None and not re.fullmatch(r"[a-z][a-z0-9_.]{0,63}", rule.id):
        problems.add(f"规则编号 {rule.id[:40]} 应为小写字母、数字、点", "a rule id has lower-case letters, digits and dots", document.place(*at, "id"))
    if len(problems.errors) == before:
        problems.errors += packcheck.check(rule.conditions, lambda level: document.place(*at, "levels", level.en))
    return rule if len(problems.errors) == before else None


def _hazards(document: Document, problems: Problems, raw: Any, at: tuple[str | int, ...]) -> tuple[Hazard, ...]:
    given = raw if isinstance(raw, list) else [raw]
    known = [str(h) for h in Hazard]
    for word in given:
        if word not in known:
            called = [h for h in Hazard if h.zh == word]
            problems.errors.append(unknown_word("灾种", "hazard", str(word), called or known, document.place(*at, "hazard")))
    return tuple(Hazard(word) for word in given if word in known)


def _conditions(
    document: Document, problems: Problems, raw: Any, at: tuple[str | int, ...], symbols: Mapping[str, Symbol]
) -> dict[Level, tuple[str, Node]]:
    found: dict[Level, tuple[str, Node]] = {}
    if not isinstance(raw, dict) or not raw:
        problems.add("levels 应为 颜色: 条件", "levels must map colours to conditions", document.place(*at, "levels"))
        return found
    problems.unknown_keys(document, (*at, "levels"), raw, frozenset(level.en for level in COLOURS))
    for level in COLOURS:
        if level.en in raw:
            before, place = len(problems.errors), document.place(*at, "levels", level.en)
            text = " ".join(_text(document, problems, *at, "levels", level.en).split())
            if len(problems.errors) > before:
                continue
            try:
                found[level] = (text, compile_condition(text, symbols, place))
            except ConfigError as error:
                problems.errors += getattr(error, "errors", [error])
                continue
            if not names(found[level][1]):
                problems.add(f"{level.zh}条件里没有指标，不看数据就定了", "the condition names no indicator, no reading could change it", place)
    return found


def _cause(
    document: Document, problems: Problems, raw: Any, at: tuple[str | int, ...], symbols: Mapping[str, Symbol]
) -> Cause | None:
    if not isinstance(raw, dict) or set(raw) - set(CAUSE_ALSO) != set(CAUSE_KEYS) or not all(isinstance(raw[key], str) and raw[key] for key in CAUSE_KEYS[:3]):
        problems.add(f"explained_by 应写明 {'、'.join(CAUSE_KEYS)}", f"explained_by needs {', '.join(CAUSE_KEYS)}", document.place(*at))
        return None
    text = " ".join(raw["condition"].split())
    try:
        tree = compile_condition(text, symbols, document.place(*at, "condition"))
    except ConfigError as error:
        problems.errors += getattr(error, "errors", [error])
        return None
    return Cause(text=text, tree=tree, question=raw["question"], source=raw["source"], verified=_yes(document, problems, raw["verified"], *at, "verified"),
                 tide_margin=_height(document, problems, raw["tide_margin"], *at, "tide_margin") if "tide_margin" in raw else None,
                 sudden=_yes(document, problems, raw["sudden"], *at, "sudden") if "sudden" in raw else False)


def _height(document: Document, problems: Problems, value: Any, *keys: str | int) -> float | None:
    """A height such as "0.30 m" or "30 cm" in metres, not under zero."""
    match = _NUMBER.match(str(value).strip())
    try:
        height = to_unit(float(match[1]), match[2], "m") if match else -1.0
    except ValueError:
        height = -1.0
    if height < 0:
        problems.add(f"{keys[-1]} 应为不小于零的高度，如 0.30 m", "a height such as 0.30 m is expected", document.place(*keys))
        return None
    return height


def _hold(document: Document, problems: Problems, raw: Any, at: tuple[str | int, ...]) -> Hold:
    spans: dict[str, int] = {}
    if not isinstance(raw, dict) or set(raw) - {"for", "keep_for"}:
        problems.add("hold 只有 for 与 keep_for", "hold has for and keep_for only", document.place(*at, "hold"))
        return Hold()
    for key, value in raw.items():
        match = _SPAN.match(str(value).strip())
        if match is None:
            problems.add(f"hold.{key} 应为时长，如 60 min", "a duration such as 60 min is expected", document.place(*at, "hold", key))
        else:
            spans[key] = int(match[1]) * {"s": 1, "min": 60, "h": 3600}[match[2]]
    return Hold(rise_s=spans.get("for", 0), keep_s=spans.get("keep_for", 3600))


def _optional(document: Document, problems: Problems, raw: Any, at: tuple[str | int, ...], catalogue: Catalogue) -> frozenset[str]:
    given = raw if isinstance(raw, list) else [raw]
    for number, word in enumerate(given):
        if not isinstance(word, str) or word not in catalogue.indicators:
            where = (*at, "optional", number) if raw is given else (*at, "optional")
            problems.errors.append(unknown_word("指标", "indicator", str(word), catalogue.indicators, document.place(*where)))
    return frozenset(str(word) for word in given)
