"""A drill reaches what drill.yaml names and nobody else, says so, and cannot leave the machine even from a live installation."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from console import drill
from console.board import render
from console.cli import app
from console.context import Context
from core import yamlfile
from core.county import load_county
from core.errors import AuthorityError, ConfigError, ConfigErrors, LifeCycleError
from core.ledger import Ledger, verify_audit
from core.ledger import tables as t
from core.settings import Settings

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
NOW = datetime(2021, 8, 1, 2, tzinfo=UTC)
LIVE = {"FENGSUI_MODE": "live", "FENGSUI_STATUS": "Actual", "FENGSUI_BROKER_HOST": "broker.example.net", "FENGSUI_BROKER_USER": "fengsui",
        "FENGSUI_BROKER_PASSWORD": "live-broker-secret", "FENGSUI_TWILIO_ACCOUNT": "AC" + "0" * 32, "FENGSUI_TWILIO_TOKEN": "live-sms-secret",
        "FENGSUI_TWILIO_SENDER": "HAIMEN",
        "FENGSUI_SEAL_KEY": "live-seal-secret", "FENGSUI_LAKE_URL": "", "FENGSUI_SMS_CALLBACK_URL": "https://warn.example.net/receipts"}


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, drill.DrillReport]:
    """One drill out of a live installation: what is live stands in the environment all the while."""
    home = tmp_path_factory.mktemp("live")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (LIVE | {"FENGSUI_HOME": str(home), "FENGSUI_COUNTY": str(HAIMEN), "FENGSUI_LEDGER_URL": f"sqlite:///{home}/live.db"}).items():
            patch.setenv(name, value)
        ctx = Context.load()
        assert ctx.settings.mode == "live"
        return ctx, drill.run(NOW, ctx)


def test_it_reaches_what_the_county_names_and_reports_who_was_not_reached(drilled: tuple[Context, drill.DrillReport]) -> None:
    ctx, report = drilled
    named = set(yamlfile.load(HAIMEN / "drill.yaml")[0]["speakers"])
    assert set(report.reached) | set(report.not_reached) == named and report.reached
    assert len(report.versions) == 2 and report.sms.get("delivered", 0) == sum(report.sms.values()) > 0
    with ctx.ledger.begin() as tx:
        (told,) = tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == "drill")).scalars()
    assert told == report.line() and told in render(ctx, NOW)
    assert drill.run(NOW, ctx) == report and verify_audit(ctx.ledger).broken_at is None  # a repeat tells nobody anything


def test_what_went_out_says_that_it_is_a_drill_and_went_to_nobody_else(drilled: tuple[Context, drill.DrillReport]) -> None:
    ctx, report = drilled
    home = ctx.settings.home / "drills" / f"{NOW:%Y%m%dT%H%M%S}"
    inside = Ledger.open(f"sqlite:///{home}/ledger.db")
    with inside.begin() as tx:
        bodies = [json.loads(body) for body in tx.execute(select(t.alert_version.c.body)).scalars()]
        recipients = set(tx.execute(select(t.delivery.c.recipient).where(t.delivery.c.channel == "broadcast")).scalars())
        groups = tx.execute(select(t.delivery.c.groups).where(t.delivery.c.channel == "sms")).scalars().all()
    assert recipients == set(report.reached) | set(report.not_reached)
    assert all({"duty", "informers"} & set(json.loads(row)) for row in groups)
    assert {body["status"] for body in bodies} == {"Exercise"} and {body["msg_type"] for body in bodies} == {"Alert", "Cancel"}
    texts = [text for body in bodies for town in body["texts"].values() for text in town.values()]
    assert texts and all(text.startswith("【演练】") and "不是真的预警" in text for text in texts)
    sent = [json.loads(line) for line in (home / "sandbox" / "sms.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sent and "演练" in json.dumps(sent[0], ensure_ascii=False)


def test_the_live_ledger_and_keys_are_untouched(drilled: tuple[Context, drill.DrillReport]) -> None:
    ctx, _ = drilled
    with ctx.ledger.begin() as tx:
        assert [tx.execute(select(func.count()).select_from(table)).scalar() for table in (t.alert, t.alert_version, t.approval, t.delivery)] == [0] * 4
    assert not list((ctx.settings.home / "keys").glob("*")) and not (ctx.settings.home / "cap").exists()
    for path in (ctx.settings.home / "drills").rglob("*"):
        if path.is_file():
            assert b"live-sms-secret" not in path.read_bytes() and b"broker.example.net" not in path.read_bytes(), path


@pytest.mark.parametrize("wrong", [
    {"mode": "live"}, {"status": "Actual"}, {"status": "Test"}, {"sms_url": "https://api.twilio.com"}, {"broker_host": "broker.example.net"},
    {"ledger_url": "postgresql+psycopg://db/fengsui"}, {"lake_url": "s3://lake"},
])
def test_settings_that_lead_out_of_the_machine_are_refused(wrong: dict[str, str]) -> None:
    inside = Settings(mode="sandbox", status="Exercise", sms_url="http://127.0.0.1:9", broker_host="127.0.0.1")
    assert drill.sealed(inside) is inside
    with pytest.raises(AuthorityError, match="演练不走真实渠道"):
        drill.sealed(inside.model_copy(update=wrong))


def test_no_drill_at_night_and_no_drill_of_what_the_county_does_not_know(tmp_path: Path) -> None:
    ctx = Context.load(Settings(home=tmp_path, county=HAIMEN))
    with pytest.raises(LifeCycleError, match="免扰"):
        drill.run(NOW.replace(hour=16), ctx)
    (tmp_path / "drill.yaml").write_text((HAIMEN / "drill.yaml").read_text(encoding="utf-8").replace("spk-haimen-01", "spk-nowhere-01"), encoding="utf-8")
    with pytest.raises(ConfigError, match="spk-nowhere-01"):
        drill.limited(replace(load_county(HAIMEN), root=tmp_path))


@pytest.mark.parametrize(("name", "old", "new"), [("drill.yaml", "level: blue", "level: pink"), ("county.yaml", "cn/stage\n", "cn/own\n")])
def test_the_county_check_reads_the_drill_and_the_packs_too(tmp_path: Path, name: str, old: str, new: str) -> None:
    folder = shutil.copytree(HAIMEN, tmp_path / "haimen")
    (folder / "packs" / "cn").mkdir(parents=True)
    (folder / "packs" / "cn" / "own.yaml").write_text("pack: own\nrules: []\n", encoding="utf-8")
    (folder / name).write_text((folder / name).read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    shown = CliRunner().invoke(app, ["county", "check", str(folder)])
    assert isinstance(shown.exception, (ConfigError, ConfigErrors)) and ("pink" in str(shown.exception) or "own.yaml:1" in str(shown.exception))
