"""Audience against a brute-force oracle: who rose, who fell, who got it before, who opted out."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.ledger import tables as t
from core.signing import canonical
from notifiers.audience import plan
from notifiers.history import levels_said
from notifiers.outbox.passing import pass_over
from notifiers.outbox.rows import with_resident

TOWNS = ("haimen", "baochang", "linjiang", "haiyong")
GROUPS = {1: ["duty", "boats"], 2: ["duty", "boats", "lowland"], 3: ["residents"], 4: ["residents"]}
SURE = ("accepted", "sent", "delivered", "unknown")
OPEN = ("planned", "pending", "sending", "undelivered")
STATES = (*OPEN, *SURE, "refused", "expired", "cancelled")
_place = nw.make(Path(tempfile.mkdtemp()), people=300, speakers=True)

Key = tuple[str, str, str]
Told = list[tuple[int, str, str]]  # (level said, state, code), oldest first
levels = st.dictionaries(st.sampled_from(TOWNS), st.integers(0, 4), min_size=0, max_size=4)


def store(tx: Any, number: int, before: dict[str, int], now: dict[str, int], *, cancel: bool, renew: bool) -> dict[str, Any]:
    said = {k: now.get(k, 0) for k in sorted({*before, *now})}
    changed = {k: [before.get(k, 0), n] for k, n in said.items() if before.get(k, 0) != n}
    row = {"alert_id": "A", "version": number, "msg_type": "Cancel" if cancel else "Update", "state": "draft", "level": 3, "body_hash": "",
           "audience": "{}", "assessed_at": "", "drafted_at": "", "expires": "", "cap_path": "",
           "body": canonical({"levels": said, "changed": changed, "why": ["renew"] if renew else ["up"], "channels": ["sms", "broadcast"],
                              "msg_type": "Cancel" if cancel else "Update", "audience_groups": {str(k): v for k, v in GROUPS.items()}})}
    tx.execute(insert(t.alert_version).values(**row))
    return row


def concerned(level: int, town: str, residents: list[Any]) -> set[Key]:
    """Whom policy names for a level in a town."""
    out = {("sms", r.resident_id, town) for r in residents if r.town == town and any(g in GROUPS[level] for g in json.loads(r.groups))}
    return out | ({("broadcast", s.speaker, town) for s in _place.county.loudspeakers if s.town == town} if level > 1 else set())


def wanted(story: dict[Key, Told], said: dict[str, int], residents: list[Any]) -> set[Key]:
    """Slow and plain, recipient by recipient: named by policy, or in possible possession of another level."""
    out = set()
    for town, level in said.items():
        out |= concerned(level, town, residents) if level else set()
        for key, told in story.items():
            sure = max((n for n, (_, state, _) in enumerate(told) if state in SURE), default=-1)
            held = {told[sure][0]} if sure >= 0 else set()
            held |= {n for n, state, code in told[sure + 1:] if state in OPEN or code == "broker_151"}
            if key[2] == town and held - {0, level}:
                out.add(key)
    opted = {r.resident_id for r in residents if r.opted_out}
    return {key for key in out if key[1] not in opted}


def hears(key: Key, told: Told, level: int, renew: bool) -> bool:
    """Whether a recipient needs the message at the instant of sending."""
    last = next(((n, state) for n, state, code in reversed(told) if state in SURE or code == "no_ack"), None)
    if level == 0:
        return last is not None and last[0] > 0
    return last is None or last[0] != level or last[1] not in SURE or (renew and key[0] == "broadcast")


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(levels, st.booleans(), st.booleans()), min_size=1, max_size=5), st.data())
def test_audience_is_the_oracles(versions: list[tuple[dict[str, int], bool, bool]], data: st.DataObject) -> None:
    with _place.ledger.begin() as tx:
        tx.execute(update(t.resident_row).values(opted_out=False))
        tx.execute(insert(t.alert).values(alert_id="A", hazard="flood", status="Exercise", opened_at="x"))
        story, before = dict[Key, Told](), dict[str, int]()
        for number, (now, cancel, renew) in enumerate(versions, 1):
            ended = cancel and number > 1
            row = store(tx, number, before, {} if ended else now, cancel=ended, renew=renew)
            residents, body = tx.execute(select(t.resident)).all(), json.loads(row["body"])
            rows, same, unknown = plan(tx, row, _place.county)
            got = {(r["channel"], r["recipient"], r["town"]) for r in rows}
            assert got == wanted(story, body["levels"], residents) and not unknown and len(got) == len(rows)
            if rows:
                tx.execute(insert(t.delivery), [r | {"code": ""} for r in rows])
            d, heard = t.delivery.c, set[Key]()
            stored = tx.execute(with_resident().where(d.version == number)).mappings().all()
            said = levels_said(tx, "A", number)
            over = {i for channel in ("sms", "broadcast") for i in pass_over(tx, body, said, [r for r in stored if r["channel"] == channel])}
            heard = {(r["channel"], r["recipient"], r["town"]) for r in stored if r["delivery_id"] not in over}
            assert heard == {key for key in got if hears(key, story.get(key, []), body["levels"][key[2]], renew)}
            assert same == {key for key in got - heard if body["levels"][key[2]] and not any(
                n != body["levels"][key[2]] and (state in OPEN or code == "broker_151") for n, state, code in _since_sure(story[key]))}
            shift = data.draw(st.integers(0, 10))
            for n, r in enumerate(stored):
                state = STATES[(n * 7 + shift) % len(STATES)]
                code = {"undelivered": "no_ack", "refused": "broker_151"}.get(state, "") if r["channel"] == "broadcast" and n % 3 == 0 else ""
                tx.execute(update(t.delivery).where(d.delivery_id == r["delivery_id"]).values(state=state, code=code))
                story.setdefault((r["channel"], r["recipient"], r["town"]), []).append((body["levels"][r["town"]], state, code))
            if rows:
                who = data.draw(st.sampled_from([r["recipient"] for r in rows]))
                tx.execute(update(t.resident_row).where(t.resident_row.c.resident_id == who).values(opted_out=True))
            before = {} if ended else {k: n for k, n in now.items() if n}
        tx.rollback()


def _since_sure(told: Told) -> Told:
    sure = max((n for n, (_, state, _) in enumerate(told) if state in SURE), default=-1)
    return told[sure + 1:]


def test_an_unknown_or_empty_area_reaches_nobody_and_rings(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=200)
    ref = place.draft(haimen=1)
    with place.ledger.begin() as tx:
        v = t.alert_version.c
        body = json.loads(tx.execute(select(v.body)).scalar_one()) | {"levels": {"atlantis": 4}}
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


def test_a_live_installation_without_a_register_invents_nobody_and_rings(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=60)
    with place.ledger.begin() as tx:
        tx.execute(delete(t.resident_row))
    place.settings = place.settings.model_copy(update={"mode": "live"})
    ref = place.draft(haimen=3)
    assert place.address(ref).count == 0 and place.recipients(ref) == set()
    with place.ledger.read() as tx:
        assert "register" in tx.execute(select(t.duty_log.c.kind)).scalars().all() and not tx.execute(select(t.resident)).all()
