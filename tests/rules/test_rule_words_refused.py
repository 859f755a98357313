"""What a pack may not declare and where it is told; whose a word is; and that an editor is told the same by the schema."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import jsonschema
import own_words
import pytest
from small_pack import GOOD
from test_rule_afternoon import call
from test_rule_backtest import START

from core import yamlfile
from core.county import load_county
from core.errors import ConfigError, ConfigErrors
from core.model import Level
from core.units import ACCUMULATED, LEVELLED, PROPERTIES
from rules import schema, widened
from rules.assess import rules_of
from rules.catalogue import load_catalogue
from rules.language import RuleError
from rules.mutants import reworded
from rules.packs import load_pack, load_packs, vocabulary
from rules.validate import validate
from rules.wordbook import nearest, words

RAIN = "rain_2h: {title: 两小时雨量, title_en: rain in two hours, unit: mm, property: rain, statistic: sum, window_h: 2, reach: within, km: 10}"
SHIPPED = "rain_3h: {title: 3小时雨量, title_en: rain in 3 h, unit: mm, property: rain, statistic: sum, window_h: 3, reach: within, km: 10, witness_km: 15}"
STORM = "far: {title: 远风, title_en: far wind, unit: m/s, kind: track, quantity: wind, lead_h: 6}"


def written(folder: Path, row: str, name: str = "x", condition: str = "rain_12h >= 50 mm or rain_2h >= 30 mm") -> Path:
    """The small pack with one row of its own."""
    path = folder / f"{name}.yaml"
    text = GOOD.replace("rules:\n", f"indicators:\n  {row}\nrules:\n").replace("blue: rain_12h >= 50 mm", f"blue: {condition}")
    path.write_text(text.replace("x.rain", f"{name}.rain").replace("flood.x", f"flood.{name}"), encoding="utf-8")
    return path


def refused(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_pack(path)
    return [str(e) for e in (caught.value.errors if isinstance(caught.value, ConfigErrors) else [caught.value])]


@pytest.mark.parametrize(("old", "new", "at", "says"), [
    ("unit: mm", "unit: cm", "cm,", "单位应为 mm，写成了 cm"),
    ("unit: mm", "unit: h", "h,", "单位应为 mm"),
    ("unit: mm, ", "", "rain_2h:", "缺少 unit"),
    ("property: rain", "property: rian", "rian", "rain？"),
    ("statistic: sum", "statistic: smu", "smu", "sum？"),
    ("statistic: sum", "statistic: max", "max", "累计量用 sum"),
    ("property: rain, statistic: sum", "property: stage, statistic: max", "stage", "基面不同"),
    ("property: rain", "property: tide", "sum", "不能用于 tide"),
    ("property: rain", "property: [rain, snowfall, tide]", "sum", "不能用于"),
    ("window_h: 2", "window_h: 1000", "1000", "0.25 到 744"),
    ("window_h: 2", "window_h: -2", "-2", "0.25 到 744"),
    ("window_h: 2", "window_h: .nan", ".nan", "应为 0.25 到 744"),
    ("window_h: 2", "window_h: two", "two,", "应为 0.25 到 744"),
    ("window_h: 2, ", "", "rain_2h:", "缺少 window_h"),
    ("window_h: 2", "lead_h: 2", "2, reach", "用不到 lead_h"),
    ("statistic: sum, window_h: 2", "statistic: antecedent, window_h: 36", "36", "24 的倍数"),
    ("km: 10", "km: 4000", "4000", "0.1 到 300"),
    (", km: 10", "", "within", "own 不写 km"),
    ("within", "nearby", "nearby", "reach"),
    ("title: 两小时雨量", "title: ''", "''", "至多 40 字"),
    ("title: 两小时雨量", 'title: "a\\nb"', '"a', "一行"),
    ("title: 两小时雨量", f"title: {'雨' * 41}", "雨雨", "至多 40 字"),
    ("title: 两小时雨量", "titel: 两小时雨量", "titel", "title？"),
    ("km: 10", "km: 10, worse: low", "low", "用不到 worse"),
    ("rain_2h:", "Rain2h:", "Rain2h:", "小写字母"),
    ("rain_2h:", "max:", "max:", "不是语言里的词"),
    ("rain_2h:", "red:", "red:", "不是语言里的词"),
    (RAIN, "rain_2h: 两小时", "两小时", "应为映射"),
    (RAIN, STORM.replace("lead_h: 6", "lead_h: 48"), "48", "至多 24 小时"),
    (RAIN, STORM.replace("wind, lead_h: 6", "eta, force: 8").replace("m/s", "h"), "8}", "7、10、12"),
    (RAIN, STORM.replace("wind", "distance").replace(", lead_h: 6", ""), "m/s", "单位应为 km"),
    (RAIN, STORM.replace("quantity: wind", "quantity: reported"), "reported", "quantity"),
    (RAIN, 'x: {title: 甲, title_en: a, unit: level, kind: official, events: [""]}', "[", "events"),
    (RAIN, 'x: {title: 甲, title_en: a, unit: level, kind: report, quantity: reported, hazard: floods}', "floods", "flood？"),
    (RAIN, 'x: {title: 甲, title_en: a, unit: flag, kind: town, field: sea_front, map: {1: 2}}', "{1", "不用于是非"),
    (RAIN, "x: {title: 甲, title_en: a, unit: degC, property: temperature, statistic: fall, window_h: 3}", "degC", "单位应为 K"),
    (RAIN, 'x: {title: 甲, title_en: a, unit: "1", property: customers_out, per: rain, statistic: share}', "rain,", "不成占比"),
    (RAIN, 'x: {title: 甲, title_en: a, unit: mm, property: [rain, tide], statistic: rise, window_h: 3}', "mm,", "几个要素须同一单位"),
    (RAIN, 'x: {title: 甲, title_en: a, unit: deg, property: tilt, statistic: tangent_angle, window_h: 200}', "200", "至多 93 小时"),
])
def test_what_a_row_may_not_say_is_told_at_its_place(tmp_path: Path, old: str, new: str, at: str, says: str) -> None:
    assert RAIN.count(old) == 1
    path = written(tmp_path, RAIN.replace(old, new))
    found, column = refused(path), path.read_text(encoding="utf-8").splitlines()[8].index(at) + 1
    assert any(f"x.yaml:9:{column}: " in text and says in text for text in found), found
    assert len(found) <= 2 and not any("未知指标" in text for text in found), "what is wrong with a word is not told a second time by each condition"


@pytest.mark.parametrize("rows", ["", "[]", "[a]", "两小时", "{}"])
def test_indicators_that_are_no_rows_are_refused(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(GOOD.replace("rules:\n", f"indicators: {rows}\nrules:\n"), encoding="utf-8")
    assert "x.yaml:8:" in refused(path)[0]


@pytest.mark.parametrize("rows", [
    "".join(f"  w{n}: {{title: 甲, unit: mm, statistik: sum, {', '.join(f'titel{k}: 1' for k in range(9))}}}\n" for n in range(260)),
    f"  w: {{{', '.join(f'titel{n}: 1' for n in range(3_800))}}}\n", f"  w: {{events: [{', '.join(['x'] * 7_500)}], kind: official}}\n",
    f"  w: {{events: [{'x,' * 25_000}]}}\n", f"  {'w' * 1_000}: 1\n", f"  w: {{title: {'甲' * 40_000}}}\n", f"  w: {'{a: ' * 40}1{'}' * 40}\n",
    f"  w: {{map: {{{'9' * 4_000}: 1}}}}\n",
], ids=["rows", "keys", "events", "more", "name", "title", "deep", "digits"])
def test_hostile_rows_are_refused_at_once(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(GOOD.replace("rules:\n", f"indicators:\n{rows}rules:\n"), encoding="utf-8")
    began = time.process_time()
    found = refused(path)
    assert time.process_time() - began < 1.0 and len(found) <= 200 and all("x.yaml:" in text and len(text) < 2_000 for text in found)


def test_a_name_has_one_meaning_and_both_places_are_told(tmp_path: Path) -> None:
    shipped = load_catalogue().indicators["rain_3h"]
    other = written(tmp_path, SHIPPED.replace("km: 10", "km: 20"), condition="rain_3h >= 30 mm")
    (text,) = refused(other)
    assert shipped.place is not None and text.startswith(f"{other}:9:3: ") and f"indicators.yaml:{shipped.place.line} 另有含义（3小时雨量）" in text
    one, two = written(tmp_path, RAIN, "a"), written(tmp_path, RAIN.replace("window_h: 2", "window_h: 2.5"), "b")
    with pytest.raises(ConfigErrors) as wrong:
        load_packs([one, two])
    assert [f"{two}:9:3: 指标 rain_2h 在 {one}:9 另有含义（两小时雨量）" in str(e) for e in wrong.value.errors] == [True]
    assert [str(e) for e in validate([one, two]).errors] == [str(e) for e in wrong.value.errors]
    with pytest.raises(RuleError, match="另有含义"):
        vocabulary([*load_pack(one).rules, *load_pack(two).rules])


def test_the_very_same_row_may_stand_in_two_packs_so_that_each_stands_alone(tmp_path: Path) -> None:
    """Other blanks and another order of the keys are no other meaning; a column over towns serves both."""
    turned = RAIN.replace("unit: mm, property: rain", "property: [rain],  unit: mm")
    packs = load_packs([written(tmp_path, RAIN, "a"), written(tmp_path, turned, "b")])
    assert packs[0].words == packs[1].words and packs[0].hash != packs[1].hash and len(vocabulary(r for p in packs for r in p.rules).indicators) == 92


def test_a_word_is_seen_by_its_own_pack_only(tmp_path: Path) -> None:
    written(tmp_path, RAIN, "a")
    other = tmp_path / "b.yaml"
    other.write_text(GOOD.replace("rain_12h >= 50 mm", "rain_2h >= 50 mm").replace("x.rain", "b.rain").replace("flood.x", "flood.b"), encoding="utf-8")
    assert any("未知指标“rain_2h”" in text and "b.yaml:13:13" in text and "是不是 rain_" in text for text in refused(other))
    near = written(tmp_path, RAIN, "c", condition="rain_2hr >= 30 mm")
    assert any("未知指标“rain_2hr”" in text and "是不是 rain_2h？" in text for text in refused(near))
    said = written(tmp_path, RAIN, "d", condition="两小时雨量 >= 30 mm")
    assert any("“两小时雨量”写作 / is written: rain_2h" in text for text in refused(said))
    wrong = written(tmp_path, RAIN, "e", condition="rain_2h >= 30 m/s")
    assert any("单位不合：mm 与 m/s" in text and "e.yaml:15:" in text for text in refused(wrong))
    taken = written(tmp_path, RAIN, "f")
    taken.write_text(taken.read_text(encoding="utf-8").replace("{near: 800 km}", "{near: 800 km, rain_2h: 3 mm}"), encoding="utf-8")
    assert any("参数 rain_2h 应为未用过的名字" in text for text in refused(taken))


def test_the_hash_of_the_pack_changes_with_its_word(tmp_path: Path) -> None:
    one, two = load_pack(written(tmp_path, RAIN)), load_pack(written(tmp_path, RAIN.replace("km: 10", "km: 12")))
    assert one.rules[0].pack_hash != two.rules[0].pack_hash and one.rules[0].words != two.rules[0].words
    assert [c.text for c in reworded(one.rules[0])] == ["rain_2h window_h 2 → 1", "rain_2h window_h 2 → 4"]


@pytest.mark.parametrize(("row", "condition", "says"), [
    (RAIN, "rain_12h >= 50 mm", "指标 rain_2h 没有用到"), (SHIPPED, "rain_3h >= 30 mm", "指标 rain_3h 随附的 indicators.yaml 里已有同一行"),
    (RAIN.replace("两小时雨量", "3小时雨量"), "rain_2h >= 30 mm", "指标 rain_2h 与 rain_3h 同名“3小时雨量”"),
    (RAIN.replace("km: 10}", "km: 10, witness_km: 15}"), "rain_2h >= 30 mm", "永远看不到"),
])
def test_what_is_odd_about_a_word_is_remarked(tmp_path: Path, row: str, condition: str, says: str) -> None:
    """The last: what has fallen in two hours has fallen in six, so blue always brings yellow."""
    path = written(tmp_path, row, condition=condition)
    if says == "永远看不到":
        path.write_text(path.read_text(encoding="utf-8").replace("rain_6h >= 50 mm and typhoon_distance <= near", "rain_6h >= 30 mm").replace(
            "parameters: {near: 800 km}", "note: 无"), encoding="utf-8")
    found = validate([path])
    assert not found.errors and [says in str(remark) for remark in found.remarks] == [True]


def test_whatever_is_observed_can_be_a_word_and_be_compared(tmp_path: Path) -> None:
    for observed, unit in PROPERTIES.items():
        rest = "sum, window_h: 1" if observed in ACCUMULATED else "last, above: warning_stage" if observed in LEVELLED else "last"
        row = f'w: {{title: 甲, title_en: a, unit: "{unit}", property: {observed}, statistic: {rest}}}'
        (word,) = load_pack(written(tmp_path, row, condition=f"rain_12h >= 50 mm and w > 0.5 {'' if unit == '1' else unit}")).words
        assert (word.unit, word.properties) == (unit, (observed,))


def test_the_schema_knows_the_rows_and_their_slips(tmp_path: Path) -> None:
    form = jsonschema.Draft202012Validator(json.loads((schema.FOLDER / "pack.schema.json").read_text(encoding="utf-8")))
    data = json.loads(json.dumps(yamlfile.load(own_words.county(tmp_path / "c"))[0], default=str))
    assert not list(form.iter_errors(data))
    for key, value in (("unit", None), ("statistic", "smu"), ("window_h", 1000), ("wndow_h", 2), ("property", "rian"), ("title", "")):
        spoiled = json.loads(json.dumps(data))
        spoiled["indicators"]["rain_2h"][key] = value
        assert list(form.iter_errors(spoiled)), key
    data["rules"][0]["optional"] = ["rain_2h"]
    assert not list(form.iter_errors(data))


def test_a_town_and_a_station_have_numbers_of_their_own_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    own_words.county(folder)
    gauge = next(s.station for s in load_county(folder).stations if "tide" in s.properties)
    (folder / "overrides.csv").write_text(
        "rule,level,parameter,town,station,value,unit,valid_from,source,verified,note\n"
        f"hm.rain_2h,blue,rain_2h,yuelai,,3,mm,,自定,false,\nhm.tide_fall,blue,tide_fall_1h,,{gauge},80,cm,,自定,false,\n", encoding="utf-8")
    county = load_county(folder)
    found = {rule.id: rule for rule in rules_of(county, START)}
    marks = [word.mark for word in found["hm.rain_2h"].own if word.mark]
    assert [mark.towns for mark in marks] == [{"yuelai": 3.0}] and set(found["hm.rain_2h"].conditions) == {Level.BLUE, Level.YELLOW}
    assert {word.name.partition("[")[0] for word in found["hm.tide_fall"].own if word.kind == "station"} == {"tide_fall_1h"}
    widened.check(found.values(), county)


def test_the_list_of_words_finds_by_name_title_and_property_and_else_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "c"
    pack = own_words.county(folder)
    monkeypatch.setenv("FENGSUI_COUNTY", str(folder))
    for sought in ("rain_2h", "两小时", "TWO HOURS"):
        assert [w["name"] for w in json.loads(call("rules", "words", sought, "--json"))["words"]] == ["rain_2h"]
    whole = json.loads(call("rules", "words", "--json"))["words"]
    assert len(whole) == len(load_catalogue().indicators) + 2 and all(w["unit"] and w["definition"] and w["line"] and Path(w["path"]).is_file() for w in whole)
    missed = json.loads(call("rules", "words", "rain2h", "--json", exit_code=1))
    assert missed["words"] == [] and missed["nearest"][0] == "rain_2h"
    assert "没有“xyzzy”" in call("rules", "words", "xyzzy", exit_code=1)
    text = call("rules", "words", "1小时落潮")
    assert "（fall of the tide in 1 h，m）" in text and "只在 hm.creek 里用" in text and f"{pack.name}:12" in text
    shutil.move(folder / "packs", tmp_path / "packs")
    (folder / "county.yaml").write_text((folder / "county.yaml").read_text(encoding="utf-8").replace("  - hm/creek\n", ""), encoding="utf-8")
    assert "没有“rain_2h”" in call("rules", "words", "rain_2h", exit_code=1) and "两小时雨量" in call("rules", "words", "rain_2h", "--packs", tmp_path / "packs")
    known = words(load_county(folder), ())
    assert nearest("", known) == () and next(w.meaning.name for w in nearest("3小时雨量", known)) == "rain_3h"
