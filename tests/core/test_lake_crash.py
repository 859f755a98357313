"""The lake under crashes, damage and many writers: a file is whole or not there, and one bad file costs its own rows only."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import StoreError
from core.lake import Lake
from core.lake import days as days_module
from core.model import Batch, Observation

T0 = datetime(2021, 7, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def batch(hour: int, value: float = 1.0) -> Batch:
    at = T0 + hour * HOUR
    return Batch(observations=(
        Observation(feed="weather", station="58360", observed_property="rain", time=at, value=value, received=at, raw="a"),
    ))


def put(lake: Lake, *hours: int) -> None:
    for hour in hours:
        lake.append("weather", batch(hour), T0 + hour * HOUR)


def hours_of(lake: Lake) -> list[int]:
    frame = lake.observations(start=T0, end=T0 + 99 * HOUR, as_of=T0 + 99 * HOUR)
    return [int((at - T0) / HOUR) for at in frame["time"]]


def files(root: Path, pattern: str = "observations/**/*") -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_file())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


@pytest.mark.parametrize("body", [b"", b"\0", "烽燧".encode() * 9999, os.urandom(70_000)])
def test_a_payload_comes_back_byte_for_byte_and_is_kept_once(lake: Lake, tmp_path: Path, body: bytes) -> None:
    sha = lake.keep_raw(body)
    assert lake.keep_raw(body) == sha and lake.raw(sha) == body and len(files(tmp_path, "raw/**/*")) == 1


@pytest.mark.parametrize("sha", ["0" * 64, "", "../../etc/passwd", "A" * 64])
def test_a_payload_that_is_not_there_is_a_store_error(lake: Lake, sha: str) -> None:
    with pytest.raises(StoreError):
        lake.raw(sha)


spoil: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda body: b"", "half": lambda body: body[: len(body) // 2], "tail": lambda body: body + b"x",
    "bit": lambda body: body[:40] + bytes([body[40] ^ 1]) + body[41:], "head": lambda body: b"\xff" * 8 + body[8:],
    "zeros": lambda body: bytes(len(body)),
}


@pytest.mark.parametrize("how", spoil)
def test_a_damaged_payload_is_told_and_healed_by_keeping_it_again(lake: Lake, tmp_path: Path, how: str) -> None:
    body = os.urandom(500) * 3
    sha = lake.keep_raw(body)
    [path] = files(tmp_path, "raw/**/*")
    path.write_bytes(spoil[how](path.read_bytes()))
    with pytest.raises(StoreError, match="damaged"):
        lake.raw(sha)
    lake.keep_raw(body)
    assert lake.raw(sha) == body


@pytest.mark.parametrize("how", spoil)
def test_a_damaged_file_costs_its_own_rows_is_named_and_healed_by_the_same_batch(tmp_path: Path, how: str) -> None:
    put(Lake(tmp_path), 0, 1, 2)
    path = files(tmp_path)[1]
    path.write_bytes(spoil[how](path.read_bytes()))
    lake = Lake(tmp_path)
    assert hours_of(lake) == [0, 2] and lake.damaged == (str(path.relative_to(tmp_path)),)
    assert lake.compact(date.max) == 2 and hours_of(lake) == [0, 2] and path.exists(), "what is damaged is left for people to look at"
    put(lake, 1)
    assert hours_of(lake) == [0, 1, 2] and lake.damaged == ()


def test_unfinished_and_foreign_files_are_not_seen(lake: Lake, tmp_path: Path) -> None:
    put(lake, 0)
    folder = files(tmp_path)[0].parent
    for name in (".20210725T010000-aaaaaaaaaaaa.parquet.77.1.part", "notes.txt", "20210725T010000-xyz.parquet", "~lock"):
        (folder / name).write_bytes(b"half")
    assert hours_of(Lake(tmp_path)) == [0] and Lake(tmp_path).damaged == ()


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from core.lake import Lake
from core.model import Batch, Observation
lake = Lake(sys.argv[1])
for hour in range(int(sys.argv[2]), 10_000, int(sys.argv[3])):
    at = datetime(2021, 7, 25, tzinfo=UTC) + timedelta(hours=hour % 90)
    row = Observation(feed="weather", station="58360", observed_property="rain", time=at, value=float(hour), received=at, raw="a")
    lake.keep_raw(str(hour).encode() * 5000)
    lake.append("weather", Batch(observations=(row,)), at)
    print(hour, flush=True)
"""


def writer(root: Path, first: int = 0, step: int = 1) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(root), str(first), str(step)],
                            stdout=subprocess.PIPE, text=True)


def test_kill_9_of_a_writer_leaves_only_whole_files(tmp_path: Path) -> None:
    for number in range(2):
        process = writer(tmp_path, first=number, step=2)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(4)]
        time.sleep(0.004 * number)
        os.kill(process.pid, signal.SIGKILL)
        told += process.stdout.read().split("\n")[:-1]
        process.wait()
        lake = Lake(tmp_path)
        assert {int(line) % 90 for line in told} <= set(hours_of(lake)) and lake.damaged == ()
        for path in files(tmp_path, "raw/*/[!.]*"):
            lake.raw(path.stem)


def test_a_killed_write_shows_nothing(tmp_path: Path) -> None:
    code = ("import os, sys; os.replace = os.rename = lambda *a, **k: os.kill(os.getpid(), 9)\n"
            "from pathlib import Path; Path.replace = os.replace\n"
            "from core.lake import Lake; Lake(sys.argv[1]).keep_raw(b'x' * 9999)")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60).returncode == -signal.SIGKILL
    assert [path.suffix for path in files(tmp_path, "raw/*/*")] == [".part"]
    assert Lake(tmp_path).raw(Lake(tmp_path).keep_raw(b"x" * 9999)) == b"x" * 9999


def test_many_threads_keep_one_payload_and_append_one_batch(lake: Lake, tmp_path: Path) -> None:
    errors: list[Exception] = []

    def work() -> None:
        try:
            for hour in range(8):
                lake.keep_raw(b"same" * 9999)
                put(lake, hour)
                hours_of(lake)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert errors == [] and hours_of(lake) == list(range(8))
    assert len(files(tmp_path, "raw/*/*")) == 1 and len(files(tmp_path)) == 8


def test_reads_hold_while_another_process_appends_and_this_one_compacts(tmp_path: Path) -> None:
    process, lake, other = writer(tmp_path), Lake(tmp_path), Lake(tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        seen: set[int] = set()
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            now = set(hours_of(lake))
            assert seen <= now, "what was seen once is seen again"
            seen = now
            other.compact(date(2021, 7, 27))
        assert len(seen) > 1 and lake.damaged == () == other.damaged
    finally:
        process.kill()
        process.communicate()


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lake = Lake(tmp_path / "file")
    with pytest.raises(StoreError, match="written"):
        lake.keep_raw(b"x")
    with pytest.raises(StoreError):
        put(lake, 0)


def test_what_is_parsed_is_bounded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days_module, "KEPT_BYTES", 1)
    put(lake, *range(0, 90, 6))
    assert hours_of(lake) == list(range(0, 90, 6)) and len(lake._days._kept) == 1


def test_a_hundred_reads_open_each_file_once(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, *range(72))
    opened: list[str] = []
    read = type(lake.place).read
    monkeypatch.setattr(type(lake.place), "read", lambda self, name: opened.append(name) or read(self, name))
    for hour in range(72):
        lake.observations(start=T0, end=T0 + hour * HOUR, as_of=T0 + hour * HOUR)
    assert len(opened) == len(set(opened)) == 72
    opened.clear()
    lake.observations(start=T0 + 60 * HOUR, end=T0 + 71 * HOUR, as_of=T0 + 71 * HOUR)
    assert opened == []


def test_a_read_opens_only_the_days_and_times_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(Lake(tmp_path), *range(96))
    lake, opened = Lake(tmp_path), []
    read = type(lake.place).read
    monkeypatch.setattr(type(lake.place), "read", lambda self, name: opened.append(name) or read(self, name))
    lake.observations(start=T0 + 50 * HOUR, end=T0 + 60 * HOUR, as_of=T0 + 60 * HOUR)
    assert len(opened) == 24 + 13, "the day before for clocks that run ahead, and today until as_of"


def test_files_of_an_older_release_are_read_with_todays_columns(tmp_path: Path) -> None:
    import pyarrow as pa

    from core.lake.rows import to_table

    lake = Lake(tmp_path)
    table = to_table("observations", batch(0).observations).drop_columns(["datum"]).append_column("gone", pa.array(["x"]))
    lake._days.write("observations", "weather", T0, table)
    put(lake, 1)
    assert hours_of(lake) == [0, 1] and lake.compact(date.max) == 2 and hours_of(Lake(tmp_path)) == [0, 1]
