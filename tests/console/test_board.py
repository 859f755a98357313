"""The duty board of a storm with a broken feed, drawn by a real Chromium: what a tired officer must see, at a desk and on a telephone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import eyes
import pytest

from console.board import MARKS, render, write_board
from console.replay import world
from console.report import collect
from console.steps import tick
from core.county import load_county

COUNTY = Path(__file__).resolve().parents[2] / "county" / "haimen"
NIGHT = datetime(2021, 7, 26, 3, tzinfo=UTC)
FEEDS = sum(feed.enabled for feed in load_county(COUNTY).feeds)


class Drawn:
    """The page as a file, and the dictionary that it shows."""

    def __init__(self, page: Path, data: dict[str, Any]) -> None:
        self.page, self.data = page, data


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Two passes of the storm; before the second the power company's server answers with an error. Drafts wait for a signature."""
    home = tmp_path_factory.mktemp("board")
    with world(home, COUNTY, "in-fa-2021") as (outside, ctx):
        for at, broken in ((NIGHT, False), (NIGHT + timedelta(hours=4), True)):
            if broken:
                outside.fault("/power/outages", "off")
            outside.set_clock(at)
            tick(at, ctx)
        now = NIGHT + timedelta(hours=4, minutes=7)
        return Drawn(write_board(ctx, now, home / "board.html"), collect(ctx, now))


@pytest.fixture(scope="module")
def browser(drawn: Drawn) -> Iterator[Any]:
    """Started after the chain has run: Playwright keeps an event loop of its own in this thread."""
    with eyes.chromium() as started:
        yield started


@pytest.fixture
def at_desk(browser: Any, drawn: Drawn) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(drawn.page.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
def test_nothing_runs_out_of_the_page(browser: Any, drawn: Drawn, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto(drawn.page.as_uri())
    assert eyes.outside(page) == []
    page.close()


def test_the_first_screen_says_what_counts(at_desk: Any, drawn: Drawn) -> None:
    for card in ("todo", "now-level", "ill-feeds", "newest", "reached"):
        box = at_desk.locator(f"#{card}").bounding_box()
        assert box and box["y"] + box["height"] < 900, card
    top = max(row["level"] for row in drawn.data["towns"])
    assert top >= 3 and "橙色" in at_desk.locator("#now-level").inner_text()
    assert "停电信息" in at_desk.locator("#ill-feeds").inner_text() and "1 个不正常" in at_desk.locator("#ill-feeds").inner_text()
    assert re.search(r"\d+ 分钟前", at_desk.locator("#newest").inner_text())
    todo = at_desk.locator("#todo").inner_text()
    assert "台风" in todo and "请 值班员甲" in todo and "到时不签" in todo and "去签字" not in todo, "a file has no page to sign on beside it"
    assert at_desk.title().startswith("（") and "份待签" in at_desk.title()


def test_the_broken_feed_comes_first_with_its_age_in_chinese(at_desk: Any) -> None:
    first = at_desk.locator("#feeds li").first.inner_text()
    assert "停电信息" in first and ("故障" in first or "静默" in first) and re.search(r"\d+(\.\d)? (小时|分钟)前", first)
    assert at_desk.locator("#feeds li").count() == FEEDS


def test_every_level_has_a_word_and_a_shape_beside_its_colour(at_desk: Any) -> None:
    badges = at_desk.evaluate("[...document.querySelectorAll('.l')].filter(e => !e.closest('.legend')).map(e => e.textContent)")
    assert badges and all(any(mark in text for mark in MARKS) and re.search("无|蓝色|黄色|橙色|红色", text) for text in badges)
    for row in at_desk.locator("svg text").all_text_contents()[1::2]:
        assert re.search("无|蓝色|黄色|橙色|红色|未研判", row)


def test_what_data_cannot_exclude_is_said_for_each_town(at_desk: Any, drawn: Drawn) -> None:
    uncertain = [row for row in drawn.data["towns"] if row["ceiling"] > row["level"]]
    assert uncertain, "a broken feed must leave something open"
    assert at_desk.locator("#towns .gap").count() == len(uncertain)
    assert all("不能排除" in text for text in at_desk.locator("#towns .gap").all_inner_texts())


def test_a_town_opens_to_its_stored_explanation(at_desk: Any, drawn: Drawn) -> None:
    rows = {(row["town"], row["hazard"]): row for row in drawn.data["towns"] if row["level"] or row["ceiling"]}
    told = {key: row for key, row in rows.items() if row["told"]}
    assert at_desk.locator("#towns details.why").count() == sum(bool(row["told"] or row["outlook"]) for row in rows.values()) and told
    (town, hazard), row = next((key, row) for key, row in told.items() if len(row["told"]) == 3)
    opened = at_desk.locator(f"details.why[data-town='{town}'][data-hazard='{hazard}']")
    assert not opened.locator("dd").first.is_visible()
    opened.locator("summary").click()
    for name, text in row["told"].items():
        cell = opened.locator(f"dd[data-told='{name}']")
        assert cell.is_visible() and cell.inner_text() == text
    assert at_desk.evaluate("document.documentElement.scrollWidth") <= 1280


def test_synthetic_data_and_the_exercise_are_marked(at_desk: Any) -> None:
    assert at_desk.locator("#feeds .syn").count() >= 4 and at_desk.locator("#towns .syn").count() >= 1
    assert "演练" in at_desk.locator(".drill").inner_text()


def test_text_stands_out_from_its_ground(at_desk: Any) -> None:
    assert eyes.faint(at_desk, 50) == []


def test_the_page_needs_nobody_and_runs_nothing(drawn: Drawn) -> None:
    text = drawn.page.read_text(encoding="utf-8")
    assert "<script" not in text and "http://" not in text and "https://" not in text and "default-src 'none'" in text


def test_a_board_without_any_assessment_is_not_calm(tmp_path: Path) -> None:
    from console.context import Context
    from core.settings import Settings

    page = render(Context.load(Settings(home=tmp_path, county=COUNTY)), NIGHT)
    assert "尚未研判" in page and "不等于平安" in page and f"{FEEDS} 个不正常" in page and "从未" in page
