"""A county's own indicators, from the text file to the warning: no Python and no file of the product is touched; and what may not be declared."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import own_words
import pytest
from rules_world import World
from test_rule_afternoon import call
from test_rule_backtest import END, START, STEP, filled

import rules
from console.board import write_board
from console.context import Context
from core import alerts, cap
from core.county import load_county
from core.model import Hazard, Level, Status
from core.settings import Settings
from core.times import iso
from rules.assess import rules_of
from rules.packs import load_pack

SHOWN = "两小时雨量"


def test_from_the_text_file_to_the_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the manner of an analyst's afternoon, with words of the county's own."""
    home, folder, out = tmp_path / "home", tmp_path / "county", tmp_path / "out"
    pack, world = own_words.county(folder), filled(home)
    monkeypatch.setenv("FENGSUI_HOME", str(home))
    monkeypatch.setenv("FENGSUI_COUNTY", str(folder))
    packs, period = pack.parents[1], ("--from", iso(START), "--to", iso(END), "--step", "4 h", "--home", home)

    assert json.loads(call("rules", "validate", packs, "--strict", "--json"))["problems"] == [] and "14 规则 rules" in call("county", "check", folder)
    assert "7 通过 passed, 0 未过" in call("rules", "test", packs) and "抓住 caught 100.0%" in call("rules", "test", packs, "--mutate")
    (told,) = json.loads(call("rules", "words", SHOWN, "--json"))["words"]
    assert (told["name"], told["unit"], told["packs"], told["rules"], told["towns"]) == ("rain_2h", "mm", ["hm.creek"], ["hm.rain_2h"], 12)
    assert told["path"] == str(pack) and pack.read_text(encoding="utf-8").splitlines()[told["line"] - 1].strip().startswith("rain_2h:")
    part = next(r for r in json.loads(call("rules", "docs", "--json"))["rules"] if r["id"] == "hm.rain_2h")
    assert part["levels"][0]["zh"] == "两小时雨量达到 5 mm" and part["levels"][0]["en"] == "rain in two hours at least 5 mm" and part["selected"]
    assert part["indicators"][0]["own"] == f"creek.yaml:{told['line']}" and f"本包自带 its own: creek.yaml:{told['line']}" in call("rules", "docs")

    rules.assess(now=START, county=load_county(folder), lake=world.lake, ledger=world.ledger)
    shadow = call("rules", "explain", "--town", "包场镇", "--hazard", "flood", "--at", iso(START))
    assert "重算一致" in shadow and "rain_2h = 0 mm" in shadow and "角色 shadow" in shadow
    facts = json.loads(call("backtest", *period, "--out", out, "--json"))[0]
    assert facts["hash"] == json.loads(call("backtest", *period, "--packs", packs, "--json"))[0]["hash"] and "hm.creek" in facts["packs"]
    warned = list(csv.DictReader((out / "home.rules.csv").open(encoding="utf-8")))
    assert {row["town"] for row in warned if row["rule"] == "hm.rain_2h"} == {town.key for town in world.county.towns}
    assert "hm.rain_2h 两小时急雨" in call("verify", out / "home.rules.csv", out / "home.csv")
    swept = call("rules", "sweep", "hm.rain_2h", pack, "--level", "blue", "--indicator", "rain_2h", "--values", "2,5,9", "--happened", out / "home.csv", *period)
    assert swept.count("\n") >= 4

    longer = tmp_path / "longer" / "hm" / "creek.yaml"
    shutil.copytree(packs, longer.parents[1])
    longer.write_text(own_words.PACK.replace("window_h: 2,", "window_h: 3,").replace("    stage: shadow\n", ""), encoding="utf-8")
    differs = call("rules", "diff", f"{packs}..{longer.parents[1]}", *period, exit_code=1)
    assert "新出现 0" not in differs and "  指标 rain_2h 两小时雨量：window_h 2.0 → 3.0\n" in differs and "tide_fall_1h" not in differs
    before = load_pack(pack).hash
    call("rules", "promote", "hm.rain_2h", pack, "--by", "分析员", "--why", "汛前会商同意", *period, "--now", iso(START))
    assert {r.id: r.stage for r in load_pack(pack).rules} == {"hm.rain_2h": "live", "hm.tide_fall": "shadow"} and load_pack(pack).hash != before
    assert pack.read_text(encoding="utf-8") == own_words.PACK.replace("stage: shadow", "stage: live", 1), "nothing else of the file is touched"
    warns(folder, world, load_pack(pack).hash)


def warns(folder: Path, world: World, sha: str) -> None:
    """What a live assessment tells of the rule: in the evidence, on the board, in the draft and its CAP parameters, always by its Chinese title."""
    county, now = load_county(folder), START + 4 * STEP
    report = rules.assess(now=now, county=county, lake=world.lake, ledger=world.ledger)
    score = next(s for s in report.scores if s.hazard is Hazard.FLOOD and s.town == "baochang")
    proof = next(e for e in score.evidence if e.rule == "hm.rain_2h")
    assert (proof.level, proof.role, proof.units["rain_2h"], proof.pack_hash) == (Level.BLUE, "hazard", "mm", sha) and proof.records["rain_2h"]
    assert score.reason == "两小时雨量 6 mm（hm.rain_2h 蓝色）" and score.basis.startswith("两小时急雨（hm.rain_2h）蓝色：两小时雨量达到 5 mm")
    assert proof.counterfactual == "黄色需 rain_2h 达 20 mm（现 6 mm）"
    assert "重算一致" in call("explain", "--town", "包场镇", "--hazard", "flood", "--at", iso(now))
    ctx = Context.load(Settings.load())
    assert SHOWN in write_board(ctx, now, folder.parent / "board.html").read_text(encoding="utf-8")
    flood = next(ref for ref in alerts.draft(now=now, county=county, ledger=world.ledger, status=Status.EXERCISE).versions if "flood" in str(ref))
    with world.ledger.begin() as tx:
        message = cap.build(json.loads(alerts.find(tx, flood)["body"])).decode()
    assert f"<value>{score.reason}</value>" in message and "blue; rain_2h=6 mm" in message and f"hm.creek sha256:{sha}" in message


def test_a_pack_comes_into_force_at_midnight_of_its_county(tmp_path: Path) -> None:
    pack = own_words.county(tmp_path / "county")
    pack.write_text(own_words.PACK.replace("valid_from: 2020-01-01", "valid_from: 2021-07-01"), encoding="utf-8")
    county = load_county(tmp_path / "county")
    midnight = datetime(2021, 7, 1, tzinfo=county.zone)
    for now, there in ((midnight - timedelta(minutes=5), False), (midnight, True)):
        assert ("hm.rain_2h" in {rule.id for rule in rules_of(county, now)}) is there
        assert ("hm.rain_2h" in {rule.id for rule in rules_of(county, now.astimezone(UTC))}) is there
