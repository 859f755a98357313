"""`fengsui resume`: a stopped version goes on by a listed officer's word, and by nobody else's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.cli import app
from core.errors import LifeCycleError
from core.ledger import Ledger, verify_audit
from notifiers import stops

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw


def test_a_stop_is_lifted_once_and_by_a_listed_officer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGSUI_HOME", str(tmp_path))
    monkeypatch.setenv("FENGSUI_COUNTY", str(nw.ROOT / "county" / "haimen"))
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    with ledger.begin() as tx:
        assert stops.stop(ledger, tx, nw.START, "A.v1", "sms", "因") and not stops.stop(ledger, tx, nw.START, "A.v1", "sms", "因")
        stops.stop(ledger, tx, nw.START, "A.v2", "sms", "因")
        stops.stop(ledger, tx, nw.START, "A.v1", "broadcast", "因")

    def say(*words: str) -> object:
        return CliRunner().invoke(app, ["resume", *words]).exception

    assert isinstance(say("A.v1", "--officer", "nobody"), ValueError)
    assert isinstance(say("A.v9", "--officer", "chief-1"), LifeCycleError)
    assert say("A.v1", "--officer", "chief-1") is None
    assert isinstance(say("A.v1", "--officer", "chief-1"), LifeCycleError)
    with ledger.read() as tx:
        assert stops.stopped(tx, "sms") == {"A.v2"} and stops.stopped(tx, "broadcast") == {"A.v1"}
    report = verify_audit(ledger)
    assert report.broken_at is None and report.rows == 1
