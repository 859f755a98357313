from __future__ import annotations

from pathlib import Path

import pytest

from core import agencies, yamlfile
from core.errors import ConfigError


@pytest.mark.parametrize("names", [
    ("日本", "RJTD", "JMA", "jma", " 日本 "), ("中国", "BABJ", "CMA", "中央气象台"), ("美国", "PGTW", "JTWC", "关岛"), ("中国台湾", "RCTP", "CWA", "台湾"),
    ("韩国", "RKSL", "KMA"), ("欧洲", "ECMF", "ECMWF"), ("中国香港", "VHHH", "HKO", "香港"),
])
def test_one_agency_by_all_its_names_is_one(names: tuple[str, ...]) -> None:
    assert {agencies.one_name(name) for name in names} == {names[0]} and len({agencies.known(name) for name in names}) == 1


def test_a_stranger_keeps_its_own_name() -> None:
    assert agencies.known("某国") is None and agencies.one_name(" 某国  台风中心 ") == "某国 台风中心" and agencies.one_name("") == ""


def test_the_table_says_where_it_comes_from_and_that_nobody_checked_it() -> None:
    data, _ = yamlfile.load(agencies.FILE)
    assert data["source"]["document"] and data["verified"] is False
    assert all(len(row["centre"]) == 4 and row["en"] and row.get("minutes", 0) in (0, 1, 2, 10) for row in data["agencies"].values())


def test_two_agencies_of_one_spelling_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "agencies.yaml"
    path.write_text("agencies:\n  甲: {en: A, centre: AAAA, also: [X]}\n  乙: {en: B, centre: BBBB, also: [x]}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="甲 与 乙"):
        agencies._spellings(path)
