"""overrides.csv: what the county says of its own numbers, read strictly, every fault with file:line:column and the nearest known word."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from core.county import load_county
from core.county.overrides import COLUMNS, FILE
from core.errors import ConfigErrors

HAIMEN = Path(__file__).parents[2] / "county" / "haimen"
GOOD = "flood.stage,,near_margin,yuelai,,0.20,m,2026-05-01,自定,,低洼"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(HAIMEN, tmp_path / "c", ignore=shutil.ignore_patterns("scenarios"))
    return tmp_path / "c"


def write(folder: Path, *rows: str) -> None:
    (folder / FILE).write_text("\n".join(["# 本县改值", ",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")


def test_without_the_file_there_is_nothing_and_with_it_the_version_is_another(folder: Path) -> None:
    before = load_county(folder)
    assert before.overrides == ()
    write(folder, GOOD)
    after = load_county(folder)
    write(folder, GOOD.replace("0.20", "0.25"))
    assert len({before.version, after.version, load_county(folder).version}) == 3


def test_a_row_is_read_with_its_place(folder: Path) -> None:
    write(folder, GOOD, 'geological.points,blue,tilt_rate_24h,,DZ-01,0.08,deg,,"监测单位, 2024",true,')
    first, second = load_county(folder).overrides
    assert (first.town, first.value, first.verified, str(first.valid_from), first.place) == ("yuelai", 0.2, False, "2026-05-01", "overrides.csv:3")
    assert (second.station, second.verified, second.source, second.columns["verified"]) == ("DZ-01", True, "监测单位, 2024", 68)


def test_a_town_may_be_named_in_chinese(folder: Path) -> None:
    write(folder, GOOD.replace("yuelai", "悦来镇"))
    assert load_county(folder).overrides[0].town == "yuelai"


@pytest.mark.parametrize(("old", "new", "column", "words"), [
    ("yuelai", "yuelia", "town", ("yuelia", "yuelai", "未知镇街")), (",yuelai,,", ",,DZ-1,", "station", ("DZ-1", "DZ-01", "未知站")),
    (",yuelai,,", ",,,", "town", ("恰填一个",)), (",yuelai,,", ",yuelai,SXZ,", "town", ("恰填一个",)), ("0.20", "两成", "value", ("应为数",)),
    ("0.20", "1e3", "value", ("应为数",)), ("自定", "", "source", ("没有写出处",)), ("2026-05-01", "5月1日", "valid_from", ("2026-05-01",)),
    ("flood.stage,,", "flood.stage,bleu,", "level", ("bleu", "blue")), (",m,", ",,", "unit", ("unit",)), ("自定,,", "自定,也许,", "verified", ("true", "false")),
])
def test_what_is_wrong_is_told_with_its_place(folder: Path, old: str, new: str, column: str, words: tuple[str, ...]) -> None:
    assert GOOD.count(old) == 1
    row = GOOD.replace(old, new)
    write(folder, row)
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    found = [str(e) for e in caught.value.errors]
    begins = 1 + sum(len(cell) + 1 for cell in row.split(",")[: COLUMNS.index(column)])
    assert any(f"{FILE}:3:{begins}: " in text and all(w in text for w in words) for text in found), found
    assert all(re.search("[\u4e00-\u9fff]", text) and " / " in text for text in found)


def test_a_row_there_twice_names_the_first(folder: Path) -> None:
    write(folder, GOOD, GOOD.replace("0.20", "0.25"), GOOD.replace("2026-05-01", "2027-05-01"))
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    assert [str(e).count("与第 3 行重复") for e in caught.value.errors] == [1] and f"{FILE}:4:1" in str(caught.value)


def test_all_rows_are_told_at_once(folder: Path) -> None:
    write(folder, GOOD.replace("yuelai", "x"), GOOD.replace("0.20", "x"), GOOD.replace("自定", ""))
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    assert {e.line for e in caught.value.errors} == {3, 4, 5}
