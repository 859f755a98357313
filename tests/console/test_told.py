"""One explanation, one text: what the CAP message carries, what the board shows on opening a town, and what `rules explain` prints are the same string."""

from __future__ import annotations

import html
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import select
from typer.testing import CliRunner

import rules
from console.board import render
from console.cli import app
from console.context import Context
from core import alerts, cap
from core.alerts.states import body_of
from core.ledger import tables as t
from core.ledger.codec import unpacked
from core.pii import MASK, mask
from core.settings import Settings
from core.times import iso

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "rules"))
import rules_world

COUNTY = Path(__file__).resolve().parents[2] / "county" / "haimen"
NIGHT = datetime(2021, 7, 26, 3, tzinfo=UTC)
NS = {"c": cap.NAMESPACE}


class Chain:
    """What the storm's readings up to one night left, assessed and drafted: the bodies, the board's page, and the folder to ask."""

    def __init__(self, home: Path) -> None:
        ctx = Context.load(Settings(home=home, county=COUNTY))
        outside = rules_world.World(county=ctx.county, lake=ctx.lake, ledger=ctx.ledger)
        rules_world.Scenario("in-fa-2021", ctx.county).tell(outside, NIGHT - timedelta(days=5), NIGHT)
        rules.assess(now=NIGHT, county=ctx.county, lake=ctx.lake, ledger=ctx.ledger)
        alerts.draft(now=NIGHT, county=ctx.county, ledger=ctx.ledger, status=ctx.settings.status)
        self.page, self.home = render(ctx, NIGHT + timedelta(minutes=5)), home
        with ctx.ledger.read() as tx:
            self.bodies = [body_of(row) for row in tx.execute(select(t.alert_version).order_by(t.alert_version.c.alert_id)).mappings()]
            self.stored = list(unpacked(tx.execute(select(t.evidence.c.body)).scalars()))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    return Chain(tmp_path_factory.mktemp("told"))


def parameters(body: dict[str, Any], language: str = "zh-CN") -> dict[str, str]:
    """valueName -> value over the message's infos of one language."""
    infos = [i for i in etree.fromstring(cap.build(body)).findall("c:info", NS) if i.findtext("c:language", namespaces=NS) == language]
    return {p.findtext("c:valueName", namespaces=NS): p.findtext("c:value", namespaces=NS) for i in infos for p in i.findall("c:parameter", NS)}


def on_board(page: str, town: str, hazard: str) -> dict[str, str]:
    """The sentences of one town and hazard as the page shows them."""
    cell = re.search(rf'<details class="why" data-town="{town}" data-hazard="{hazard}"[^>]*>(.*?)</details>', page, re.DOTALL)
    assert cell, (town, hazard)
    return {name: html.unescape(text) for name, text in re.findall(r'<dd data-told="(\w+)">(.*?)</dd>', cell[1], re.DOTALL)}


def explained(home: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    monkeypatch.setenv("FENGSUI_HOME", str(home))
    monkeypatch.setenv("FENGSUI_COUNTY", str(COUNTY))
    result = CliRunner().invoke(app, ["rules", "explain", "--at", iso(NIGHT), "--json", *words])
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.output)
    return told


def test_cap_board_and_explain_say_the_same(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chain.bodies, "the storm must have drafted something"
    seen = 0
    for body in chain.bodies:
        said = parameters(body)
        assert not any(name.startswith(cap.TOLD) for name in parameters(body, "en-US"))
        for town in [town["key"] for town in body["towns"]][::4]:
            found = explained(chain.home, monkeypatch, "--town", town, "--hazard", body["hazard"])
            told = found["hazards"][0]["told"]
            assert found["matches"] and {"reason", "rule", "counterfactual"} <= told.keys() and all(told.values())
            assert {name: said.get(f"{cap.TOLD}{name}:{town}") for name in told} == told
            assert on_board(chain.page, town, body["hazard"]) == told
            seen += 1
    assert seen >= 3


def test_without_a_hazard_every_hazard_is_explained_and_both_names_are_one_command(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    found = explained(chain.home, monkeypatch, "--town", "包场镇")
    assert [h["hazard"] for h in found["hazards"]] == ["flood", "typhoon", "geological"] and found["matches"]
    typhoon = found["hazards"][1]
    circle = next(c for c in typhoon["comparisons"]["typhoon.circle"] if c["level"] == "blue")
    assert circle["text"] == "r7_eta <= 24 h" and circle["threshold"] == 24.0 and circle["unit"] == "h" and circle["truth"] is True and circle["value"] <= 24
    rule = next(e for e in typhoon["score"]["evidence"] if e["rule"] == "typhoon.wind")
    assert set(rule["conditions"]) == {"blue", "yellow", "orange", "red"} and rule["records"] and all(len(raw) == 64 for raw in rule["raws"])
    plain = CliRunner().invoke(app, ["explain", "--town", "包场镇", "--at", iso(NIGHT)])
    assert plain.exit_code == 0 and plain.output == CliRunner().invoke(app, ["rules", "explain", "--town", "包场镇", "--at", iso(NIGHT)]).output
    for word in ("成立", "不成立", "阈值 17.2 m/s", "理由 ", "规则 ", "差多少 ", "原始数据", "重算一致"):
        assert word in plain.output, word


def test_the_message_stays_small_and_names_nobody(chain: Chain) -> None:
    for body in chain.bodies:
        for info in body["infos"]:
            rules = sum(name.startswith("pack:") for name, _ in info["parameters"])
            assert len(info["parameters"]) <= (5 + 6) * len(info["towns"]) + rules + 2
            assert all(len(value) <= 600 and mask(value) == value and MASK not in value for _, value in info["parameters"])
        assert len(cap.build(body)) < 20_000 * len(body["towns"])


def test_two_passes_leave_the_same_bytes(chain: Chain, tmp_path: Path) -> None:
    again = Chain(tmp_path)
    assert again.stored == chain.stored and again.bodies == chain.bodies and [cap.build(b) for b in again.bodies] == [cap.build(b) for b in chain.bodies]
