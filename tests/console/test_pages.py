"""The desk's pages, served as they are, in a real Chromium through a bad night: what is asked by when, who was not reached, what was put off, a page that
has grown old, a server that is gone, a new decision that must be heard, the handover. The ledger is real, and so is the gateway that refuses half."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import eyes
import pytest
import uvicorn
from command_line import Call
from fastapi import FastAPI, HTTPException
from sqlalchemy import insert

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from console import decide
from console.board import DEAD_S, render, span, write_board
from console.context import Context
from console.handover import handover, parts
from console.pages import application
from core import alerts
from core.ledger import tables as t
from core.ledger import verify_audit
from core.times import iso

ROUND_MS = 20_000  # how often the page asks
WHY, DESK = "派人去看闸下水位", {"width": 1366, "height": 768}


@dataclass
class Night:
    place: nw.Place
    url: str
    env: dict[str, str]
    in_force: Any
    waiting: Any

    def draft(self, **levels: int) -> Any:
        """A new draft, so that the page has something new to tell."""
        self.place.later(minutes=1)
        self.waiting = self.place.draft(**levels)
        self.place.address(self.waiting)
        return self.waiting

    @property
    def key(self) -> str:
        return f"{self.waiting}@{iso(self.place.now)}"

    def press(self, option: str, officer: str = "duty-1", role: str = "author", **given: str) -> bool:
        """What the page of required actions hands to us."""
        answer = {"chosen_options": [option], "responded_by_user": {"id": officer}, "params_input": {"signature": "", "area": "", "reason": "", **given}}
        return decide.take(self.key, role, 0, answer)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """Yellow went out, half of the SMS were refused, a loudspeaker is dead; now an orange draft waits, and most feeds never said a word."""
    home = tmp_path_factory.mktemp("night")
    gateway = nw.Gateway(home, send_delay=0.0, deliver_delay=0.0, codes={"21610": 0.5})
    place = nw.make(home, people=60, sms_url=gateway.url)
    first = place.publish(haimen=2, baochang=2)
    place.dispatch()
    with place.ledger.begin() as tx:
        tx.execute(insert(t.delivery).values(alert_id=first.alert_id, version=first.version, channel="broadcast", recipient="spk-haimen-01", town="haimen",
                                             state="undelivered", code="no_ack", attempt=1, groups="[]"))
    env = {f"FENGSUI_{name}": value for name, value in {
        "HOME": str(home), "COUNTY": str(nw.ROOT / "county" / "haimen"), "STATUS": "Exercise", "SEAL_KEY": nw.KEY, "TWILIO_ACCOUNT": "AC" + "0" * 32,
        "TWILIO_TOKEN": "t" * 32, "TWILIO_SENDER": "FENGSUI", "SMS_URL": gateway.url, "BROKER_PORT": "9"}.items()}
    with pytest.MonkeyPatch.context() as patch, served() as url:
        for name, value in env.items():
            patch.setenv(name, value)
        made = Night(place, url, env, first, first)
        made.draft(haimen=3, baochang=2)
        yield made
    gateway.stop()


class served:
    """The application under /fengsui, as Airflow mounts it, with a login that lets everybody in."""

    def __enter__(self) -> str:
        outer = FastAPI()
        outer.mount("/fengsui", application(lambda: None))
        door = socket.create_server(("127.0.0.1", 0))
        self.server = uvicorn.Server(uvicorn.Config(outer, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [door]}, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{door.getsockname()[1]}/fengsui/"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="module")
def browser(night: Night) -> Iterator[Any]:
    with eyes.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def screen(browser: Any, night: Night) -> Iterator[tuple[Any, list[str]]]:
    """The desk's screen, with a clock that the test turns, and what it asks of others or says to the console."""
    opened, said = browser.new_page(viewport=DESK, locale="zh-CN", timezone_id="Asia/Shanghai"), list[str]()
    opened.on("request", lambda request: said.append(request.url) if not request.url.startswith(night.url) else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("console", lambda line: said.append(line.text) if "ERR_FAILED" not in line.text and "401" not in line.text else None)
    opened.clock.install()
    yield opened, said
    opened.close()


@pytest.fixture
def page(screen: tuple[Any, list[str]], night: Night) -> Iterator[Any]:
    """The board, opened anew; what it asked of others, and what it said to the console, is an error."""
    opened, said = screen
    opened.goto(night.url + "board")
    yield opened
    opened.unroute_all()
    assert said == []


def turn(page: Any, rounds: int = 1) -> None:
    """Let the page ask again, and wait until it has its answer."""
    for _ in range(rounds):
        page.evaluate("document.getElementById('refreshed').textContent = ''")
        page.clock.fast_forward(ROUND_MS)
        page.locator("#refreshed:not(:empty)").wait_for()


def grow_old(page: Any, seconds: float) -> None:
    page.evaluate("ms => document.getAnimations().forEach(one => { one.currentTime = ms })", seconds * 1000)


def test_the_first_thing_seen_is_what_is_asked_of_whom_by_when_and_what_if_not(page: Any, night: Night) -> None:
    todo = page.locator("#todo")
    words, box = todo.inner_text(), todo.bounding_box()
    assert box["y"] + box["height"] < 500 and todo.locator("li").count() == 1
    assert "橙色" in words and "请 值班员甲（演示）复核送审" in words and "还剩 5 分 0 秒" in words and "到时不签：继续等，不会自动发布" in words
    assert f"fengsui alerts review {night.waiting}" in words and page.title().endswith("（1 份待签）海门区预警值守看板")
    assert page.locator("#todo a.go").get_attribute("href") == "/required_actions?response_received=false"
    later = [re.findall('data-ref="([^"]+)"', render(Context.load(), night.place.now + timedelta(minutes=n))) for n in (0, 3, 6)]
    calls = [ref.removeprefix(str(night.waiting)) for (ref,) in later]
    assert calls == ["/draft/1", "/draft/2", "/draft/2/overdue"], "it calls again when the deputy is asked, and when time is up"
    assert todo.evaluate("e => e.compareDocumentPosition(document.getElementById('now-level')) & Node.DOCUMENT_POSITION_FOLLOWING")


def test_who_was_not_reached_is_told_in_numbers_and_by_name(page: Any, night: Night) -> None:
    with night.place.ledger.read() as tx:
        refused = sum(row.state == "refused" for row in tx.execute(t.delivery.select().where(t.delivery.c.version == night.in_force.version)))
    assert refused > 0
    words = page.locator("#reached").inner_text()
    assert f"{refused} 人没收到" in words and "1 个喇叭没响" in words and "ill" in page.locator("#reached").get_attribute("class")
    assert f"未达 {refused}" in page.locator("#alerts [data-reach=sms]").first.inner_text()
    assert "海门街道1号广播" in page.locator("#delivery").inner_text() and "spk-haimen-01" not in page.locator("#delivery").inner_text()


def test_no_telephone_number_on_any_page_and_the_policy_stands_in_the_header(page: Any, night: Night) -> None:
    for name in ("board", "handover", "board.js"):
        answer = page.request.get(night.url + name)
        policy = answer.headers["content-security-policy"]
        assert answer.ok and "default-src 'none'" in policy and "script-src 'self'" in policy and answer.headers["cache-control"] == "no-store"
        assert not re.search(r"(?<!\d)1\d{10}(?!\d)|\+86", answer.text()) and not re.search(r"https?://(?!127)", answer.text())


def test_every_page_asks_for_the_login() -> None:
    from fastapi.testclient import TestClient

    def nobody() -> None:
        raise HTTPException(401)

    client = TestClient(application(nobody))
    assert [client.get(path).status_code for path in ("/board", "/board.js", "/handover")] == [401, 401, 401]


def test_putting_off_on_the_page_wants_a_reason_happens_once_and_everybody_sees_it(page: Any, night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = decide.ask(night.key, "author", 0)
    assert asked and "按“延后”：须写理由；什么也不发，时钟从那时起重新走 5 分钟，只此一次" in asked.body and "时限" in asked.body and "逾时继续等" in asked.body
    for given in ({}, {"reason": "  "}, {"reason": WHY, "signature": "not a signature"}):
        assert not night.press("延后", **given)
    assert not night.press("延后", officer="chief-1", reason=WHY) and not night.press("延后", officer="stranger", reason=WHY)
    with night.place.ledger.read() as tx:
        assert alerts.delayed(tx, night.waiting) is None
    turn(page)
    assert "没有延后" in page.locator("main").inner_text() and "已延后" not in page.locator("#todo").inner_text()
    assert not night.press("延后", reason=WHY) and decide.waits(night.key, "author")
    turn(page)
    assert "已延后一次，不能再延：duty-1" in page.locator("#todo").inner_text() and WHY in page.locator("#todo").inner_text()
    deputy = decide.ask(night.key, "author", 1)
    assert deputy and [officer for officer, _ in deputy.people] == ["duty-1", "duty-2"] and "已延后一次，不能再延：duty-1" in deputy.body and WHY in deputy.body
    assert "须写理由" not in deputy.body, "it cannot be put off again"
    with monkeypatch.context() as patch:
        patch.setattr(decide, "_clock", lambda _ctx, _scenario: night.place.now + timedelta(seconds=1))  # not the scenario's clock, but one that goes on
        asked = decide.ask(night.key, "author", 1)
        assert asked and [officer for officer, _ in asked.people] == ["duty-1", "duty-2"], "who was asked before the clock began anew is asked on"
        last = decide.ask(night.key, "author", 2)
        assert last and len(last.people) == 2 and last.wait_s == 299, "the last turn ends at the deadline, where policy acts"
    with night.place.ledger.read() as tx:
        before = alerts.delayed(tx, night.waiting)
    night.press("延后", officer="duty-2", reason="再看看")
    with night.place.ledger.read() as tx:
        assert alerts.delayed(tx, night.waiting) == before == {"officer": "duty-1", "at": iso(night.place.now), "note": WHY}
    assert verify_audit(night.place.ledger).broken_at is None


def test_a_new_decision_is_heard_and_shown_until_somebody_has_seen_it(page: Any, night: Night) -> None:
    sound, heard = page.locator("#sound"), page.locator("#heard")
    heard.click()
    assert sound.inner_text() == "声响：关（点此开启）" and heard.is_hidden()
    sound.press("Enter")
    assert "声响：开" in sound.inner_text() and sound.get_attribute("aria-pressed") == "true" and sound.get_attribute("data-rang") == "1", "it lets itself be heard once"
    turn(page, 3)
    assert sound.get_attribute("data-rang") == "1" and "新的待签" not in page.title(), "what was seen does not ring again"
    night.draft(haimen=3, baochang=3)
    turn(page)
    assert sound.get_attribute("data-rang") == "2" and heard.is_visible()
    titles = set()
    for _ in range(4):
        page.clock.fast_forward(1000)
        titles.add(page.title().startswith("【新的待签！】"))
    assert titles == {True, False}, "the tab blinks"
    turn(page, 3)
    assert sound.get_attribute("data-rang") == "3", "and again once a minute"
    heard.click()
    turn(page, 3)
    assert sound.get_attribute("data-rang") == "3" and heard.is_hidden() and page.title().startswith("（1 份待签）") and page.locator("#todo [data-ref]").count() == 1


def test_a_page_that_is_not_drawn_anew_says_so_over_everything(page: Any, night: Night) -> None:
    dead = page.locator("#dead")
    assert dead.is_hidden()
    page.route("**/board", lambda route: route.abort())
    turn(page)
    assert "服务器没有应答" in page.locator("#refreshed").inner_text() and page.locator("#todo li").count() == 1, "what was there stays to be read"
    grow_old(page, DEAD_S - 1)
    assert dead.is_hidden()
    page.clock.fast_forward(4 * 60_000)
    grow_old(page, DEAD_S + 1)
    assert dead.is_visible() and re.search(r"【演练】本页已有 [45] 分钟没有刷新，不是此刻的情况", dead.inner_text())
    box, size = dead.bounding_box(), page.evaluate("parseFloat(getComputedStyle(document.getElementById('dead')).fontSize)")
    assert box["width"] == 1366 and box["y"] == 0 and size > 50 and page.evaluate("getComputedStyle(document.querySelector('.top')).filter") == "grayscale(1)"
    assert eyes.faint(page, 50) == []
    page.unroute("**/board")
    page.route("**/board", lambda route: route.fulfill(status=401, body="{}"))
    turn(page)
    assert "请重新登录" in page.locator("#refreshed").inner_text() and dead.is_visible()
    page.unroute("**/board")
    turn(page)
    assert dead.is_hidden() and "已刷新" in page.locator("#refreshed").inner_text()


def test_without_scripts_and_as_a_file_it_says_so_too(browser: Any, night: Night, tmp_path: Path) -> None:
    written = write_board(Context.load(), night.place.now, tmp_path / "board.html").as_uri()
    for address, says in ((night.url + "board", "没有刷新"), (written, "不会自行刷新")):
        context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 844})
        bare = context.new_page()
        bare.goto(address)
        assert bare.locator("#dead").is_hidden() and bare.locator("#bar").is_hidden()
        grow_old(bare, DEAD_S + 1)
        assert says in bare.locator("#dead").inner_text() and bare.locator("#dead").is_visible() and eyes.outside(bare) == []
        context.close()


def test_what_was_opened_stays_open_and_keys_alone_are_enough(page: Any) -> None:
    page.keyboard.press("Tab")
    stops = []
    for _ in range(6):
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        page.keyboard.press("Tab")
    assert stops[:2] == ["sound", "heard"] and "go" in stops
    first = page.locator("details[data-key]").first
    first.locator("summary").press("Enter")
    key = first.get_attribute("data-key")
    turn(page)
    assert page.locator(f"details[data-key='{key}']").get_attribute("open") is not None
    low = page.evaluate("[...document.querySelectorAll('button:not([hidden]),.go')].filter(e => e.getBoundingClientRect().height < 44).map(e => e.id)")
    assert low == []


@pytest.mark.parametrize(("name", "schemes"), [("board", ("dark",)), ("handover", ("light", "dark"))])
def test_pages_fit_and_can_be_read(page: Any, night: Night, name: str, schemes: tuple[str, ...]) -> None:
    page.goto(night.url + name)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        assert eyes.faint(page) == [], scheme
    for width in (320, 390, 911, 1366, 1920):  # a telephone, the desk at 150 %, the desk, the wall
        page.set_viewport_size({"width": width, "height": 700})
        assert eyes.outside(page) == [], width
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme=None)


def test_the_handover_says_what_the_next_officer_must_know(page: Any, night: Night, fengsui: Call) -> None:
    ctx = Context.load()
    found = handover(ctx, night.place.now)
    told = {english: lines for _, english, lines in parts(found)}
    assert str(night.waiting) in told["open"][0] and "请 值班员甲" in told["open"][0] and str(night.in_force) in told["in force"][0]
    assert any(WHY in line and "duty-1" in line for line in told["put off"]) and told["levels"][0].startswith("橙色 洪涝：海门街道")
    assert any("未达" in line for line in told["not reached"]) and any("海门街道1号广播" in line for line in told["not reached"])
    assert not any("还没发" in line for line in told["not reached"]), "what waits for a signature was not missed"
    assert sum("从未" in line for line in told["not known"]) == len([feed for feed in ctx.county.feeds if feed.enabled])
    assert any("没有延后" in line for line in told["duty log"])
    page.goto(night.url + "handover")
    assert page.locator("li").all_inner_texts() == [line for _, _, lines in parts(found) for line in lines] and "交班人" in page.inner_text("main")
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden() and page.locator("h1").is_visible()
    page.emulate_media(media="screen")
    shown, machine, wrong = (fengsui("handover", "--now", iso(night.place.now), *more, home=ctx.settings.home, **night.env)
                             for more in ((), ("--json",), ("--hours", "0")))
    assert shown.returncode == machine.returncode == 1 and all(line in shown.stdout for lines in told.values() for line in lines)
    assert json.loads(machine.stdout) == json.loads(json.dumps(found))
    assert wrong.returncode == 2


def test_an_hour_later_only_what_still_concerns_is_told(night: Night) -> None:
    quiet = handover(Context.load(), night.place.now + timedelta(hours=3), hours=1)
    told = {english: lines for _, english, lines in parts(quiet)}
    assert told["put off"] == [] and told["open"] and told["in force"] and any("研判停在" in line for line in told["not known"])
    assert "逾时" in told["open"][0]


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 秒"), (59.9, "59 秒"), (61, "1 分 1 秒"), (-90, "1 分 30 秒"), (599, "9 分 59 秒"), (600, "10 分钟"),
                                                (5399, "89 分钟"), (5400, "1 小时 30 分"), (90_061, "25 小时 1 分")])
def test_a_span_is_said_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
