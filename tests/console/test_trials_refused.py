"""What the analyst's trials refuse: an answer that would look like calm, or like "no change", though nothing was tried."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import Call, one_line

from console import storms, trials
from core.county import load_county
from core.errors import ConfigError
from core.model import Batch
from rules import packs

ROOT = Path(__file__).resolve().parents[2]
PERIOD = ("--from", "2021-07-25T08:00+08:00", "--to", "2021-07-25T09:00+08:00")
DRIZZLE = """\
pack: cn.drizzle
title: 小雨
jurisdiction: cn
valid_from: 2020-01-01
source: {document: 自定, clause: 试}
verified: false
rules:
  - {id: flood.drizzle, title: 小雨, hazard: flood, levels: {blue: rain_1h >= 0.1 mm}}
"""
HAIMEN = load_county(ROOT / "county" / "haimen")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation that received one reading, in the morning of 2021-07-25."""
    from core.lake import Lake
    from core.ledger import Ledger
    from core.model import Flag, Observation
    from core.times import parse_iso

    at = parse_iso("2021-07-25T08:00+08:00")
    one = Observation(feed="weather", station="M9001", observed_property="rain", time=at, value=1.0, received=at, raw="ab" * 32, flag=Flag.GOOD,
                      interval_s=3600, datum="", synthetic=True)
    folder = tmp_path / "home"
    folder.mkdir()
    Ledger.open(f"sqlite:///{folder}/ledger.db").close()
    Lake(folder / "lake").append("weather", Batch(observations=(one,)), at)
    return folder


@pytest.mark.parametrize("words", [("backtest",), ("rules", "diff", "..")])
def test_a_folder_without_stores_is_refused_and_not_made(fengsui: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    for more in (("--home", tmp_path / "hoem"), ()):
        result = fengsui(*words, *PERIOD, *more, home=tmp_path / "hoem")
        assert result.returncode == 2 and "hoem: 这里没有台账" in one_line(result)
    assert not (tmp_path / "hoem").exists()


def test_a_period_in_which_nothing_was_received_is_no_calm(fengsui: Call, home: Path) -> None:
    assert fengsui("backtest", *PERIOD, home=home).returncode == 0
    result = fengsui("backtest", "--from", "2022-07-25T08:00+08:00", "--to", "2022-07-25T09:00+08:00", home=home)
    assert result.returncode == 2 and "没有收到任何读数" in one_line(result) and "2021-07-25 至 2021-07-25" in one_line(result)


def test_without_home_the_stores_of_the_installation_are_read(fengsui: Call, home: Path, tmp_path: Path) -> None:
    elsewhere = {"FENGSUI_LAKE_URL": str(home / "lake"), "FENGSUI_LEDGER_URL": f"sqlite:///{home}/ledger.db"}
    assert fengsui("backtest", *PERIOD, home=tmp_path / "state", **elsewhere).returncode == 0


def test_a_storm_and_a_period_together_are_refused(fengsui: Call, home: Path) -> None:
    result = fengsui("backtest", *PERIOD, "--storm", "in-fa-2021", home=home)
    assert result.returncode == 2 and "只能写一种" in one_line(result)
    assert "--from 与 --to" in one_line(fengsui("rules", "diff", "..", *PERIOD[2:], home=home)), "half a period is not every storm"


def test_a_storm_is_kept_in_the_state_folder_wherever_the_command_is_called(fengsui: Call, home: Path, tmp_path: Path) -> None:
    """Not in the folder of the call: in a container nothing can be written there."""
    county = ROOT / "county" / "haimen"
    kept = tmp_path / "state" / "storms" / f"in-fa-2021-{storms._fingerprint(county, 'in-fa-2021')}"
    shutil.copytree(home, kept)
    (kept / "whole").touch()
    result = fengsui("backtest", "--storm", "in-fa-2021", "--step", "24 h", home=tmp_path / "state")
    assert result.returncode == 0 and "（北京时间）" in result.stdout and "取数" not in result.stderr, "what is there is not fetched again"


@pytest.mark.parametrize(("depth", "hint"), [("", "cn/rainstorm.yaml"), ("cn", "是不是")])
def test_a_folder_that_holds_none_of_the_county_s_packs_was_not_tried(fengsui: Call, home: Path, tmp_path: Path, depth: str, hint: str) -> None:
    folder = tmp_path / "packs"
    (folder / "cn").mkdir(parents=True)
    if depth:
        shutil.copy(packs.FOLDER / "cn" / "rainstorm.yaml", folder / "cn")
    for words in (("backtest", "--packs", folder / depth), ("rules", "diff", f"..{folder / depth}")):
        result = fengsui(*words, *PERIOD, home=home)
        assert result.returncode == 2 and "试了等于没试" in one_line(result) and hint in one_line(result)


def test_a_changed_pack_that_the_county_does_not_select_is_named(tmp_path: Path) -> None:
    folder, said = tmp_path / "packs", list[str]()
    shutil.copytree(packs.FOLDER, folder)
    trials.tried(folder, HAIMEN, said.append)
    assert said == []
    (folder / "cn" / "ponding.yaml").write_bytes((folder / "cn" / "ponding.yaml").read_bytes() + b"# 30\n")
    trials.tried(folder, HAIMEN, said.append)
    assert len(said) == 1 and said[0].endswith(": cn/ponding")


def test_what_a_pack_not_selected_yet_would_change_can_be_seen(fengsui: Call, home: Path, tmp_path: Path) -> None:
    """A pack of the county's own making, and one that is shipped; the side before the change stays as it is."""
    (tmp_path / "packs" / "cn").mkdir(parents=True)
    (tmp_path / "packs" / "cn" / "drizzle.yaml").write_text(DRIZZLE, encoding="utf-8")
    trial, period = tmp_path / "packs", ("--from", "2021-07-25T08:00+08:00", "--to", "2021-07-25T08:30+08:00")
    found = fengsui("rules", "diff", f"..{trial}", "--add", "cn/drizzle", *period, "--json", home=home)
    rows = json.loads(found.stdout)
    assert found.returncode == 1 and {row["kind"] for row in rows} == {"appears"} and {row["hazard"] for row in rows} == {"flood"}
    facts = json.loads(fengsui("backtest", "--add", "cn/ponding", *period, "--json", home=home).stdout)[0]
    assert "cn.ponding" in facts["packs"] and "cn/ponding" not in HAIMEN.packs
    assert "是不是 cn/ponding" in one_line(fengsui("backtest", "--add", "cn/pondign", *period, home=home))


def test_a_revision_is_found_from_within_the_checkout_and_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone at the root, a folder of it, and a place that is in no checkout: there the checkout of the shipped packs speaks."""
    clone = tmp_path / "clone"
    shutil.copytree(packs.FOLDER, clone / "rules" / "packs")
    (clone / "rules" / "packs" / "cn" / "mine.yaml").write_text("x", encoding="utf-8")
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "-m", "x")):
        subprocess.run(["git", *words], cwd=clone, check=True)
    monkeypatch.chdir(clone)
    with trials.packs_of("HEAD") as folder:
        assert folder is not None and (folder / "cn" / "mine.yaml").is_file()
    monkeypatch.setattr(packs, "FOLDER", clone / "rules" / "packs")
    for place in (clone / "rules", tmp_path):
        monkeypatch.chdir(place)
        with trials.packs_of("HEAD") as folder:
            assert folder is not None and (folder / "cn" / "mine.yaml").is_file()
    with pytest.raises(ConfigError, match="也不是 git 版本"), trials.packs_of("no-such"):
        pass


@pytest.mark.parametrize("words", [
    ("backtest", *PERIOD, "--out"), ("rules", "schema", "--out"), ("rules", "sweep", "flood.rainstorm", "rules/packs/cn/rainstorm.yaml", "--level", "red",
     "--indicator", "rain_3h", "--values", "90", "--happened", "no.csv", *PERIOD, "--out"),
])
def test_where_nothing_can_be_written_nothing_is_begun(fengsui: Call, home: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    result = fengsui(*words, tmp_path / "taken", home=home)
    assert result.returncode == 2 and "不能在这里写" in one_line(result) and "\n" not in one_line(result)


def test_a_page_that_cannot_be_written_is_one_line(fengsui: Call, tmp_path: Path) -> None:
    (tmp_path / "book.html.part").mkdir()
    result = fengsui("rules", "docs", "--out", tmp_path / "book.html", home=tmp_path)
    assert result.returncode == 3 and "book.html.part: 读写不了" in one_line(result) and "\n" not in one_line(result)
