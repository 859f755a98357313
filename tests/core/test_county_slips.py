"""What a new county's clerk gets wrong although every file reads well by itself: each slip is one error with file:line that says what to write."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.county import load_county
from core.errors import ConfigErrors

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
POWER = "停电信息\n  sector: power\n  connector: outages\n"
AIR = ('air:\n  title: 预报\n  sector: weather\n  connector: open_meteo\n  sandbox: /om\n  cron: "5 * * * *"\n  interval_s: 3600\n  max_age_s: 21600\n'
       "  expected: 1\n  options: {points: '%s'}\nreports:\n")
WORST = "channels: [sms, broadcast]\n    audience: [residents]\n  red"
LATE = "deadline_s: %s\n    on_silence: issue\n    validity_s: 21600"
F1 = "F1,城区预报点,air,31.9,121.17,haimen,rain,mm,,,,,,false,,om,,true\nM9001,"
F2 = F1.replace("F1", "F2").replace("城区", "西区")
COOPS = ('tides:\n  title: 邻国潮位\n  sector: water\n  connector: noaa_coops\n  sandbox: /coops\n  cron: "5 * * * *"\n  interval_s: 3600\n  max_age_s: 21600\n'
         "  expected: 1\n  options: {stations: 'F9,QLG'}\nreports:\n")

SLIPS: dict[str, tuple[dict[str, tuple[str, str]], str, str]] = {
    "a point of no station": ({"feeds.yaml": ("reports:\n", AIR % "F7@31.9,121.17"), "stations.csv": ("M9001,", F1)}, "feeds.yaml:105", "F7"),
    "its nearest name": ({"feeds.yaml": ("reports:\n", AIR % "F1@31.9,121.17 F01@31.8,121.2"), "stations.csv": ("M9001,", F1)}, "feeds.yaml:105", "did you mean: F1"),
    "a point of another feed's station": ({"feeds.yaml": ("reports:\n", AIR % "F1@31.9,121.17 SXZ@31.965,121.12"), "stations.csv": ("M9001,", F1)},
                                          "feeds.yaml:105", "SXZ 在 stations.csv 里属于 water"),
    "a point copied from another row": ({"feeds.yaml": ("reports:\n", AIR % "F1@31.6,121.17"), "stations.csv": ("M9001,", F1)},
                                     "feeds.yaml:105", "write: F1@31.9,121.17"),
    "a station that is never asked": ({"feeds.yaml": ("reports:\n", AIR % "F1@31.9,121.17"), "stations.csv": ("M9001,", F1.replace("M9001,", F2))},
                                      "stations.csv:3", "F2 属于 air"),
    "a listed station of nobody's": ({"feeds.yaml": ("reports:\n", COOPS)}, "feeds.yaml:105", "F9"),
    "a feed pulled once a day": ({"feeds.yaml": ('cron: "5 * * * *"', 'cron: "5 3 * * *"')}, "feeds.yaml:33", "隔 24 小时"),
    "a feed pulled on no day": ({"feeds.yaml": ('cron: "5 * * * *"', 'cron: "0 0 31 2 *"')}, "feeds.yaml:33", "拉一次"),
    "a feed pulled in the day only": ({"feeds.yaml": ('cron: "5 * * * *"', 'cron: "*/10 8-17 * * *"')}, "feeds.yaml:33", "隔 14 小时"),
    "two feeds of one title": ({"feeds.yaml": (f"title: {POWER}", f"title: {POWER}".replace("停电信息", "水情库（SL 323）"))}, "feeds.yaml:51", "与 water 同名"),
    "codes that are not renamed": ({"feeds.yaml": ('renamed: "320684=320614"}  #', 'renamed: "320684-320614"}  #')}, "feeds.yaml:83", "旧码=新码"),
    "an address without its scheme": ({"feeds.yaml": ("http://www.nmc.cn/rest", "www.nmc.cn/rest")}, "feeds.yaml:76", "has no scheme"),
    "a Chinese English name": ({"towns.csv": ("三星镇,Sanxing", "三星镇,三星")}, "towns.csv:5", "Pinyin"),
    "a point copied from the next town": ({"towns.csv": ("三星镇,Sanxing,31.9681,121.1154", "三星镇,Sanxing,31.9342,121.2475")}, "towns.csv:6", "与另一镇街的点相同"),
    "a digit of the longitude": ({"stations.csv": ("water,31.965,121.12,", "water,31.965,112.12,")}, "stations.csv:16", "km / far from its town"),
    "a town misspelt": ({"stations.csv": ("121.12,sanxing", "121.12,sanxin")}, "stations.csv:16", "did you mean: sanxing"),
    "a name copied from the row above": ({"stations.csv": ("M9002,滨江街道自动站", "M9002,海门街道自动站")}, "stations.csv:3", "站名"),
    "stages in centimetres": ({"stations.csv": ("sanxing,stage,m,废黄河,,2.8,3.3", "sanxing,stage,m,废黄河,,280,330")}, "stations.csv:16", "不是厘米"),
    "stages of a rain gauge": ({"stations.csv": ("sanxing,stage,m,废黄河", "sanxing,rain,mm,废黄河")}, "stations.csv:16", "却不测水位"),
    "properties by a Chinese comma": ({"stations.csv": ("rain;wind_speed", "rain、wind_speed")}, "stations.csv:2", "半角分号"),
    "units by a stroke": ({"stations.csv": ("mm;m/s;m/s;deg;hPa", "mm/m/s/m/s/deg/hPa")}, "stations.csv:2", "半角分号"),
    "a link of what neither measures": ({"links.csv": ("SXZ,CLZ,stage", "SXZ,CLZ,rain")}, "links.csv:2", "SXZ 不测 rain"),
    "the same link twice": ({"links.csv": ("CQ1,SCZ,stage", "SXZ,CLZ,stage")}, "links.csv:3", "与第 2 行重复"),
    "the same link the other way round": ({"links.csv": ("CQ1,SCZ,stage", "CLZ,SXZ,stage")}, "links.csv:3", "与第 2 行重复"),
    "the month twice": ({"climate.csv": (",pressure,2,", ",pressure,1,")}, "climate.csv:3", "与第 2 行重复"),
    "a climate of what the station does not measure": ({"climate.csv": (",pressure,2,", "SXZ,pressure,2,")}, "climate.csv:3", "SXZ 不测 pressure"),
    "nobody is everybody": ({"groups.yaml": ("title_en: residents, share: 1.0", "title_en: residents, share: 0.9")}, "groups.yaml:2", "有人永远收不到"),
    "two groups of one title": ({"groups.yaml": ("title: 渔船与沿江作业", "title: 居民")}, "groups.yaml:10", "同名"),
    "a worse colour tells fewer": ({"policy.yaml": (WORST, WORST.replace("residents", "duty"))}, "policy.yaml:60", "漏了 黄色有的 informers"),
    "a worse colour by fewer channels": ({"policy.yaml": (WORST, WORST.replace(", broadcast", ""))},
                                         "policy.yaml:59", "broadcast"),
    "a worse colour signed later": ({"policy.yaml": (LATE % 300, LATE % 3000)},
                                    "policy.yaml:64", "longer than that of orange"),
    "renewed as soon as issued": ({"policy.yaml": ("renew_before_s: 3600", "renew_before_s: 30000")}, "policy.yaml:66", "一发布就要续"),
    "minutes for seconds": ({"policy.yaml": ("deadline_s: 1800", "deadline_s: 30m")}, "policy.yaml:39", "半小时写 1800"),
    "a pack by its file": ({"county.yaml": ("  - cn/rainstorm\n", "  - cn/rainstorm.yaml\n")}, "county.yaml:10", "did you mean: cn/rainstorm"),
    "a group misspelt": ({"policy.yaml": ("[duty, informers, boats, sea]", "[duty, informer, boats, sea]")}, "policy.yaml:44", "did you mean: informers"),
    "a station misspelt": ({"things.csv": ("TIDE-QLG,QLB", "TIDE-QLG,QLBB")}, "things.csv:9", "did you mean: QLB"),
    "a header misspelt": ({"climate.csv": ("station,property", "stations,property")}, "climate.csv:1", "'stations'"),
    "a file of the house misspelt": ({"climate.csv": ("", "")}, "limit.csv", "did you mean: limits.csv"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_told_once_with_its_line_and_what_to_write(tmp_path: Path, slip: str) -> None:
    edits, where, says = SLIPS[slip]
    folder = tmp_path / "c"
    shutil.copytree(HAIMEN, folder, ignore=shutil.ignore_patterns("scenarios"))
    for name, (old, new) in edits.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    if "limit.csv" in where:
        (folder / "limit.csv").write_text("station\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as refused:
        load_county(folder)
    told = str(refused.value)
    assert where in told and says in told, told
    assert len(refused.value.errors) == 1 or slip in ("a listed station of nobody's",), told


@pytest.mark.parametrize(("old", "new", "line", "says"), [
    ("towns: [haimen, binjiang]", "towns: [haimen, binjang]", 4, "did you mean: binjiang"), ("groups: [duty, informers]", "groups: [duty, informer]", 6, "informers"),
    ("text_end:", "text_ende:", 8, "did you mean: text_end"), ("level: blue\n", "", 1, "缺少 level"),
])
def test_a_slip_in_the_drill_is_told_with_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    from console.drill import limited
    from core.errors import ConfigError

    folder = tmp_path / "c"
    shutil.copytree(HAIMEN, folder, ignore=shutil.ignore_patterns("scenarios"))
    text = (folder / "drill.yaml").read_text(encoding="utf-8")
    assert old in text
    (folder / "drill.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        limited(load_county(folder))
    assert f"drill.yaml:{line}:" in str(refused.value) and says in str(refused.value)
