"""The snapshot of an audience: what officers see, and the hash that they sign."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.signing import canonical, digest
from notifiers.history import RESERVE, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceReport:
    """How many recipients a version speaks to, by channel and town, and the hash that officers sign; `unknown` towns reach nobody.

    `concerned` counts also those who hold exactly this already and will hear nothing.
    """

    ref: str
    count: int
    by_channel: dict[str, int]
    by_town: dict[str, int]
    hash: str
    concerned: int = 0
    unknown: tuple[str, ...] = ()


def audience_hash(recipients: Iterable[tuple[str, str, str]]) -> str:
    """Hash over every (channel, recipient, town), in order."""
    return digest(canonical(sorted(list(r) for r in recipients)))


def snapshot(rows: Iterable[Mapping[str, Any]], same: set[Key], unknown: tuple[str, ...]) -> dict[str, Any]:
    """Of the planned rows; `same` are those who hold the same already and are not counted, nor is who is told only where a channel fails."""
    rows = list(rows)
    reserve = Counter(row["channel"] for row in rows if row["code"] == RESERVE)
    told = [row for row in rows if row["code"] != RESERVE and (row["channel"], row["recipient"], row["town"]) not in same]
    count = {name: dict(sorted(Counter(row[name] for row in told).items())) for name in ("channel", "town")}
    by_group = Counter(group for row in told for group in json.loads(row["groups"]))
    return {"hash": audience_hash((r["channel"], r["recipient"], r["town"]) for r in rows), "count": len(told), "by_channel": count["channel"],
            "by_town": count["town"], "by_group": dict(sorted(by_group.items())), "concerned": len(rows) - reserve.total(), "unknown": list(unknown),
            **({"reserve": dict(sorted(reserve.items()))} if reserve else {})}


def told(ref: str, s: Mapping[str, Any]) -> AudienceReport:
    """The report of a stored snapshot."""
    return AudienceReport(ref=ref, count=s["count"], by_channel=s["by_channel"], by_town=s["by_town"], hash=s["hash"],
                          concerned=s["concerned"], unknown=tuple(s["unknown"]))
