"""Who was reached and who was not: the messages of alert versions, counted the way people ask."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from core.ledger import tables as t
from core.model import DeliveryState as D

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

#: In the order in which they are told. What is on its way has been handed over and not confirmed; what was dropped gave way to a newer version.
KINDS = {"delivered": "送达", "held": "已有同文", "on_way": "在途未回执", "failed": "未达", "unknown": "不明", "expired": "到期未发", "waiting": "还没发",
         "dropped": "不再发"}
#: Nobody can say that these people know.
MISSED = ("failed", "unknown", "expired")
KIND = {D.DELIVERED: "delivered", D.ACCEPTED: "on_way", D.SENT: "on_way", D.UNDELIVERED: "failed", D.REFUSED: "failed", D.UNKNOWN: "unknown",
         D.PLANNED: "waiting", D.PENDING: "waiting", D.SENDING: "waiting", D.EXPIRED: "expired", D.CANCELLED: "dropped"}

#: By version, channel and town: how many of each kind.
Reach = dict[tuple[str, int], dict[str, dict[str, Counter[str]]]]


def reach(tx: Connection, which: ColumnElement[bool]) -> Reach:
    """The deliveries that `which` selects; a row in reserve or with nothing to end asks nobody and is left out."""
    from notifiers.history import NOTHING, RESERVE, SAME

    d, out = t.delivery.c, Reach()
    held = (d.code == SAME).label("held")
    columns = d.alert_id, d.version, d.channel, d.town, d.state, held
    query = select(*columns, func.count().label("n")).where(which, d.code.not_in((NOTHING, RESERVE))).group_by(*columns)
    for row in tx.execute(query):
        towns = out.setdefault((row.alert_id, row.version), {}).setdefault(row.channel, {})
        towns.setdefault(row.town, Counter())["held" if row.held else KIND[D(row.state)]] += row.n
    return out


def counted(found: dict[str, dict[str, Counter[str]]]) -> dict[str, dict[str, int]]:
    """One version by channel, all its towns together."""
    return {channel: dict(sum(towns.values(), Counter[str]())) for channel, towns in sorted(found.items(), reverse=True)}


def missed(counts: dict[str, int]) -> int:
    """How many of a count nobody can say of that they were reached."""
    return sum(counts.get(kind, 0) for kind in MISSED)


def words(counts: dict[str, int]) -> str:
    """A count in words, what is nought left out."""
    return "、".join(f"{title} {counts[kind]}" for kind, title in KINDS.items() if counts.get(kind)) or "没有收件人"
