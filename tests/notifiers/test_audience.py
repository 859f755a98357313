"""Audience against a brute-force oracle: who rose, who fell, who got it before, who opted out."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.ledger import tables as t
from core.signing import canonical
from notifiers.audience import plan
from notifiers.history import REACHED

TOWNS = ("haimen", "baochang", "linjiang", "haiyong")
GROUPS = {1: ["duty", "boats"], 2: ["duty", "boats", "lowland"], 3: ["residents"], 4: ["residents"]}
STATES = ("planned", "pending", "sending", "accepted", "sent", "delivered", "undelivered", "refused", "expired", "cancelled", "unknown")
_place = nw.make(Path(tempfile.mkdtemp()), people=300, speakers=True)

levels = st.dictionaries(st.sampled_from(TOWNS), st.integers(0, 4), min_size=0, max_size=4)


def store(tx: Any, alert_id: str, number: int, before: dict[str, int], now: dict[str, int], *, cancel: bool) -> dict[str, Any]:
    changed = {k: [before.get(k, 0), now.get(k, 0)] for k in sorted({*before, *now}) if before.get(k, 0) != now.get(k, 0)}
    row = {"alert_id": alert_id, "version": number, "msg_type": "Cancel" if cancel else "Update", "state": "draft", "level": 3, "body_hash": "",
           "audience": "{}", "assessed_at": "", "drafted_at": "", "expires": "", "cap_path": "",
           "body": canonical({"changed": changed, "channels": ["sms", "broadcast"], "audience_groups": {str(k): v for k, v in GROUPS.items()}})}
    tx.execute(insert(t.alert_version).values(**row))
    return row


def oracle(history: list[tuple[dict[str, list[int]], bool, list[tuple[str, str, str, str, str]]]], changed: dict[str, list[int]], cancel: bool,
           residents: list[Any]) -> set[tuple[str, str, str]]:
    """Slow and plain: walk each recipient's own story."""
    holds: dict[tuple[str, str, str], bool] = {}
    for old_changed, was_cancel, rows in history:
        for channel, who, town, state, code in rows:
            if state in [str(s) for s in REACHED] or code == "no_ack":
                holds[channel, who, town] = not was_cancel and old_changed.get(town, [0, 1])[1] != 0
    out = set()
    opted = {r.resident_id for r in residents if r.opted_out}
    for town in {k for _, _, k in holds} | set(changed):
        old, new = changed.get(town, [None, None])
        if new is not None and not cancel and new > old:
            out |= {("sms", r.resident_id, town) for r in residents
                    if r.town == town and not r.opted_out and any(g in GROUPS[new] for g in json.loads(r.groups))}
            if new > 1:
                out |= {("broadcast", s.speaker, town) for s in _place.county.loudspeakers if s.town == town}
        elif cancel or (new is not None and new < old):
            out |= {key for key, holding in holds.items() if key[2] == town and holding and key[1] not in opted}
    return out


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(levels, st.booleans()), min_size=1, max_size=4), st.data())
def test_audience_is_the_oracles(story: list[tuple[dict[str, int], bool]], data: st.DataObject) -> None:
    with _place.ledger.begin() as tx:
        tx.execute(update(t.resident).values(opted_out=False))
        tx.execute(insert(t.alert).values(alert_id="A", hazard="flood", status="Exercise", opened_at="x"))
        history, before = [], dict[str, int]()
        for number, (now, cancel) in enumerate(story, 1):
            ended = cancel and number > 1
            row = store(tx, "A", number, before, {} if ended else now, cancel=ended)
            residents = tx.execute(select(t.resident)).all()
            rows, unknown = plan(tx, row, _place.county)
            changed = json.loads(row["body"])["changed"]
            got = {(r["channel"], r["recipient"], r["town"]) for r in rows}
            assert got == oracle(history, changed, ended, residents) and not unknown and len(got) == len(rows)
            told = []
            for n, r in enumerate(rows):
                state = STATES[(n * 7 + number) % len(STATES)]
                r |= {"state": state, "code": "no_ack" if r["channel"] == "broadcast" and n % 3 == 0 else ""}
                told.append((r["channel"], r["recipient"], r["town"], state, r["code"]))
            if rows:
                tx.execute(insert(t.delivery), rows)
                who = data.draw(st.sampled_from([r["recipient"] for r in rows]))
                tx.execute(update(t.resident).where(t.resident.c.resident_id == who).values(opted_out=True))
            history.append((changed, ended, told))
            before = {} if ended else now
        tx.rollback()


def test_an_unknown_or_empty_area_reaches_nobody_and_rings(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=200)
    ref = place.draft(haimen=1)
    with place.ledger.begin() as tx:
        v = t.alert_version.c
        body = json.loads(tx.execute(select(v.body)).scalar_one()) | {"changed": {"atlantis": [0, 4]}}
        tx.execute(update(t.alert_version).values(body=canonical(body)))
    report = place.address(ref)
    assert (report.count, report.unknown) == (0, ("atlantis",)) and not place.recipients(ref)
    with place.ledger.read() as tx:
        assert [kind for (kind,) in tx.execute(select(t.duty_log.c.kind))] == ["audience"]


def test_addressing_twice_changes_nothing(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=200)
    ref = place.draft(haimen=3)
    first, rows = place.address(ref), place.recipients(ref)
    assert rows and place.address(ref) == first and place.recipients(ref) == rows


def test_the_register_is_synthetic_and_sealed(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=500)
    raw = b"".join(p.read_bytes() for p in tmp_path.glob("ledger.db*"))
    assert b"8610000" not in raw
    with place.ledger.read() as tx:
        rows = tx.execute(select(t.resident)).all()
    assert len(rows) == 500 and all(r.synthetic for r in rows) and len({r.phone_index for r in rows}) == 500
