"""A second county from nothing but data, as county/README.md says. The county is fictitious: no such place, code or person exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.county import load_county
from core.model import Hazard

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
