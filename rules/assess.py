"""The step: from readings to one RiskScore a town and hazard, in one transaction.

read -> silent feeds -> columns -> rules -> hold -> official floor -> score -> ledger. Assessing the same `now` again returns
what was decided, because a decision is not made twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from core.county import County
from core.lake import Lake
from core.ledger import HoldRow, Ledger, score_to_json
from core.model import Hazard, Level, RiskScore
from core.signing import digest
from core.times import iso, parse_iso
from rules import doubted, foretold, overrides
from rules.evidence import Tracer, evidence
from rules.explained import weigh, without_each
from rules.findings import Finding, find
from rules.freshness import silent_feeds, whole_lists
from rules.hold import HoldState, next_state
from rules.outlook import Outlook
from rules.packs import FOLDER, Rule, asked_names, load_packs, used_names, vocabulary
from rules.packs import find as find_packs
from rules.paths import LOST_H
from rules.powerless import powerless
from rules.questions import questions
from rules.reasons import ahead, basis, next_level, reason
from rules.reports import back as reports_back
from rules.scoring import Reader, score, with_impact
from rules.situation import Situation, Sources, Table, back_hours

#: How far back positions of storms are read: the longest motion that is carried on, and the time after which a storm has lapsed.
TRACK_BACK = timedelta(hours=LOST_H)
LOOK_AHEAD = timedelta(hours=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A level that is not what it was at the assessment before."""

    town: str
    hazard: Hazard
    before: Level
    after: Level


@dataclass(frozen=True, slots=True, kw_only=True)
class AssessReport:
    """One assessment; `silent` names every silent feed, `lost` stations or rules held at what they were heading for."""

    at: datetime
    scores: tuple[RiskScore, ...]
    changed: tuple[Change, ...]
    silent: tuple[str, ...]
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The rules over one situation, before any memory."""

    situation: Situation
    table: Table
    findings: tuple[Finding, ...]
    tracer: Tracer
    outlook: Outlook


def assess(*, now: datetime, county: County, lake: Lake, ledger: Ledger) -> AssessReport:
    """Score every town and hazard at `now` (aware). ConfigErrors for broken packs, StoreError for a broken store; idempotent per `now`."""
    done = ledger.scores(at=now)
    if done:
        silent = sorted({feed for score in done for feed in score.silent})
        return AssessReport(at=now, scores=tuple(done), changed=(), silent=tuple(silent))
    judged = judge(read(now, county, lake, ledger), now, county)
    former = {key: _state(row) for key, row in ledger.holds().items()}
    holds = hold_all(judged, former, now)
    order = sorted(range(len(county.towns)), key=lambda n: county.towns[n].key)
    scores = tuple(score_one(judged, holds, hazard, town) for town in order for hazard in sorted(county.hazards))
    report = AssessReport(
        at=now, scores=scores, changed=_changes(scores, ledger.scores()), silent=tuple(sorted(judged.situation.sources.silent)),
        lost=tuple(f"{judged.situation.county.towns[n].key}/{f.rule.id}" for f in judged.findings for n in np.flatnonzero(f.heading[-1] > f.proved[-1])),
    )
    _write(report, judged, holds, ledger)
    return report


def read(
    now: datetime, county: County, lake: Lake, ledger: Ledger, silent: frozenset[str] | None = None, *, rules: tuple[Rule, ...] | None = None,
    since: datetime | None = None,
) -> Sources:
    """Everything that had been received by `now`; `silent` when it is already known (a recomputation).

    `rules`: those that will ask (the county's own by default); `since`: the first of several times up to `now` that will be judged.
    """
    first = since or now
    asking = rules_of(county, now) if rules is None else rules
    moon = any(rule.explained_by and rule.explained_by.tide_margin is not None for rule in asking)
    back = timedelta(hours=max(back_hours(county, vocabulary(asking), asked_names(asking)), foretold.BACK_H + 1.0 if moon else 0.0))
    observations = lake.observations(start=first - back, end=now, as_of=now)
    forecasts = lake.observations(start=first - timedelta(hours=foretold.AROUND_H), end=now + LOOK_AHEAD, as_of=now, forecasts=True)
    tracks = lake.tracks(start=first - TRACK_BACK, end=now + LOOK_AHEAD, as_of=now)
    signals = whole_lists(lake.signals(as_of=now), now, ledger)
    reports = lake.reports(start=now - reports_back(), end=now, as_of=now)
    if silent is None:
        received: dict[str, datetime] = {}
        for frame, column in ((tracks, "received"), (signals, "listed_at")):
            for feed, stamp in frame.groupby("feed")[column].max().items():
                received[str(feed)] = stamp.to_pydatetime()
        silent = silent_feeds(now, county, observations, forecasts, received, ledger)
    return Sources(observations=observations, forecasts=forecasts, tracks=tracks, signals=signals, silent=silent, reports=reports)


def rules_of(county: County, now: datetime, folder: Path = FOLDER) -> tuple[Rule, ...]:
    """The county's rules that are in force on its day at `now` and not off, with the county's own numbers in them, sorted by id.

    `folder`: packs on trial instead of the shipped ones. ConfigErrors for a pack or an override that does not fit.
    """
    packs, day = load_packs(find_packs(county.packs, county.root, folder)), now.astimezone(county.zone).date()
    rules = overrides.apply((r for p in packs for r in p.rules), county, day)
    there = {r.id for p in packs if p.valid_on(day) for r in p.rules if r.stage != "off"}
    return tuple(sorted((r for r in rules if r.id in there), key=lambda r: r.id))


def judge(
    sources: Sources, now: datetime, county: County, rules: tuple[Rule, ...] | None = None, ticks: list[datetime] | None = None
) -> Judged:
    """Evaluate the rules over what is known at `now`, or at all `ticks` (multiples of five minutes apart, the last one `now`) in one pass."""
    rules = rules_of(county, now) if rules is None else rules
    catalogue = vocabulary(rules)
    names = used_names(rules)
    situation = Situation(county, catalogue, sources, ticks or [now], names)
    table = situation.table(names)
    # the way to a county's own number ends at that number
    start = {name: table.plain.values[name].lo if i.kind == "mark" else i.baseline for name, i in catalogue.indicators.items() if i.kind != "mark" or name in names}
    reader = Reader(table.plain, start)
    findings = tuple(weighed(find(rule, table, reader), situation) for rule in rules)
    return Judged(situation, table, findings, Tracer(situation, table), Outlook(situation, table, findings))


def weighed(finding: Finding, situation: Situation) -> Finding:
    """The finding without what one path claims alone and nothing explains (rules.explained)."""
    return weigh(finding, without_each(finding.rule, situation, finding.heading > 0)) if finding.rule.explained_by else finding


def hold_all(judged: Judged, former: dict[tuple[str, str], HoldState], now: datetime, tick: int = -1) -> dict[tuple[str, str], HoldState]:
    """The memory of every live hazard rule in every town after the assessment at `now`, which is tick number `tick`."""
    out = {}
    for finding in judged.findings:
        if not counts(finding.rule):
            continue
        told = zip(*(column[tick].tolist() for column in (finding.proved, finding.ceiling, finding.heading, finding.age_s)), strict=True)
        for town, (proved, ceiling, heading, age_s) in zip(judged.situation.county.towns, told, strict=True):
            key = (town.key, finding.rule.id)
            seen = now - timedelta(seconds=age_s)
            out[key] = next_state(former.get(key), proved=proved, ceiling=ceiling, heading=heading, now=now, hold=finding.rule.hold, seen=seen)
    return out


def counts(rule: Rule) -> bool:
    """Whether a rule may move a public level."""
    return rule.stage == "live" and rule.role == "hazard"


def score_one(judged: Judged, holds: dict[tuple[str, str], HoldState], hazard: Hazard, number: int) -> RiskScore:
    """One town's score: the highest held level or the official floor, whichever is higher; the ceiling never under it."""
    situation, town = judged.situation, judged.situation.county.towns[number]
    findings = [f for f in judged.findings if hazard in f.rule.hazards]
    counted = [f for f in findings if counts(f.rule)]
    floor_known, floor_possible = (int(side[-1, number]) for side in situation.floor(hazard))
    proved = max((int(f.proved[-1, number]) for f in counted), default=0)
    level = max([floor_known, *(holds[town.key, f.rule.id].level for f in counted)])
    ceiling = max([level, floor_possible, *(int(f.ceiling[-1, number]) for f in counted)])
    proofs = tuple(evidence(f, number, judged.tracer) for f in findings)
    toward = max((_toward(f, number, level) for f in counted), default=0.0)
    known = situation.catalogue.indicators
    impact = max((int(f.proved[-1, number]) for f in findings if f.rule.role == "impact" and f.rule.stage == "live"), default=0)
    return RiskScore(
        town=town.key, hazard=hazard, time=situation.now, level=Level(level), ceiling=Level(ceiling), proved=Level(proved), floor=Level(floor_known),
        score=with_impact(score(level, toward), level, impact), evidence=proofs, silent=_silent(judged, counted),
        reason=reason(situation, number, hazard, Level(level), Level(floor_known), counted), basis=basis(number, counted, known),
        counterfactual=next_level(number, Level(level), counted, known), outlook=ahead(judged.outlook, hazard, number),
        chances=judged.outlook.agencies(hazard).chances(number),
    )


def _toward(finding: Finding, number: int, level: int) -> float:
    """How far a rule is on its way to the level after `level`."""
    reached = finding.progress.get(Level(min(level + 1, Level.RED)))
    return float(reached[-1, number]) if reached is not None else 0.0


def _silent(judged: Judged, findings: list[Finding]) -> tuple[str, ...]:
    """Silent feeds whose readings any of the rules uses, and silent warning feeds, which concern every hazard."""
    used = {feed for f in findings for name in f.rule.indicators for feed in judged.table.feeds[name]}
    return tuple(sorted(judged.situation.sources.silent & (used | set(judged.situation.official_feeds))))


def _changes(scores: tuple[RiskScore, ...], before: list[RiskScore]) -> tuple[Change, ...]:
    was = {(s.town, s.hazard): s.level for s in before}
    return tuple(
        Change(town=s.town, hazard=s.hazard, before=was.get((s.town, s.hazard), Level.NONE), after=s.level)
        for s in scores if s.level != was.get((s.town, s.hazard), Level.NONE)
    )


def _newest(sources: Sources) -> datetime | None:
    """Time of the newest reading or position that was used."""
    analysed = sources.tracks[sources.tracks["issued"].isna()]
    stamps = [frame["time"].max() for frame in (sources.observations[sources.observations["value"].notna()], analysed) if len(frame)]
    return max(stamp.to_pydatetime() for stamp in stamps) if stamps else None


def _state(row: HoldRow) -> HoldState:
    pending, *excluded = (parse_iso(text) if text else None for text in (row.pending_since, *row.excluded.split(",")))
    return HoldState(level=row.level, pending=row.pending, pending_since=pending, excluded=tuple(excluded), updated_at=parse_iso(row.updated_at))


def _row(key: tuple[str, str], state: HoldState) -> HoldRow:
    return HoldRow(town=key[0], rule=key[1], level=state.level, pending=state.pending, updated_at=iso(state.updated_at),
                   pending_since=iso(state.pending_since) if state.pending_since else None,
                   excluded=",".join(iso(at) if at else "" for at in state.excluded))


def _write(report: AssessReport, judged: Judged, holds: dict[tuple[str, str], HoldState], ledger: Ledger) -> None:
    """Scores, memory, duty log and audit, all or nothing."""
    rows = [_row(key, state) for key, state in sorted(holds.items())]
    payload = {
        "scores": digest("\n".join(score_to_json(s) for s in report.scores)), "silent": list(report.silent), "lost": list(report.lost),
        "changed": [[c.town, str(c.hazard), int(c.before), int(c.after)] for c in report.changed], "county": judged.situation.county.version,
        "packs": dict(sorted({f.rule.pack: f.rule.pack_hash for f in judged.findings}.items())),
    }
    counted = [f for f in judged.findings if counts(f.rule)]
    over = list(doubted.questions(judged.situation, counted))
    with ledger.begin() as tx:
        ledger.save_scores(tx, report.at, list(report.scores), _newest(judged.situation.sources))
        ledger.save_holds(tx, rows)
        titles = {f.rule.id: f.rule.title for f in judged.findings}
        for lost in report.lost:
            town, _, rule = lost.partition("/")
            text = (f"{judged.situation.county.town(town).name}“{titles[rule]}”的测站在上涨中失联，按其上涨趋势维持级别，请派人到现场查看"
                    " / station lost while rising, eyes on site")
            ledger.duty(tx, report.at, "lost_rising", text, ref=f"{lost}@{report.at:%Y-%m-%d}")
        county = judged.situation.county
        for town in powerless(judged.findings, county.towns, judged.situation.catalogue):
            there = county.town(town)
            text = f"{there.name}大面积停电，涉及 {there.population} 人：测站、手机、喇叭可能失灵，静默不等于平安，请电话或上门叫应 / large outage, devices may be dead"
            ledger.duty(tx, report.at, "power_out", text, ref=f"{town}@{report.at:%Y-%m-%d}")
        in_force = {(s.town, s.hazard): s.level for s in report.scores}
        for ref, text in questions(judged.situation, counted, in_force):
            ledger.duty(tx, report.at, "unexplained", text, ref=f"{ref}@{report.at:%Y-%m-%d}")
        for ref, text in over:
            ledger.duty(tx, report.at, "over_limit", text, ref=ref)
        ledger.audit(tx, report.at, "rules", "assess", iso(report.at), payload)
