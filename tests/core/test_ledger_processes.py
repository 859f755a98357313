"""Several processes on one ledger: they queue, none is lost, and a killed one leaves all or nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import delete, insert, select

from core.errors import StoreError
from core.ledger import Ledger, verify_audit
from core.ledger import tables as t

WRITER = """
import json, sys
from datetime import UTC, datetime
from core.ledger import Ledger
url, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
ledger, numbers = Ledger.open(url), []
for number in range(rounds):
    with ledger.begin() as tx:
        numbers.append(ledger.next_sequence(tx, "frames"))
        ledger.audit(tx, datetime(2021, 7, 25, tzinfo=UTC), name, "write", str(number), {"n": number})
        ledger.duty(tx, datetime(2021, 7, 25, tzinfo=UTC), "once", "同一件事", ref=str(number))
    print(numbers[-1], flush=True)
"""


def start(url: str, name: str, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, url, name, str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def four_writers(url: str, rounds: int) -> None:
    """Four processes open a ledger that is not there yet and write at once: no error, no gap, no twin, one intact chain."""
    writers = [start(url, f"w{number}", rounds) for number in range(4)]
    told = [writer.communicate(timeout=90) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, told
    numbers = sorted(int(line) for out, _ in told for line in out.split())
    assert numbers == list(range(1, 4 * rounds + 1))
    ledger = Ledger.open(url)
    report = verify_audit(ledger)
    assert (report.rows, report.broken_at) == (4 * rounds, None)
    with ledger.read() as tx:
        assert tx.execute(select(sa.func.count()).select_from(t.duty_log)).scalar() == rounds
    ledger.close()


def test_four_processes_write_one_sqlite_ledger(tmp_path: Path) -> None:
    four_writers(f"sqlite:///{tmp_path}/new/ledger.db", 25)


def test_kill_9_leaves_whole_transactions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    for _ in range(2):
        writer = start(url, "w", 100_000)
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(5)]
        time.sleep(0.02)
        os.kill(writer.pid, signal.SIGKILL)
        last = int([*told, *writer.stdout.read().split("\n")[:-1]][-1])
        writer.wait()
        report = verify_audit(Ledger.open(url))
        assert report.broken_at is None and report.rows >= last, "what was told as committed is there"
    with Ledger.open(url).read() as tx:
        assert tx.execute(sa.text("PRAGMA integrity_check")).scalar() == "ok"
        assert tx.execute(select(t.sequence.c.value).where(t.sequence.c.name == "frames")).scalar() == report.rows


def test_killed_while_making_the_tables_the_next_one_makes_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    code = ("import os, sys; from alembic import op; from core.ledger import Ledger\n"
            "from sqlalchemy import event, Engine\n"
            "@event.listens_for(Engine, 'after_cursor_execute')\n"
            "def die(c, cursor, statement, *rest):\n"
            "    if 'CREATE TABLE delivery' in statement: os.kill(os.getpid(), 9)\n"
            "Ledger.open(sys.argv[1])")
    assert subprocess.run([sys.executable, "-c", code, url], timeout=60).returncode == -signal.SIGKILL
    assert Ledger.open(url).holds() == {}


def _server() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("psycopg", reason="the postgres extra is not installed")
    binaries = _server()
    if binaries is None:
        pytest.skip("no PostgreSQL server under /usr/lib/postgresql")
    folder = Path("/tmp") / f"fengsui-pg-{os.getpid()}"  # a socket path is at most 107 bytes, pytest's folders are longer
    folder.mkdir(mode=0o700)
    root = os.geteuid() == 0  # the server refuses to run as root
    if root and shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL does not run as root and setpriv is missing")
    lower = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if root else []
    if root:
        os.chown(folder, 65534, 65534)
    server = None
    try:
        subprocess.run([*lower, binaries / "initdb", "-D", folder / "data", "-U", "fengsui", "-A", "trust", "-N"], check=True,
                       capture_output=True, cwd=folder)
        server = subprocess.Popen([*lower, binaries / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="],
                                  cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"postgresql+psycopg://fengsui@/postgres?host={folder}"
        _until_ready(url)
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _until_ready(url: str) -> None:
    for _ in range(100):
        try:
            with sa.create_engine(url).connect():
                return
        except sa.exc.OperationalError:
            time.sleep(0.1)
    pytest.fail("the PostgreSQL server did not come up")


def test_four_processes_write_one_postgresql_ledger(postgres: str) -> None:
    four_writers(postgres, 10)


def test_postgresql_holds_the_same_bytes_as_sqlite(postgres: str, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    def dump(url: str) -> str:
        now, ledger = datetime(2021, 7, 25, tzinfo=UTC), Ledger.open(url)
        with ledger.begin() as tx:
            tx.execute(sa.delete(t.audit))
            tx.execute(sa.delete(t.sequence))
            for number in range(3):
                ledger.audit(tx, now, "值班员", "x", "y", {"n": number, "文": "烽燧"})
            ledger.save_watermark(tx, "c", "s", "1")
        with ledger.read() as tx:
            rows = [[list(row) for row in tx.execute(select(table).order_by(*table.primary_key))] for table in (t.audit, t.watermark)]
        assert verify_audit(ledger).broken_at is None and ledger.watermark("c", "s") == "1"
        ledger.close()
        return json.dumps(rows, ensure_ascii=False)

    assert dump(postgres) == dump(f"sqlite:///{tmp_path}/ledger.db")


def test_postgresql_tells_no_row_that_it_refuses(postgres: str) -> None:
    """Its detail names the key, and the key of a resident or of a message is a person's."""
    ledger = Ledger.open(postgres)
    row = {"resident_id": "CANARY-00001", "town": "a", "groups": "[]", "phone": b"", "phone_index": "i", "synthetic": True}
    with ledger.begin() as tx:
        tx.execute(delete(t.resident_row))
        tx.execute(insert(t.resident_row).values(**row))
    with pytest.raises(StoreError, match="has this row already") as told, ledger.begin() as tx:
        tx.execute(insert(t.resident_row).values(**row))
    assert "CANARY" not in "".join(traceback.format_exception(told.value))
    ledger.close()
