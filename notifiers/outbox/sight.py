"""What may go, as of the last look: an alert may be stopped, replaced, recalled or joined by another one while its rows are on their way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from core.ledger import Ledger
from core.ledger import tables as t
from core.model import AlertState
from core.times import iso
from notifiers import stops
from notifiers.outbox.items import Ticker
from notifiers.versions import REPLACED, Ref, Version, newest, seal_of

#: Seconds after which `now` looks again, where no claim does.
LOOK_S = 1.0


class Sight:
    """One channel's view of the ledger: `barred` names the versions served that may not go on, `issued` all that are in force."""

    def __init__(self, ledger: Ledger, ticker: Ticker, channel: str) -> None:
        self._ledger, self._ticker, self._channel, self._at = ledger, ticker, channel, 0.0
        self.barred, self.issued = frozenset[str](), frozenset[str]()

    def now(self, versions: Mapping[Ref, Version]) -> frozenset[str]:
        """`issued`, as it was at most LOOK_S ago."""
        if self._ticker.elapsed() - self._at >= LOOK_S:
            with self._ledger.read() as tx:
                self.look(tx, versions, self._ticker.now())
        return self.issued

    def look(self, tx: Connection, versions: Mapping[Ref, Version], now: datetime) -> list[Version]:
        """Those of `versions` that are still, byte for byte, what was verified, and are not stopped."""
        v, last = t.alert_version.c, newest(tx)
        query = select(t.alert_version).where(v.state.in_((AlertState.ISSUED, *REPLACED)), v.issued_at.is_not(None), v.expires > iso(now))
        seals = {(row["alert_id"], row["version"]): seal_of(row, last[row["alert_id"]]) for row in tx.execute(query).mappings()}
        over = {version.name for ref, version in versions.items() if seals.get(ref) != version.seal}
        self._at, self.barred = self._ticker.elapsed(), stops.stopped(tx, self._channel) | over
        self.issued = frozenset(f"{alert_id}.v{number}" for (alert_id, number), seal in seals.items() if seal[0] == AlertState.ISSUED)
        return [version for version in versions.values() if version.name not in self.barred]
