"""Pack tests say which reason people must read, and a wrong one is told as a difference with its line; the files are read strictly."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from small_pack import GOOD

from core.errors import ConfigError, ConfigErrors
from rules import schema
from rules.packs import FOLDER, load_pack, shipped
from rules.packtest import laid_out, run_pack
from rules.testcases import read

HEAD = "interval: 1 h\ntests:\n"
CASE = """\
  - name: 一
    rule: flood.x
    kind: firing
    series: {"rain@M1": "0x11 4.5x11"}
    expect:
      - {at: 23 h, level: blue, EXPECT}
"""


def ran(folder: Path, expect: str, case: str = CASE):
    (folder / "x.yaml").write_text(GOOD, encoding="utf-8")
    (folder / "x.test.yaml").write_text(HEAD + case.replace("EXPECT", expect), encoding="utf-8")
    return run_pack(folder / "x.yaml")[0]


def refused(folder: Path, old: str, new: str) -> list[str]:
    case = CASE.replace("EXPECT", "ceiling: blue")
    assert old in HEAD + case
    with pytest.raises(ConfigError) as caught:
        (folder / "x.yaml").write_text(GOOD, encoding="utf-8")
        (folder / "x.test.yaml").write_text((HEAD + case).replace(old, new), encoding="utf-8")
        run_pack(folder / "x.yaml")
    return [str(e) for e in (caught.value.errors if isinstance(caught.value, ConfigErrors) else [caught.value])]


@pytest.mark.parametrize("expect", [
    "held: none, reason: ''", "counterfactual: 黄色需 rain_6h 达 50 mm（现 27 mm）", "counterfactual: [黄色需, 现 27 mm]", "flags: ['single_path:rain_12h']",
])
def test_what_people_read_can_be_expected(tmp_path: Path, expect: str) -> None:
    assert ran(tmp_path, expect).passed, ran(tmp_path, expect).message


@pytest.mark.parametrize(("expect", "want", "got"), [
    ("reason: 12小时雨量", "应有 expected “12小时雨量”", "得到 got      "), ("counterfactual: [黄色需, 现 28 mm]", "应有 expected “现 28 mm”", "现 27 mm"),
    ("counterfactual: ''", "应有 expected 空 nothing", "黄色需 rain_6h"), ("flags: [lost_while_rising]", "应有 expected “lost_while_rising”", "single_path"),
    ("held: blue", "held 应为 expected blue", "得 got none"),
])
def test_a_wrong_word_is_told_with_its_line(tmp_path: Path, expect: str, want: str, got: str) -> None:
    result = ran(tmp_path, expect)
    assert not result.passed and f"{tmp_path / 'x.test.yaml'}:8: 23 h" in result.message
    assert want in result.message and got in result.message


def test_a_reason_is_that_of_the_live_assessment_at_its_time(tmp_path: Path) -> None:
    """`for: 10 min`: one step after it began the level is held, so that people read why; when the rain has gone they read that it is kept."""
    case = CASE.replace('4.5x11"', '4.5x12 0x12"').replace("EXPECT", "ceiling: blue").replace("expect:\n", "expect:\n"
        "      - {at: 24 h, level: blue, held: blue, reason: [12小时雨量 54 mm, flood.x 蓝色]}\n"
        "      - {at: 25 h, level: none, held: blue, reason: 风险尚未确认解除，维持原级别}\n      - {at: 27 h, held: none, reason: ''}\n")
    assert ran(tmp_path, "", case).passed, ran(tmp_path, "", case).message


@pytest.mark.parametrize(("old", "new", "line", "words"), [
    ("rule: flood.x", "rule: flood.y", 4, ("flood.y", "flood.x")), ("kind: firing", "kind: fire", 5, ("fire", "firing")),
    ("level: blue", "level: blau", 8, ("blau", "blue")), ("at: 23 h", "at: soon", 8, ("soon",)), ("at: 23 h", "at: 23.5 h", 8, ("不在步上",)),
    ("ceiling:", "cieling:", 8, ("cieling", "ceiling")), ("rain@M1", "rian@M1", 6, ("rian", "rain")), ("rain@M1", "rain", 6, ("要素@站",)),
    ("0x11 4.5x11", "0x11 4,5", 6, ("4,5",)), ("series:", "serise:", 6, ("serise", "series")), ("interval: 1 h", "interval: soon", 1, ("soon",)),
    ("    expect:", "    town: {riverfront: true}\n    expect:", 7, ("riverfront", "river_front")),
    ("    expect:", "    signals: [{event: 暴雨, level: pink, from: 0 h}]\n    expect:", 7, ("pink",)),
    ("    expect:", "    tracks: [{at: 0 h, lat: 30}]\n    expect:", 7, ("lon",)), ("at: 23 h", "at: 99999 d", 8, ("步",)),
    ("  - name: 一\n    rule", "  - rule", 3, ("没有名字",)), ("interval: 1 h", "interval: 0 h", 1, ("零",)),
    ("    expect:", "    stations: {M2: {path: b}}\n    expect:", 7, ("M2", "M1")), ("    kind: firing", "    kind: firing\n    interval: 0 min", 6, ("零",)),
    ("    expect:", "    silent: [radar]\n    expect:", 7, ("radar", "signals")), ("ceiling: blue", "reason: 5", 8, ("一段文字",)),
])
def test_a_beside_is_read_strictly(tmp_path: Path, old: str, new: str, line: int, words: tuple[str, ...]) -> None:
    found = refused(tmp_path, old, new)
    assert any(f"x.test.yaml:{line}:" in text and all(w in text for w in words) for text in found), found


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    case = CASE.replace("EXPECT", "ceiling: blue")
    assert any(f"x.test.yaml:{3 + case.count(chr(10))}:11: 用例“一”已有一个" in text for text in refused(tmp_path, case, case + case))


def test_a_series_may_be_one_number(tmp_path: Path) -> None:
    assert "应为 expected blue，得 got none" in ran(tmp_path, "ceiling: blue", CASE.replace('"0x11 4.5x11"', "5")).message


@pytest.mark.parametrize(("kind", "says"), [("quiet", "处处应为 none"), ("missing", "要有 _")])
def test_a_case_of_another_kind_is_told_what_its_kind_needs(tmp_path: Path, kind: str, says: str) -> None:
    assert says in ran(tmp_path, "ceiling: blue", CASE.replace("kind: firing", f"kind: {kind}")).message


def test_all_errors_of_a_beside_come_at_once(tmp_path: Path) -> None:
    case = CASE.replace("EXPECT", "ceiling: blue")
    assert len(refused(tmp_path, case, case.replace("flood.x", "flood.y").replace("rain@", "rian@").replace("level: blue", "level: blau"))) == 3


def test_a_forecast_is_laid_out_as_an_issue(tmp_path: Path) -> None:
    cases = {c.name: c for c in read(load_pack(FOLDER / "cn" / "rainstorm.yaml"))}
    assert cases["预报 3 小时恰 50 毫米是橙色、恰 100 毫米是红色"].raw["forecasts"]  # both issues are known each at its own time: the case passes


def test_the_shipped_tests_say_reasons_and_agree_with_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema.files()["test.schema.json"]))
    told = 0
    for path in shipped():
        data = json.loads(json.dumps({"tests": [laid.case.raw for laid in laid_out(path)]}))
        assert not [f"{path}: {e.message}" for e in validator.iter_errors(data)]
        told += sum("reason" in e for case in data["tests"] for e in case["expect"])
    assert told >= 50
    for key, wrong in (("level", "blau"), ("at", "soon"), ("cieling", "blue")):
        data["tests"][0]["expect"][0] |= {key: wrong}
        assert list(validator.iter_errors(data))
