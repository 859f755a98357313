"""METAR and SYNOP: the code forms, the times they leave out."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import metar, synop
from connectors.fm12 import decode
from connectors.reading.records import Refused
from core.errors import ParseError
from core.model import Flag

DATA = Path(__file__).parents[1] / "data"
NOW = datetime(2021, 7, 26, 0, 20, tzinfo=UTC)
RAW = (DATA / "metar" / "reports.txt").read_bytes()
TABLE = (DATA / "metar" / "reports.csv").read_bytes()
LIST = (DATA / "metar" / "reports.json").read_bytes()
BULLETIN = (DATA / "synop" / "bulletin.txt").read_bytes()
NANTONG = {"station": "ZSNT", "lat": 32.07, "lon": 120.98, "properties": ("wind_speed",)}
HONGQIAO = {"station": "ZSSS", "lat": 31.2, "lon": 121.33}
LAND = {"station": "58259", "lat": 31.98, "lon": 120.88}


def read(module, place, body, now=NOW):
    return module.parse(body, feed=place[1], county=place[0], received=now, raw="r")


@pytest.fixture
def airfields(elsewhere):
    return elsewhere("metar", NANTONG, HONGQIAO, stations="ZSNT,ZSSS")


@pytest.mark.parametrize("body", [RAW, TABLE, LIST])
def test_metar_is_the_same_in_all_three_shapes(airfields, body) -> None:
    found = {(o.station, o.observed_property): o for o in read(metar, airfields, body).observations}
    nantong = found["ZSNT", "wind_speed"]
    assert (nantong.value, nantong.time, nantong.flag) == (12.0, datetime(2021, 7, 26, tzinfo=UTC), Flag.GOOD)
    assert found["ZSNT", "wind_gust"].value == 20.0 and found["ZSNT", "wind_direction"].value == 40 and found["ZSNT", "pressure_msl"].value == 985
    assert found["ZSSS", "wind_speed"].value == pytest.approx(9.2600, abs=1e-3)  # 18 kt
    assert ("ZSSS", "wind_direction") not in found and found["ZSSS", "visibility"].value == 10000 and found["ZSSS", "temperature"].value == -2


def test_metar_day_without_a_month_is_the_newest_such_day(airfields) -> None:
    batch = read(metar, airfields, b"METAR ZSNT 302330Z 04012MPS 9999 25/24 Q0985=")
    assert {o.time for o in batch.observations} == {datetime(2021, 6, 30, 23, 30, tzinfo=UTC)}


@pytest.mark.parametrize(
    ("report", "reason"),
    [("METAR ZSNT 260000Z NIL", "NIL"), ("METAR XXXX 260000Z 04012MPS", "county's table"), ("METAR ZSNT 262500Z 04012MPS", "no such time"),
     ("TAF ZSNT 260000Z", "not a METAR"),
     ("METAR ZSNT 260000Z " + "A" * 2000, "not a METAR")],
)
def test_metar_that_cannot_be_read_costs_itself(airfields, report, reason) -> None:
    batch = read(metar, airfields, f"{report}=\nMETAR ZSSS 260000Z VRB18KT 9999 M02/M03 Q1020=".encode())
    assert {o.station for o in batch.observations} == {"ZSSS"} and reason in batch.rejected[0].reason


def test_metar_silent_wind_is_missing_where_the_station_has_it_and_odd_groups_are_told(airfields) -> None:
    batch = read(metar, airfields, b"METAR ZSNT 260000Z /////MPS 9999 25/24 Q0985 QQQQZZ1=")
    wind = next(o for o in batch.observations if o.observed_property == "wind_speed")
    assert (wind.value, wind.flag) == (None, Flag.MISSING) and "not understood" in wind.reasons[0]


@pytest.mark.parametrize("body", [b"", b"<html>x</html>", b"{}", b"[" * 100, b"\xff\xfe", b'[{"rawOb": NaN}]', b"raw_text\n" + b"x" * 200_000])
def test_metar_answers_that_are_not_reports(airfields, body) -> None:
    with pytest.raises(ParseError, match="elsewhere"):
        read(metar, airfields, body)


def test_synop_bulletin(elsewhere) -> None:
    batch = read(synop, elsewhere("synop", LAND), BULLETIN)
    found = {(o.observed_property, o.interval_s): o for o in batch.observations}
    assert {o.time for o in batch.observations} == {datetime(2021, 7, 26, tzinfo=UTC)} and batch.rejected == ()
    expected = {
        ("visibility", 0): 8000, ("wind_direction", 0): 200, ("wind_speed", 0): 12, ("temperature", 0): 25.5, ("dew_point", 0): 24.3, ("pressure", 0): 998.2,
        ("pressure_msl", 0): 998.5, ("rain", 21600): 65, ("wind_gust", 0): 24,
    }
    assert {key: o.value for key, o in found.items()} == expected


def test_synop_line_with_its_own_date(elsewhere) -> None:
    line = b"58259,2021,07,25,18,00,AAXX 25181 58259 11458 82099 00105 10255 60015=\n"
    batch = read(synop, elsewhere("synop", LAND), line)
    found = {o.observed_property: o for o in batch.observations}
    assert found["wind_speed"].value == 105 and (found["rain"].value, found["rain"].interval_s) == (1, 3600)
    assert found["rain"].time == datetime(2021, 7, 25, 18, tzinfo=UTC)
    other = read(synop, elsewhere("synop", LAND), line.replace(b",18,00", b",12,00"))
    assert other.observations == () and "the line says" in other.rejected[0].reason


@pytest.mark.parametrize(
    ("groups", "wind"),
    [("11458", "1"), ("11458 8209", "1"), ("11458 84012", "1"), ("11452 82099 1", "1"), ("11453 82012", "1"), ("11458 82012", "7"), ("11458 82012 QQQQQ", "1")],
)
def test_synop_groups_that_are_wrong_are_refused(groups, wind) -> None:
    with pytest.raises(Refused):
        decode(groups.split() if groups != "11453 82012" else ["11453", "82012"], wind)


def test_synop_trace_knots_negative_and_pressure_levels() -> None:
    found = {(v.name, v.interval_s): (v.value, v.unit) for v in decode(["11/58", "80000", "11023", "21034", "48512", "69931", "333", "79999"], "4")}
    assert found[("temperature", 0)] == (-2.3, "degC") and found[("rain", 21600)] == (0.3, "mm") and ("rain", 86400) not in found
    assert [(v.value, v.interval_s) for v in decode(["11458", "82012", "333", "71204"], "1") if v.name == "rain"] == [(120.4, 86400)]
    assert ("pressure_msl", 0) not in found and ("wind_direction", 0) not in found and found[("wind_speed", 0)] == (0, "kt")


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"no bulletin", "AAXX 雨".encode()])
def test_synop_answers_that_are_not_bulletins(elsewhere, body) -> None:
    with pytest.raises(ParseError):
        read(synop, elsewhere("synop", LAND), body)


@pytest.mark.recorded
def test_recorded_airfields(elsewhere, recorded: Path) -> None:
    """The recording keeps decoded winds; reports written from them come back as the same winds (kt -> m/s)."""
    with gzip.open(recorded / "typhoon_season_2026" / "metar_all_stations.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for _, line in zip(range(3000), lines, strict=False)]
    usable = [r for r in rows if isinstance(r["wd"], int) and isinstance(r["ws"], int) and r["ws"] < 100 and isinstance(r["t"], str)]
    names = sorted({r["i"] for r in usable})
    place = elsewhere("metar", *({"station": n, "lat": 0.0, "lon": 0.0} for n in names))

    def gust(row: dict[str, int]) -> str:
        return f"G{row['wg']:02d}" if row["wg"] else ""

    text = "\n".join(
        f"METAR {r['i']} {r['t'][8:10]}{r['t'][11:13]}{r['t'][14:16]}Z {r['wd'] or 0:03d}{r['ws']:02d}{gust(r)}KT 9999 25/20 Q1005="
        for r in usable
    )
    batch = read(metar, place, text.encode(), datetime.fromisoformat(max(r["t"] for r in usable)))
    speeds = {(o.station, o.time): o.value for o in batch.observations if o.observed_property == "wind_speed"}
    expected = {(r["i"], datetime.fromisoformat(r["t"])): r["ws"] * 1852 / 3600 for r in usable}
    assert len(rows) == 3000 and len(expected) > 2000 and speeds.keys() == expected.keys()
    assert all(speeds[key] == pytest.approx(value, abs=0.01) for key, value in expected.items())
