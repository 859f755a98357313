from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import sl323
from connectors.records import Refused
from connectors.types import Conditional
from core.errors import FetchError, ParseError
from core.model import Flag

NOW = datetime(2021, 7, 26, 0, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "sandbox" / "water.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.executescript("""
            CREATE TABLE ST_STBPRP_B (STCD char(8), STNM char(30), LGTD numeric, LTTD numeric, DTMNM char(16), DTPR numeric);
            CREATE TABLE ST_RIVER_R (STCD char(8), TM datetime, Z numeric, Q numeric, WPTN char(1));
            CREATE TABLE ST_TIDE_R (STCD char(8), TM datetime, TDZ numeric);
            CREATE TABLE ST_PPTN_R (STCD char(8), TM datetime, DRP numeric, INTV numeric, DYP numeric);
            INSERT INTO ST_STBPRP_B VALUES ('CLZ     ','常乐站',121.25,31.935,'废黄河口',0.12),('TSG','天生港',120.73,32.03,'吴淞',NULL),
                ('QLG','青龙港',121.265,31.855,'85基准',0),('SXZ','三星',121.9,31.965,'废黄河',0);
            INSERT INTO ST_RIVER_R VALUES ('CLZ     ','2021-07-26 07:00:00',2.5,NULL,'5'),('CLZ','2021-07-26 08:00:00',-0.25,12.5,'4'),
                ('CLZ','2021-07-26 09:00:00',2.7,NULL,'5'),
                ('SXZ','2021-07-26 08:00:00',2.5,NULL,'5'),('CLZ','2021-07-20 08:00:00',1.0,NULL,'5');
            INSERT INTO ST_TIDE_R VALUES ('TSG','2021-07-26 08:00:00',4.9),('QLG','2021-07-26 08:00:00',NULL),
                ('QLG','2021-07-26 07:00:00',3.1);
            INSERT INTO ST_PPTN_R VALUES ('CLZ','2021-07-26 08:00:00',12.5,0.30,80),('CLZ','2021-07-26 07:30:00',3,0.05,NULL),
                ('CLZ','2021-07-26 07:00:00',3,0.75,NULL);
        """)
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
