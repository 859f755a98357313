"""Tests of packs, in YAML beside each pack (testcases), in promtool's manner: series in, levels and reasons out, `_` for a gap.

A test sets up one town with a few stations, lays out series (`a+bxn`), storms and signals, and says which level and ceiling a rule must
have at which times, what is held, and what people read as the reason. All ticks run through the engine in one pass, by the same code as a
live assessment; a sentence is that of the live assessment at its time alone. A rule is tried as it is at work, whatever its stage.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from core.errors import ConfigError, ConfigErrors
from core.model import Level, RiskScore
from core.signing import digest
from rules.assess import Judged, hold_all, judge, score_one
from rules.hold import HoldState
from rules.language import Place
from rules.packs import FOLDER, Pack, Rule, load_pack
from rules.testcases import KINDS, MAY_BE_UNTOLD, UNTOLD, Case, Expected, beside, read
from rules.testworld import START, sources, world
from rules.validate import files_of, unread

__all__ = ["KINDS", "CaseResult", "Laid", "at_work", "laid_out", "lay", "run_all", "run_pack", "wrong_levels"]


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test case: `message` says what was expected and what came, "" when it passed; `place` where the case stands."""

    pack: str
    case: str
    rule: str
    kind: str
    passed: bool
    message: str = ""
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Laid:
    """A case with its rule judged at every step up to its last expectation, and the level held after each."""

    case: Case
    judged: Judged
    held: tuple[int, ...]


def run_all(folder: Path = FOLDER, say: Callable[[str], None] = lambda _: None) -> list[CaseResult]:
    """Run the tests of all packs under a folder, or of the one file given; a pack that cannot be read or has no tests, a rule without all three kinds,
    and tests without a pack fail. ConfigError where there is no pack."""
    results = [CaseResult(_name(e), "没有运行 / not run", "", "", False, e.message, Place(e.path or "")) for e in unread(folder)]
    for path in files_of(folder):
        try:
            mine = run_pack(path)
        except ConfigError as error:
            mine = [CaseResult(path.stem, "读不了 / cannot be read", "", "", False, str(e), Place(e.path or path, e.line or 1))
                    for e in (error.errors if isinstance(error, ConfigErrors) else [error])]
        say(f"{mine[0].pack}：{sum(r.passed for r in mine)}/{len(mine)}")
        results += mine
    return results


def _name(error: ConfigError) -> str:
    return Path(error.path or "").name


def run_pack(path: Path) -> list[CaseResult]:
    """Run one pack's tests; ConfigErrors for a pack or a test file that cannot be read."""
    pack, laid = load_pack(path), laid_out(path)
    if not laid:
        return [CaseResult(pack.pack, beside(path).name, "", "", False, "没有测试文件 / no tests beside the pack", Place(path))]
    results = [_run(pack, one) for one in laid]
    return [*results, *_missing_kinds(pack, results)]


def _missing_kinds(pack: Pack, results: list[CaseResult]) -> Iterator[CaseResult]:
    have = {(r.rule, r.kind) for r in results}
    for rule in pack.rules:
        for kind in KINDS:
            if (rule.id, kind) not in have:
                yield CaseResult(pack.pack, f"{rule.id} 缺 {kind}", rule.id, kind, False, f"缺少 {kind} 用例 / no {kind} case", Place(beside(pack.path)))


def laid_out(path: Path) -> tuple[Laid, ...]:
    """Every case beside a pack, judged; kept while both files stay the same, because tests and mutants ask for the very same."""
    tests = beside(path)
    return _laid_out(path, load_pack(path).hash, digest(tests.read_bytes()) if tests.is_file() else "")


@functools.lru_cache(maxsize=64)
def _laid_out(path: Path, _pack: str, _tests: str) -> tuple[Laid, ...]:
    pack = load_pack(path)
    return tuple(lay(at_work(next(rule for rule in pack.rules if rule.id == case.rule)), case) for case in read(pack))


def at_work(rule: Rule) -> Rule:
    """The rule as it is once it is live: its tests say what it would hold and tell, so that it can be promoted with the tests it was tried with."""
    return replace(rule, stage="live")


def lay(rule: Rule, case: Case) -> Laid:
    """The case judged with a rule, whatever indicators that brings along."""
    step = timedelta(hours=case.interval_h)
    ticks = [START + step * n for n in range(max(e.step for e in case.expected) + 1)]
    county = world(case.raw, case.interval_h)
    judged = judge(sources(case.raw, case.interval_h, county, ticks[-1]), ticks[-1], county, (rule,), ticks)
    return Laid(case, judged, tuple(_held(judged, ticks)))


def _held(judged: Judged, ticks: list[datetime]) -> Iterator[int]:
    """Held level of the town after each tick (0 for a rule that holds nothing)."""
    memory: dict[tuple[str, str], HoldState] = {}
    for number, tick in enumerate(ticks):
        memory = hold_all(judged, memory, tick, number) or memory
        yield max((state.level for state in memory.values()), default=0)


def _told(laid: Laid, at: Expected) -> RiskScore:
    """What a live assessment at that time would have told of the town, with what was held then."""
    rule, now = laid.judged.findings[0].rule, laid.judged.situation.ticks[at.step]
    county = laid.judged.situation.county
    judged = judge(sources(laid.case.raw, laid.case.interval_h, county, now), now, county, (rule,), [now])
    memory = {(town.key, rule.id): HoldState(level=laid.held[at.step], updated_at=now) for town in county.towns}
    return score_one(judged, memory, rule.hazards[0], 0)


def _run(pack: Pack, laid: Laid) -> CaseResult:
    """Compare one case with what came."""
    wrong = [text for at in laid.case.expected for text in (*wrong_levels(laid, at), *_wrong_words(laid, at))] + _not_of_kind(laid.case)
    return CaseResult(pack.pack, laid.case.name, laid.case.rule, laid.case.kind, not wrong, "；".join(wrong), laid.case.place)


def wrong_levels(laid: Laid, at: Expected) -> Iterator[str]:
    """What is not as expected of level, ceiling and what is held."""
    finding = laid.judged.findings[0]
    got = {"level": int(finding.proved[at.step, 0]), "ceiling": int(finding.ceiling[at.step, 0]), "held": laid.held[at.step]}
    for key, level in at.levels.items():
        if got[key] != level:
            yield f"{at.place.path}:{at.place.line}: {at.at} {key} 应为 expected {level.en}，得 got {Level(got[key]).en}"


def _wrong_words(laid: Laid, at: Expected) -> Iterator[str]:
    if not at.words:
        return
    score = _told(laid, at)
    evidence = score.evidence[0]
    said = {"reason": score.reason, "counterfactual": evidence.counterfactual}
    for key, pieces in at.words.items():
        got = evidence.flags if key == "flags" else said[key]
        absent = [piece for piece in pieces if piece not in got]
        if absent or (not pieces and got):
            want = "、".join(f"“{piece}”" for piece in absent) or "空 nothing"
            yield f"{at.place.path}:{at.place.line}: {at.at} {key}\n    应有 expected {want}\n    得到 got      {got if isinstance(got, str) else list(got)}"


#: What a case of each kind has to say.
MEANT = {
    "firing": "至少一处 level 应高于 none", "quiet": "level 与 ceiling 处处应为 none", "missing": "序列或路径里要有 _，或写 silent，且至少一处 ceiling 高于 level",
}


def _not_of_kind(case: Case) -> list[str]:
    """A case must be what it calls itself, or three quiet ones would count as full coverage."""
    stated = [e.levels for e in case.expected if {"level", "ceiling"} & set(e.levels)]
    levels = [levels.get("level", Level.NONE) for levels in stated]
    ceilings = [each.get("ceiling", each.get("level", Level.NONE)) for each in stated]
    untold = any(UNTOLD in (point.get(key) for key in MAY_BE_UNTOLD) for point in case.raw.get("tracks", ()))
    gaps = UNTOLD in "".join(map(str, case.raw.get("series", {}).values())) or bool(case.raw.get("silent")) or untold
    sound = {
        "firing": any(levels), "quiet": not any(levels) and (not any(ceilings) or _explained_away(case)),
        "missing": gaps and any(c > lv for c, lv in zip(ceilings, levels, strict=True)),
    }
    return [] if sound[case.kind] else [f"{case.place.path}:{case.place.line}: 用例不是 {case.kind}：{MEANT[case.kind]} / not a {case.kind} case"]


def _explained_away(case: Case) -> bool:
    """Whether a case says wherever it gives a ceiling that one path alone claims it and nothing explains it."""
    return all("unexplained" in e.words.get("flags", ()) for e in case.expected if e.levels.get("ceiling"))
