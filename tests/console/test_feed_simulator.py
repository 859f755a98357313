"""The feed simulator over loopback: what it serves is what the production connectors pull, and it breaks in the ways feeds break."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from lxml import etree

from connectors.registry import CONNECTORS
from connectors.types import Conditional
from console.sandbox.clock import Clock
from console.sandbox.feeds import FAULTS, FeedSimulator
from console.sandbox.scenario import Scenario, load_scenario
from core.county import County, load_county
from core.errors import FeedError
from core.model import Batch, Level
from core.settings import Settings
from core.times import iso

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
HTTP_FEEDS = ("typhoon_zj", "typhoon_nmc", "weather", "power", "warnings_nmc", "warnings_cap")


def beijing(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2021, 7, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


class Served:
    """A simulator on a port of its own, in a thread of its own."""

    def __init__(self, scenario: Scenario, county: County, home: Path) -> None:
        self.county, self.told = county, list[datetime]()
        self.loop, self.runner = asyncio.new_event_loop(), web.AppRunner(web.Application(), access_log=None)
        FeedSimulator(county, scenario, Clock(scenario.start), [self.told.append]).routes(self.runner.app)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self._wait(self.runner.setup())
        self._wait(web.TCPSite(self.runner, "127.0.0.1", 0).start())
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.settings = Settings(home=home, sandbox_url=self.url, http_deadline_s=1.5)

    def _wait(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def close(self) -> None:
        self._wait(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, trust_env=False)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}, trust_env=False)

    def at(self, when: datetime) -> None:
        assert self.post("/clock", now=iso(when)).status_code == 200

    def pull(self, feed_id: str, now: datetime, conditional: Conditional | None = None) -> Batch | None:
        """Through the feed's production connector; None when it was not modified."""
        feed = self.county.feed(feed_id)
        connector = CONNECTORS[feed.connector]
        payload = connector.fetch(feed, conditional=conditional or Conditional(), now=now, settings=self.settings)
        return payload and connector.parse(payload.body, feed=feed, county=self.county, received=now, raw="0" * 64)


@pytest.fixture(scope="module")
def county() -> County:
    return load_county(HAIMEN)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(HAIMEN / "scenarios" / "in-fa-2021")


@pytest.fixture
def served(scenario: Scenario, county: County, tmp_path: Path) -> Iterator[Served]:
    simulator = Served(scenario, county, tmp_path)
    yield simulator
    simulator.close()


@pytest.mark.parametrize("feed", HTTP_FEEDS)
def test_connectors_read_every_moment_without_setting_anything_aside(served: Served, scenario: Scenario, feed: str) -> None:
    for moment in scenario.moments:
        served.at(moment.at)
        batch = served.pull(feed, moment.at)
        assert batch is not None and batch.rejected == (), (moment.moment, batch.rejected)
        times = [o.time for o in batch.observations] + [t.time for t in batch.tracks if t.issued is None] + [s.issued for s in batch.signals]
        assert all(time <= moment.at for time in times), "the feed must not know the future"
        if feed in ("weather", "power"):
            assert max(times) == moment.at
            assert all(o.synthetic for o in batch.observations)


def test_the_zhejiang_feed_keeps_its_traps(served: Served) -> None:
    now = beijing(27, 3)
    served.at(now)
    (storm,) = served.get("/zj/typhoon").json()
    landfalls = [p for p in storm["points"] if p.get("type") == "DL"]
    assert [p["time"] for p in landfalls] == ["2021-07-25 12:30:00", "2021-07-26 09:50:00"]
    assert {landfalls[0][key] for key in ("pressure", "speed", "power", "movespeed")} == {"null"}
    newest = storm["points"][-1]
    assert (newest["speed"], newest["radius12"], newest["strong"], newest["power"]) == ("20", "40|40|40|40", "热带风暴", "8")
    assert all(isinstance(newest[key], str) for key in ("lng", "lat", "speed", "pressure", "movespeed"))
    batch = served.pull("typhoon_zj", now)
    assert batch is not None
    analysed = [t for t in batch.tracks if t.issued is None]
    assert analysed[-1].r12 is None and analysed[-1].r7 is not None  # 20 m/s carries no circle of force 12
    assert len({t.time for t in analysed}) == len(analysed)


def test_both_offices_give_the_same_circles_in_their_own_order(served: Served) -> None:
    served.at(beijing(25, 12))
    batches = [served.pull(feed, beijing(25, 12)) for feed in ("typhoon_zj", "typhoon_nmc")]
    zj, nmc = ({t.time: t.r7 for t in batch.tracks if t.issued is None} for batch in batches if batch is not None)
    assert zj == nmc and any(circle and circle.sw != circle.nw for circle in zj.values())
    newest = served.get("/zj/typhoon").json()[0]["points"][-1]
    assert newest["radius7"] == "300|200|250|200"  # NE|SE|NW|SW, as the live API writes it


def test_synthetic_forecasts_and_signals_say_so_in_every_feed(served: Served) -> None:
    served.at(beijing(26, 12))
    nmc = served.pull("typhoon_nmc", beijing(26, 12))
    assert nmc is not None and {t.synthetic for t in nmc.tracks if t.issued} == {True} and not any(t.synthetic for t in nmc.tracks if not t.issued)
    listed, cap = (served.pull(feed, beijing(26, 12)) for feed in ("warnings_nmc", "warnings_cap"))
    assert listed is not None and cap is not None
    assert sorted(s.synthetic for s in cap.signals) == sorted(s.synthetic for s in listed.signals) and cap.signals


def test_forecasts_are_synthetic_and_facts_are_not(served: Served) -> None:
    served.at(beijing(25, 12))
    batch = served.pull("typhoon_zj", beijing(25, 12))
    assert batch is not None
    assert {t.synthetic for t in batch.tracks if t.issued} == {True}
    assert {t.synthetic for t in batch.tracks if t.issued is None} == {False}
    error = {round((t.time - t.issued).total_seconds() / 3600): t for t in batch.tracks if t.issued and t.agency == "中国"}
    assert error[24].lon == pytest.approx(121.0 + 0.012 * 24, abs=0.01)  # where the storm was a day later, and the stated error
    view = served.get("/nmc/typhoon/view_2707631").text
    rows = json.loads(view[view.index("(") + 1:-1])["typhoon"][8]
    assert all(row[-1] == {"synthetic": True} for point in rows for row in point[11].get("BABJ", []))


def test_both_typhoon_feeds_tell_one_storm(served: Served) -> None:
    now = beijing(26, 17)
    served.at(now)
    zj, nmc = (served.pull(feed, now) for feed in ("typhoon_zj", "typhoon_nmc"))
    assert zj is not None and nmc is not None

    def path(batch: Batch) -> list[tuple[Any, ...]]:
        return [(t.time, t.lat, t.lon, t.pressure, t.wind, t.r7, t.r10, t.r12, t.move_speed, t.move_bearing) for t in batch.tracks if t.issued is None]

    assert path(zj) == path(nmc) and len(path(zj)) == 15


def test_before_its_first_position_there_is_no_storm_and_after_its_last_it_goes_inactive(served: Served) -> None:
    served.at(beijing(25, 2))
    assert served.get("/zj/typhoon").json() == [] and served.get("/nmc/typhoon/list_default").text == 'typhoon_jsons_list_default(({"typhoonList": []}))'
    served.at(beijing(27, 12))
    assert served.get("/zj/typhoon").json()[0]["isactive"] == "1"
    served.at(beijing(28, 8))
    assert served.get("/zj/typhoon").json()[0]["isactive"] == "0" and '"stop"' in served.get("/nmc/typhoon/list_default").text


def test_music_answers_the_range_that_was_asked(served: Served, county: County) -> None:
    served.at(beijing(26, 8))
    asked = served.get("/music/api?timeRange=[20210725220000,20210725230000]").json()
    assert {row["Datetime"] for row in asked["DS"]} == {"2021-07-25 22:00:00", "2021-07-25 23:00:00"}
    assert asked["rowCount"] == str(len(asked["DS"])) == str(2 * len(county.stations_of("weather")))
    assert {row["Datetime"] for row in served.get("/music/api?timeRange=[20210726000000,20210801000000]").json()["DS"]} == {"2021-07-26 00:00:00"}
    assert served.get("/music/api?timeRange=[20200101000000,20200101010000]").json()["returnCode"] == "-1"
    assert served.get("/music/api?timeRange=yesterday").json()["returnCode"] not in ("0", "-1")


def test_official_signals_are_listed_while_in_force(served: Served) -> None:
    listed = {}
    for name, now in {"before": beijing(25, 21, 7), "at": beijing(25, 21, 8), "both": beijing(26, 10), "after": beijing(28, 2)}.items():
        served.at(now)
        batches = [served.pull(feed, now) for feed in ("warnings_nmc", "warnings_cap")]
        listed[name] = [{(s.identifier, s.level, s.areas) for s in batch.signals} for batch in batches if batch]
        assert listed[name][0] == listed[name][1], name  # the same signals through either format
    orange = ("32060041600000_20210725210800", Level.ORANGE, ("3206",))
    assert listed["before"] == [set(), set()] and listed["at"][0] == {orange}
    assert orange in listed["both"][0] and len(listed["both"][0]) == 2
    assert listed["after"] == [set(), set()]


def test_the_list_of_signals_comes_in_pages(served: Served) -> None:
    served.at(beijing(26, 10))
    pages = [served.get(f"/nmc/rest/findAlarm?pageNo={n}&pageSize=1").json()["data"]["page"] for n in (1, 2, 3)]
    assert [len(page["list"]) for page in pages] == [1, 1, 0] and {page["count"] for page in pages} == {2}
    assert pages[0]["list"][0]["alertid"] != pages[1]["list"][0]["alertid"]


def test_cap_documents_pass_the_schema(served: Served, scenario: Scenario) -> None:
    served.at(beijing(26, 10))
    schema = etree.XMLSchema(etree.parse(str(HAIMEN.parents[1] / "core" / "schema" / "CAP-v1.2.xsd")))
    for _, row in scenario.rows["signals"]:
        answer = served.get(f"/cap/{row['identifier']}.xml")
        schema.assertValid(etree.fromstring(answer.content))
    assert served.get("/cap/32060041600000_19990101000000.xml").status_code == 404


def test_an_unchanged_answer_is_304_by_etag_and_by_time(served: Served) -> None:
    served.at(beijing(25, 6))
    first = served.get("/zj/typhoon")
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    assert modified == "Sat, 24 Jul 2021 22:00:00 GMT"
    served.at(beijing(25, 7))  # no new position yet
    for headers in ({"If_None_Match": etag}, {"If_Modified_Since": modified}):
        again = served.get("/zj/typhoon", **headers)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    served.at(beijing(25, 9))
    assert served.get("/zj/typhoon", If_None_Match=etag).status_code == 200
    assert served.get("/zj/typhoon", If_Modified_Since=modified).status_code == 200
    assert served.get("/zj/typhoon", If_None_Match='"other"', If_Modified_Since=modified).status_code == 200  # the tag has the last word
    now = beijing(25, 9)
    assert served.pull("typhoon_zj", now, Conditional(etag=served.get("/zj/typhoon").headers["ETag"])) is None


@pytest.mark.parametrize("kind", ["off", "garbage", "login", "truncated", "slow"])
@pytest.mark.parametrize("feed", ["typhoon_zj", "weather", "power"])
def test_a_broken_feed_is_an_error_of_that_feed_only(served: Served, county: County, feed: str, kind: str) -> None:
    now = beijing(26, 10)
    served.at(now)
    assert served.post("/fault", feed=county.feed(feed).sandbox, kind=kind).status_code == 200
    with pytest.raises(FeedError):
        served.pull(feed, now)
    other = served.pull("warnings_nmc", now)
    assert other is not None and other.signals
    served.post("/fault", feed=county.feed(feed).sandbox, kind="none")
    mended = served.pull(feed, now)
    assert mended is not None and mended.records


def test_an_old_body_stays_old_until_the_fault_ends(served: Served) -> None:
    served.at(beijing(26, 8))
    old = served.get("/power/outages").json()
    served.post("/fault", feed="/power", kind="old", until=iso(beijing(26, 12)))
    served.at(beijing(26, 12))
    assert served.get("/power/outages").json() == old and old["time"] == "2021-07-26 08:00:00"
    served.at(beijing(26, 13))
    assert served.get("/power/outages").json()["time"] == "2021-07-26 13:00:00"


def test_empty_answers_are_well_formed_and_hold_nothing(served: Served) -> None:
    served.at(beijing(26, 10))
    for path, wanted in {"/zj/typhoon": [], "/power/outages": {}, "/music/api": {}}.items():
        served.post("/fault", feed=path, kind="empty")
        assert served.get(path).json() == wanted


def test_moving_the_clock_tells_the_others_first(served: Served) -> None:
    served.at(beijing(26, 8))
    assert served.told == [beijing(26, 8)]
    assert served.get("/clock").json() == served.get("/health").json() == {"now": "2021-07-26T00:00:00+00:00", "scenario": "in-fa-2021"}


@pytest.mark.parametrize(("path", "body"), [
    ("/clock", {"now": "2021-07-26 08:00"}), ("/clock", {}), ("/fault", {"feed": "/zj", "kind": "tired"}), ("/fault", {"kind": "off"}),
    ("/fault", {"feed": "/zj", "kind": "off", "until": "tomorrow"}),
])
def test_wrong_wishes_are_refused(served: Served, path: str, body: dict[str, Any]) -> None:
    before = served.get("/health").json()
    answer = served.post(path, **body)
    assert answer.status_code == 400 and answer.text
    assert served.get("/health").json()["scenario"] == before["scenario"] and served.get("/zj/typhoon").status_code == 200
    assert "tired" not in FAULTS


def test_the_plum_rain_carries_its_neighbours_and_leaves_the_county_quiet(county: County, tmp_path: Path) -> None:
    plum = load_scenario(HAIMEN / "scenarios" / "plum-rain-2023")
    simulator = Served(plum, county, tmp_path)
    try:
        simulator.at(plum.end)
        rows = simulator.get("/music/api?timeRange=[20230706040000,20230707080000]").json()["DS"]
        batch = simulator.pull("weather", plum.end)
        assert simulator.get("/zj/typhoon").json() == []
    finally:
        simulator.close()
    total = {s: sum(float(r["PRE_1h"]) for r in rows if r["Station_Id_C"] == s) for s in ("58254", "58255", "M9001")}
    assert total["58254"] == pytest.approx(339.7, abs=0.5) and total["58255"] == pytest.approx(337.4, abs=0.5) and total["M9001"] < 35
    assert batch is not None and {o.station for o in batch.observations} == {s.station for s in county.stations_of("weather")}
    assert {"58254", "58255"} <= {word.strip("'\",") for r in batch.rejected for word in (r.reason + " " + r.record).replace(":", " ").split()}
