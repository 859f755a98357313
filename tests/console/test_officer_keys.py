"""Officers' keys from the command line: made once by their owner, enrolled where everybody can check, taken back."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from command_line import Call, Result, one_line
from night_desk import county_of_officers
from sqlalchemy import select

from core import sealing
from core.keyring import Keyring
from core.ledger import Ledger, verify_audit
from core.ledger import tables as t

PHRASE = "correct horse battery"


@pytest.fixture
def desk(tmp_path: Path, fengsui: Call, monkeypatch: pytest.MonkeyPatch) -> Call:
    county = county_of_officers(tmp_path / "county")
    monkeypatch.setattr(sealing, "COST", 4)

    def call(*words: str, types: tuple[str, ...] = (PHRASE, PHRASE)) -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in types)))
        return fengsui("officers", *words, home=tmp_path, FENGSUI_COUNTY=str(county))

    return call


def test_a_key_is_made_once_enrolled_and_taken_back(desk: Call, tmp_path: Path) -> None:
    assert {row["key"] for row in json.loads(desk("--json").stdout)} == {"none"} and desk().returncode == 1
    for officer in ("duty-1", "duty-2", "chief-1", "deputy-1"):
        made = desk("key", officer)
        assert made.returncode == 0 and PHRASE not in made.stdout + made.stderr, made
    rows = {row["officer"]: row for row in json.loads(desk("--json").stdout)}
    assert desk().returncode == 0 and {row["key"] for row in rows.values()} == {"enrolled"} and len({row["fingerprint"] for row in rows.values()}) == 4
    assert rows["deputy-1"]["fingerprint"] in made.stdout
    assert "revoke it first" in one_line(desk("key", "duty-1")) and Keyring(tmp_path / "keys").unlock("duty-1", PHRASE)
    assert desk("key", "duty-1", "--revoke").returncode == 0 and desk("key", "duty-1", "--revoke").returncode == 2
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    with ledger.read() as tx:
        told = [(row.action, row.subject) for row in tx.execute(select(t.audit.c.action, t.audit.c.subject).order_by(t.audit.c.seq))]
    assert told[-1] == ("officer.revoke", "duty-1") and len(told) == 5 and verify_audit(ledger).broken_at is None


def test_a_key_that_was_put_in_anothers_place_is_seen(desk: Call, tmp_path: Path) -> None:
    desk("key", "duty-1")
    ring = Keyring(tmp_path / "keys")
    ring.retire("duty-1")
    ring.enrol("duty-1", PHRASE)
    assert {row["officer"]: row["key"] for row in json.loads(desk("--json").stdout)}["duty-1"] == "foreign"


@pytest.mark.parametrize(("words", "types", "says"), [
    (("nobody",), (PHRASE, PHRASE), "standing-order"), (("duty-1",), (PHRASE, "another phrase"), "differ"), (("duty-1",), ("short", "short"), "12"),
    (("duty-1",), (PHRASE,), "nothing was typed"), (("../duty-1",), (PHRASE, PHRASE), "unknown"), (("../x", "--revoke"), (), "not a key name"),
])
def test_what_makes_no_key(desk: Call, tmp_path: Path, words: tuple[str, ...], types: tuple[str, ...], says: str) -> None:
    result = desk("key", *words, types=types)
    assert result.returncode == 2 and says in one_line(result) and not list((tmp_path / "keys").glob("*.json"))


def test_the_standing_order_has_keys_that_nobody_need_open(desk: Call, tmp_path: Path) -> None:
    assert desk("key", "standing-order", types=()).returncode == 0
    assert Keyring(tmp_path / "keys").names() == ["duty-system", "standing-order"] and Keyring(tmp_path / "keys").private("standing-order")
    assert desk("key", "standing-order", "--revoke").returncode == 0 and Keyring(tmp_path / "keys").names() == []


def test_a_demonstration_county_makes_no_keys_of_officers(fengsui: Call, tmp_path: Path) -> None:
    result = fengsui("officers", "key", "duty-1", home=tmp_path)
    assert result.returncode == 2 and "signing: officer" in one_line(result)
