"""What the county says of its own sensors: three files that may be absent, read strictly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.county import load_county
from core.errors import ConfigErrors

HAIMEN = Path(__file__).parents[2] / "county" / "haimen"
HEADS = {
    "maintenance.csv": "station,start,end,kind,note",
    "climate.csv": "station,property,month,low,high,source,verified",
    "links.csv": "upstream,downstream,property,rise,source,verified",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(HAIMEN, tmp_path / "c", ignore=shutil.ignore_patterns("scenarios"))
    for name in HEADS:
        (tmp_path / "c" / name).unlink(missing_ok=True)
    return tmp_path / "c"


def write(folder: Path, name: str, *rows: str) -> None:
    (folder / name).write_text("\n".join([HEADS[name], *rows]) + "\n", encoding="utf-8")


def test_without_the_files_nothing_is_known(folder) -> None:
    county = load_county(folder)
    assert (county.maintenance, county.climate, county.links) == ((), (), ())


def test_the_haimen_folder_reads() -> None:
    county = load_county(HAIMEN)
    assert all(row.source and not row.verified for row in (*county.climate, *county.links))


def test_rows_are_read(folder) -> None:
    write(folder, "maintenance.csv", "M9001,2026-08-01T08:00:00+08:00,,moved,迁站")
    write(folder, "climate.csv", ",pressure,7,,1025,chosen,false")
    write(folder, "links.csv", "SXZ,CLZ,stage,0.8,chosen,false")
    county = load_county(folder)
    assert county.maintenance[0].end is None and county.maintenance[0].kind == "moved"
    assert county.climate[0].high == 1025 and county.climate[0].low != county.climate[0].low
    assert county.links[0].rise == 0.8


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("maintenance.csv", "M9001,2026-08-01T08:00:00,,maintenance,", "with a zone"),
        ("maintenance.csv", "M9001,2026-08-02T08:00:00+08:00,2026-08-01T08:00:00+08:00,maintenance,", "do not fit"),
        ("maintenance.csv", "X,2026-08-01T08:00:00+08:00,,maintenance,", "unknown"),
        ("maintenance.csv", "M9001,2026-08-01T08:00:00+08:00,,holiday,", "unknown"),
        ("climate.csv", ",pressure,13,900,1000,chosen,false", "month"),
        ("climate.csv", ",presure,7,900,1000,chosen,false", "unknown"),
        ("climate.csv", ",pressure,7,1000,900,chosen,false", "low over high"),
        ("climate.csv", ",pressure,7,900,1000,,false", "empty"),
        ("links.csv", "QLG,TSG,tide,0.5,chosen,false", "datums"),
        ("links.csv", "SXZ,SXZ,stage,0.5,chosen,false", "datums"),
        ("links.csv", "SXZ,CLZ,stage,-1,chosen,false", "rise"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(folder, name, row, words) -> None:
    write(folder, name, row)
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    assert words in str(caught.value) and f"{name}:2" in str(caught.value)
