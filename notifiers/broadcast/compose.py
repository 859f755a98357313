"""What a loudspeaker is told, as a signed frame."""

from __future__ import annotations

from typing import Any

from core.times import iso
from notifiers import frames, render
from notifiers.job import Job
from notifiers.versions import Version

Fields = dict[str, Any]


def compose(job: Job, version: Version, town: str) -> tuple[Fields, bytes]:
    """Fields and sealed payload for one town; DeliveryError for no text, AuthorityError for no key."""
    text = render.spoken(version.body["texts"].get(town, {}).get("broadcast", ""), status=version.status)
    key = frames.key_name(version.status)
    if job.settings.mode == "sandbox":
        job.keyring.ensure(key)
    with job.ledger.begin() as tx:
        seq = job.ledger.next_sequence(tx, key)
    was, says = version.body.get("changed", {}).get(town, (0, 0))[0], version.body["levels"].get(town, 0)
    fields = {
        "alert_id": version.ref[0], "version": version.ref[1], "seq": seq, "issuer": job.county.issuer, "status": str(version.status),
        "sent": iso(job.ticker.now()), "expires": iso(version.expires), "areas": [town], "text": text, "repeat": 3, "key": key,
        "level": max(int(was), int(says)) or int(version.level),
    }
    return fields, frames.seal(fields, job.keyring.private(key))
