"""Packs: what is refused and where, what every shipped pack must have, and its own tests."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from small_pack import GOOD

from core.errors import ConfigError, ConfigErrors
from core.model import Hazard, Level
from rules import packs
from rules.catalogue import load_catalogue
from rules.packtest import KINDS, CaseResult, run_all, run_pack
from rules.testworld import values


def pack(folder: Path, text: str) -> packs.Pack:
    path = folder / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return packs.load_pack(path)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        pack(folder, text)
    error = caught.value
    return [str(e) for e in error.errors] if isinstance(error, ConfigErrors) else [str(error)]


def test_a_good_pack_reads(tmp_path: Path) -> None:
    got = pack(tmp_path, GOOD)
    rule = got.rules[0]
    assert (rule.hazards, rule.hold.rise_s, rule.hold.keep_s, rule.stage, rule.role) == ((Hazard.FLOOD,), 600, 7200, "live", "hazard")
    assert rule.indicators == ("rain_12h", "rain_6h", "typhoon_distance") and rule.source == "文件，第一条"
    assert got.hash == packs.load_pack(tmp_path / "x.yaml").hash and len(got.hash) == 64


@pytest.mark.parametrize(("old", "new", "line", "words"), [
    ("rain_12h >= 50 mm", "rain_12hr >= 50 mm", "13:13", ("rain_12hr", "rain_12h")),
    ("rain_12h >= 50 mm", "rain_12h >= 50", "13:22", ("mm",)),
    ("rain_6h >= 50 mm", "rain_12h >= 40 mm", "14:", ("rain_12h", "40")),
    ("rain_6h >= 50 mm", "40 mm <= rain_12h", "14:", ("rain_12h", "40")),
    ("hazard: flood", "hazard: floods", "11:", ("floods", "flood")),
    ("blue:", "bleu:", "13:", ("bleu", "blue")),
    ("keep_for: 2 h", "keep_for: 2 hours", "15:", ("60 min",)),
    ("verified: false", "verified: maybe", "6:", ()),
    ("valid_from: 2007-06-12", "valid_from: 2007", "4:", ()),
    ("clause: 第一条", "clause: ''", "5:", ()),
    ("id: flood.x", "id: Flood X", "9:", ()),
    ("title: 暴雨", "titel: 暴雨", "10:", ("titel", "title")),
    ("near: 800 km", "near: far", "7:", ()),
    ("near: 800 km", "rain_1h: 8 mm", "7:", ()),
    ("    hold:", "    stage: alive\n    hold:", "15:", ("alive", "live")),
    ("    hold:", "    optional: [rain_2h]\n    hold:", "15:", ("rain_2h",)),
    ("title: 雨", "title: 雨\ntitle: 雪", "3:1", ("YAML", "同一个键写了两次", "删去一个")),
    ("valid_from: 2007-06-12", "valid_from: 2007-06-12\nvalid_to: 2006-01-01", "5:11", ("永远不生效",)),
    ("title: 暴雨", "title:", "10:", ("title", "空")),
    ("rain_12h >= 50 mm", "30", "13:13", ("blue", "30")),
    ("blue: rain_12h >= 50 mm", "blue:", "13:", ("blue", "空")),
    ("rain_12h >= 50 mm", "50 mm >= 30 mm", "13:13", ("没有指标",)),
    ("near: 800 km", "near: 800 公里", "7:20", ("公里",)),
    ("blue: rain_12h", "blue：rain_12h", "13:11", ("半角",)),
    ("title: 雨", 'title: "雨', "2:8", ("引号没有闭合",)),
    ("    hazard: flood", "\thazard: flood", "11:1", ("Tab",)),
    ("    hazard: flood", "    hazard: 洪涝", "11:13", ("flood",)),
    ("hazard: flood", "hazard: haz", "11:13", ("haz",)),
    ("{for: 10 min, keep_for: 2 h}", "{for: 2 hours, keep_for: 2 hours}", "15:36", ("keep_for",)),
    ("    hold:", "    optional: [rain_6h, rain_2h]\n    hold:", "15:25", ("rain_2h",)),
    ("    hold:", "    optional: [rain_6h，rain_12h]\n    hold:", "15:16", ("，", "半角")),
    ("rain_12h >= 50 mm", "rain_12h > 50 mm and rain12 > 3 mm or rain6 > 9 mm", "13:51", ("rain6",)),
    ("title: 雨", "title: &a 雨", "2:", ("锚点",)),
    ("title: 雨", "title: !!python/object:os.system 雨", "2:", ()),
])
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, old: str, new: str, line: str, words: tuple[str, ...]) -> None:
    assert GOOD.count(old) >= 1
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert any(f"x.yaml:{line}" in text and all(w in text for w in words) for text in found), found
    assert all(re.search("[\u4e00-\u9fff]", text) for text in found)


def test_all_errors_come_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("rain_12h >= 50 mm", "rain_12hr >= 50 mm").replace("hazard: flood", "hazard: floods").replace("keep_for: 2 h", "keep_for: x")
    assert len(problems(tmp_path, text)) >= 3


def test_a_level_that_says_the_same_as_the_one_below_is_refused(tmp_path: Path) -> None:
    assert "条件相同" in problems(tmp_path, GOOD.replace("rain_6h >= 50 mm and typhoon_distance <= near", "rain_12h >= 50 mm"))[0]


def test_a_falling_indicator_must_fall_further(tmp_path: Path) -> None:
    text = GOOD.replace("rain_12h >= 50 mm", "r7_eta <= 12 h").replace("rain_6h >= 50 mm and typhoon_distance <= near", "r7_eta <= 24 h")
    assert "r7_eta" in problems(tmp_path, text)[0]


@pytest.mark.parametrize("bomb", [
    "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "pack: " + "[" * 5000, "pack: x\n" * 3, "\ufeffpack: x", "- 1\n- 2\n", "", "a: \x00", "x" * 300_000,
])
def test_hostile_yaml_is_refused_at_once(tmp_path: Path, bomb: str) -> None:
    began = time.monotonic()
    assert problems(tmp_path, bomb)
    assert time.monotonic() - began < 1.0


def test_unknown_packs_and_twice_used_ids(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cn/rainstorm"):
        packs.find(["cn/rainstrom"], tmp_path)
    with pytest.raises(ConfigErrors):
        packs.find(["../../../etc/passwd"], tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"flood\.x"):
        packs.load_packs([tmp_path / "a.yaml", tmp_path / "b.yaml"])
    (tmp_path / "b.yaml").write_text(GOOD.replace("flood.x", "flood.y"), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"b\.yaml.*x\.rain.*a\.yaml"):
        packs.load_packs([tmp_path / "a.yaml", tmp_path / "b.yaml"])


def test_a_county_pack_stands_before_a_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / "packs" / "cn" / "rainstorm.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(GOOD, encoding="utf-8")
    assert packs.find(["cn/rainstorm", "cn/stage"], tmp_path) == [own, packs.FOLDER / "cn" / "stage.yaml"]


def test_every_shipped_pack_says_where_its_numbers_come_from() -> None:
    loaded = packs.load_packs(packs.shipped())
    assert len(loaded) >= 8
    assert all(p.source and p.path.read_text(encoding="utf-8").count("note:") for p in loaded)
    assert {p.pack for p in loaded if p.verified} == {"cn.cma.order16.rainstorm"}  # nothing else was seen in its original


def test_every_declared_indicator_loads() -> None:
    indicators = load_catalogue().indicators
    assert {"rain_1h", "rain_24h", "stage_above_warning", "wind_gust_max", "r7_eta", "customers_out_share", "tilt_rate_24h"} <= set(indicators)
    assert all(i.title and i.title_en and i.unit for i in indicators.values())


@pytest.fixture(scope="module")
def results() -> list[CaseResult]:
    """Every case beside every shipped pack."""
    return run_all()


@pytest.mark.parametrize("path", packs.shipped(), ids=lambda path: path.stem)
def test_every_case_of_a_pack_passes_and_each_rule_has_a_firing_a_quiet_and_a_missing_one(results: list[CaseResult], path: Path) -> None:
    pack = packs.load_pack(path)
    own = [r for r in results if r.pack == pack.pack]
    assert [f"{r.case}: {r.message}" for r in own if not r.passed] == []
    assert {(rule.id, kind) for rule in pack.rules for kind in KINDS} <= {(r.rule, r.kind) for r in own}


def test_a_wrong_threshold_is_caught_by_the_pack_s_own_tests(tmp_path: Path) -> None:
    for name in ("rainstorm.yaml", "rainstorm.test.yaml"):
        text = (packs.FOLDER / "cn" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("orange: rain_3h >= 50 mm", "orange: rain_3h >= 55 mm"), encoding="utf-8")
    assert any(not r.passed for r in run_pack(tmp_path / "rainstorm.yaml"))


def test_a_pack_without_tests_or_with_a_false_kind_fails(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(GOOD, encoding="utf-8")
    assert not run_pack(tmp_path / "x.yaml")[0].passed
    (tmp_path / "x.test.yaml").write_text(
        "tests:\n  - {name: a, rule: flood.x, kind: firing, series: {'rain@M': '0x12'}, expect: [{at: 12 h, level: none}]}\n", encoding="utf-8")
    assert [r.passed for r in run_pack(tmp_path / "x.yaml")] == [False, False, False]


def test_series_notation() -> None:
    assert [v for v, _ in values("1 2+3x2 -1x1")] == [1, 2, 5, 8, -1, -1]
    assert [s for _, s in values("1? 2")] == [True, False] and len(list(values("_x3"))) == 4
    with pytest.raises(ConfigError):
        list(values("1..2"))


def test_levels_are_ordered_by_rank() -> None:
    assert [level.en for level in sorted(packs.COLOURS)] == ["blue", "yellow", "orange", "red"] and Level.RED > Level.BLUE
