"""`fengsui register` as a duty office uses it: one list in, what it did in figures, wishes by number from the standard input, and no number anywhere."""

from __future__ import annotations

import base64
import io
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, Call, Result, one_line

from console.board import render
from console.context import Context
from console.decide import tell_silence
from console.report import collect
from core.settings import Settings
from core.times import iso

NOW = datetime(2026, 4, 25, 1, 0, tzinfo=UTC)
KEY = base64.b64encode(b"k" * 32).decode()
NUMBERS = [f"199{n:08d}" for n in range(1, 41)]


class Office:
    """One duty office: a folder, a list and the command."""

    def __init__(self, fengsui: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._call, self.home, self._patch, self.list = fengsui, home, monkeypatch, home / "名单.csv"
        home.mkdir()
        self.said = ""

    def __call__(self, *words: str, stdin: str = "", at: datetime = NOW) -> Result:
        self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        result = self._call("register", *words, "--now", iso(at), home=self.home, FENGSUI_SEAL_KEY=KEY)
        self.said += result.stdout + result.stderr
        return result

    def write(self, *rows: str, head: str = "编号,镇街,人群,手机号,更新日期") -> Path:
        self.list.write_text("\r\n".join([head, *rows]), encoding="gb18030")
        return self.list

    def facts(self, *words: str, **more: Any) -> dict[str, Any]:
        return dict(json.loads(self(*words, "--json", **more).stdout))

    def context(self) -> Context:
        return Context.load(Settings(home=self.home, county=ROOT / "county" / "haimen"))


def rows(numbers: list[str], day: str = "2026-04-01") -> list[str]:
    return [f"HM-{n:04d},海门街道,{'值班与镇街负责人' if n == 0 else '居民'},{phone},{day}" for n, phone in enumerate(numbers)]


@pytest.fixture
def office(fengsui: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(fengsui, tmp_path / "home", monkeypatch)


def test_a_year_of_a_duty_office(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    take = ("import", str(office.write(*rows(NUMBERS))), "--by", "duty-1")
    empty = office("status")
    assert empty.returncode == 1 and "空的" in empty.stdout
    trial = office(*take, "--dry-run")
    assert trial.returncode == 0 and "新增 added 40" in trial.stdout and office("status").returncode == 1
    assert office(*take).returncode == 0 and office.facts(*take)["unchanged"] == 40
    ready = office("status")
    assert ready.returncode == 0 and "40 人" in ready.stdout and "海门街道  40  40" in ready.stdout and "值班与镇街负责人  1  1" in ready.stdout
    assert office.facts("opt-out", "--by", "duty-1", stdin=f" {NUMBERS[3][:3]} {NUMBERS[3][3:]}\n") == {"people": 1, "waiting": 0}
    assert office("opt-out", "HM-0004", "--by", "duty-1").returncode == 0 and office.facts("status")["reachable"] == 38
    office(*take, "--replace")
    assert office.facts("status")["opted_out"] == 2, "an opt-out survives a list"
    assert office("opt-in", "--by", "duty-1", stdin=NUMBERS[3]).returncode == 0 and office.facts("status")["opted_out"] == 1
    few = ("import", str(office.write(*rows(NUMBERS[:4]))), "--by", "duty-1", "--replace")
    refused = office(*few)
    assert refused.returncode == 2 and "--removing 36" in one_line(refused) and office.facts(*few)["refusal"]
    assert office(*few, "--removing", "36").returncode == 0 and office.facts("status")["leaving"] == 36
    assert office.facts("forget", "--by", "duty-1", stdin=NUMBERS[0]) == {"people": 1, "waiting": 0}
    assert office.facts("erase", at=NOW + timedelta(days=31))["residents"] == 36 and office.facts("status")["people"] == 3
    old = office("status", at=datetime(2027, 4, 21, 1, 0, tzinfo=UTC))
    assert old.returncode == 1 and "未就绪" in old.stdout and "4 月 20 日" in old.stdout
    everything = office.said + caplog.text + "".join(path.read_bytes().decode("latin-1") for path in office.home.rglob("*") if path.is_file() and path != office.list)
    assert not [phone for phone in NUMBERS if phone in everything], "in no output, log, error or file but the list itself"


def test_a_wrong_list_is_two_and_names_its_lines(office: Office) -> None:
    path = office.write(*rows(NUMBERS[:3]), "HM-0009,天马镇,居民,12345,2026-04-01", "HM-0010,海门街道,居民,67890,2026-04-01")
    refused = office("import", str(path), "--by", "duty-1")
    assert refused.returncode == 2 and f"{path}:5" in one_line(refused) and "共 2 行：5、6" in refused.stderr and "12345" not in refused.stderr
    assert [fault["line"] for fault in office.facts("import", str(path), "--by", "duty-1")["faults"]] == [5, 5, 6]
    good = office("import", str(path), "--by", "duty-1", "--accept-good")
    assert good.returncode == 1 and "没有收的 2 行" in good.stdout and office.facts("status")["people"] == 3


@pytest.mark.parametrize(("words", "stdin", "says"), [
    (("import", "no-such.csv", "--by", "duty-1"), "", "no-such.csv"), (("import", "-", "--by", "nobody"), "编号,镇街,人群,手机号\n", "officer"),
    (("opt-out", "--by", "duty-1"), "12345", "手机号"), (("opt-out", "--by", "duty-1"), "", "没有号码"), (("forget", "HM-1", "--by", "duty-1"), "", "没有这个人"),
    (("forget", "--by", "duty-1"), NUMBERS[0], "没有这个人"), (("forget", NUMBERS[0], "--by", "duty-1"), "", "不要写在命令里"),
    (("opt-in", "HM-1", "--by", "nobody"), "", "officer"),
    (("import", "-", "--by", "duty-1", "--renewed", "soon"), "", "soon"),
])
def test_a_wrong_call_is_two_in_one_line(office: Office, words: tuple[str, ...], stdin: str, says: str) -> None:
    result = office(*words, stdin=stdin)
    assert result.returncode == 2 and says in one_line(result) and "\n" not in one_line(result) and NUMBERS[0] not in result.stderr


def test_whoever_is_not_there_yet_may_opt_out_beforehand(office: Office) -> None:
    assert office.facts("opt-out", "--by", "duty-1", stdin=NUMBERS[0])["people"] == 0
    text = "\n".join(["id,town,groups,phone", f"HM-1,haimen,residents,{NUMBERS[0]}", f"HM-2,haimen,residents,{NUMBERS[1]}"])
    assert office("import", "-", "--by", "duty-1", stdin=text).returncode == 0
    assert office.facts("status")["opted_out"] == 1


def test_officers_see_that_the_register_is_not_ready(office: Office) -> None:
    office("import", str(office.write(*rows(NUMBERS, "2024-04-01"))), "--by", "duty-1")
    ctx = office.context()
    assert "not-ready" in render(ctx, NOW) and "未就绪：40 人（100.0%）" in render(ctx, NOW) and collect(ctx, NOW)["register"]["ready"] is False
    assert "register" in tell_silence(NOW, ctx) and "register" in tell_silence(NOW + timedelta(minutes=5), ctx)
    told = [entry for entry in collect(ctx, NOW)["duty"] if entry["kind"] == "register"]
    assert len(told) == 1 and "不妨碍发布" in told[0]["text"], "once a day"
    office("import", str(office.write(*rows(NUMBERS))), "--by", "duty-1")
    assert "not-ready" not in render(ctx, NOW) and "register" not in tell_silence(NOW, ctx)
