from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import zj_typhoon
from connectors.reading.records import UNREAD
from connectors.trial import trial
from core.county import County
from core.errors import ParseError
from core.model import Batch, Circle
from core.settings import Settings

DATA = Path(__file__).parents[1] / "data" / "zj_typhoon"
RECEIVED = datetime(2021, 7, 26, 20, 0, tzinfo=UTC)


def parse(county: County, body: bytes, received: datetime = RECEIVED) -> Batch:
    return zj_typhoon.parse(body, feed=county.feed("typhoon_zj"), county=county, received=received, raw="r")


@pytest.fixture
def batch(county: County) -> Batch:
    return parse(county, (DATA / "in_fa.json").read_bytes())


def at(batch: Batch, *when: int):
    return next(p for p in batch.tracks if p.issued is None and p.time == datetime(*when, tzinfo=UTC))


def test_beijing_clock_becomes_utc_and_text_becomes_numbers(batch: Batch) -> None:
    point = at(batch, 2021, 7, 24, 22)
    assert (point.lat, point.lon, point.wind, point.pressure, point.move_speed) == (29.4, 123.3, 38.0, 965.0, 15.0)
    assert (point.storm, point.name, point.agency) == ("202106", "烟花 IN-FA", "中国")
    assert point.move_bearing == 315.0
    assert at(batch, 2021, 7, 25, 4).move_bearing == 292.5  # 西西北


def test_quadrants_keep_their_order_and_one_radius_is_all_four(batch: Batch) -> None:
    assert at(batch, 2021, 7, 24, 22).r7 == Circle(ne=300, se=200, sw=200, nw=250)
    assert at(batch, 2021, 7, 25, 4).r7 == Circle(ne=300, se=300, sw=300, nw=300)
    assert at(batch, 2021, 7, 25, 4).r10 is None


def test_live_payload_says_its_own_order(county: County) -> None:
    storms = json.loads((DATA / "in_fa.json").read_text())
    body = json.dumps({"quadrants": zj_typhoon.LIVE_QUADRANTS, "storms": storms}).encode()
    assert at(parse(county, body), 2021, 7, 24, 22).r7 == Circle(ne=300, se=200, nw=200, sw=250)


def test_a_circle_above_the_storms_own_wind_is_dropped(batch: Batch) -> None:
    strong, weak = at(batch, 2021, 7, 24, 22), at(batch, 2021, 7, 26, 16)
    assert strong.r12 is not None
    assert weak.wind == 20.0 and weak.r12 is None and weak.r10 is None and weak.r7 is not None


def test_landfall_rows_with_null_texts_are_no_positions(batch: Batch) -> None:
    assert not [p for p in batch.tracks if p.time == datetime(2021, 7, 25, 4, 30, tzinfo=UTC)]


def test_only_the_newest_points_forecasts_count_and_the_analysis_is_not_repeated(batch: Batch) -> None:
    forecasts = [p for p in batch.tracks if p.issued is not None]
    assert {(p.agency, p.time) for p in forecasts} == {
        ("中国", datetime(2021, 7, 25, 16, tzinfo=UTC)),
        ("日本", datetime(2021, 7, 25, 16, tzinfo=UTC)),
    }
    assert {p.issued for p in forecasts} == {datetime(2021, 7, 25, 4, tzinfo=UTC)}
    assert [p.wind for p in forecasts if p.agency == "日本"] == [None]  # 0 m/s is how that agency is missing


def test_bad_and_future_rows_are_set_aside_with_their_place(batch: Batch) -> None:
    reasons = {r.where: r.reason for r in batch.rejected}
    assert "lng" in reasons["202106.points[4]"]
    assert "later than its receipt" in reasons["202106.points[5]"]
    assert len(reasons) == 2


def test_an_inactive_storm_is_no_present_danger(batch: Batch) -> None:
    assert {p.storm for p in batch.tracks} == {"202106"}


def test_a_field_nobody_knows_is_told_once(county: County) -> None:
    storms = json.loads((DATA / "in_fa.json").read_text())
    for point in storms[0]["points"]:
        point["gust_kt"] = "80"
    batch = parse(county, json.dumps(storms).encode())
    assert [r.reason for r in batch.rejected if r.reason.startswith(UNREAD)] == [f"{UNREAD}: gust_kt"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'[{"name":"x"}]', b"<!doctype html><html>login</html>", b"[1]", (DATA / "in_fa.json").read_bytes()[:700]]
)
def test_what_is_no_document_is_a_parse_error(county: County, body: bytes) -> None:
    with pytest.raises(ParseError, match="typhoon_zj"):
        parse(county, body)


def test_no_storm_is_an_answer(county: County) -> None:
    assert parse(county, b"[]") == Batch()


@pytest.mark.parametrize("radius", ["300|200", "a|b|c|d", "300|200|200|-1", "30000"])
def test_a_radius_that_cannot_be_costs_its_row_only(county: County, radius: str) -> None:
    storms = json.loads((DATA / "in_fa.json").read_text())
    storms[0]["points"][0]["radius7"] = radius
    batch = parse(county, json.dumps(storms).encode())
    assert "202106.points[0]" in {r.where for r in batch.rejected}
    assert at(batch, 2021, 7, 25, 4)


@pytest.mark.recorded
def test_recorded_season_in_the_raw_fields(county: County, recorded: Path) -> None:
    """The recorded snapshots are a normalised form; in the site's own fields they read whole and agree with nmc.cn's circles."""
    import gzip

    lines = gzip.decompress((recorded / "typhoon_season_2026" / "typhoon_202613.snapshots.jsonl.gz").read_bytes()).splitlines()
    assert len(lines) == 230
    payload = json.loads(lines[150])["payload"]
    points = [
        {
            "time": p["time"],
            "lat": str(p["lat"]),
            "lng": str(p["lng"]),
            "strong": p["strong"],
            "power": p["power"],
            "speed": p["speed"],
            "pressure": p["pressure"],
            "movedirection": p["moveDir"],
            "movespeed": p["moveSpeed"],
            **{f"radius{f}": "|".join(map(str, p[f"r{f}"] or [])) for f in (7, 10, 12)},
        }
        for p in payload["track"]
    ]
    storm = {"tfid": payload["tfid"], "name": payload["name"], "enname": payload["enName"], "isactive": "1", "points": points}
    body = json.dumps({"quadrants": zj_typhoon.LIVE_QUADRANTS, "storms": [storm]}).encode()
    batch = parse(county, body, datetime(2026, 9, 1, tzinfo=UTC))
    assert len(batch.tracks) == len(points) and batch.rejected == ()
    from connectors import nmc_typhoon

    nmc = nmc_typhoon.parse(
        (recorded / "nmc" / "cma_view_3279904_DOLPHIN.jsonp").read_bytes(),
        feed=county.feed("typhoon_nmc"),
        county=county,
        received=datetime(2026, 9, 1, tzinfo=UTC),
        raw="r",
    )
    theirs = {p.time: p.r7 for p in nmc.tracks if p.issued is None and p.r7}
    both = [(p.r7, theirs[p.time]) for p in batch.tracks if p.r7 and p.time in theirs]
    assert len(both) > 20 and all(a == b for a, b in both)


def test_agencies_by_their_one_name_and_a_stranger_told_by_the_try_too(county: County, settings: Settings, serve: Any, reply: Any) -> None:
    storms = json.loads((DATA / "in_fa.json").read_text())
    forecast = next(p["forecast"] for p in reversed(storms[0]["points"]) if p.get("forecast"))
    for agency, name in zip(forecast, ("RJTD", "某台"), strict=False):
        agency["tm"] = name
    body = json.dumps(storms).encode()
    assert {p.agency for p in parse(county, body).tracks if p.issued} == {"日本", "某台"}
    url = serve(lambda request: reply(request, body))
    found = trial("typhoon_zj", now=RECEIVED, county=county, settings=settings.model_copy(update={"sandbox_url": url}))
    assert "agencies: agencies not in the table: 某台" in found.sentence
