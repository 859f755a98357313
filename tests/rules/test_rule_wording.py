"""Words that people read: no threshold of less than nothing, no minus zero, a tide by its own name; and the tide in a clause as analysts write it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules_world import ROOT
from small_pack import GOOD
from test_rule_explained import CLAUSE, STAGE, problems_of

from core.county import load_county
from rules.catalogue import load_catalogue
from rules.handbook import collect
from rules.language import compile_condition
from rules.mutants import changes
from rules.packs import load_pack
from rules.plain import EN, plain
from rules.reasons import say
from rules.scoring import amount

KNOWN = load_catalogue().indicators


@pytest.mark.parametrize(("text", "zh", "en"), [
    ("stage_mean_drop_25h <= -0.05 m", "日均潮位上升达到 0.05 m", "rise of the tidal-day mean at least 0.05 m"),
    ("stage_mean_drop_25h > -0.05 m", "日均潮位上升低于 0.05 m", "rise of the tidal-day mean less than 0.05 m"),
    ("stage_mean_drop_25h >= 0.30 m", "日均潮位下降达到 0.3 m", "drop of the tidal-day mean at least 0.3 m"),
    ("temperature_min_24h <= -5 degC", "24小时最低气温不超过 -5 °C", "at most -5 °C"),
    ("stage_above_warning >= -0.30 m", "水位距警戒不到 0.3 m（或已超过）", "within 0.3 m of"),
])
def test_a_change_the_other_way_is_told_by_its_own_word(text: str, zh: str, en: str) -> None:
    tree = compile_condition(text, load_catalogue().symbols())
    assert plain(tree, KNOWN) == zh and en in plain(tree, KNOWN, EN)


@pytest.mark.parametrize(("name", "value", "tidal", "text"), [
    ("stage_mean_drop_25h", -0.048, False, "日均潮位上升 0.05 m"), ("stage_mean_drop_25h", 0.048, False, "日均潮位下降 0.05 m"),
    ("stage_mean_drop_25h", -0.001, False, "日均潮位上升 0 m"), ("stage_rise_24h_around", -0.001, False, "周边24小时水位上涨 0 m"),
    ("tide_above_warning", 0.2, False, "潮位超警戒水位 0.2 m"), ("stage_above_warning", -0.2, False, "水位距警戒水位 0.2 m"),
    ("stage_above_warning", 0.2, True, "潮位超警戒水位 0.2 m"), ("tide_residual_now", -0.2, False, "余水位（增减水） -0.2 m"),
])
def test_a_value_as_people_say_it(name: str, value: float, tidal: bool, text: str) -> None:
    assert say(KNOWN[name], value, tidal=tidal) == text


def test_there_is_no_minus_zero() -> None:
    assert [amount(v, "m") for v in (-0.0, -0.004, -0.006, 0.004)] == ["0 m", "0 m", "-0.01 m", "0 m"]


def test_the_rule_book_tells_the_tide_among_the_causes() -> None:
    county = load_county(ROOT / "county" / "haimen")
    told = {e.rule.id: e.explained_by for e in collect(county, STAGE_DAY)}
    assert "日均潮位上升达到 0.05 m" in told["flood.stage"].zh and "-0.05" not in told["flood.stage"].zh + told["flood.stage"].en
    assert told["flood.stage"].zh.endswith("，或者天文潮（没有预报时以前一潮日最高潮位代之）加 0.3 m 够到该级")
    assert "astronomical tide" in told["flood.stage"].en and told["flood.stage"].text.endswith("; tide_margin: 0.3 m")
    assert "潮" not in told["geological.points"].zh.rpartition("，或者")[2]


STAGE_DAY = load_pack(ROOT / "rules" / "packs" / "cn" / "stage.yaml").valid_from


def test_a_margin_is_a_height_and_its_mutants_are_told(tmp_path: Path) -> None:
    def clause(margin: str) -> str:
        return GOOD + CLAUSE.replace("      question", f"      tide_margin: {margin}\n      question")

    for good in ("30 cm", "0.30 m"):
        assert problems_of(tmp_path, clause(good)) == ([], [])
        assert load_pack(tmp_path / "x.yaml").rules[0].explained_by.tide_margin == pytest.approx(0.3)
    for bad in ("0.3", "0.3 h", "-0.3 m", "[1]"):
        errors, _ = problems_of(tmp_path, clause(bad))
        assert len(errors) == 1 and "x.yaml:20:" in errors[0] and "tide_margin 应为不小于零的高度" in errors[0], bad
    errors, _ = problems_of(tmp_path, clause("0.30 m").replace("tide_margin", "tide_margn"))
    assert len(errors) == 1 and "explained_by" in errors[0]
    assert sorted(c.rule.explained_by.tide_margin or 0 for c in changes(STAGE) if c.keys == ("explained_by", "tide_margin")) == pytest.approx([0, 0.27, 0.33])
