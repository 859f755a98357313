"""GRIB2 grids: real messages made with eccodes, cut to points of the county."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from grib_made import grid, message

from connectors import grib, gribfile
from core.errors import ConfigError, ParseError

NOW = datetime(2021, 7, 25, 6, tzinfo=UTC)
PLACE = {"station": "G1", "lat": 31.9, "lon": 121.2}


FILE = b"".join([
    message((0, 2, 2), grid(-10)), message((0, 2, 3), grid(-10)), message((0, 0, 0), grid(298.15), level=2), message((0, 0, 0), grid(270), level=80),
    message((0, 1, 8), grid(4), step=3, accumulated=True), message((0, 1, 8), grid(14), step=6, accumulated=True), message((0, 3, 1), grid(98500), level=0),
    message((0, 7, 6), grid(1)),
])


def parse(place, body=FILE, now=NOW):
    return grib.parse(body, feed=place[1], county=place[0], received=now, raw="r")


@pytest.fixture
def place(elsewhere):
    return elsewhere("grib", PLACE)


def test_values_at_the_nearest_point_with_issue_and_lead(place) -> None:
    batch = parse(place)
    found = {(o.observed_property, o.time.hour): o for o in batch.observations}
    assert batch.rejected == ()
    assert found["wind_speed", 6].value == pytest.approx(14.1421, abs=1e-3) and found["wind_direction", 6].value == pytest.approx(45, abs=0.1)
    assert found["temperature", 6].value == pytest.approx(25, abs=0.01) and found["pressure_msl", 6].value == pytest.approx(985, abs=0.1)
    assert {o.issued for o in batch.observations} == {datetime(2021, 7, 25, tzinfo=UTC)} and {o.reasons for o in batch.observations} == {("centre babj",)}
    assert len(found) == 6


def test_rain_from_the_runs_start_becomes_rain_of_each_step(place) -> None:
    rain = [(o.time.hour, round(o.value, 2), o.interval_s) for o in parse(place).observations if o.observed_property == "rain"]
    assert rain == [(3, 4.0, 10800), (6, 10.0, 10800)]


def test_a_missing_grid_point_is_no_value(place) -> None:
    field = grid(9999.0)
    batch = parse(place, message((0, 0, 0), field, level=2, missing=True))
    assert batch.records == 0


def test_a_grid_that_does_not_reach_and_a_run_of_tomorrow_are_set_aside(elsewhere, place) -> None:
    far = parse(elsewhere("grib", PLACE | {"lat": 35.0}))
    assert far.records == 0 and all("does not reach" in r.reason for r in far.rejected)
    early = parse(place, now=datetime(2021, 7, 24, tzinfo=UTC))
    assert early.records == 0 and all("later than" in r.reason for r in early.rejected)


@pytest.mark.parametrize(
    "body", [b"", b"GRIB", FILE[:-1], FILE[:100], b"<html>login</html>", b"x" + FILE, FILE + b"junk", FILE[:7] + b"\x01" + FILE[8:], b"GRIB\0\0\0\x02" + b"\xff" * 200],
)
def test_files_that_are_not_grib2(place, body) -> None:
    with pytest.raises(ParseError, match="elsewhere"):
        parse(place, body)


def test_a_message_with_broken_sections_costs_itself(place) -> None:
    good, other = message((0, 0, 0), grid(298.15), level=2), message((0, 3, 1), grid(98500), level=0)
    broken = good[:16] + b"\0" * 60 + good[76:]
    batch = parse(place, broken + other)
    assert {o.observed_property for o in batch.observations} == {"pressure_msl"} and batch.rejected[0].where == "message[0]"


def test_without_the_extra_the_error_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "eccodes", None)
    with pytest.raises(ConfigError) as told:
        gribfile.library()
    assert "fengsui[grib]" in told.value.hint


def test_reading_grids_leaves_the_ledger_its_own_sqlite() -> None:
    """eccodes' wheels carry an SQLite too old for the ledger; whoever loads it first decides for the whole process."""
    code = "from connectors import gribfile; gribfile.library(); import sqlite3; print(sqlite3.sqlite_version)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == sqlite3.sqlite_version


def test_a_process_that_read_grids_and_speaks_to_postgresql_ends_without_a_crash() -> None:
    code = """
from connectors import gribfile; gribfile.library()
import psycopg
try: psycopg.connect("postgresql://u@127.0.0.1:9/x")
except psycopg.OperationalError: print("refused")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "refused\n"
