"""An analyst's afternoon, by the command line alone: a threshold of a shadow rule is changed, checked, tried, verified and brought into force."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from rules_world import ROOT
from test_rule_backtest import END, START, filled
from typer.testing import CliRunner

import rules
from console.cli import app
from core.errors import LifeCycleError
from core.ledger import verify_audit
from core.times import iso
from rules import packs
from rules.packs import load_pack

RULE = "geological.rain_caine"


def call(*words: str | Path, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(w) for w in words])
    assert result.exit_code == exit_code, (words, result.output, result.exception)
    return result.stdout


def test_an_afternoon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, copy = tmp_path / "home", tmp_path / "packs"
    world = filled(home)
    rules.assess(now=END, county=world.county, lake=world.lake, ledger=world.ledger)
    monkeypatch.setenv("FENGSUI_HOME", str(home))
    monkeypatch.setenv("FENGSUI_COUNTY", str(ROOT / "county" / "haimen"))
    shutil.copytree(packs.FOLDER, copy)
    pack = copy / "cn" / "geological_points.yaml"
    pack.write_text("# 本县的批注\n" + pack.read_text(encoding="utf-8"), encoding="utf-8")
    period = ("--from", iso(START), "--to", iso(END), "--step", "4 h", "--home", home)

    call("rules", "sweep", RULE, pack, "--level", "yellow", "--indicator", "rain_3h", "--apply", "28.5")
    assert "rain_3h >= 28.5 mm" in pack.read_text(encoding="utf-8") and pack.read_text(encoding="utf-8").startswith("# 本县的批注\n")
    assert json.loads(call("rules", "validate", copy, "--json"))["problems"] == []
    tests = pack.with_name("geological_points.test.yaml")
    assert "28.9 毫米不报" in call("rules", "test", pack, exit_code=1), "the cases at the threshold see every shift of it"
    text = tests.read_text(encoding="utf-8")
    for old, new in (("恰 29.0", "恰 28.5"), ("9.6x1 9.8", "9.6x1 9.3"), ("28.9 毫米", "28.4 毫米"), ("9.6x1 9.7", "9.6x1 9.2")):
        text = text.replace(old, new)
    tests.write_text(text, encoding="utf-8")
    assert "0 未过" in call("rules", "test", pack)
    assert "重算一致" in call("explain", "--town", "包场镇", "--hazard", "flood", "--at", iso(END))
    assert "新出现 0" in call("rules", "diff", f"..{copy}", *period), "a shadow rule changes nothing that people see"
    out = tmp_path / "out"
    facts = json.loads(call("backtest", *period, "--packs", copy, "--out", out, "--json"))[0]
    again = json.loads(call("backtest", *period, "--packs", copy, "--json"))[0]
    assert facts["hash"] == again["hash"] and facts["spans"] > 0
    warned = out / "home.csv"
    assert {row["hazard"] for row in csv.DictReader(warned.open(encoding="utf-8"))} <= {"flood", "typhoon", "geological"}
    assert "命中" in call("verify", warned, warned, "--html", out / "report.html") and (out / "report.html").stat().st_size > 5000
    swept = call("rules", "sweep", RULE, pack, "--level", "yellow", "--indicator", "rain_3h", "--values", "5,29,43", "--happened", warned, *period, "--out", out)
    assert swept.count("\n") >= 4 and "<svg" in (out / "home.sweep.svg").read_text(encoding="utf-8")

    refused = CliRunner().invoke(app, ["rules", "promote", "geological.points", str(pack), "--by", "分析员", "--why", "试", *map(str, period)])
    assert isinstance(refused.exception, LifeCycleError), "a live rule cannot be promoted"
    before = pack.read_bytes()
    kept = tests.read_text(encoding="utf-8")
    tests.write_text(kept.replace("{at: 27 h, level: yellow, ceiling: yellow, held: yellow}", "{at: 27 h, level: red}"), encoding="utf-8")
    refused = CliRunner().invoke(app, ["rules", "promote", RULE, str(pack), "--by", "分析员", "--why", "试", *map(str, period)])
    assert isinstance(refused.exception, LifeCycleError) and "测试未过" in str(refused.exception) and pack.read_bytes() == before
    tests.write_text(kept, encoding="utf-8")
    call("rules", "promote", RULE, pack, "--by", "分析员", "--why", "汛前会商同意", *period, "--now", iso(END))
    live = {r.id: r.stage for r in load_pack(pack).rules}
    assert live[RULE] == "live" and pack.read_text(encoding="utf-8").startswith("# 本县的批注\n")
    assert "0 未过" in call("rules", "test", pack), "the tests with which it was tried hold for the live rule as they stand"
    with world.ledger.begin() as tx:
        row = tx.exec_driver_sql("select actor, subject, payload from audit where action = 'promote_rule'").one()
    told = json.loads(row.payload)
    assert (row.actor, row.subject, told["why"]) == ("分析员", RULE, "汛前会商同意") and len(told["tried"][0]["after"]) == 64
    assert verify_audit(world.ledger).broken_at is None
