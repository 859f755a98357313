"""The audit chain: whatever is done to its rows shows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from new_ledger import ledger_in
from sqlalchemy import Connection, delete, insert, select, update

from core.ledger import Ledger, verify_audit
from core.ledger import tables as t
from core.ledger.audit import GENESIS
from core.signing import canonical, digest

NOW = datetime(2021, 7, 25, 21, 8, tzinfo=UTC)
ROWS = 12
row = t.audit.c


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = ledger_in(tmp_path)
    for number in range(ROWS):
        with opened.begin() as tx:
            opened.audit(tx, NOW + timedelta(minutes=number), "duty-1", "alert.approve", f"a.v{number}", {"号": number, "note": None})
    return opened


def test_an_untouched_chain_holds(ledger: Ledger) -> None:
    report = verify_audit(ledger)
    assert (report.rows, report.broken_at) == (ROWS, None) and len(report.head) == 64


def test_an_empty_chain_holds(tmp_path: Path) -> None:
    report = verify_audit(Ledger.open(f"sqlite:///{tmp_path}/new.db"))
    assert (report.rows, report.broken_at, report.head) == (0, None, GENESIS)


def test_a_rolled_back_transaction_leaves_no_gap(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.begin() as tx:
        ledger.audit(tx, NOW, "x", "y", "z", {})
        raise RuntimeError
    with ledger.begin() as tx:
        ledger.audit(tx, NOW, "x", "y", "z", {})
    assert verify_audit(ledger).rows == ROWS + 1 and verify_audit(ledger).broken_at is None


@pytest.mark.parametrize("column", ["at", "actor", "action", "subject", "payload", "prev", "hash"])
@pytest.mark.parametrize("seq", [1, 5, ROWS])
def test_any_edit_shows_where_it_is(ledger: Ledger, column: str, seq: int) -> None:
    with ledger.begin() as tx:
        tx.execute(update(t.audit).where(row.seq == seq).values({column: "0" * 63 + "1"}))
    assert verify_audit(ledger).broken_at == seq


@pytest.mark.parametrize("seq", range(1, ROWS + 1))
def test_any_deletion_shows_also_of_the_last_row(ledger: Ledger, seq: int) -> None:
    with ledger.begin() as tx:
        tx.execute(delete(t.audit).where(row.seq == seq))
    assert verify_audit(ledger).broken_at == seq


def test_the_whole_chain_gone_shows(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        tx.execute(delete(t.audit))
    assert verify_audit(ledger).broken_at == 1


def test_a_deletion_that_closes_the_gap_shows(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        tx.execute(delete(t.audit).where(row.seq == 5))
        for seq in range(6, ROWS + 1):
            tx.execute(update(t.audit).where(row.seq == seq).values(seq=seq - 1))
    assert verify_audit(ledger).broken_at == 5


def _swap(tx: Connection, one: int, two: int) -> None:
    for old, new in ((one, -1), (two, one), (-1, two)):
        tx.execute(update(t.audit).where(row.seq == old).values(seq=new))


def _copy(tx: Connection, one: int, two: int) -> None:
    content = dict(tx.execute(select(t.audit).where(row.seq == one)).mappings().one())
    tx.execute(update(t.audit).where(row.seq == two).values({k: v for k, v in content.items() if k != "seq"}))


def _forge(tx: Connection, one: int, _two: int) -> None:
    """An edit that mends its own hash but not those after it."""
    content = dict(tx.execute(select(t.audit).where(row.seq == one)).mappings().one())
    content["actor"] = "nobody"
    content["hash"] = digest(canonical({k: v for k, v in content.items() if k != "hash"}))
    tx.execute(update(t.audit).where(row.seq == one).values(**content))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tamper=st.sampled_from([_swap, _copy, _forge]), pair=st.permutations(range(1, ROWS)).map(lambda order: order[:2]))
def test_swapped_copied_and_forged_rows_show(ledger: Ledger, tamper: Callable[[Connection, int, int], None], pair: list[int]) -> None:
    with ledger.engine.connect() as tx:
        tamper(tx, *pair)

        class View:
            """The ledger as the tampered, uncommitted transaction sees it."""

            @staticmethod
            def read() -> object:
                from contextlib import nullcontext

                return nullcontext(tx)

        assert verify_audit(View()).broken_at is not None  # type: ignore[arg-type]
        tx.rollback()
    assert verify_audit(ledger).broken_at is None


def test_a_chain_rewritten_from_the_start_shows_against_a_noted_head(ledger: Ledger) -> None:
    noted = verify_audit(ledger)
    with ledger.begin() as tx:
        rows = [dict(r) for r in tx.execute(select(t.audit).order_by(row.seq)).mappings()]
        tx.execute(delete(t.audit))
        prev = GENESIS
        for content in rows:
            content |= {"prev": prev, "actor": "somebody else"}
            content["hash"] = prev = digest(canonical({k: v for k, v in content.items() if k != "hash"}))
            tx.execute(insert(t.audit).values(**content))
    assert verify_audit(ledger).broken_at is None  # the chain alone cannot know
    assert verify_audit(ledger, anchor=(noted.rows, noted.head)).broken_at == ROWS


def test_a_noted_head_stays_good_while_the_chain_grows_and_shows_a_restored_older_one(ledger: Ledger) -> None:
    noted = verify_audit(ledger)
    with ledger.begin() as tx:
        ledger.audit(tx, NOW, "x", "y", "z", {})
    assert verify_audit(ledger, anchor=(noted.rows, noted.head)).broken_at is None
    assert verify_audit(ledger, anchor=(ROWS + 9, "0" * 64)).broken_at == ROWS + 2


def test_a_number_that_is_not_finite_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError), ledger.begin() as tx:
        ledger.audit(tx, NOW, "x", "y", "z", {"v": float("nan")})
    assert verify_audit(ledger).rows == ROWS
