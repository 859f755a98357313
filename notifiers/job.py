"""What the stages of one dispatch share: the stores, the time, the verified versions, and what is told at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import select

from core.county import County
from core.keyring import Keyring
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Level, Status
from core.settings import Settings
from core.times import parse_iso
from notifiers import stops
from notifiers.outbox import Outbox, Outcome, Ticker
from notifiers.sms.twilio import TwilioSms
from notifiers.versions import Ref, Version, seal_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The pieces of the send protocol; a test puts a broken one in to prove that the oracle sees it."""

    outbox: type[Outbox] = Outbox
    sms: type[TwilioSms] = TwilioSms


@dataclass(slots=True, kw_only=True)
class Job:
    """One run of dispatch over one shard."""

    county: County
    ledger: Ledger
    settings: Settings
    keyring: Keyring
    ticker: Ticker
    deadline_s: float
    shard: tuple[int, int]
    parts: Parts
    progress: Callable[[str, int], None] | None = None
    versions: dict[Ref, Version] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    _others: dict[Ref, Version] = field(default_factory=dict)

    def in_time(self) -> bool:
        """Whether the deadline is still ahead."""
        return self.ticker.elapsed() < self.deadline_s

    def seen(self) -> set[str]:
        """Names of the versions that were looked at, served or refused."""
        return {version.name for version in self.versions.values()} | self.refused.keys()

    def serves(self, ref: Ref, town: str) -> bool:
        """Whether a row of this version and town may still go out."""
        return ref in self.versions and self.versions[ref].serves(town)

    def tell(self, outcomes: list[Outcome]) -> None:
        """Count what happened and show progress."""
        self.outcomes.update(str(o.state) for o in outcomes)
        if self.progress is not None:
            self.progress("sms", self.outcomes["accepted"])

    def alarm(self, kind: str, text: str, ref: str) -> None:
        """Ring the duty desk, once per `ref`."""
        with self.ledger.begin() as tx:
            self.ledger.duty(tx, self.ticker.now(), kind, text, ref)

    def stop(self, version: Version, channel: str, why: str) -> None:
        """Send nothing more of a version on a channel, and ring the desk."""
        with self.ledger.begin() as tx:
            stops.stop(self.ledger, tx, self.ticker.now(), version.name, channel, why)

    def any_version(self, ref: Ref) -> Version:
        """A version by reference, also one that is over (for looking up what was sent)."""
        if found := self.versions.get(ref) or self._others.get(ref):
            return found
        v = t.alert_version.c
        with self.ledger.read() as tx:
            row = tx.execute(select(t.alert_version).where(v.alert_id == ref[0], v.version == ref[1])).mappings().one()
        body = json.loads(row["body"])
        self._others[ref] = Version(ref=ref, body=body, seal=seal_of(row, 0), status=Status(body["status"]), level=Level(row["level"]),
                                    expires=parse_iso(row["expires"]))
        return self._others[ref]
