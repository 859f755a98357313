"""Tests of packs, in YAML beside each pack, in promtool's manner: series in, levels out, `_` for a gap.

A test sets up one town with a few stations, lays out series (`a+bxn`), storms and signals, and says which level and
ceiling a rule must have at which times, and what is held. All ticks run through the engine in one pass, by the same code
as a live assessment.

    interval: 1 h
    tests:
      - name: 6 小时 50 毫米
        rule: flood.rainstorm
        kind: firing                      # firing | quiet | missing
        series: {"rain@M1": "0x6 10x5"}   # property@station; suffix ? marks a suspect reading
        expect: [{at: 11 h, level: yellow, ceiling: yellow}]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.model import Level
from rules.assess import Judged, hold_all, judge
from rules.findings import Finding
from rules.hold import HoldState
from rules.packs import FOLDER, Pack, load_pack, shipped
from rules.testworld import START, hours, sources, world
from rules.yamltext import Document, Problems, load

KINDS = ("firing", "quiet", "missing")
_CASE_KEYS = frozenset({"name", "rule", "kind", "series", "stations", "town", "tracks", "signals", "reports", "silent", "expect"})
_EXPECT_KEYS = frozenset({"at", "level", "ceiling", "held"})


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test case: `message` says what was expected and what came, "" when it passed."""

    pack: str
    case: str
    rule: str
    kind: str
    passed: bool
    message: str = ""


def run_all(folder: Path = FOLDER) -> list[CaseResult]:
    """Run the tests of all packs under a folder; a pack without tests, or a rule without all three kinds, fails."""
    packs = shipped() if folder == FOLDER else sorted(p for p in folder.rglob("*.yaml") if not p.name.endswith(".test.yaml"))
    return [result for path in packs for result in run_pack(path)]


def run_pack(path: Path) -> list[CaseResult]:
    """Run one pack's tests."""
    pack, tests = load_pack(path), path.with_name(f"{path.stem}.test.yaml")
    if not tests.is_file():
        return [CaseResult(pack.pack, tests.name, "", "", False, "没有测试文件 / no tests beside the pack")]
    document = _checked(load(tests), pack)
    results = [_run(pack, case, hours(document.data.get("interval", "1 h"))) for case in document.data["tests"]]
    return [*results, *_missing_kinds(pack, results)]


def _checked(document: Document, pack: Pack) -> Document:
    """A test file whose words are all known; ConfigErrors otherwise."""
    problems = Problems()
    problems.unknown_keys(document, (), document.data, frozenset({"interval", "tests"}))
    rules = {rule.id for rule in pack.rules}
    for number, case in enumerate(document.data.get("tests") or []):
        at = ("tests", number)
        problems.unknown_keys(document, at, case, _CASE_KEYS)
        for key, known in (("rule", rules), ("kind", set(KINDS))):
            if case.get(key) not in known:
                problems.add(f"{key} 应为 {'、'.join(sorted(known))}", f"{key} is unknown or missing", document.place(*at))
        for expected in case.get("expect") or []:
            problems.unknown_keys(document, at, expected, _EXPECT_KEYS)
        if not case.get("expect"):
            problems.add("没有 expect", "nothing is expected", document.place(*at))
    problems.raise_any()
    return document


def _missing_kinds(pack: Pack, results: list[CaseResult]) -> Iterator[CaseResult]:
    have = {(r.rule, r.kind) for r in results}
    for rule in pack.rules:
        for kind in KINDS:
            if (rule.id, kind) not in have:
                yield CaseResult(pack.pack, f"{rule.id} 缺 {kind}", rule.id, kind, False, f"缺少 {kind} 用例 / no {kind} case")


def cases(path: Path, pack: Pack) -> list[tuple[dict[str, Any], float]]:
    """The cases beside a pack, each with its interval in hours; none where there is no test file."""
    tests = path.with_name(f"{path.stem}.test.yaml")
    if not tests.is_file():
        return []
    data = _checked(load(tests), pack).data
    return [(case, hours(data.get("interval", "1 h"))) for case in data["tests"]]


def laid_out(pack: Pack, case: dict[str, Any], interval_h: float) -> Judged:
    """The case's rule judged at every step up to its last expectation."""
    step = timedelta(hours=interval_h)
    last = max(hours(e["at"]) for e in case["expect"])
    ticks = [START + step * n for n in range(round(last / interval_h) + 1)]
    county, rules = world(case, interval_h), tuple(r for r in pack.rules if r.id == case["rule"])
    return judge(sources(case, interval_h, county, ticks[-1]), ticks[-1], county, rules, ticks)


def missed(case: dict[str, Any], finding: Finding, ticks: list[datetime], held: list[int] | None = None) -> list[str]:
    """What came otherwise than expected, in words."""
    wrong = []
    for expected in case["expect"]:
        n = ticks.index(START + timedelta(hours=hours(expected["at"])))
        got = {"level": int(finding.proved[n, 0]), "ceiling": int(finding.ceiling[n, 0])} | ({"held": held[n]} if held else {})
        want = {key: Level[str(expected[key]).upper()] for key in got if key in expected}
        wrong += [f"{expected['at']} {key} 应为 {level.en}，得 {Level(got[key]).en}" for key, level in want.items() if got[key] != level]
    return wrong


def _run(pack: Pack, case: dict[str, Any], interval_h: float) -> CaseResult:
    """Evaluate one case and compare."""
    judged = laid_out(pack, case, interval_h)
    ticks = judged.situation.ticks
    wrong = missed(case, judged.findings[0], ticks, _held(judged, ticks)) + _not_of_kind(case)
    return CaseResult(pack.pack, str(case["name"]), case["rule"], case["kind"], not wrong, "；".join(wrong))


def _held(judged: Judged, ticks: list[datetime]) -> list[int]:
    """Held level of the town after each tick (0 for a rule that holds nothing)."""
    memory: dict[tuple[str, str], HoldState] = {}
    levels = []
    for number, tick in enumerate(ticks):
        memory = hold_all(judged, memory, tick, number) or memory
        levels.append(max((state.level for state in memory.values()), default=0))
    return levels


def _not_of_kind(case: dict[str, Any]) -> list[str]:
    """A case must be what it calls itself, or three quiet ones would count as full coverage."""
    levels = [Level[str(e.get("level", "none")).upper()] for e in case["expect"]]
    ceilings = [Level[str(e.get("ceiling", e.get("level", "none"))).upper()] for e in case["expect"]]
    gaps = "_" in "".join(case.get("series", {}).values()) or bool(case.get("silent"))
    sound = {
        "firing": any(levels), "quiet": not any(levels) and not any(ceilings),
        "missing": gaps and any(c > lv for c, lv in zip(ceilings, levels, strict=True)),
    }
    return [] if sound[case["kind"]] else [f"用例不是 {case['kind']}：级别与缺测不符 / not a {case['kind']} case"]
