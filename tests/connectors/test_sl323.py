from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))
from served_sources import postgresql

from connectors import sl323
from connectors.reading.records import Refused
from connectors.types import Conditional
from core.errors import ConfigError, FetchError, ParseError
from core.model import Flag

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)

SCHEMA = """
CREATE TABLE ST_STBPRP_B (STCD char(8), STNM char(30), LGTD numeric, LTTD numeric, DTMNM char(16), DTPR numeric);
CREATE TABLE ST_RIVER_R (STCD char(8), TM datetime, Z numeric, Q numeric, WPTN char(1));
CREATE TABLE ST_TIDE_R (STCD char(8), TM datetime, TDZ numeric);
CREATE TABLE ST_PPTN_R (STCD char(8), TM datetime, DRP numeric, INTV numeric, DYP numeric);
CREATE TABLE ST_WAS_R (STCD char(8), TM datetime, UPZ numeric, DWZ numeric, TGTQ numeric);
CREATE TABLE ST_RSVR_R (STCD char(8), TM datetime, RZ numeric, INQ numeric, OTQ numeric, W numeric);
INSERT INTO ST_WAS_R VALUES ('CLZ','2021-07-26 07:30:00',2.6,1.9,35.5);
INSERT INTO ST_RSVR_R VALUES ('CLZ','2021-07-26 08:00:00',31.25,12,8.5,1.25);
INSERT INTO ST_STBPRP_B VALUES ('CLZ     ','常乐站',121.25,31.935,'废黄河口',0.12),('TSG','天生港',120.73,32.03,'吴淞',NULL),
    ('QLG','青龙港',121.265,31.855,'85基准',0),('SXZ','三星',121.9,31.965,'废黄河',0);
INSERT INTO ST_RIVER_R VALUES ('CLZ     ','2021-07-26 07:00:00',2.5,NULL,'5'),('CLZ','2021-07-26 08:00:00',-0.25,12.5,'4'),
    ('CLZ','2021-07-26 09:00:00',2.7,NULL,'5'),
    ('SXZ','2021-07-26 08:00:00',2.5,NULL,'5'),('CLZ','2021-07-20 08:00:00',1.0,NULL,'5');
INSERT INTO ST_TIDE_R VALUES ('TSG','2021-07-26 08:00:00',4.9),('QLG','2021-07-26 08:00:00',NULL),
    ('QLG','2021-07-26 07:00:00',3.1);
INSERT INTO ST_PPTN_R VALUES ('CLZ','2021-07-26 08:00:00',12.5,0.30,80),('CLZ','2021-07-26 07:30:00',3,0.05,NULL),
    ('CLZ','2021-07-26 07:00:00',3,0.75,NULL);
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "sandbox" / "water.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.executescript(SCHEMA)
    return path


def pull(county, settings):
    return sl323.fetch(county.feed("water"), conditional=Conditional(), now=NOW, settings=settings)


@pytest.fixture
def batch(county, settings, database):
    return sl323.parse(pull(county, settings).body, feed=county.feed("water"), county=county, received=NOW, raw="r")


def get(batch, station, name, hour):
    return next(o for o in batch.observations if (o.station, o.observed_property, o.time.hour) == (station, name, hour))


def test_the_same_rows_are_the_same_bytes(county, settings, database) -> None:
    first, second = pull(county, settings).body, pull(county, settings).body
    assert first == second and len(json.loads(first)["tables"]["ST_RIVER_R"]) == 4  # the row of six days ago is outside the window


def test_beijing_clock_negative_stage_and_correction(batch) -> None:
    stage = get(batch, "CLZ", "stage", 0)
    assert (stage.value, stage.time, stage.datum) == (-0.13, NOW, "废黄河")
    assert get(batch, "CLZ", "discharge", 0).value == 12.5


def test_gate_and_reservoir(batch) -> None:
    found = {o.observed_property: (o.value, o.datum) for o in batch.observations if o.station == "CLZ" and (o.time.hour == 0 or o.time.minute == 30)}
    assert (found["gate_upstream"], found["gate_downstream"]) == ((2.72, "废黄河"), (2.02, "废黄河"))
    assert found["reservoir_stage"] == (31.37, "废黄河") and found["inflow"] == (12.0, "")
    assert found["outflow"] == (8.5, "") and found["storage"] == (1.25e6, "") and found["discharge"] == (35.5, "")


def test_datums_stay_what_the_station_says(batch) -> None:
    assert get(batch, "TSG", "tide", 0).datum == "吴淞" and get(batch, "TSG", "tide", 0).flag is Flag.GOOD
    other = get(batch, "QLG", "tide", 23)
    assert (other.datum, other.flag) == ("1985", Flag.SUSPECT) and "废黄河" in other.reasons[0]


def test_a_null_of_an_observed_property_is_missing(batch) -> None:
    assert get(batch, "QLG", "tide", 0).flag is Flag.MISSING


def test_rain_intervals_are_hours_and_minutes(batch) -> None:
    rain = {o.time.minute: (o.value, o.interval_s) for o in batch.observations if o.observed_property == "rain"}
    assert rain == {0: (12.5, 1800), 30: (3.0, 300)}


def test_what_is_set_aside(batch) -> None:
    reasons = " | ".join(r.reason for r in batch.rejected)
    assert len(batch.rejected) == 3
    assert all(word in reasons for word in ("0.75 is not h.mm", "later than its receipt", "km from its place"))


@pytest.mark.parametrize(("given", "seconds"), [(0.05, 300), (0.3, 1800), (1.0, 3600), (0.59, 3540), (24.0, 86400), (1.3, 5400)])
def test_interval(given, seconds) -> None:
    assert sl323.interval(given) == seconds


@pytest.mark.parametrize("given", [None, 0, -1, 0.6, 0.99])
def test_no_interval(given) -> None:
    with pytest.raises(Refused):
        sl323.interval(given)


def test_no_database_and_no_table_are_told_without_a_path(county, settings, tmp_path) -> None:
    with pytest.raises(FetchError, match="not there") as caught:
        pull(county, settings)
    assert str(tmp_path) not in str(caught.value) and not (tmp_path / "sandbox" / "water.db").exists()
    (tmp_path / "sandbox").mkdir()
    sqlite3.connect(tmp_path / "sandbox" / "water.db").close()
    with pytest.raises(FetchError) as caught:
        pull(county, settings)
    assert caught.value.layer == "network" or "ST_STBPRP_B" in str(caught.value)


def test_a_live_database_that_does_not_answer_keeps_its_password(county, settings, monkeypatch) -> None:
    monkeypatch.setenv("FENGSUI_SECRET_WATER", "sqlite:////nowhere/PASSWORD/x.db")
    with pytest.raises(FetchError) as caught:
        pull(county, settings.model_copy(update={"mode": "live"}))
    assert "PASSWORD" not in str(caught.value)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"tables": {}}', b'{"tables": []}'])
def test_no_rows_of_a_database(county, body) -> None:
    with pytest.raises(ParseError):
        sl323.parse(body, feed=county.feed("water"), county=county, received=NOW, raw="r")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://u:PASSWORD@127.0.0.1:9/x", "PyMySQL"), ("oracle://u:PASSWORD@127.0.0.1:9/x", "oracledb"), ("mssql://u:PASSWORD@127.0.0.1:9/x", "pymssql"),
        ("dm://u:PASSWORD@127.0.0.1:9/x", "dmPython"), ("nosuch://u:PASSWORD@h/x", "nosuch"), ("PASSWORD", "SQLAlchemy"),
    ],
)
def test_a_missing_driver_is_named_and_the_address_is_not(county, settings, monkeypatch, url, words) -> None:
    monkeypatch.setenv("FENGSUI_SECRET_WATER", url)
    with pytest.raises(ConfigError, match=words) as caught:
        pull(county, settings.model_copy(update={"mode": "live"}))
    assert "PASSWORD" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [("DROP TABLE ST_STBPRP_B", "ST_STBPRP_B"), ("ALTER TABLE ST_PPTN_R DROP COLUMN INTV", "column INTV"), ("ALTER TABLE ST_RIVER_R RENAME COLUMN TM TO T", "column TM")],
)
def test_a_table_or_column_that_is_not_there_is_named(county, settings, database, change, words) -> None:
    with sqlite3.connect(database) as db:
        db.execute(change)
    with pytest.raises(FetchError, match=words) as caught:
        pull(county, settings)
    assert caught.value.layer == "source"


def test_more_rows_than_can_be_are_refused_and_not_cut(county, settings, database, monkeypatch) -> None:
    monkeypatch.setattr("connectors.sl323_tables.MAX_ROWS", 3)
    with pytest.raises(FetchError, match="over 3 rows"):
        pull(county, settings)


@pytest.mark.parametrize("rows", [3, {"a": 1}, "x"])
def test_a_table_that_is_no_list(county, rows) -> None:
    with pytest.raises(ParseError, match="ST_RIVER_R"):
        sl323.parse(json.dumps({"tables": {"ST_STBPRP_B": [], "ST_RIVER_R": rows}}).encode(), feed=county.feed("water"), county=county, received=NOW, raw="r")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A real server with the same tables, their names in lower case as PostgreSQL keeps them."""
    with postgresql() as url:
        engine = sa.create_engine(url.replace("://", "+psycopg://"))
        with engine.begin() as tx:
            tx.exec_driver_sql(SCHEMA.replace("datetime", "timestamp"))
        engine.dispose()
        yield url


def test_a_real_postgresql_gives_what_sqlite_gives(county, settings, database, postgres, monkeypatch) -> None:
    monkeypatch.setenv("FENGSUI_SECRET_WATER", postgres)
    live = settings.model_copy(update={"mode": "live"})
    there, here = json.loads(pull(county, live).body), json.loads(pull(county, settings).body)
    assert there == here and len(there["tables"]["ST_RSVR_R"]) == 1
    feed = county.feed("water")
    parsed = [sl323.parse(json.dumps(body).encode(), feed=feed, county=county, received=NOW, raw="r") for body in (there, here)]
    assert parsed[0].observations == parsed[1].observations and parsed[0].records > 10


def test_a_postgresql_that_is_gone_is_a_network_failure(county, settings, monkeypatch) -> None:
    monkeypatch.setenv("FENGSUI_SECRET_WATER", "postgresql://water:PASSWORD@127.0.0.1:9/postgres")
    with pytest.raises(FetchError) as caught:
        pull(county, settings.model_copy(update={"mode": "live"}))
    assert caught.value.layer == "network" and "PASSWORD" not in str(caught.value)
