"""The reporters' page in a real Chromium without scripts, on a telephone: filled in, pressed twice, wrong, dark; and over plain HTTP what a browser would not do."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import eyes
import pytest
from new_ledger import ledger_in

import connectors
from connectors.inbox import spool_of
from connectors.push.door import Door
from connectors.push.server import PushServer
from connectors.push.take import Taker
from core.access import Access
from core.county import load_county
from core.lake import Lake
from core.settings import Settings

COUNTY = Path(__file__).resolve().parents[2] / "county" / "haimen"
NOW = datetime(2021, 7, 26, 7, 40, tzinfo=UTC)  # 15:40 in Beijing
PHONE = {"width": 390, "height": 844}
MAX_PAGE = 30 * 1024


class Place:
    """A gateway on loopback in a thread of its own, and what lies behind it."""

    def __init__(self, home: Path) -> None:
        self.county, self.settings = load_county(COUNTY), Settings(home=home)
        self.code = Access(home).issue("reporter", "hm-bc-t1", NOW)
        self.lake, self.ledger = Lake(home / "lake"), ledger_in(home)
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.door = Door(county=self.county, settings=self.settings)
        taker = Taker(county=self.county, settings=self.settings, clock=lambda: NOW)

        async def serve() -> tuple[Any, int]:
            return await PushServer(door=self.door, taker=taker).serve("127.0.0.1", 0)

        self.runner, port = asyncio.run_coroutine_threadsafe(serve(), self.loop).result(10)
        self.url = f"http://127.0.0.1:{port}"

    def waiting(self) -> int:
        return len(spool_of(self.county.feed("reports"), self.settings).waiting())

    def drained(self) -> Any:
        """What the lake holds after the inbox's step."""
        connectors.ingest("reports", now=NOW + timedelta(minutes=1), county=self.county, lake=self.lake, ledger=self.ledger, settings=self.settings)
        return self.lake.reports(start=NOW - timedelta(days=3), end=NOW, as_of=NOW + timedelta(hours=1))

    def post(self, **change: str) -> tuple[int, str]:
        """Status and page of a form as a machine would send it."""
        form = {"token": "t" * 22, "reporter": "hm-bc-t1", "code": self.code, "town": "baochang", "village": "", "kind": "ponding", "value": "40", "unit": "厘米",
                "time": "2021-07-26T15:30", "note": ""} | change
        return self.ask("/report", urlencode({name: value for name, value in form.items() if value != "<gone>"}).encode())

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
        from urllib.error import HTTPError

        try:
            with urlopen(Request(self.url + path, data=body, headers=headers), timeout=10) as answer:
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    there = Place(tmp_path)
    yield there
    there.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with eyes.chromium() as started:
        yield started


def opened(browser: Any, place: Place, **how: Any) -> Any:
    """The form on a telephone without scripts; what it asked of other hosts is an error."""
    context = browser.new_context(viewport=PHONE, java_script_enabled=False, locale="zh-CN", timezone_id="Asia/Shanghai", **how)
    page = context.new_page()
    page.on("request", lambda request: (_ for _ in ()).throw(AssertionError(request.url)) if not request.url.startswith(place.url) else None)
    page.goto(f"{place.url}/report")
    return page


def fill(page: Any, place: Place, **change: str) -> None:
    said = {"reporter": "hm-bc-t1", "code": place.code.lower(), "village": "滨海村", "value": "40", "note": "压断电线"} | change
    for name, value in said.items():
        page.fill(f"#{name}", value)
    page.select_option("#town", "baochang")
    page.select_option("#kind", "ponding")
    page.select_option("#unit", "厘米")


def test_an_officer_reports_with_a_telephone_and_pressing_twice_is_one_report(browser: Any, place: Place, tmp_path: Path) -> None:
    page = opened(browser, place)
    assert page.input_value("#time") == "2021-07-26T15:40" and "演示系统" in page.inner_text(".drill")
    fill(page, place)
    page.screenshot(path=str(tmp_path / "form.png"), full_page=True)
    page.click("button")
    receipt = page.inner_text("#receipt")
    assert re.fullmatch("[0-9a-f]{16}", receipt) and "积水 40 厘米" in page.inner_text("dl") and "包场镇 滨海村" in page.inner_text("dl")
    page.screenshot(path=str(tmp_path / "kept.png"), full_page=True)
    page.reload()  # the browser sends the form again
    assert page.inner_text("#receipt") == receipt and "没有重复登记" in page.inner_text(".good") and place.waiting() == 1
    frame = place.drained()
    assert list(frame["report"]) == [receipt] and place.waiting() == 0
    row = frame.iloc[0]
    assert (row.value, row.kind, row.town, row.village, row.trust, row.channel, row.reporter, row.note) == (
        0.4, "ponding", "baochang", "滨海村", 2, "web", "hm-bc-t1", "压断电线")
    page.context.close()


def test_going_back_gives_a_new_form_for_another_event(browser: Any, place: Place) -> None:
    page = opened(browser, place)
    fill(page, place)
    page.click("button")
    page.go_back()
    fill(page, place, value="90")
    page.click("button")
    assert page.locator("#receipt").count() == 1 and place.waiting() == 2 and sorted(place.drained()["value"]) == [0.4, 0.9]
    page.context.close()


def test_a_form_that_was_kept_by_the_browser_and_changed_is_asked_for_once_more(place: Place) -> None:
    assert place.post()[0] == 200
    status, page = place.post(value="90")
    assert status == 409 and "内容不同" in page and 'value="90"' in page and place.waiting() == 1
    [token] = re.findall('name="token" value="([^"]+)"', page)
    assert place.post(value="90", token=token)[0] == 200 and sorted(place.drained()["value"]) == [0.4, 0.9]


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost_but_the_code(browser: Any, place: Place) -> None:
    page = opened(browser, place)
    fill(page, place, value="4000", note="x")
    page.click("button")
    assert page.locator("#value").get_attribute("aria-invalid") == "true" and "数值" in page.inner_text("#why-value")
    assert (page.input_value("#note"), page.input_value("#village"), page.input_value("#code")) == ("x", "滨海村", "") and place.waiting() == 0
    page.fill("#value", "40")
    page.fill("#code", place.code)
    page.click("button")
    assert page.locator("#receipt").count() == 1 and place.waiting() == 1
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_telephone_and_can_be_read_and_hit(browser: Any, place: Place, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 320, "height": 640}, color_scheme=scheme)
    for path in ("/report", "/"):
        page.goto(f"{place.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        fields = "[...document.querySelectorAll('input:not([type=hidden]),select,textarea,button')]"
        low = page.evaluate(f"{fields}.filter(e => e.getBoundingClientRect().height < 44).map(e => e.id)")
        assert low == []
        assert eyes.faint(page) == []
        assert page.evaluate("[...document.querySelectorAll('input:not([type=hidden]),select,textarea')].filter(e => !e.labels.length).length") == 0
    page.close()


def test_the_page_is_small_and_runs_nothing(place: Place) -> None:
    status, page = place.ask("/report")
    style = place.ask("/style.css")[1]
    assert status == 200 and len(page.encode()) + len(style.encode()) <= MAX_PAGE and len(place.ask("/")[1].encode()) <= MAX_PAGE
    assert not re.search(r"<script|https?://|style=| on\w+=|url\(", page + style)
    assert page.count('name="token"') == 1 and place.ask("/report")[1] != page  # each form has its own token
    assert all(town.name in page for town in place.county.towns) and place.code not in page


@pytest.mark.parametrize(("change", "status", "says"), [
    ({"code": "AAAA-AAAA-AAAA"}, 401, "编号或报送码不对"), ({"reporter": "hm-xx-t9"}, 401, "编号或报送码不对"),
    ({"reporter": "hm-yd-t1"}, 401, "编号或报送码不对"), ({"reporter": "../../x"}, 401, "编号或报送码不对"),
    ({"town": "yudong"}, 422, "不是该报告人所在的镇街"), ({"town": ""}, 422, "town"), ({"kind": "earthquake"}, 422, "不认识的灾情"),
    ({"value": "四十"}, 422, "应为数字"), ({"value": "1e999"}, 422, "数"), ({"unit": "级"}, 422, "单位"), ({"kind": "breach"}, 422, "数值"),
    ({"time": "昨天"}, 422, "写成"), ({"time": "2021-07-26T18:00"}, 422, "晚于收到"), ({"time": "2021-07-01T15:00"}, 422, "7 天"),
    ({"time": "0001-01-01T00:00"}, 422, "不是 ISO"), ({"note": "长" * 141}, 422, "超过"), ({"village": "村" * 41}, 422, "超过"),
    ({"token": "short"}, 400, "不是本页的表单"), ({"note": "<gone>"}, 400, "不是本页的表单"), ({"more": "x"}, 400, "不是本页的表单"),
    ({"note": "\x00"}, 400, "不是本页的表单"), ({"note": "x" * 9000}, 413, "超过"),
])
def test_what_is_refused_says_so_in_chinese_and_keeps_nothing(place: Place, change: dict[str, str], status: int, says: str) -> None:
    got, page = place.post(**change)
    assert (got, place.waiting()) == (status, 0) and says in page and "<!doctype html>" in page and place.code not in page


def test_markup_and_numbers_in_what_is_typed_stay_text(place: Place) -> None:
    number = "13812345678"
    _, page = place.post(note=f'"><script>alert(1)</script>{number}', value="4000")
    assert "<script" not in page and "&lt;script" in page
    status, page = place.post(note=f"电话{number}", village=f"<b>{number}")
    assert status == 200 and "<b>" not in page
    assert number not in repr(place.drained().to_dict())


def test_a_second_person_with_the_same_token_is_another_report(place: Place) -> None:
    other = Access(place.settings.home).issue("reporter", "hm-bc-v2", NOW)
    assert place.post()[0] == 200 and place.post(reporter="hm-bc-v2", code=other)[0] == 200
    frame = place.drained()
    assert sorted(frame["trust"]) == [1, 2] and len(set(frame["report"])) == 2


def test_reports_are_slowed_down_by_person(place: Place) -> None:
    answers = [place.post(token=f"{n:022d}", note=str(n))[0] for n in range(12)]
    assert set(answers[:10]) == {200} and answers[-1] == 429


def test_only_the_form_is_taken_and_a_county_without_a_page_has_none(place: Place) -> None:
    assert place.ask("/report", b"{}", **{"Content-Type": "application/json"})[0] == 415
    assert place.ask("/report", b"x=1", **{"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"})[0] == 415
    place.door.county = replace(place.county, feeds=tuple(replace(feed, options={}) for feed in place.county.feeds))
    assert place.ask("/report")[0] == 404 and place.post()[0] == 404
