"""Who was not reached is a person, not a message: counted once, by the last that was said to him."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command_line import ROOT
from new_ledger import ledger_in
from sqlalchemy import insert, select

from console.handover import _unreached, unreached
from console.reach import counted, missed, reach, words
from core.county import load_county
from core.ledger import tables as t

NOW = datetime(2021, 7, 25, 4, tzinfo=UTC)
ALERTS = [("A", 1), ("A", 2), ("B", 1)]


def said(tmp_path: Path, *rows: tuple[str, int, str, str, str]) -> dict[str, Any]:
    """What the handover finds of messages (alert, version, recipient, state, code); a recipient that begins with spk is a loudspeaker."""
    ledger, ctx = ledger_in(tmp_path), SimpleNamespace(county=load_county(ROOT / "county" / "haimen"))
    with ledger.begin() as tx:
        tx.execute(insert(t.delivery), [
            {"alert_id": alert, "version": version, "channel": "broadcast" if who.startswith("spk") else "sms", "recipient": who, "town": "haimen", "state": state,
             "code": code} for alert, version, who, state, code in rows])
        return _unreached(tx, ctx, ALERTS)  # type: ignore[arg-type]


def test_a_person_counts_once_and_by_the_last_word(tmp_path: Path) -> None:
    found = said(tmp_path, ("A", 1, "r1", "undelivered", "30008"), ("A", 2, "r1", "delivered", ""),  # reached in the end
                 ("A", 1, "r2", "undelivered", "30008"), ("A", 2, "r2", "refused", "21610"), ("B", 1, "r2", "undelivered", ""),  # one person in three messages
                 ("A", 1, "r3", "delivered", ""), ("A", 2, "r3", "cancelled", "told"), ("A", 2, "r4", "cancelled", "never_told"), ("A", 1, "r5", "planned", "reserve"),
                 ("A", 1, "spk-haimen-01", "undelivered", "no_ack"), ("A", 2, "spk-haimen-01", "delivered", ""), ("B", 1, "spk-haimen-02", "undelivered", "no_ack"))
    assert found["people"] == {"海门街道": {"failed": 1}} and len(found["speakers"]) == 1
    assert unreached({"unreached": found, "lost": []})[0] == "海门街道 短信：未达 1"


@pytest.mark.parametrize(("state", "says"), [("expired", "到期未发 1"), ("unknown", "不明 1"), ("sending", "还没发 1")])
def test_who_was_never_told_before_it_ran_out_was_not_reached(tmp_path: Path, state: str, says: str) -> None:
    found = said(tmp_path, ("A", 2, "r1", state, ""), ("A", 2, "r2", "cancelled", "superseded"), ("A", 2, "r3", "delivered", ""))
    assert unreached({"unreached": found, "lost": []}) == [f"海门街道 短信：{says}"]


def test_a_version_that_ran_out_before_it_was_sent_says_so(tmp_path: Path) -> None:
    said(tmp_path, ("A", 1, "r1", "expired", "expired"), ("A", 1, "r2", "cancelled", "superseded"))
    ledger = ledger_in(tmp_path)
    with ledger.read() as tx:
        (counts,) = counted(reach(tx, t.delivery.c.alert_id == "A")["A", 1]).values()
        assert tx.execute(select(t.delivery.c.recipient)).scalars().all() == ["r1", "r2"]
    assert missed(counts) == 1 and words(counts) == "到期未发 1、不再发 1"
