"""File drop: whole files once, half files never, bad ones beside their reason, what a dead reader had claimed is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import connectors

NOW = datetime(2021, 7, 26, 8, 0, tzinfo=UTC)


def document(n, count=1):
    rows = [{"station": "D1", "property": "stage", "value": n + i / 1000, "unit": "m", "time": f"2021-07-26T0{n % 7}:{i:02d}:00Z"} for i in range(count)]
    return json.dumps({"observations": rows})


@pytest.fixture
def drop(elsewhere, lake, ledger, settings):
    county, _ = elsewhere("file_drop", {"station": "D1", "properties": ("stage",), "datum": "吴淞"})
    county = replace(county, feeds=tuple(replace(f, sandbox="") if f.feed == "elsewhere" else f for f in county.feeds))
    folder = Path(settings.home) / "drop" / "elsewhere"
    folder.mkdir(parents=True)

    def pull(minute):
        return connectors.ingest("elsewhere", now=NOW + timedelta(minutes=minute), county=county, lake=lake, ledger=ledger, settings=settings)

    return folder, pull, lambda: lake.observations(start=NOW - timedelta(days=1), end=NOW, as_of=NOW + timedelta(days=1), feeds=["elsewhere"])


def test_half_written_files_wait_whole_ones_are_read_once(drop) -> None:
    folder, pull, rows = drop
    (folder / "a.json.part").write_text(document(1))
    (folder / "b.json").write_text(document(2)[:20])
    (folder / "readme.txt").write_text("x")
    assert pull(0).records == 0
    (folder / "b.json").write_text(document(2))  # it grew since the pull before
    assert pull(1).records == 0
    (folder / "a.json.part").rename(folder / "a.json")
    assert pull(2).records == 1 and pull(3).records == 1 and pull(4).records == 0
    assert sorted(rows()["value"]) == [1.0, 2.0] and sorted(p.name[-6:] for p in (folder / "done").iterdir()) == ["a.json", "b.json"]
    (folder / "b.json").write_text(document(2)[:-9] + " " * 9)  # the same name and length again is another file: half of one must wait as ever
    assert pull(4).set_aside == 0
    (folder / "b.json").unlink()
    (folder / "a.json").write_text(document(3))
    pull(5)
    pull(6)
    assert sorted(rows()["value"]) == [1.0, 2.0, 3.0] and len(list((folder / "done").iterdir())) == 3


def test_bad_files_stand_beside_their_reason(drop) -> None:
    folder, pull, rows = drop
    bad = {"html.json": b"<html>login</html>", "half.json": document(1)[:30].encode(), "bytes.csv": b"\xff\xfe", "head.csv": b"a,b\n1,2\n",
           "bomb.xml": b"<!DOCTYPE a><a/>"}
    for name, body in bad.items():
        (folder / name).write_bytes(body)
    row = {"station": "D1", "property": "stage", "value": 1, "unit": "furlong", "time": "2021-07-26T01:00:00Z"}
    (folder / "partly.json").write_text(json.dumps({"observations": [row, row | {"unit": "m"}]}))
    (folder / "list.csv").write_text("station,property,time,value,unit\nD1,stage,2021-07-26T02:00:00Z,2.5,m\n")
    pull(0)
    assert pull(1).outcome == "partial"
    refused = {p.name.split("-", 1)[1] for p in (folder / "refused").iterdir()}
    assert refused == set(bad) | {f"{name}.reason.txt" for name in bad}
    [reason] = (folder / "done").glob("*partly.json.reason.txt")
    assert "/observations/0/unit" in reason.read_text() and sorted(rows()["value"]) == [1.0, 2.5]


def test_what_a_dead_reader_had_claimed_is_read_again_and_not_overwritten(drop) -> None:
    folder, pull, rows = drop
    (folder / "claimed").mkdir()
    (folder / "claimed" / "a.json").write_text(document(1))
    (folder / "a.json").write_text(document(2))
    for minute in range(4):
        pull(minute)
    assert sorted(rows()["value"]) == [1.0, 2.0] and len(list((folder / "done").iterdir())) == 2
