"""A list comes into force whole: whoever reads meanwhile sees the former register, whoever writes waits for a batch at most, and no wish is undone."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, func, select, text

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
import notify_world as nw
from register_world import VAULT, audits, csv, empty, number, residents, row
from test_ledger_processes import postgres  # noqa: F401  (a fixture)

from core.errors import StoreError
from core.ledger import Ledger, turns, verify_audit
from core.ledger import tables as t
from notifiers.erase import erase
from notifiers.outbox.rows import with_resident
from notifiers.register import ImportReport, Terms, grant, import_list

BATCH, OLD, NEW = 20, csv([row(n) for n in range(40)]), csv([row(n, phone=number(n + 1000)) for n in range(1, 101)])
Make = Callable[[], nw.Place]


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Opens the same place on either ledger, each time as another process would."""
    monkeypatch.setattr(turns, "BATCH", BATCH)
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else ""
    if url:
        ledger = Ledger.open(url)
        with ledger.begin() as tx:
            for table in reversed(t.metadata.sorted_tables):
                tx.execute(delete(table))
        ledger.close()
    more = {"ledger_url": url} if url else {}
    empty(tmp_path, **more)
    return lambda: nw.make(tmp_path, people=1, **more)


def load(place: nw.Place, data: bytes, during: Callable[[str, int], object] = lambda *_: None) -> ImportReport:
    return import_list(data=data, name="list.csv", by="duty-1", now=place.now, terms=Terms(replace=True, removing=1), county=place.county, ledger=place.ledger,
                       settings=place.settings, progress=during)


def leftovers(place: nw.Place) -> int:
    """Rows that are not in force."""
    with place.ledger.read() as tx:
        return int(tx.execute(select(func.count()).select_from(t.resident_row).where(~t.in_force)).scalar_one())


def killed_at(step: int, make: Make) -> int:
    """Import in a process of its own, which is killed with -9 before its `step`-th change of the ledger; its wait status."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    left = step

    @event.listens_for(Engine, "before_cursor_execute")
    def _count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        nonlocal left
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    status = 1
    try:
        status = bool(load(make(), NEW).refusal)
    finally:
        os._exit(status)


def test_killed_at_any_step_of_an_import_it_was_all_or_nothing(make: Make) -> None:
    place = make()
    load(place, OLD)
    before, kills, former = residents(place), 0, 0
    while killed_at(kills + 1, make) == signal.SIGKILL:
        kills += 1
        now = residents(place)
        assert verify_audit(place.ledger).broken_at is None and len(audits(place)) == 1 + (now != before), f"killed before change {kills}"
        if now == before:
            former += 1
        else:
            assert len(now) == 100 and all(one["number"] == f"+86{number(int(who[-5:]) + 1000)}" for who, one in now.items()), "the whole list"
    assert former >= 10 and len(residents(place)) == 100 and len(audits(place)) == 2
    assert leftovers(place) == 0, "no number stays that nobody is reached at"


def test_an_import_that_died_leaves_nothing_for_longer_than_the_next_erasure(make: Make) -> None:
    place = make()
    load(place, OLD)
    assert killed_at(8, make) == signal.SIGKILL and leftovers(place) > 0
    before = residents(place)
    erase(now=place.now, county=place.county, ledger=place.ledger, home=place.settings.home)
    with place.ledger.read() as tx:
        assert tx.execute(select(func.count()).select_from(t.resident_row)).scalar_one() == 40 and residents(place) == before


def test_between_two_batches_a_dispatch_gets_the_ledger_at_once_and_reads_the_former_register(make: Make) -> None:
    place, other, looks = make(), make(), 0
    load(place, OLD)
    before = residents(place)
    lock = sqlite3.connect(str(other.ledger.engine.url.database), timeout=0, isolation_level=None) if other.ledger.engine.dialect.name == "sqlite" else None
    written = list[int]()

    @event.listens_for(place.ledger.engine, "before_cursor_execute")
    def _rows(_connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        if statement.startswith("INSERT INTO resident"):
            written.append(len(given) if many else statement.count("), ("))

    def look(stage: str, _n: int) -> None:
        nonlocal looks
        if stage == "written":
            if lock:
                lock.execute("BEGIN IMMEDIATE")
                lock.execute("ROLLBACK")
            assert residents(other) == before
            looks += 1

    load(place, NEW, look)
    assert looks >= 4 and written and max(written) <= BATCH and len(residents(other)) == 100


def test_a_wish_or_an_erasure_meanwhile_stands_and_the_import_begins_anew(make: Make) -> None:
    place, other, done = make(), make(), list[str]()
    load(place, OLD)

    def meanwhile(stage: str, n: int) -> None:
        if stage == "written" and n >= 60 and len(done) < 2:
            who = f"CANARY-0000{1 + len(done)}"
            done.append(who)
            grant("opt_out", who, by="duty-1", now=other.now, county=other.county, ledger=other.ledger, vault=VAULT)

    assert not load(place, NEW, meanwhile).refusal
    people = residents(place)
    assert len(done) == 2 and len(people) == 100 and {who for who, one in people.items() if one["opted_out"]} == set(done) and leftovers(place) == 0

    def always(stage: str, n: int) -> None:
        if stage == "written" and n == BATCH:
            grant("opt_out", "CANARY-00003", by="duty-1", now=other.now, county=other.county, ledger=other.ledger, vault=VAULT)

    with pytest.raises(StoreError, match="import again"):
        load(place, csv([row(n) for n in range(1, 101)]), always)
    assert len(residents(place)) == 100, "a register that does not keep still is not replaced"


def test_an_alert_meanwhile_changes_nobody_and_the_import_goes_on(make: Make) -> None:
    """In a storm there is one every few minutes, and a real county's list takes as long."""
    place, other, drafted, began = make(), make(), list[Any](), 0
    load(place, OLD)
    other.settings = other.settings.model_copy(update={"mode": "live"})

    def meanwhile(stage: str, _n: int) -> None:
        nonlocal began
        began += stage == "compared"
        if stage == "written" and not drafted:
            drafted.append(other.draft(haimen=4))
            assert other.address(drafted[0]).by_channel["sms"] == 40, "the former register, whole"

    assert not load(place, NEW, meanwhile).refusal and began == 1 and len(residents(place)) == 100


def test_one_import_at_a_time(make: Make) -> None:
    place, other, refused = make(), make(), list[str]()

    def second(stage: str, _n: int) -> None:
        if stage == "compared":
            with pytest.raises(StoreError) as failure:
                load(other, NEW)
            refused.append(str(failure.value))

    load(place, OLD, second)
    assert len(refused) == 1 and set(residents(place)) == {f"CANARY-{n:05d}" for n in range(40)}


def test_no_reader_of_the_register_goes_through_all_of_it_for_one(tmp_path: Path) -> None:
    """What is claimed is joined to its residents by their key, on SQLite too, where a condition in the wrong place would copy the register first."""
    place = empty(tmp_path)
    load(place, OLD)
    with place.ledger.read() as tx:
        query = with_resident().where(t.delivery.c.state == "pending").compile(place.ledger.engine, compile_kwargs={"literal_binds": True})
        plan = [line[3] for line in tx.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert any("SEARCH resident" in line and "resident_id=?" in line for line in plan) and not any("MATERIALIZE" in line or "SCAN resident" in line for line in plan)
