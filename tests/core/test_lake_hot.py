"""Copies of the newest partitions: they spare the parsing of small files, and no state that one can be in changes what a read says."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lake import Lake
from core.lake import hot as hot_module
from core.lake.shapes import NEVER
from core.model import Batch, Observation, OfficialSignal
from core.signing import digest

T0 = datetime(2021, 7, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def put(root: Path, *hours: int, value: float = 1.0) -> None:
    for hour in hours:
        at = T0 + hour * HOUR
        row = Observation(feed="weather", station="58360", observed_property="rain", time=at, value=value, received=at, raw="a")
        Lake(root).append("weather", Batch(observations=(row,)), at)


def reads(root: Path, as_of: datetime = T0 + 999 * HOUR, start: datetime = T0) -> str:
    """What a process that has just begun reads."""
    return Lake(root).observations(start=start, end=T0 + 999 * HOUR, as_of=as_of).to_csv()


def copies(root: Path) -> list[Path]:
    return sorted((root / ".hot").rglob("*.arrow"))


def opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many files of the lake a read in a new process opens."""
    names: list[str] = []
    lake = Lake(root)
    read = type(lake.place).read
    with monkeypatch.context() as patched:
        patched.setattr(type(lake.place), "read", lambda self, name: names.append(name) or read(self, name))
        lake.observations(start=T0, end=T0 + 999 * HOUR, as_of=T0 + 999 * HOUR)
    return len(names)


def test_the_next_process_opens_only_what_came_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *range(20))
    assert opened(tmp_path, monkeypatch) == 20 and opened(tmp_path, monkeypatch) == 0
    put(tmp_path, 20, 21)
    assert [opened(tmp_path, monkeypatch) for _ in range(2)] == [2, 2], "two files are not worth a new copy"
    put(tmp_path, 22, 23)
    assert [opened(tmp_path, monkeypatch) for _ in range(2)] == [4, 0]


steps = st.lists(st.one_of(
    st.tuples(st.just("put"), st.integers(0, 60), st.integers(0, 3)), st.tuples(st.just("read"), st.integers(0, 60), st.just(0)),
    st.tuples(st.just("compact"), st.integers(0, 3), st.just(0)),
    st.tuples(st.sampled_from(["drop", "spoil", "swap", "stale", "lose"]), st.integers(0, 9), st.integers(0, 700)),
), min_size=4, max_size=24)


@settings(max_examples=40)
@given(steps)
def test_no_state_of_the_copies_changes_what_is_read(made: list[tuple[str, int, int]]) -> None:
    """Appends, reads at any time and compactions, while files go, and copies are deleted, spoiled, swapped and set back; against the same files without any copy."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.lake.days.WORTH", 1)
        root, former = Path(folder) / "lake", Path(folder) / "former"
        for what, number, other in made:
            found = copies(root)
            chosen = found[number % len(found)] if found else None
            if what == "put":
                put(root, *range(number, number + 3), value=float(other))
            elif what == "read":
                said = reads(root, T0 + number * HOUR)
                shutil.rmtree(root / ".hot", ignore_errors=True) if number % 5 == 0 else None
                assert said == reads(root, T0 + number * HOUR)
            elif what == "compact":
                Lake(root).compact(date(2021, 7, 25) + timedelta(days=number))
            elif what == "lose":  # somebody takes a file away
                for path in sorted(root.glob("observations/*/*/*.parquet"))[number:number + 1]:
                    path.unlink()
            elif chosen and what == "drop":
                chosen.unlink()
            elif chosen and what == "spoil":
                body = bytearray(chosen.read_bytes())
                body[other * len(body) // 701] ^= 1 << number % 8
                chosen.write_bytes(bytes(body))
            elif chosen and what == "swap":
                chosen.write_bytes(found[other % len(found)].read_bytes())
            elif chosen:  # an older copy comes back
                chosen.write_bytes(former.read_bytes()) if former.exists() else former.write_bytes(chosen.read_bytes())
        patch.setattr("core.lake.days.Hot.load", lambda *_: None)
        asked = [(T0 + hours * HOUR, T0 + first * HOUR) for hours, first in ((5, 0), (30, 0), (99, 0), (30, 26), (99, 50))]
        patch.setattr("core.lake.days._latest", lambda table: NEVER)
        bare = [reads(root, *times) for times in asked]
        patch.undo()
        assert [reads(root, *times) for times in asked] == bare


def with_other_values(body: bytes) -> bytes:
    """A whole and readable copy of what was never there."""
    table = pa.ipc.open_file(pa.py_buffer(body)).read_all()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table.set_column(table.column_names.index("value"), table.schema.field("value"), pa.array([9.0] * len(table))))
    return sink.getvalue().to_pybytes()


def test_a_day_whose_readings_are_all_too_old_is_not_unpacked_until_a_newer_one_comes_into_it(tmp_path: Path) -> None:
    put(tmp_path, *range(6))
    put(tmp_path, *range(24, 30))
    reads(tmp_path)

    def days(hour: int) -> list[int]:
        return [len(table) for table in Lake(tmp_path)._days.read("observations", T0, T0 + 99 * HOUR, None, T0 + hour * HOUR)]

    assert [days(hour) for hour in (0, 5, 6, 29, 30)] == [[6, 6], [6, 6], [6], [6], []]
    ahead = Observation(feed="weather", station="58360", observed_property="rain", time=T0 + 26 * HOUR, value=7.0, received=T0 + 5 * HOUR, raw="b")
    Lake(tmp_path).append("weather", Batch(observations=(ahead,)), T0 + 5 * HOUR)
    assert days(26) == [7, 6] and days(27) == [6]


spoil: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda body: b"", "half": lambda body: body[: len(body) // 2], "tail": lambda body: body + b"x", "zeros": lambda body: bytes(len(body)),
    "hash": lambda body: b"0" * 64 + body[64:], "value": lambda body: body[:64] + with_other_values(body[64:]),
}


@pytest.mark.parametrize("how", spoil)
def test_a_spoiled_copy_is_not_believed_and_is_written_anew(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *range(6))
    said = reads(tmp_path)
    [copy] = copies(tmp_path)
    whole = copy.read_bytes()
    copy.write_bytes(spoil[how](whole))
    assert opened(tmp_path, monkeypatch) == 6 and copies(tmp_path)[0].read_bytes() == whole and reads(tmp_path) == said


def test_a_copy_of_another_release_or_of_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *range(6))
    with monkeypatch.context() as patched:
        patched.setattr("core.lake.hot.coded", lambda kind: None)
        patched.setattr("core.lake.days.WORTH", 10**9)
        assert opened(tmp_path, monkeypatch) == 6
    reads(tmp_path)
    [copy] = copies(tmp_path)
    table = pa.ipc.open_file(pa.py_buffer(copy.read_bytes()[64:])).read_all().replace_schema_metadata({"files": "[[], []]"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as out:
        out.write_table(table)
    body = sink.getvalue().to_pybytes()
    copy.write_bytes(digest(body).encode() + body)
    assert opened(tmp_path, monkeypatch) == 6, "what it names is told in another way"
    shutil.rmtree(tmp_path / ".hot")
    (tmp_path / ".hot").write_text("a file where the folder should be")
    assert opened(tmp_path, monkeypatch) == opened(tmp_path, monkeypatch) == 6


def test_kill_9_while_a_copy_is_written_leaves_the_reads_as_they_were(tmp_path: Path) -> None:
    put(tmp_path, *range(6))
    code = ("import os, sys; from pathlib import Path; Path.replace = lambda *a, **k: os.kill(os.getpid(), 9)\n"
            "from datetime import datetime, timedelta, UTC; from core.lake import Lake; t = datetime(2021, 7, 25, tzinfo=UTC)\n"
            "Lake(sys.argv[1]).observations(start=t, end=t + timedelta(days=9), as_of=t + timedelta(days=9))")
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60).returncode == -signal.SIGKILL
    assert copies(tmp_path) == [] and reads(tmp_path) == reads(tmp_path) and len(copies(tmp_path)) == 1


def test_only_the_newest_days_are_copied_and_none_that_is_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(24 * day + hour for day in range(15) for hour in range(4)))
    reads(tmp_path)
    assert [path.stem for path in copies(tmp_path)] == [f"day={T0 + timedelta(days=day):%Y-%m-%d}" for day in range(3, 15)]
    put(tmp_path, *(24 * 15 + hour for hour in range(4)))
    reads(tmp_path)
    assert len(copies(tmp_path)) == hot_module.HOT_DAYS and copies(tmp_path)[0].stem == "day=2021-07-29"
    shutil.rmtree(tmp_path / ".hot")
    monkeypatch.setattr(hot_module, "HOT_BYTES", 10)
    reads(tmp_path)
    assert copies(tmp_path) == []


def test_a_feed_that_said_nothing_is_remembered_by_the_copy(tmp_path: Path) -> None:
    made = OfficialSignal(feed="warnings_nmc", identifier="a", event="台风", hazard=None, level=1, areas=("320614",), title="t", issued=T0, received=T0, raw="c")
    Lake(tmp_path).append("warnings_nmc", Batch(signals=(made,)), T0)
    for hour in range(1, 6):
        Lake(tmp_path).append("warnings_nmc", Batch(), T0 + hour * HOUR)
    for _ in range(2):
        frame = Lake(tmp_path).signals(as_of=T0 + 9 * HOUR)
        assert frame["snapshot_at"].tolist() == [T0 + 5 * HOUR] and frame["listed_at"].tolist() == [T0]
        assert len(copies(tmp_path)) == 1


def test_a_lake_in_an_object_store_has_no_copies() -> None:
    here = set(Path().iterdir())
    put_at = "memory://fengsui-test-hot"
    for hour in range(6):
        at = T0 + hour * HOUR
        row = Observation(feed="weather", station="58360", observed_property="rain", time=at, value=1.0, received=at, raw="a")
        Lake(put_at).append("weather", Batch(observations=(row,)), at)
    assert len(Lake(put_at).observations(start=T0, end=T0 + 9 * HOUR, as_of=T0 + 9 * HOUR)) == 6
    assert Lake(put_at)._days.hot.root is None and set(Path().iterdir()) == here
