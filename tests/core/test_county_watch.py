"""What the county says of its own sensors: three files that may be absent, read strictly."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from core.county import load_county
from core.county.canary import gap_s
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


@pytest.mark.parametrize(("cron", "minutes"), [
    ("* * * * *", 1),
    ("*/10 * * * *", 10), ("5 * * * *", 60), ("0,20,30 * * * *", 30), ("10-20/5 * * * *", 50), ("*/25 * * * *", 25), ("0 6 * * *", 1440), ("soon", 1440),
])
def test_beats_of_the_canary_are_not_closer_together_than_the_pulls_of_a_feed(cron: str, minutes: int) -> None:
    assert gap_s(cron) == minutes * 60


def test_a_county_whose_feeds_are_pulled_by_the_hour_has_an_hourly_canary(tmp_path: Path) -> None:
    folder = shutil.copytree(HAIMEN, tmp_path / "haimen", ignore=shutil.ignore_patterns("scenarios"))
    text = (folder / "feeds.yaml").read_text(encoding="utf-8")
    (folder / "feeds.yaml").write_text(re.sub(r'cron: "[^"]*"', 'cron: "5 * * * *"', text), encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"every_s.*3600"):
        load_county(folder)
    policy = (folder / "policy.yaml").read_text(encoding="utf-8").replace("every_s: 600", "every_s: 3600").replace("late_after_s: 1800", "late_after_s: 7200")
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    assert load_county(folder).policy.canary
