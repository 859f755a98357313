"""The rule book: every rule with its numbers, sources and marks, drawn by a real Chromium; what the ledger knows of its past; nothing from outside."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import eyes
import pytest
from typer.testing import CliRunner

from console.cli import app
from console.rulebook import book, page, past
from core.county import load_county
from core.ledger import Ledger
from core.model import Level
from rules.catalogue import load_catalogue
from rules.handbook import collect
from rules.packs import load_pack, shipped
from rules.plain import EN, plain

ROOT = Path(__file__).resolve().parents[2]
COUNTY = load_county(ROOT / "county" / "haimen")
DAY = date(2026, 7, 1)
RULES = {rule.id: rule for path in shipped() for rule in load_pack(path).rules}
NOW = datetime(2026, 7, 1, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    return book(COUNTY, DAY, None)


def article(text: str, rule: str) -> str:
    """The part of the page about one rule, tags taken out."""
    found = re.search(rf'<article id="{re.escape(rule)}".*?</article>', text, re.DOTALL)
    assert found, rule
    return html.unescape(re.sub(r"<[^>]+>", "", found[0]))


def test_every_rule_stands_there_with_its_numbers_source_and_mark(data: dict[str, Any]) -> None:
    text = page(data, "html")
    assert [r["id"] for r in data["rules"]] and {r["id"] for r in data["rules"]} == set(RULES)
    for rule in RULES.values():
        part = article(text, rule.id)
        assert ("数值未经核实" in part) == (not rule.verified) and ("已核实" in part) == rule.verified, rule.id
        assert rule.source in part and f"sha256:{rule.pack_hash[:16]}" in part and f'href="#{rule.id}"' in text
        for level, (condition, tree) in rule.conditions.items():
            assert condition in part and level.zh in part and plain(tree, load_catalogue().indicators) in part
        for name in rule.indicators:
            assert name in part and load_catalogue().indicators[name].title in part
    chosen = {r["id"] for r in data["rules"] if r["selected"]}
    assert chosen == {rule.id for name in COUNTY.packs for rule in load_pack(ROOT / "rules" / "packs" / f"{name}.yaml").rules}
    assert all(("本县没有选用" in article(text, name)) == (name not in chosen) for name in RULES)


def test_the_page_needs_nobody_and_markdown_says_the_same(data: dict[str, Any]) -> None:
    text, marked = page(data, "html"), page(data, "md")
    assert "http://" not in text and "https://" not in text and "<script" not in text and "default-src 'none'" in text
    assert all(f"`{name}`" in marked for name in RULES) and marked.count("数值未经核实 unverified**") == sum(not r.verified for r in RULES.values())


def test_the_stations_and_their_own_marks_are_named(data: dict[str, Any]) -> None:
    stage = next(r for r in data["rules"] if r["id"] == "flood.stage")
    warning = next(m for m in stage["indicators"] if m["name"] == "stage_above_warning")
    assert warning["feeds"]["三星镇"] == ("三星站（SXZ）",) and warning["marks"]["三星站（SXZ）"] == "2.8 m（废黄河，未经核实）"
    assert warning["marks"]["天生港潮位站（TSG）"] == "5.2 m（吴淞）" and warning["unit"] == "m" and "范围内最不利的站 6 km" in warning["definition"]
    rain = next(r for r in data["rules"] if r["id"] == "flood.rainstorm")
    assert min(rain["cases"].values()) >= 1 and rain["corroborate"] == "orange" and rain["hold"] == {"for_s": 0, "keep_for_s": 3600}
    assert article(page(data, "html"), "flood.stage").count("各镇街的数值相同；与之相减的特征水位逐站不同") == 1


def test_a_town_or_station_with_a_number_of_its_own_is_shown_apart(tmp_path: Path) -> None:
    folder = tmp_path / "haimen"
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
    (folder / "overrides.csv").write_text(
        "rule,level,parameter,town,station,value,unit,valid_from,source,verified,note\n"
        "flood.rainstorm,blue,rain_12h,baochang,,40,mm,,县防汛预案 2024,false,\n"
        "geological.points,blue,tilt_rate_24h,,DZ-01,0.08,deg,2026-05-01,监测单位核定,true,\n", encoding="utf-8")
    entries = {e.rule.id: e for e in collect(load_county(folder), DAY)}
    rain, points = entries["flood.rainstorm"], entries["geological.points"]
    assert list(rain.towns) == ["包场镇"] and rain.towns["包场镇"][0].numbers[0] == "rain_12h >= 40 mm" and rain.conditions[0].numbers[0] == "rain_12h >= 50 mm"
    assert rain.own == ("包场镇 rain_12h（蓝色） = 40 mm：县防汛预案 2024（overrides.csv:2，未经核实）",)
    assert points.towns == {} and points.own == ("测站 DZ-01 tilt_rate_24h（蓝色） = 0.08 deg：监测单位核定（overrides.csv:3）",)


@pytest.mark.parametrize(("rule", "level", "zh", "en"), [
    ("typhoon.wind", Level.BLUE, "（台风中心距离不超过 800 km，并且（1小时最大平均风达到 10.8 m/s（6 级风），或者1小时最大阵风达到 17.2 m/s（8 级风））），"
     "或者0.7 × 24小时内最大模拟风速达到 10.8 m/s（6 级风）", "(distance to the typhoon at most 800 km and (highest mean wind in 1 h at least 10.8 m/s (force 6)"),
    ("flood.stage", Level.BLUE, "水位距警戒不到 0.3 m（或已超过）", "stage within 0.3 m of the warning stage, or over it"),
    ("flood.stage_outlook", Level.YELLOW, "外推6小时水位超警戒 0.3 m 以上，并且到警戒水位的时间不超过 3 h", "stage in 6 h 0.3 m or more over the warning stage"),
    ("flood.surge", Level.ORANGE, "（官方风暴潮信号达到 橙色，并且（沿海，或者沿江）），或者（官方海浪信号达到 橙色，并且沿海）",
     "official storm-surge signal at least orange"),
    ("flood.ponding", Level.ORANGE, "停电台区占比达到 30 %", "share of transformer areas out at least 30 %"),
    ("heat.temperature", Level.ORANGE, "24小时最高气温达到 37 °C", "highest temperature in 24 h at least 37 °C"),
])
def test_plain_words(rule: str, level: Level, zh: str, en: str) -> None:
    tree, known = RULES[rule].conditions[level][1], load_catalogue().indicators
    assert zh in plain(tree, known) and en in plain(tree, known, EN)


def test_last_change_and_skill_come_from_the_chain(tmp_path: Path) -> None:
    entries = collect(COUNTY, DAY)
    rain = next(e for e in entries if e.rule.id == "flood.rainstorm")
    assert "台账没有记录；包文件的时间" in past(None, [rain])["flood.rainstorm"].change
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    with ledger.begin() as tx:
        for n, sha in enumerate(("0" * 64, rain.pack.hash, rain.pack.hash)):
            ledger.audit(tx, NOW + timedelta(days=n), "rules", "assess", "x", {"packs": {rain.pack.pack: sha, "another": rain.pack.hash}})
        ledger.audit(tx, NOW, "analyst", "promote_rule", "flood.rainstorm", {"why": "两个汛期都准"})
        for n, hits in enumerate((3, 12)):
            row = {"hazard": "flood", "level": "blue", "hits": hits, "near": 0, "misses": 1, "false": 2, "pod": 0.9, "far": None, "csi": 0.8, "few": hits < 10}
            ledger.audit(tx, NOW + timedelta(days=n), "analyst", "rule_skill", "flood.rainstorm",
                         {"warned": {"file": f"w{n}.csv"}, "happened": {"file": "h.csv"}, "pack_hash": rain.pack.hash, "skill": [row]})
    known = past(ledger, [rain])["flood.rainstorm"]
    assert known.change == "2026-07-01 12:00 由 analyst 转正：两个汛期都准；现文本 2026-07-02 12:00 起用于研判，此前为 sha256:000000000000"
    assert known.skill_at == "2026-07-02 12:00" and known.skill["skill"][0]["hits"] == 12
    part = article(page(book(COUNTY, DAY, ledger), "html"), "flood.rainstorm")
    assert "w1.csv 对 h.csv" in part and "0.90" in part and "由 analyst 转正" in part and "—" in part
    other = past(ledger, [e for e in entries if e.rule.id == "flood.stage"])["flood.stage"]
    assert other.skill is None and "台账没有记录" in other.change


def test_the_command_founds_nothing_and_its_json_is_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: dict[str, Any]) -> None:
    monkeypatch.setenv("FENGSUI_HOME", str(tmp_path / "home"))
    out, run = tmp_path / "book.html", CliRunner().invoke
    county = str(ROOT / "county" / "haimen")
    assert run(app, ["rules", "docs", "--county", county, "--now", "2026-07-01T12:00:00+08:00", "--out", str(out)]).exit_code == 0
    assert out.read_text(encoding="utf-8") == page(data, "html") and not (tmp_path / "home").exists() and list(tmp_path.iterdir()) == [out]
    told = run(app, ["rules", "docs", "--county", county, "--now", "2026-07-01T12:00:00+08:00", "--json"])
    assert json.loads(told.output) == json.loads(json.dumps(data, ensure_ascii=False))
    assert run(app, ["rules", "docs", "--county", county]).output.startswith("# 海门区 规则手册")
    assert isinstance(run(app, ["rules", "docs", "--county", county, "--out", "x.pdf"]).exception, Exception)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with eyes.chromium() as started:
        yield started


@pytest.mark.parametrize("width", [390, 1280])
def test_chromium_draws_it(browser: Any, data: dict[str, Any], tmp_path: Path, width: int) -> None:
    path = tmp_path / "book.html"
    path.write_text(page(data, "html"), encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    assert asked == [path.as_uri()] and tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator("article").count() == len(RULES) and tab.locator("article .unverified.mark").count() >= sum(not r.verified for r in RULES.values())
    tab.click("nav a[href='#typhoon.circle']")
    assert tab.evaluate("Math.abs(document.getElementById('typhoon.circle').getBoundingClientRect().top)") < 900
    tab.locator("[id='flood.stage'] details summary").first.click()
    assert "三星站（SXZ）" in tab.locator("[id='flood.stage']").inner_text()
    tab.close()
