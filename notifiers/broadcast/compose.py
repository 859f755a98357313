"""What a loudspeaker is told, as a signed frame."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from core.times import iso, parse_iso
from notifiers import frames, render
from notifiers.job import Job
from notifiers.versions import Version

Fields = dict[str, Any]
#: Sequences count from here, so that they fit 31 bits for 68 years.
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)


def compose(job: Job, version: Version, town: str) -> tuple[Fields, bytes]:
    """Fields and sealed payload for one town; DeliveryError for no text, AuthorityError for no key."""
    text = render.spoken(version.body["texts"].get(town, {}).get("broadcast", ""), status=version.status, words=job.county.words)
    key = frames.key_name(version.status)
    if job.settings.mode == "sandbox":
        job.keyring.ensure(key)
    with job.ledger.begin() as tx:  # from the time it was said: after a restore of an older ledger loudspeakers must not take new frames for replayed ones
        seq = job.ledger.next_sequence(tx, key, int((parse_iso(version.body["sent"]) - EPOCH).total_seconds()))
    was, says = version.body.get("changed", {}).get(town, (0, 0))[0], version.body["levels"].get(town, 0)
    fields = {
        "alert_id": version.ref[0], "version": version.ref[1], "seq": seq, "issuer": job.county.issuer, "status": str(version.status),
        "sent": iso(job.ticker.now()), "expires": iso(version.expires), "areas": [town], "text": text, "repeat": 3, "key": key,
        "level": max(int(was), int(says)) or int(version.level),
    }
    return fields, frames.seal(fields, job.keyring.private(key))
