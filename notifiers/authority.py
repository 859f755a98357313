"""Which issued versions dispatch may serve: their authority is a signature over what the ledger holds at this moment, not a state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from core import alerts
from core.county import County
from core.county.canary import TOWN
from core.errors import AuthorityError
from core.keyring import Keyring
from core.ledger import tables as t
from core.model import AlertState, Level, MsgType, Status
from core.model import DeliveryState as D
from core.settings import Settings
from core.times import iso, parse_iso
from notifiers.snapshot import audience_hash
from notifiers.versions import REPLACED, Version, newest, seal_of


def issued(tx: Connection, now: datetime) -> list[RowMapping]:
    """Rows in state issued that have not run out, and replaced ones that still have an end to tell; the highest level first."""
    v = t.alert_version.c
    query = select(t.alert_version).where(v.state.in_((AlertState.ISSUED, *REPLACED)), v.issued_at.is_not(None), v.expires > iso(now))
    rows = tx.execute(query.order_by(v.level.desc(), v.issued_at, v.alert_id, v.version)).mappings()
    return [row for row in rows if row["state"] == AlertState.ISSUED or untold_ends(tx, row)]


def untold_ends(tx: Connection, row: RowMapping) -> frozenset[str]:
    """Towns whose end a replaced version still has to tell: it ended there, no later version speaks of the town, and rows are waiting.

    A later version says nothing to towns where nothing is in force any more, so withdrawing these rows would leave people with a warning
    that is over.
    """
    d, v = t.delivery.c, t.alert_version.c
    mine = (d.alert_id == row["alert_id"]) & (d.version == row["version"])
    open_towns = set(tx.execute(select(d.town).where(mine, d.state.in_((D.PLANNED, D.PENDING, D.SENDING))).distinct()).scalars())
    if not (open_towns and row["issued_at"]):
        return frozenset()
    later = select(v.body).where(v.alert_id == row["alert_id"], v.version > row["version"], v.issued_at.is_not(None))
    try:
        spoken = {town for body in tx.execute(later).scalars() for town in json.loads(body)["levels"]}
        ended = {town for town, level in json.loads(row["body"])["levels"].items() if row["msg_type"] == MsgType.CANCEL or int(level) == 0}
    except (ValueError, KeyError, TypeError, AttributeError):  # spoilt in the ledger: whether it may go is for `verified` to say, the others go on
        return frozenset()
    return frozenset(open_towns & ended - spoken)


def verified(tx: Connection, row: RowMapping, county: County, keyring: Keyring, settings: Settings) -> Version:
    """The version, if two officers signed exactly this and its recipients are those they saw; AuthorityError otherwise."""
    body = json.loads(row["body"])
    ref = (row["alert_id"], row["version"])
    alerts.verify_authority(row, alerts.approvals(tx, f"{ref[0]}.v{ref[1]}"), county, keyring)
    d, a = t.delivery.c, t.alert.c
    planned = tx.execute(select(d.channel, d.recipient, d.town).where(d.alert_id == ref[0], d.version == ref[1])).tuples().all()
    if audience_hash(planned) != json.loads(row["audience"])["hash"]:
        raise AuthorityError("收件人与签发时不同 / the recipients are not those that were signed")
    thread = tx.execute(select(a.status).where(a.alert_id == ref[0])).scalar()
    if not body["status"] == thread == settings.status:
        raise AuthorityError(f"状态不一致，暂不发送 / status conflict: {body['status']}, {thread}, {settings.status}")
    if settings.mode == "live" and body["status"] != Status.ACTUAL and not _to_ends(body, {(who, town) for _, who, town in planned}, county):
        raise AuthorityError("演练不走真实渠道 / a drill has no path to a live channel")
    return Version(ref=ref, body=body, seal=seal_of(row, newest(tx)[ref[0]]), status=Status(body["status"]), level=Level(row["level"]),
                   expires=parse_iso(row["expires"]), towns=None if row["state"] == AlertState.ISSUED else untold_ends(tx, row))


def _to_ends(body: Mapping[str, Any], recipients: Set[tuple[str, str]], county: County) -> bool:
    """Whether this is a beat of the canary: a test, for nobody but the test phones and loudspeakers that policy names."""
    canary = county.policy.canary
    return canary is not None and body["status"] == Status.TEST and recipients <= {(end, TOWN) for end in canary.ends}
