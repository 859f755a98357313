"""Verification: matching by hand-made cases, scores by hand, pictures that are well-formed, and bad files told by line."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from console.cli import app
from core.errors import ConfigErrors
from core.model import Hazard, Level
from rules.verify import Span, auc, match, pictures, read_spans, skill
from rules.verify.report import html, verify

T0 = datetime(2021, 7, 26, tzinfo=UTC)


def span(start: float, end: float, level: Level = Level.ORANGE, town: str = "a") -> Span:
    return Span(town=town, hazard=Hazard.FLOOD, level=level, start=T0 + timedelta(hours=start), end=T0 + timedelta(hours=end))


@pytest.mark.parametrize(("warned", "happened", "kinds"), [
    ([span(0, 6)], [span(2, 4)], ["hit"]),
    ([span(0, 6), span(6.4, 8)], [span(2, 4)], ["hit"]),                      # repeated within half an hour: one warning
    ([span(0, 1), span(6, 8)], [span(0.5, 4)], ["hit", "false"]),             # a second one on its own is a false alarm
    ([span(2.5, 6)], [span(2, 4)], ["near"]),                                 # half an hour too late
    ([span(3.5, 6)], [span(2, 4)], ["miss"]),                                 # too late to help
    ([], [span(2, 4)], ["miss"]),
    ([span(0, 6, Level.YELLOW)], [span(2, 4)], ["miss"]),                     # too weak
    ([span(0, 6, Level.RED)], [span(2, 4)], ["hit"]),
    ([span(0, 6, town="b")], [span(2, 4)], ["false", "miss"]),                # the wrong town
    ([span(0, 12)], [span(2, 3), span(8, 9)], ["hit", "hit"]),                # one warning over two events
    ([span(-40, -30)], [span(2, 3)], ["false", "miss"]),                      # long over
])
def test_matching(warned: list[Span], happened: list[Span], kinds: list[str]) -> None:
    assert [o.kind for o in match(warned, happened, Level.ORANGE)] == kinds


def test_scores_and_lead_by_hand() -> None:
    outcomes = match([span(0, 6), span(30, 36), span(60, 66), span(100, 101)], [span(2, 4), span(33, 34), span(61, 62), span(200, 201)], Level.ORANGE)
    found = skill(outcomes)
    assert (found.hits, found.near, found.misses, found.false) == (3, 0, 1, 1)
    assert found.pod == pytest.approx(3 / 4) and found.far == pytest.approx(1 / 4)
    assert found.csi == pytest.approx(3 / 5) and found.bias == pytest.approx(1.0)
    assert found.lead_h == pytest.approx((1.5, 2.0, 2.5)) and found.few
    low, high = found.intervals["pod"]
    assert low < 0.75 < high and skill(outcomes) == found


def test_no_score_where_nothing_defines_it() -> None:
    found = skill(match([], [span(2, 4)], Level.ORANGE))
    assert found.pod == 0.0 and found.far is None and found.lead_h is None


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 10), st.sampled_from([1, 2, 3, 4]), st.sampled_from("ab")), max_size=12),
       st.lists(st.tuples(st.integers(0, 200), st.integers(1, 10), st.sampled_from([1, 2, 3, 4]), st.sampled_from("ab")), max_size=12),
       st.randoms())
def test_order_changes_nothing_and_every_event_has_one_outcome(warned: list, happened: list, rng) -> None:
    spans = [[span(s, s + d, Level(lv), t) for s, d, lv, t in group] for group in (warned, happened)]
    found = verify(*spans)
    for group in spans:
        rng.shuffle(group)
    assert verify(*spans) == found
    for (_, level), outcomes in found.outcomes.items():
        events = len(match([], spans[1], level))
        assert sum(o.kind != "false" for o in outcomes) == events


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=2, max_size=60))
def test_auc_is_the_chance_that_an_event_scores_higher(cases: list[tuple[float, bool]]) -> None:
    yes, no = ([v for v, happened in cases if happened is want] for want in (True, False))
    got = auc([v for v, _ in cases], [h for _, h in cases])
    if not yes or not no:
        assert math.isnan(got)
    else:
        assert got == pytest.approx(sum((a > b) + 0.5 * (a == b) for a in yes for b in no) / (len(yes) * len(no)))


def test_pictures_are_well_formed_and_say_it_without_colour() -> None:
    warned, happened = [span(0, 6), span(30, 31, town="包场<镇>")], [span(2, 4), span(50, 51)]
    drawn = [pictures.performance([("洪涝橙色", 0.8, 0.7, Level.ORANGE)]), pictures.reliability([(0.1, 0.05, 12), (0.8, 0.9, 3)]),
             pictures.timeline(warned, happened, match(warned, happened, Level.ORANGE)), pictures.timeline([], [], []),
             pictures.heat_map(["20", "30"], ["1 h", "3 h"], [[0.1, None], [0.5, 0.9]], ("CSI", "门槛", "时窗"))]
    for picture in drawn:
        ElementTree.fromstring(picture)
    assert "漏报" in drawn[2] and "0.90" in drawn[4] and "包场&lt;镇&gt;" in drawn[2]


def test_the_report_stands_alone() -> None:
    page = html(verify([span(0, 6)], [span(2, 4)]), "检验")
    assert "http://www.w3.org/2000/svg" in page and page.count("http") == page.count("http://www.w3.org/2000/svg") and "<script" not in page
    assert "事件少于 10 次" in page and "命中" in page


GOOD = "town,hazard,level,start,end\nbaochang,flood,orange,2021-07-26T02:00:00+08:00,2021-07-26T09:00:00+08:00\n"


@pytest.mark.parametrize(("text", "where"), [
    ("town,hazard,level,start\n", "缺少列"), (GOOD + "a,flod,red,2021-07-26T02:00:00Z,2021-07-26T03:00:00Z\n", ":3"),
    (GOOD + "a,flood,pink,2021-07-26T02:00:00Z,2021-07-26T03:00:00Z\n", ":3"), (GOOD + "a,flood,red,2021-07-26 02:00,2021-07-26T03:00:00Z\n", ":3"),
    (GOOD + "a,flood,red,2021-07-26T03:00:00Z,2021-07-26T03:00:00Z\n", ":3"), (GOOD + ",flood,red,2021-07-26T02:00:00Z,2021-07-26T03:00:00Z\n", ":3"),
    (GOOD + "a,flood\n", ":3"), ("\xff", "读不到"),
])
def test_a_bad_file_is_told_by_line(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "spans.csv"
    path.write_bytes(text.encode("latin-1") if text == "\xff" else text.encode())
    with pytest.raises(ConfigErrors) as told:
        read_spans(path)
    assert where in str(told.value)


def test_the_command_prints_writes_and_speaks_json(tmp_path: Path) -> None:
    warned, happened = tmp_path / "warned.csv", tmp_path / "happened.csv"
    for path in (warned, happened):
        path.write_text(GOOD, encoding="utf-8")
    runner = CliRunner()
    shown = runner.invoke(app, ["verify", str(warned), str(happened), "--html", str(tmp_path / "r.html")])
    assert shown.exit_code == 0 and "洪涝" in shown.output and "事件太少" in shown.output and (tmp_path / "r.html").is_file()
    told = json.loads(runner.invoke(app, ["verify", str(warned), str(happened), "--json"]).output)
    assert told["skill"][0]["hits"] == 1 and told["outcomes"][0]["kind"] == "hit"


TOWNS = {"baochang": "baochang", "包场镇": "baochang", "yuelai": "yuelai", "悦来镇": "yuelai"}
ROW = "{town},{hazard},{level},2021-07-26T10:00+08:00,2021-07-26T12:00+08:00\n"


def test_events_are_written_as_people_call_things(tmp_path: Path) -> None:
    path = tmp_path / "happened.csv"
    path.write_text("\ufefftown,hazard,level,start,end\r\n" + ROW.format(town="包场镇", hazard="洪涝", level="橙色"), encoding="utf-8")
    (one,) = read_spans(path, TOWNS)
    assert (one.town, one.hazard, one.level) == ("baochang", Hazard.FLOOD, Level.ORANGE)
    assert read_spans(path)[0].town == "包场镇", "where nobody said which towns there are, a town is what the file says"


@pytest.mark.parametrize(("town", "hazard", "level", "says"), [
    ("悦来", "flood", "blue", "没有镇街“悦来”，是不是 悦来镇？"), ("yuelai", "洪水", "blue", "没有灾种“洪水”"), ("yuelai", "flood", "none", "没有级别“none”"),
])
def test_a_word_that_nothing_could_match_is_told_by_line(tmp_path: Path, town: str, hazard: str, level: str, says: str) -> None:
    path = tmp_path / "happened.csv"
    path.write_text("town,hazard,level,start,end\n" + ROW.format(town=town, hazard=hazard, level=level), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=f":2: .*{says}"):
        read_spans(path, TOWNS)


def test_the_command_knows_the_towns_of_the_county(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A town misspelt in one file would make every event of it a miss and every warning a false alarm."""
    monkeypatch.setenv("FENGSUI_COUNTY", str(Path(__file__).parents[2] / "county" / "haimen"))
    warned, happened, page = tmp_path / "warned.csv", tmp_path / "happened.csv", tmp_path / "pages" / "r.html"
    warned.write_text("town,hazard,level,start,end\n" + ROW.format(town="baochang", hazard="flood", level="blue"), encoding="utf-8")
    happened.write_text("town,hazard,level,start,end\n" + ROW.format(town="包场镇", hazard="洪涝", level="蓝色"), encoding="utf-8")
    words = ["verify", str(warned), str(happened)]
    assert json.loads(CliRunner().invoke(app, [*words, "--json"]).output)["skill"][0]["hits"] == 1
    assert CliRunner().invoke(app, [*words, "--html", str(page)]).exit_code == 0
    assert ">包场镇<" in page.read_text(encoding="utf-8") and "baochang" not in page.read_text(encoding="utf-8")
    happened.write_text(happened.read_text(encoding="utf-8").replace("包场镇", "包厂镇"), encoding="utf-8")
    assert "包场镇" in str(CliRunner().invoke(app, words).exception)
    for path in (warned, happened):
        path.write_text("town,hazard,level,start,end\n", encoding="utf-8")
    assert "无可检验" in CliRunner().invoke(app, [*words, "--html", str(page)]).output and "无可检验" in page.read_text(encoding="utf-8")


def test_a_file_from_a_spreadsheet_in_gbk_is_told_how_to_save(tmp_path: Path) -> None:
    path = tmp_path / "happened.csv"
    path.write_bytes(("town,hazard,level,start,end\n" + ROW.format(town="包场镇", hazard="洪涝", level="橙色")).encode("gbk"))
    with pytest.raises(ConfigErrors, match="CSV UTF-8"):
        read_spans(path)
