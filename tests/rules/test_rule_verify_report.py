"""What the report adds to the scores: lead times by hazard, level and town, sensitivity, reliability, skill by rule, and Chinese that a browser really draws."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import eyes
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from console.cli import app
from core.errors import ConfigErrors
from core.ledger import Ledger, verify_audit
from core.ledger import tables as t
from core.model import Hazard, Level
from rules.verify import Span, match, pictures, read_spans, skill
from rules.verify.events import read_rule_spans
from rules.verify.measures import leads, reliability, sensitivity
from rules.verify.report import html, lines, verify

ROOT = Path(__file__).resolve().parents[2]
T0 = datetime(2021, 7, 26, tzinfo=UTC)
BLUE, YELLOW, ORANGE, RED = Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED


def has_chinese_font() -> bool:
    """Whether fontconfig knows a font for Chinese."""
    tool = shutil.which("fc-list")
    return tool is not None and bool(subprocess.run([tool, ":lang=zh", "file"], capture_output=True, timeout=30, check=False).stdout.strip())


def span(start: float, end: float, level: Level = ORANGE, town: str = "a", hazard: Hazard = Hazard.FLOOD, chance: float | None = None) -> Span:
    return Span(town=town, hazard=hazard, level=level, start=T0 + timedelta(hours=start), end=T0 + timedelta(hours=end), chance=chance)


WARNED = [span(0, 6, chance=0.9), span(30, 36, YELLOW, chance=0.3), span(60, 66, town="包场镇", chance=0.7),
          span(100, 101, RED, chance=0.5), span(130.5, 140, BLUE, chance=0.1)]
HAPPENED = [span(2, 4), span(33, 34, BLUE), span(61, 62, town="包场镇"), span(200, 201, RED), span(130, 133)]


def test_leads_by_hazard_level_and_town_by_hand() -> None:
    rows = leads(verify([*WARNED, span(0, 9, hazard=Hazard.TYPHOON)], [*HAPPENED, span(5, 8, hazard=Hazard.TYPHOON)]).outcomes)
    told = {(str(h), lv.en, town): hours for h, lv, town, hours in rows}
    assert told["flood", "blue", ""] == (-0.5, 1.0, 2.0, 3.0), "late by half an hour, then one, two and three hours ahead"
    assert told["flood", "blue", "包场镇"] == (1.0,) and told["flood", "orange", "a"] == (2.0,) and told["typhoon", "orange", "a"] == (5.0,)
    assert ("flood", "red", "") not in told, "no hit, no lead"


def test_sensitivity_is_the_score_of_every_pair_of_thresholds() -> None:
    found = sensitivity(WARNED, HAPPENED)
    for row, event in enumerate((BLUE, YELLOW, ORANGE, RED)):
        for column, level in enumerate((BLUE, YELLOW, ORANGE, RED)):
            outcomes = match(WARNED, HAPPENED, level, event_level=event)
            kinds = [o.kind for o in outcomes]
            by_hand = kinds.count("hit") / len(kinds) if kinds else None
            assert found[row][column] == (pytest.approx(by_hand) if by_hand is not None else None)
    assert found[2][2] == skill(match(WARNED, HAPPENED, ORANGE)).csi and found[0][0] == pytest.approx(3 / 6) != found[2][0]


def test_reliability_counts_what_came_true_in_each_bin() -> None:
    bins = {round(b.chance, 2): (b.share, b.cases) for b in reliability(WARNED, HAPPENED)}
    assert bins == {0.1: (1.0, 1), 0.3: (0.0, 1), 0.5: (0.0, 1), 0.7: (1.0, 1), 0.9: (1.0, 1)}
    many = [span(10 * n, 10 * n + 1, chance=0.75) for n in range(8)]
    (one,) = reliability(many, [span(10 * n, 10 * n + 0.5) for n in (0, 3, 7)])
    assert one.chance == pytest.approx(0.75) and one.cases == 8 and one.share == pytest.approx(sum(
        any(w.start <= T0 + timedelta(hours=10 * n + 0.5) and w.end >= T0 + timedelta(hours=10 * n - 24) for n in (0, 3, 7)) for w in many) / 8)
    assert reliability([span(0, 1)], HAPPENED) == [], "a warning without a chance says nothing of chances"


def test_repeats_within_half_an_hour_are_one_warning_and_near_misses_are_told() -> None:
    half, more = ([span(0, 1), span(1 + gap, 3)] for gap in (0.5, 0.51))
    assert [o.kind for o in match(half, [span(0.5, 0.9)], ORANGE)] == ["hit"] and [o.kind for o in match(more, [span(0.5, 0.9)], ORANGE)] == ["hit", "false"]
    (late,) = match([span(3, 6)], [span(2, 4)], ORANGE)
    assert late.kind == "near" and late.lead_s == -3600.0 and match([span(3.01, 6)], [span(2, 4)], ORANGE)[0].kind == "miss"


def test_the_report_and_the_terminal_hold_every_part() -> None:
    found = verify(WARNED, HAPPENED)
    page, told = html(found, "检验"), found.as_json()
    for words in ("命中率与成功率", "可靠性", "提前量分布", "时间线", "门槛敏感性", "按镇街", "逐次结果", "事件少于 10 次", "事件太少", "险中", "[0.17, 1.00]"):
        assert words in page, words
    assert page.count("<svg") == 5 and "<script" not in page and page.count("http") == page.count("http://www.w3.org/2000/svg")
    assert "事件太少 too few events" in "\n".join(lines(found)) and html(verify(WARNED, HAPPENED), "检验") == page
    assert told["sensitivity_csi"]["flood"][0][0] == pytest.approx(0.5) and len(told["reliability"]) == 5
    assert {(r["hazard"], r["level"], r["town"]) for r in told["by_town"]} >= {("flood", "orange", "包场镇"), ("flood", "red", "a")} and told["leads_h"]
    plenty = verify([span(10 * n, 10 * n + 2) for n in range(10)], [span(10 * n + 1, 10 * n + 2) for n in range(10)])
    assert not plenty.skills[Hazard.FLOOD, ORANGE].few and "事件少于" not in html(plenty, "检验")
    assert "没有给出可能性" in html(plenty, "检验")


def test_lead_times_are_drawn_with_their_median() -> None:
    picture = pictures.lead_times([("洪涝橙色以上", (-1.0, 2.0, 6.0, 7.0)), ("洪涝<红>", (3.0,))])
    ElementTree.fromstring(picture)
    assert "4.0 时，4 次" in picture and "3.0 时，1 次" in picture and picture.count("<circle") == 5 and "洪涝&lt;红&gt;" in picture
    ElementTree.fromstring(pictures.lead_times([]))


@pytest.mark.parametrize("text", ["1.2", "-0.1", "often"])
def test_a_chance_that_is_none_is_told_by_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.csv"
    row = "a,flood,red,2021-07-26T02:00:00Z,2021-07-26T03:00:00Z,"
    path.write_text(f"town,hazard,level,start,end,chance\n{row}\n{row}{text}\n")
    with pytest.raises(ConfigErrors, match=":3"):
        read_spans(path)
    path.write_text(path.read_text().replace(text, "0.25"))
    assert [s.chance for s in read_spans(path)] == [None, 0.25]


def test_the_skill_of_each_rule_goes_into_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGSUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FENGSUI_COUNTY", str(ROOT / "county" / "haimen"))
    warned, happened = tmp_path / "x.rules.csv", tmp_path / "happened.csv"
    warned.write_text("town,rule,level,start,end\n" + "".join(
        f"haimen,{rule},blue,2021-07-2{d}T02:00:00Z,2021-07-2{d}T09:00:00Z\n" for d in (1, 3) for rule in ("flood.rainstorm", "impact.outage")))
    happened.write_text("town,hazard,level,start,end\nhaimen,flood,blue,2021-07-21T04:00:00Z,2021-07-21T06:00:00Z\n")
    run = CliRunner().invoke
    shown = run(app, ["verify", str(warned), str(happened), "--record", "analyst", "--now", "2021-08-01T00:00:00Z"])
    assert shown.exit_code == 0 and "■ flood.rainstorm 暴雨" in shown.output and "已记入审计链" in shown.output
    ledger = Ledger.open(f"sqlite:///{tmp_path}/home/ledger.db")
    with ledger.read() as tx:
        rows = {row.subject: json.loads(row.payload) for row in tx.execute(select(t.audit).where(t.audit.c.action == "rule_skill"))}
    assert set(rows) == {"flood.rainstorm", "impact.outage"} and verify_audit(ledger).broken_at is None
    (kept,) = rows["flood.rainstorm"]["skill"]
    assert (kept["hits"], kept["false"], kept["misses"], kept["few"], kept["lead_h"][1]) == (1, 1, 0, True, 2.0)
    assert len(rows["flood.rainstorm"]["warned"]["sha256"]) == 64
    assert {s["hazard"] for s in rows["impact.outage"]["skill"]} == {"flood", "typhoon"}, "a rule of two hazards is judged by both"
    book = run(app, ["rules", "docs", "--json"])
    rain = next(r for r in json.loads(book.output)["rules"] if r["id"] == "flood.rainstorm")
    assert rain["last_skill"]["skill"][0]["hits"] == 1 and rain["last_skill_at"] == "2021-08-01 08:00"
    assert json.loads(run(app, ["verify", str(warned), str(happened), "--json"]).output)["flood.rainstorm"]["skill"][0]["hits"] == 1
    with pytest.raises(ConfigErrors, match=r":2.*没有规则 flood\.rainstorm"):
        read_rule_spans(warned, {})
    for words in (["--html", str(tmp_path / "r.html")], []):
        files = [str(warned), str(happened)] if words else [str(happened), str(happened), "--record", "analyst"]
        assert run(app, ["verify", *files, *words]).exit_code != 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with eyes.chromium() as started:
        yield started


@pytest.mark.skipif(not has_chinese_font(), reason="no Chinese font on this machine (fonts-noto-cjk): no letters to look at")
def test_a_browser_draws_the_chinese_and_nothing_leaves_its_picture(browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    shots = []
    for words in ("命中", "漏报", "\uf8ff\uf8ff"):  # without a font every sign is the same box; the last pair has no sign in any font
        page.set_content(pictures.svg(120, 60, "试", [pictures.text(10, 40, words, size=28)]))
        shots.append(page.locator("svg").screenshot())
    assert len(set(shots)) == 3, "Chinese letters are drawn as empty boxes: install a CJK font (fonts-noto-cjk)"
    path = tmp_path / "report.html"
    path.write_text(html(verify(WARNED, HAPPENED), "检验"), encoding="utf-8")
    page.goto(path.as_uri())
    out = page.evaluate("""() => [...document.querySelectorAll('svg')].flatMap(s => { const f = s.getBoundingClientRect();
        return [...s.querySelectorAll('text')].filter(e => { const b = e.getBoundingClientRect();
        return b.width == 0 || b.left < f.left - 1 || b.right > f.right + 1 || b.top < f.top - 1 || b.bottom > f.bottom + 1 }).map(e => e.textContent) })""")
    assert out == [] and page.locator("svg").count() == 5 and "漏报" in page.locator("svg").nth(3).text_content()
    page.close()
