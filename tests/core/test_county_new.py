"""A second county from nothing but data, as county/README.md says. The county is fictitious: no such place, code or person exists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.quality.judge import judge
from core.county import load_county
from core.errors import ConfigErrors
from core.lake import Lake
from core.ledger import Ledger
from core.model import Batch, Flag, Hazard, Level, Observation
from rules.assess import assess

README = Path(__file__).resolve().parents[2] / "county" / "README.md"
FICTITIOUS = {
    "county.yaml": 'code: "990101"\nname: 虚构县\nname_en: Nowhere\nprefecture: "9901"\nissuer: 虚构县应急管理局\nsignature: 虚构预警\ndatum: "1985"\n'
                   "packs: [cn/rainstorm]\n",
    "outline.csv": "# 虚构 fictitious\nlon,lat\n100.0,30.0\n100.4,30.0\n100.4,30.4\n100.0,30.4\n",
    "towns.csv": "key,code,code_shared,name,name_en,lat,lon,point_verified,population,over60_share,villages,river_front,sea_front,low_ground,bank_section,"
                 "synthetic\nshang,990101100000,false,上虚镇,Upper,30.3,100.1,false,8000,0.25,9,true,false,false,0,population;over60_share;villages\n"
                 "xia,990101101000,false,下虚镇,Lower,30.1,100.3,false,12000,0.3,14,false,false,true,0,population;over60_share;villages\n",
    "stations.csv": "station,name,feed,lat,lon,town,properties,units,datum,datum_offset,warning_stage,guaranteed_stage,record_stage,levels_verified,"
                    "valid_from,path,source,synthetic\nR1,上虚站,rain,30.3,100.1,shang,rain,mm,,,,,,false,,a,,true\n",
    "feeds.yaml": 'rain:\n  title: 雨量\n  sector: weather\n  connector: music_surface\n  sandbox: /music/api\n  cron: "5 * * * *"\n  interval_s: 3600\n'
                  "  max_age_s: 7800\n  expected: 1\n",
    "groups.yaml": "residents: {title: 居民, title_en: residents, share: 1.0}\n",
    "policy.yaml": "signing: officer\nofficers:\n  writer: {title: 拟稿（虚构）, role: duty_officer}\n  signer: {title: 签发（虚构）, role: chief}\n"
                   "asking_order: {duty_officer: [writer], chief: [signer]}\n"
                   'quiet_hours: {from: "22:00", to: "06:00", below: orange, source: 虚构, verified: false}\n'
                   "renew_before_s: 3600\nmin_update_s: 1800\nkeep_for_s: 3600\nlevels:\n"
                   + "".join(f"  {colour}: {{author_roles: [duty_officer], approver_roles: [chief], deadline_s: 600, on_silence: hold, validity_s: 21600, "
                             "channels: [sms], audience: [residents]}\n" for colour in ("blue", "yellow", "orange", "red")),
    "templates.yaml": 'flood:\n  headline: "{issuer}{action}洪涝{level}预警：{towns}"\n  description: "{issuer}{time}{level}。{advice}"\n'
                      '  sms: "{town}洪涝{level}预警，至{until}。{advice}"\n  broadcast: "{town}洪涝{level}预警，到{until}。{advice}"\n'
                      '  sms_cancel: "{town}洪涝预警解除。"\n  broadcast_cancel: "{town}洪涝预警解除。"\n'
                      + "".join(f'  advice_{colour}: "到高处去。"\n' for colour in ("blue", "yellow", "orange", "red")),
    "loudspeakers.csv": "speaker,town,name,lat,lon,state,synthetic\nspk-1,shang,上虚1号,,,on,true\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FICTITIOUS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_data_alone_make_a_county(folder: Path) -> None:
    county = load_county(folder)
    assert (county.name, county.hazards, len(county.towns)) == ("虚构县", (Hazard.FLOOD,), 2)
    assert all(town.cell for town in county.towns) and county.policy.officers[0].officer == "writer"


def test_the_check_passes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from console.cli import app

    result = CliRunner().invoke(app, ["county", "check", str(folder)])
    assert result.exit_code == 0 and "虚构县" in result.output


def test_the_page_names_every_file() -> None:
    page = README.read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in FICTITIOUS)


BY_HAND: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("towns.csv", "30.3,100.1", "100.1,30.3", ("towns.csv:2", "经纬度是否颠倒")),
    ("towns.csv", "8000", '"8,000"', ("towns.csv:2", "不带单位、千位号")),
    ("towns.csv", ",0.25,", ",25%,", ("towns.csv:2", "22% 写成 0.22")),
    ("feeds.yaml", "  title: 雨量", "\ttitle: 雨量", ("feeds.yaml:2", "不用 Tab")),
    ("county.yaml", "name: 虚构县", "name：虚构县", ("county.yaml:2", "全角")),
    ("feeds.yaml", "rain:\n", "rain:\n  title: 雨\n", ("feeds.yaml:3", 'duplicate key "title" ->')),
    ("feeds.yaml", "music_surface", "music_surfase", ("feeds.yaml:4", "did you mean: music_surface")),
    ("feeds.yaml", "music_surface", "open_meteo\n  options: {points: 'R1@100.1,30.3'}", ("feeds.yaml:5", "站号@纬度,经度")),
)


@pytest.mark.parametrize(("name", "right", "wrong", "told"), BY_HAND, ids=[f"{case[0]} {case[2]!r}" for case in BY_HAND])
def test_a_slip_of_the_hand_is_told_where_it_is_and_how_to_mend_it(folder: Path, name: str, right: str, wrong: str, told: tuple[str, ...]) -> None:
    text = FICTITIOUS[name]
    assert right in text
    (folder / name).write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigErrors) as refused:
        load_county(folder)
    assert all(word in str(refused.value) for word in told), str(refused.value)


def test_rows_of_commas_that_a_spreadsheet_leaves_are_nothing(folder: Path) -> None:
    (folder / "towns.csv").write_text(FICTITIOUS["towns.csv"] + "," * 15 + "\n", encoding="utf-8")
    assert len(load_county(folder).towns) == 2


def test_a_misspelt_file_is_not_left_out_in_silence(folder: Path) -> None:
    (folder / "overide.csv").write_text("rule\n", encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"did you mean: overrides\.csv"):
        load_county(folder)


def test_the_commands_take_the_county_of_the_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from console.cli import app

    monkeypatch.setenv("FENGSUI_COUNTY", str(folder))
    assert "虚构县" in CliRunner().invoke(app, ["county", "check"]).output
    result = CliRunner().invoke(app, ["replay", "none-such"])
    assert str(folder) in str(result.exception)


UPLAND = "U1,山溪站,rain,30.3,100.1,shang,stage,m,1985,,843.5,845.0,846.2,false,,b,,true\n"


def test_an_upland_gauge_is_believed_about_its_own_level(folder: Path) -> None:
    spring = UPLAND.replace("U1,山溪站", "U2,山泉站").replace("843.5,845.0,846.2", ",,")
    (folder / "stations.csv").write_text(FICTITIOUS["stations.csv"] + UPLAND + spring, encoding="utf-8")
    climate = [f"U2,stage,{month},835,850,虚构,false\n" for month in range(1, 13)]
    (folder / "climate.csv").write_text("station,property,month,low,high,source,verified\n" + "".join(climate), encoding="utf-8")
    county = load_county(folder)
    now = datetime(2024, 7, 1, 4, tzinfo=UTC)
    for station, value, flag in (("U1", 838.0, Flag.GOOD), ("U1", 846.5, Flag.GOOD), ("U1", 84.35, Flag.FAIL), ("U2", 841.0, Flag.GOOD), ("U2", 8.4, Flag.FAIL)):
        one = Observation(feed="rain", station=station, observed_property="stage", time=now, value=value, datum="1985", raw="a" * 64, received=now)
        judged = judge(Batch(observations=(one,)), feed=county.feed("rain"), county=county, lake=Lake(folder / "lake" / f"{station}{value}"), now=now)
        assert [o.flag for o in judged.batch.observations] == [flag], (station, value)


def test_a_replay_empties_no_folder_that_it_did_not_make(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from console.cli import app

    (tmp_path / "ledger.db").write_text("the duty desk's own")
    result = CliRunner().invoke(app, ["replay", "plum-rain-2023", "--county", "county/haimen", "--home", str(tmp_path)])
    assert result.exit_code and "不是重放留下的" in str(result.exception) and (tmp_path / "ledger.db").exists()


FORECAST = ('forecast:\n  title: 预报\n  sector: weather\n  connector: open_meteo\n  sandbox: /om\n  cron: "5 * * * *"\n  interval_s: 3600\n  max_age_s: 21600\n'
            "  expected: 1\n  options: {points: 'F1@30.3,100.1'}\n")


def test_rain_there_becomes_a_level_and_a_fresh_forecast_is_not_silence(folder: Path, tmp_path: Path) -> None:
    (folder / "feeds.yaml").write_text(FICTITIOUS["feeds.yaml"] + FORECAST, encoding="utf-8")
    (folder / "stations.csv").write_text(FICTITIOUS["stations.csv"] + "F1,预报点,forecast,30.3,100.1,shang,rain,mm,,,,,,false,,om,,true\n", encoding="utf-8")
    county, lake, ledger = load_county(folder), Lake(tmp_path / "lake"), Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    now = datetime(2024, 7, 1, 4, tzinfo=UTC)

    def rain(feed: str, station: str, hour: int, issued: datetime | None) -> Observation:
        return Observation(feed=feed, station=station, observed_property="rain", time=now + timedelta(hours=hour), value=11.0, interval_s=3600,
                           raw="a" * 64, received=now, issued=issued)

    lake.append("rain", Batch(observations=tuple(rain("rain", "R1", -hour, None) for hour in range(6))), now)
    lake.append("forecast", Batch(observations=tuple(rain("forecast", "F1", hour, now - timedelta(hours=1)) for hour in range(1, 13))), now)
    report = assess(now=now, county=county, lake=lake, ledger=ledger)
    assert report.silent == () and {score.town: score.level for score in report.scores}["shang"] == Level.YELLOW
    later = now + timedelta(hours=7)
    assert assess(now=later, county=county, lake=lake, ledger=ledger).silent == ("forecast", "rain")
