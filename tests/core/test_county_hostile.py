"""Edits that a tired, hurried or hostile hand makes to a county folder: each is refused with file:line and what to do, and nothing is blamed twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.county import County, load_county
from core.errors import ConfigError, ConfigErrors

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
#: drill.yaml is no part of the county as it warns: the drill and `fengsui county check` read it.
FILES = sorted(p.name for p in HAIMEN.iterdir() if p.suffix in (".yaml", ".csv") and p.name != "drill.yaml")
TOWN = "baochang,320614415000,false,包场镇,Baochang,32.0581,121.4166,true,147427,0.308,44"
GAUGE = "DZGZ,东灶港闸,water,32.09,121.487,baochang,stage,m,废黄河,,2.9,3.4,,false,,hydro-a,,true"
SPEAKER = "spk-baochang-01,baochang,包场镇1号广播"
SMS = '  sms: "{town}台风{level}预警（{action}）：{what}至{until}。{advice}"'


def town(old: str, new: str, says: str) -> tuple[str, str, str, str]:
    """An edit of one town's row."""
    assert old in TOWN
    return "towns.csv", TOWN, TOWN.replace(old, new, 1), says


def gauge(old: str, new: str, says: str) -> tuple[str, str, str, str]:
    """An edit of one water gauge's row."""
    assert old in GAUGE
    return "stations.csv", GAUGE, GAUGE.replace(old, new, 1), says


def sms(new: str, says: str) -> tuple[str, str, str, str]:
    """Another text in place of one SMS template."""
    return "templates.yaml", SMS, f"  sms: {new}", says


EDITS = [
    # what a county may leave out
    ("climate.csv", ",pressure,1,985,1050", ",presure,1,985,1050", "presure"),
    ("climate.csv", ",pressure,1,985,1050", ",pressure,13,985,1050", "13"),
    ("links.csv", "SXZ,CLZ,stage", "SXZ,NOPE,stage", "NOPE"),
    ("things.csv", "RAIN-HAIMEN,CQ1", "RAIN-HAIMEN,NOPE", "NOPE"),
    ("things.csv", "RAIN-HAIMEN,CQ1,rain", "RAIN-HAIMEN,SXZ,rain", "不测"),
    ("things.csv", "RAIN-HAIMEN,CQ1,rain", "RAIN-HAIMEN,CQ1,stage", "第一行"),
    ("things.csv", "RAIN-HAIMEN,CQ1", "RAIN-HAIMEN,SCZ", "另一行"),
    ("things.csv", "TIDE-QLG,QLB", "TIDE-QLG,TSG", "基面"),
    ("things.csv", "QLB,tide,1,", "QLB,tide,0,", "weight"),
    ("things.csv", "RAIN-HAIMEN,M9001", "CQ1,M9001", "测站编号"),
    ("reporters.csv", "hm-bc-t1,town,baochang", "hm-bc-t1,town,nowhere", "nowhere"),
    ("reporters.csv", "hm-bc-t1,town", "hm-bc-t1,tow", "tow"),
    # departments.yaml
    ("departments.yaml", "report-platform:", "Report Platform:", "Report Platform"),
    ("departments.yaml", "report-platform:\n", "report-platform: yes\nx:\n", "report-platform"),
    ("departments.yaml", "feeds: {reports: [reports]}", "feeds: {report: [reports]}", "report"),
    ("departments.yaml", "feeds: {reports: [reports]}", "feeds: {weather: [reports]}", "inbox"),
    ("departments.yaml", "feeds: {reports: [reports]}", "feeds: {reports: [everything]}", "everything"),
    ("departments.yaml", "feeds: {reports: [reports]}", "feeds: {reports: []}", "feeds.reports"),
    ("departments.yaml", "feeds: {reports: [reports]}", "feeds: reports", "feeds"),
    ("departments.yaml", "feeds: {reports", "feed: {reports", "feeds"),
    ("departments.yaml", "rate_per_min: 120", "rate_per_min: fast", "rate_per_min"),
    ("departments.yaml", "rate_per_min: 120", "rate_per_min: 0", "rate_per_min"),
    ("departments.yaml", "burst: 40", "burst: 1.5", "burst"),
    ("departments.yaml", "burst: 40", "key: tHhT8aTfQ5aIFWYs0GYMQ6eS", "key"),
    # county.yaml
    ("county.yaml", 'code: "320614"', "code: 320614", "code"),
    ("county.yaml", 'code: "320614"', 'code: "３２０６１４"', "code"),
    ("county.yaml", 'code: "320614"', 'cod: "320614"', "cod"),
    ("county.yaml", 'prefecture: "3206"', 'prefecture: "3207"', "3206"),
    ("county.yaml", "name: 海门区\n", "name:\n", "name"),
    ("county.yaml", "issuer: 海门区应急管理局", "issuer: 海门区应急管理局{town}", "issuer"),
    ("county.yaml", "signature: 海门预警", "signature: 见 www.haimen.cn", "网址"),
    ("county.yaml", "signature: 海门预警", "signature: [海门, 预警]", "signature"),
    ("county.yaml", "datum: 废黄河", "datum: 黄海", "datum"),
    ("county.yaml", "- cn/stage\n", "- cn/stages\n", "cn/stages"),
    ("county.yaml", "- cn/stage\n", "- ../../../etc/passwd\n", "规则包"),
    ("county.yaml", "- cn/stage\n", "- cn/rainstorm\n", "重复"),
    ("county.yaml", "packs:\n  - cn/rainstorm", "packs:\n  cn/rainstorm: yes\n#", "YAML"),
    ("county.yaml", "name_en: Haimen", "name_en: Haimen\ncolour: blue", "colour"),
    ("county.yaml", "name_en: Haimen", "name_en: &a Haimen", "锚点"),
    ("county.yaml", "name_en: Haimen", "name_en: !!python/object:os.system x", "标签"),
    ("county.yaml", "name_en: Haimen", "---\nname_en: Haimen", "文档"),
    # towns.csv
    town("320614415000", "320613415000", "12 位"),
    town("320614415000", "320614104000", "重复"),
    town("415000,false", "415000,true", "共用"),
    town("415000,false", "415000,no", "code_shared"),
    town("baochang,", "Bao Chang,", "key"),
    town("baochang,", "yuelai,", "重复"),
    town("包场镇", "", "name"),
    town("包场镇", "悦来镇", "悦来镇"),
    town("包场镇", "包\u202e场镇", "不可见"),
    town("147427", "", "population"),
    town("147427", "约15万", "population"),
    town("147427", "1e5", "population"),
    town("147427", "-1", "population"),
    town("147427", "147427.5", "整数"),
    town("147427", "nan", "population"),
    town("0.308", "30.8", "over60_share"),
    town("32.0581,121.4166", "121.4166,32.0581", "lat"),
    town("32.0581", "32.5", "轮廓外"),
    town("true,147427", "yes,147427", "point_verified"),
    town("包场镇,", "包场镇,,", "格"),
    town("包场镇,", '"包场镇,', "CSV"),
    town("包场镇", "=cmd|calc", "公式"),
    ("towns.csv", "bank_section,synthetic", "bank_section,synthetic,notes", "notes"),
    ("towns.csv", "population,", "villages,", "population"),
    ("towns.csv", "bank_section,synthetic", "bank_section,subsidence_mm", "synthetic"),
    ("towns.csv", "2,population;over60_share\n", "2,population;everything\n", "everything"),
    # stations.csv
    gauge("stage,m", "stage,ft", "单位"),
    gauge("stage,m", "stage;tide,m", "单位"),
    gauge("stage,m", "stag,m", "stag"),
    gauge("stage,m", ",", "properties"),
    gauge(",废黄河,", ",,", "基面"),
    gauge(",废黄河,", ",黄海,", "datum"),
    gauge(",废黄河,,", ",废黄河,0.19,", "datum_offset"),
    gauge("2.9,3.4", "3.4,2.9", "升高"),
    gauge("2.9,3.4,,", "2.9,3.4,3.0,", "升高"),
    gauge("2.9,3.4", "警戒,3.4", "warning_stage"),
    gauge("water,32.09", "watre,32.09", "watre"),
    gauge("baochang", "baochan", "baochan"),
    gauge("DZGZ", "HMGZ", "重复"),
    gauge("DZGZ", "DZ/GZ", "station"),
    gauge("hydro-a", "", "path"),
    gauge("false,,hydro-a,,true", "false,,hydro-a,,false", "出处"),
    gauge("false,,hydro-a,,true", "true,,hydro-a,,true", "出处"),
    gauge("false,,hydro-a", "false,2021年5月,hydro-a", "valid_from"),
    # feeds.yaml
    ("feeds.yaml", "connector: sl323", "connector: sl999", "sl999"),
    ("feeds.yaml", "sector: water", "sector: fire", "fire"),
    ("feeds.yaml", "max_age_s: 7800", "max_age: 7800", "max_age"),
    ("feeds.yaml", "max_age_s: 7800", "max_age_s: 60", "静默"),
    ("feeds.yaml", "interval_s: 3600", "interval_s: 1 h", "interval_s"),
    ("feeds.yaml", "interval_s: 3600", "interval_s: true", "interval_s"),
    ("feeds.yaml", "expected: 12", "expected: -12", "expected"),
    ("feeds.yaml", 'cron: "5 * * * *"', 'cron: "*/0 * * * *"', "cron"),
    ("feeds.yaml", 'cron: "5 * * * *"', 'cron: "99 * * * *"', "cron"),
    ("feeds.yaml", 'cron: "5 * * * *"', 'cron: "5 * * *"', "cron"),
    ("feeds.yaml", 'cron: "5 * * * *"', 'cron: "5 22-6 * * *"', "cron"),
    ("feeds.yaml", 'cron: "5 * * * *"', "cron: @hourly", "YAML"),
    ("feeds.yaml", "address: https://typhoon.slt.zj.gov.cn/Api/TyphoonInfo", "address: file:///etc/passwd", "file"),
    ("feeds.yaml", "address: https://typhoon.slt.zj.gov.cn/Api/TyphoonInfo", "address: http://127.0.0.1:8080/", "本机"),
    ("feeds.yaml", "address: https://typhoon.slt.zj.gov.cn/Api/TyphoonInfo", "address: https://me:secret@typhoon.slt.zj.gov.cn/", "账号"),
    ("feeds.yaml", "address: https://typhoon.slt.zj.gov.cn/Api/TyphoonInfo", "address: https://[::1/", "网址"),
    ("feeds.yaml", "address: mqtt://", "address: https://broker", "https"),
    ("feeds.yaml", "sandbox: /zj/typhoon", "sandbox: zj/typhoon", "sandbox"),
    ("feeds.yaml", "secret: music", 'secret: "hunter 2"', "secret"),
    ("feeds.yaml", "  age_from: fetch", "  enabled: no", "enabled"),
    ("feeds.yaml", "  age_from: fetch", "  age_from: whenever", "whenever"),
    ("feeds.yaml", "hours: 6}", "hours: six}", "hours"),
    ("feeds.yaml", "hours: 6}", "hour: 6}", "hour"),
    ("feeds.yaml", "options: {hours: 8, residual: true}", "options: hours=8", "options"),
    ("feeds.yaml", "water:\n  title: 水情库（SL 323）", "water:\n  title: [水情库", "YAML"),
    ("feeds.yaml", "water:\n", "weather:\n", "YAML"),
    ("feeds.yaml", "power:\n", "Power:\n", "Power"),
    ("feeds.yaml", "warnings_cap:\n", "push:\n", "push"),
    ("feeds.yaml", "{page: true}", "{page: yes}", "page"),
    ("feeds.yaml", "  options: {page: true}", "  options: {page: true}\nagain:\n  title: x\n  sector: people\n  connector: inbox\n  cron: \"*/5 * * * *\"\n"
     "  interval_s: 3600\n  max_age_s: 12600\n  expected: 0\n  options: {page: true}", "page"),
    # policy.yaml
    ("policy.yaml", "    reserve: [broadcast]", "    reserve: [sms]", "备用的已在"),
    ("policy.yaml", "    reserve: [broadcast]", "    reserve: [pigeon]", "pigeon"),
    ("policy.yaml", "carrier: [广电网], ", "", "carrier"),
    ("policy.yaml", "  sms: {carrier: [移动通信网]", "  sms: {carrier: []", "carrier"),
    ("policy.yaml", "  sms: {carrier", "  smoke: {carrier", "smoke"),
    ("policy.yaml", "  every_s: 600", "  every_s: 605", "every_s"),
    ("policy.yaml", "  every_s: 600", "  every_s: 60", "every_s"),
    ("policy.yaml", "  every_s: 600", "  every: 600", "every_s"),
    ("policy.yaml", "  late_after_s: 1800", "  late_after_s: 300", "late_after_s"),
    ("policy.yaml", "  may_miss: 1", "  may_miss: 6", "may_miss"),
    ("policy.yaml", "phones: [test-phone-01]", "phones: []", "phones"),
    ("policy.yaml", "phones: [test-phone-01]", 'phones: ["+8613800138000"]', "不写号码"),
    ("policy.yaml", "speakers: [spk-test-01]", "speakers: [spk-baochang-01]", "村里的喇叭"),
    ("policy.yaml", "speakers: [spk-test-01]", "speakers: [test-phone-01]", "也是手机"),
    town("baochang,", "canary,", "canary"),
    ("policy.yaml", "deadline_s: 1800", "deadline_s: soon", "deadline_s"),
    ("policy.yaml", "deadline_s: 1800", "deadline_s: 0", "deadline_s"),
    ("policy.yaml", "validity_s: 43200", "validity_s: 12 h", "validity_s"),
    ("policy.yaml", "renew_before_s: 3600", "renew_before_s: 1.5", "renew_before_s"),
    ("policy.yaml", "  duty-1: {title: 值班员甲（演示）, role: duty_officer}\n", "  3\n#", "YAML"),
    ("policy.yaml", "chief-1: {title: 带班领导乙（演示）, role: chief}", "chief-1: 带班领导", "chief-1"),
    ("policy.yaml", "signing: demonstration", "signing: nobody", "signing"),
    ("policy.yaml", "  red:\n", "  purple:\n", "purple"),
    ("policy.yaml", "  blue:\n", "  blu:\n", "blu"),
    ("policy.yaml", "channels: [sms]", "channels: [sms, fax]", "fax"),
    ("policy.yaml", "channels: [sms]", "channels: [sms, sms]", "重复"),
    ("policy.yaml", "channels: [sms]", "channels: []", "channels"),
    ("policy.yaml", "channels: [sms]", "channels: sms", "channels"),
    ("policy.yaml", "audience: [residents]", "audience: [everybody]", "everybody"),
    ("policy.yaml", "approver_roles: [chief]", "approver_roles: [mayor]", "mayor"),
    ("policy.yaml", "on_silence: hold", "on_silence: maybe", "on_silence"),
    ("policy.yaml", "chief: [chief-1, deputy-1]", "chief: [chief-1]", "deputy-1"),
    ("policy.yaml", "chief: [chief-1, deputy-1]", "chief: [chief-1, duty-1]", "duty-1"),
    ("policy.yaml", "  chief: [chief-1, deputy-1]", "  chef: [chief-1, deputy-1]", "chef"),
    ("policy.yaml", 'from: "22:00"', "from: 22", "from"),
    ("policy.yaml", 'from: "22:00"', 'from: "25:00"', "from"),
    ("policy.yaml", 'to: "06:00"', 'to: "22:00"', "to"),
    ("policy.yaml", "below: orange", "below: purple", "below"),
    ("policy.yaml", '{by: "04-20"', '{by: "4-20"', "by"),
    ("policy.yaml", '{by: "04-20"', '{by: "02-30"', "每年"),
    ("policy.yaml", '{by: "04-20", source', '{by: "04-20", sauce', "source"),
    ("policy.yaml", "dead_share: 0.1", "dead_share: 10", "dead_share"),
    ("policy.yaml", "overdue_share: 0.1, ", "", "overdue_share"),
    ("policy.yaml", "deliveries_days: 1095", "deliveries_days: 3", "deliveries_days"),
    ("policy.yaml", "departed_days: 30", "departed_days: never", "departed_days"),
    ("policy.yaml", "unknown_days: 30, ", "", "unknown_days"),
    ("policy.yaml", "  retention: {", "  retentoin: {", "retentoin"),
    # groups.yaml
    ("groups.yaml", "share: 0.004", "share: 4", "share"),
    ("groups.yaml", "share: 0.004", "share: few", "share"),
    ("groups.yaml", "exposure: river_front", "exposure: mountain", "exposure"),
    ("groups.yaml", "title: 学校与托幼, ", "", "title"),
    ("groups.yaml", "share: 0.01,", "share: 0.01, vip: true,", "vip"),
    # templates.yaml
    sms('"{town}台风{level}预警至{until}。{advice}详见 http://haimen.cn"', "网址"),
    sms('"{town}台风{level}预警至{until}。{advice}详见ｗｗｗ．haimen．ｃｎ"', "网址"),
    sms('"{town}台风{level}预警至{until}。{advice}电 13912345678"', "电话"),
    sms('"{town}台风{level}预警至{until}。{advice}电 0513 8221 2345"', "电话"),
    sms('"{twon}台风{level}预警至{until}。{advice}{town}"', "twon"),
    sms('"{issuer.name}{town}台风{level}预警至{until}。{advice}"', "花括号"),
    sms('"{town}台风{level}预警至{until。{advice}"', "花括号"),
    sms('"{{town}}台风{level}预警至{until}。{advice}"', "花括号"),
    sms('"台风{level}预警至{until}。{advice}"', "{town}"),
    sms("42", "sms"),
    sms("|\n    {town}台风{level}预警\n    至{until}。{advice}", "换行"),
    ("templates.yaml", "  advice_red:", "  advice_purple:", "advice_purple"),
    ("templates.yaml", 'advice_blue: "停止高处', 'advice_blue: "{town}停止高处', "空位"),
    ("templates.yaml", "flood:\n", "tsunami:\n", "tsunami"),
    # loudspeakers.csv, outline.csv
    ("loudspeakers.csv", SPEAKER, "spk-haimen-01,baochang,包场镇1号广播", "重复"),
    ("loudspeakers.csv", SPEAKER, "spk/baochang/#,baochang,包场镇1号广播", "speaker"),
    ("loudspeakers.csv", SPEAKER, "spk-baochang-01,bochang,包场镇1号广播", "bochang"),
    ("loudspeakers.csv", "包场镇1号广播,32.", "包场镇1号广播,33.", "轮廓外"),
    ("loudspeakers.csv", ",off,true", ",broken,true", "broken"),
    ("outline.csv", "121.04,31.78", "东经121.04,31.78", "lon"),
    ("outline.csv", "lon,lat", "lat,long", "lon"),
    ("outline.csv", "121.04,31.78\n121.10,31.76\n", "121.10,31.76\n121.10,31.76\n", "轮廓"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of Haimen to break."""
    return copy_to(tmp_path / "county")


def copy_to(target: Path) -> Path:
    target.mkdir(parents=True)
    for name in FILES:
        shutil.copy(HAIMEN / name, target / name)
    return target


def refusal(folder: Path) -> list[ConfigError]:
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    return caught.value.errors


def test_the_table_is_long_enough_and_says_nothing_twice() -> None:
    assert len(EDITS) >= 90 and len({(name, old, new) for name, old, new, _ in EDITS}) == len(EDITS)
    assert {name for name, *_ in EDITS} == set(FILES)


@pytest.mark.parametrize(("name", "old", "new", "says"), EDITS)
def test_an_edit_is_refused_with_its_line_and_what_to_do(folder: Path, name: str, old: str, new: str, says: str) -> None:
    text = (folder / name).read_text(encoding="utf-8")
    assert old in text, f"the table is out of date: {old!r}"
    line = text[: text.index(old)].count("\n") + 1
    (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    errors = refusal(folder)
    assert len(errors) <= 2, "one cause, one error:\n" + "\n".join(map(str, errors))
    for error in errors:
        assert error.hint and error.line and Path(str(error.path)).parent == folder, str(error)
    told = [e for e in errors if says in str(e) and Path(str(e.path)).name == name]
    assert told, "\n".join(map(str, errors))
    assert any(e.line is not None and line <= e.line <= line + 2 + old.count("\n") for e in told), (line, [e.line for e in told])


def test_a_renamed_town_is_one_error(folder: Path) -> None:
    path = folder / "towns.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("baochang,", "baochan,", 1), encoding="utf-8")
    errors = refusal(folder)
    assert len(errors) == 1 and "baochang" in str(errors[0]) and "处" in str(errors[0])


@pytest.mark.parametrize("name", ["towns.csv", "feeds.yaml", "groups.yaml"])
def test_a_file_that_is_gone_is_one_error(folder: Path, name: str) -> None:
    (folder / name).unlink()
    errors = refusal(folder)
    assert [Path(str(e.path)).name for e in errors] == [name] and errors[0].hint


def test_a_wrong_county_code_is_not_blamed_on_every_town(folder: Path) -> None:
    path = folder / "county.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('"320614"', '"320613"'), encoding="utf-8")
    assert len(refusal(folder)) == 1


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "groups.yaml").unlink()
    (folder / "groups.yaml").mkdir()
    assert "groups.yaml" in str(refusal(folder)[0].path)


def test_no_error_shows_a_telephone_number(folder: Path) -> None:
    for name, old, new in (("towns.csv", "147427", "13912345678"), ("templates.yaml", SMS, "  sms: 13912345678"),
                           ("policy.yaml", "signing: demonstration", "signing: '13912345678'")):
        path = folder / name
        path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    told = "\n".join(map(str, refusal(folder)))
    assert "[number]" in told and "13912345678" not in told


CELLS = st.one_of(st.sampled_from(["", "true", "no", "-1", "99999999999999999999", "nan", "1e400", "=1", "a,b", '"', "{", "[", "&a", "*a", "!!x", "%", "\t", "\x00",
                                   "\u202e", "０", "'", ": ", "- ", "null", "2021-13-45", "0x1f", "|", ">", "? ", "#"]), st.text(max_size=12))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_written_into_a_line_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = copy_to(tmp_path_factory.mktemp("edit") / "county")
    path = folder / data.draw(st.sampled_from(FILES))
    lines = path.read_text(encoding="utf-8").split("\n")
    n = data.draw(st.integers(0, len(lines) - 1))
    cells = lines[n].split("," if path.suffix == ".csv" else " ")
    m = data.draw(st.integers(0, len(cells) - 1))
    how = data.draw(st.sampled_from(["cell", "line", "delete", "cut", "twice"]))
    if how == "cell":
        cells[m] = data.draw(CELLS)
        lines[n] = ("," if path.suffix == ".csv" else " ").join(cells)
    elif how == "cut":
        lines[n] = lines[n][: data.draw(st.integers(0, len(lines[n])))]
    else:
        lines[n : n + 1] = {"line": [data.draw(CELLS)], "delete": [], "twice": [lines[n]] * 2}[how]
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    try:
        assert isinstance(load_county(folder), County)
    except ConfigError as error:
        assert all(e.hint and (e.line or "读不到" in e.message) for e in getattr(error, "errors", [error])), str(error)
    finally:
        shutil.rmtree(folder)
