"""A drill: one alert and its cancel through the whole unchanged chain, in a world of its own that has no path to a live channel.

Everything that could reach people is left behind: the drill has its own folder, ledger and keys, its own broker, SMS gateway and
loudspeaker stand-ins on loopback, and a county that knows only what drill.yaml names. What it proves is written into the duty log.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from console.context import Context
from console.sandbox.officers import demonstrate, prepare
from console.steps import TickReport, dispatch, draft_and_address, issue
from console.world import World
from core import alerts, yamlfile
from core.alerts import VersionRef
from core.county import County
from core.county.problems import meant
from core.errors import AuthorityError, ConfigError, LifeCycleError
from core.ledger import tables as t
from core.model import DeliveryState, Hazard, Level, RiskScore, Status
from core.settings import Settings, is_loopback
from core.times import iso

CHANNELS = ("sms", "broadcast")
CANCEL_AFTER = timedelta(minutes=1)
RECEIPTS_S = 30.0
KEYS = {"hazard", "level", "towns", "speakers", "groups", "text", "text_end"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillReport:
    """What a drill did, ids only: loudspeakers that answered both messages and those that did not, SMS handed over and delivered."""

    at: str
    versions: tuple[str, ...]
    reached: tuple[str, ...]
    not_reached: tuple[str, ...]
    sms: dict[str, int]

    @classmethod
    def read(cls, text: str) -> DrillReport:
        """From the JSON that a drill left."""
        kept = json.loads(text)
        names = {key: tuple(kept[key]) for key in ("versions", "reached", "not_reached")}
        return cls(at=kept["at"], sms=kept["sms"], **names)

    def line(self) -> str:
        """One line for the duty log and the board."""
        missing = f"；未到达 {'、'.join(self.not_reached)}" if self.not_reached else ""
        return (f"演练：发布与解除共 {len(self.versions)} 版，喇叭到达 {len(self.reached)} 只{missing}；"
                f"短信 {sum(self.sms.values())} 条，送达 {self.sms.get('delivered', 0)} 条（替身，没有发给任何真人）")


def run(now: datetime, ctx: Context) -> DrillReport:
    """Drill at `now` (aware) and write the report into the duty log of `ctx`; a repeat for the same `now` only reads it again.

    LifeCycleError in the quiet hours, ConfigError for a drill.yaml that names what the county does not know.
    """
    county = limited(ctx.county)
    level = next(iter(county.policy.approvals))
    if county.policy.quiet is not None and county.policy.quiet.refuses(now, level, Status.EXERCISE):
        raise LifeCycleError("免扰时段不演练，请白天再来 / no drill in the quiet hours")
    home = ctx.settings.home / "drills" / f"{now:%Y%m%dT%H%M%S}"
    kept = home / "report.json"
    if not kept.is_file():
        kept.write_text(json.dumps(asdict(_play(now, county, World(home=home, county=county.root, scenario=_any_scenario(county)))), ensure_ascii=False),
                        encoding="utf-8")
    report = DrillReport.read(kept.read_text(encoding="utf-8"))
    with ctx.ledger.begin() as tx:
        ctx.ledger.duty(tx, now, "drill", report.line(), ref=f"drill/{report.at}")
        ctx.ledger.audit(tx, now, "drill", "drill.report", report.at, asdict(report))
    return report


def limited(county: County) -> County:
    """The county as a drill sees it: only the loudspeakers and groups of drill.yaml, its words, one colour, demonstration signatures."""
    path = county.root / "drill.yaml"
    plan, where = yamlfile.load(path)
    if odd := sorted(set(plan) - KEYS):
        raise ConfigError(f"{odd[0]}: 不认识的键 / unknown key", path=path, line=where(odd[0]), hint=meant(odd[0], sorted(KEYS - set(plan) or KEYS)))
    if missing := sorted(KEYS - set(plan)):
        raise ConfigError(f"缺少 {'、'.join(missing)} / missing key", path=path, line=1, hint="补上这几行 / add the lines")
    known = {"hazard": {str(h) for h in Hazard}, "level": {level.en for level in Level if level}, "towns": {town.key for town in county.towns},
             "speakers": {s.speaker for s in county.loudspeakers}, "groups": {group.group for group in county.groups}}
    for key, words in known.items():
        for word in plan[key] if isinstance(plan[key], list) else [plan[key]]:
            if word not in words:
                raise ConfigError(f"{key}: 不认识 {word!r} / unknown", path=path, line=where(key), hint=meant(str(word), sorted(words)))
    level = next(level for level in Level if level.en == plan["level"])
    texts = county.templates[plan["hazard"]] | {"sms": plan["text"], "broadcast": plan["text"], "sms_cancel": plan["text_end"], "broadcast_cancel": plan["text_end"]}
    policy = replace(county.policy, signing="demonstration", approvals={level: county.policy.approvals[level]}, channels={level: CHANNELS}, reserve={},
                     audience={level: tuple(plan["groups"])})
    return replace(county, policy=policy, templates={**county.templates, plan["hazard"]: texts},
                   towns=tuple(town for town in county.towns if town.key in plan["towns"]),
                   loudspeakers=tuple(s for s in county.loudspeakers if s.speaker in plan["speakers"]))


def sealed(settings: Settings) -> Settings:
    """The settings, if nothing in them leads out of this machine; AuthorityError otherwise."""
    at_home = settings.mode == "sandbox" and settings.status is Status.EXERCISE and settings.sms_is_sandboxed and is_loopback(settings.broker_host)
    if not at_home or settings.ledger_url or settings.lake_url:
        raise AuthorityError("演练不走真实渠道 / a drill has no path to a live channel")
    return settings


def _play(now: datetime, county: County, outside: World) -> DrillReport:
    try:
        outside.start()
        outside.set_clock(now)
        ctx = replace(Context.load(sealed(outside.settings())), county=county)
        prepare(county, ctx.keyring, ctx.settings)
        _assess(now, ctx)
        sent = [_send(now, ctx, ref) for ref in draft_and_address(now, ctx)]
        later = now + CANCEL_AFTER
        outside.set_clock(later)
        ended = [alerts.cancel(now=later, alert_id=ref.alert_id, reason="演练结束", county=county, ledger=ctx.ledger, officer="drill") for ref in sent]
        for ref in ended:
            import notifiers

            notifiers.address(now=later, ref=ref, county=county, ledger=ctx.ledger, settings=ctx.settings)
            _send(later, ctx, ref)
        _await_receipts(ctx)
        return _report(now, ctx, [*sent, *ended])
    finally:
        outside.stop()


def _assess(now: datetime, ctx: Context) -> None:
    """The imagined risk that the drill is about: one colour in the drill's towns."""
    (level,) = ctx.county.policy.approvals
    hazard = Hazard(yamlfile.load(ctx.county.root / "drill.yaml")[0]["hazard"])
    scores = [RiskScore(town=town.key, hazard=hazard, time=now, level=level, ceiling=level, proved=level, floor=Level.NONE, score=20.0 * level,
                        evidence=(), reason="演练设定") for town in ctx.county.towns]
    with ctx.ledger.begin() as tx:
        ctx.ledger.save_scores(tx, now, scores, now)


def _send(now: datetime, ctx: Context, ref: VersionRef) -> VersionRef:
    if not demonstrate(now, ref, ctx):
        raise LifeCycleError(f"{ref}: 演练未获签发 / the drill was not approved")
    issue(now, ctx, ref)
    dispatch(now, ctx, TickReport(at=now))
    return ref


def _await_receipts(ctx: Context) -> None:
    """Until every SMS has its final receipt, or RECEIPTS_S are over; who has none by then counts as not reached."""
    d, until = t.delivery.c, time.monotonic() + RECEIPTS_S
    still = select(func.count()).select_from(t.delivery).where(d.channel == "sms", d.state.in_((DeliveryState.ACCEPTED, DeliveryState.SENT)))
    while time.monotonic() < until:
        with ctx.ledger.read() as tx:
            if not tx.execute(still).scalar():
                return
        time.sleep(0.2)


def _report(now: datetime, ctx: Context, refs: list[VersionRef]) -> DrillReport:
    d = t.delivery.c
    with ctx.ledger.begin() as tx:
        rows: list[Any] = list(tx.execute(select(d.channel, d.recipient, d.state)))
    states: dict[str, set[str]] = {s.speaker: set() for s in ctx.county.loudspeakers}
    for channel, recipient, state in rows:
        if channel == "broadcast":
            states.setdefault(recipient, set()).add(state)
    reached = tuple(sorted(speaker for speaker, seen in states.items() if seen == {str(DeliveryState.DELIVERED)}))
    return DrillReport(at=iso(now), versions=tuple(map(str, refs)), reached=reached, not_reached=tuple(sorted(states.keys() - set(reached))),
                       sms=dict(Counter(str(state) for channel, _, state in rows if channel == "sms")))


def _any_scenario(county: County) -> str:
    """The sandbox wants one; a drill reads no feed."""
    return min(path.parent.name for path in county.root.glob("scenarios/*/scenario.yaml"))
