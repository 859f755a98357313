"""The chain as a list of steps: the same calls that the Airflow tasks make, one after another, for replays and for the night on which Airflow is down.

ingest every feed -> assess -> draft -> address -> decide -> issue -> dispatch -> expire
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from console.context import Context

if TYPE_CHECKING:
    from core.alerts import VersionRef

#: Decides on one drafted version (signs, or leaves it waiting); returns True when the version may be issued.
Decide = Callable[[datetime, "VersionRef", Context], bool]


@dataclass(slots=True, kw_only=True)
class TickReport:
    """What one pass through the chain did."""

    at: datetime
    ingests: list[Any] = field(default_factory=list)
    assessment: Any = None
    drafted: list[VersionRef] = field(default_factory=list)
    issued: list[VersionRef] = field(default_factory=list)
    dispatch: Any = None


def ingest_all(now: datetime, ctx: Context, report: TickReport) -> None:
    """Pull every enabled feed; one that fails costs that feed only."""
    from connectors import ingest

    for feed in ctx.county.feeds:
        if feed.enabled:
            report.ingests.append(
                ingest(feed.feed, now=now, county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, settings=ctx.settings)
            )


def assess(now: datetime, ctx: Context, report: TickReport) -> None:
    """Score every town and hazard."""
    import rules

    report.assessment = rules.assess(now=now, county=ctx.county, lake=ctx.lake, ledger=ctx.ledger)


def draft(now: datetime, ctx: Context, report: TickReport) -> None:
    """Draft what changed, and write down whom it would reach."""
    report.drafted = draft_and_address(now, ctx)


def draft_and_address(now: datetime, ctx: Context) -> list[VersionRef]:
    """Draft alert versions from the newest scores and snapshot the audience of each; return their references, and those of drafts that a
    process left without an audience when it died."""
    import notifiers
    from core import alerts

    drafted = alerts.draft(now=now, county=ctx.county, ledger=ctx.ledger, status=ctx.settings.status).versions
    left = [ref for ref in alerts.unaddressed(ledger=ctx.ledger, status=ctx.settings.status) if ref not in drafted]
    for ref in [*drafted, *left]:
        notifiers.address(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger, settings=ctx.settings)
    return [*drafted, *left]


def issue(now: datetime, ctx: Context, ref: VersionRef) -> None:
    """Issue an approved version: freeze it and write its CAP file."""
    from core import alerts

    alerts.issue(now=now, ref=ref, county=ctx.county, ledger=ctx.ledger, settings=ctx.settings)


def dispatch(now: datetime, ctx: Context, report: TickReport) -> None:
    """Hand over everything issued; a second call sends nothing."""
    import notifiers

    report.dispatch = notifiers.dispatch(
        now=now, county=ctx.county, ledger=ctx.ledger, settings=ctx.settings, keyring=ctx.keyring
    )


def expire(now: datetime, ctx: Context, _report: TickReport) -> None:
    """Close what has run out."""
    from core import alerts

    alerts.expire(now=now, ledger=ctx.ledger)


Stage = Callable[[datetime, Context, TickReport], None]
#: What comes before people decide, and what after.
BEFORE: tuple[Stage, ...] = (ingest_all, assess, draft)
AFTER: tuple[Stage, ...] = (dispatch, expire)


def tick(now: datetime, ctx: Context, decide: Decide | None = None) -> TickReport:
    """One pass through the chain at `now` (aware). Without `decide` the drafts stay waiting for a person."""
    report = TickReport(at=now)
    for stage in BEFORE:
        stage(now, ctx, report)
    for ref in report.drafted:
        if decide is not None and decide(now, ref, ctx):
            issue(now, ctx, ref)
            report.issued.append(ref)
    for stage in AFTER:
        stage(now, ctx, report)
    return report
