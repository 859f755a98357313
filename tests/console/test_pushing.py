"""Keys from the command line, and the gateway's process: shown once, one at a time, on loopback in a sandbox, drained at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from compose_files import check_of
from typer.testing import CliRunner

from console.cli import app
from console.context import Context
from console.pushing import inboxes, only_one, run
from core.access import Access
from core.errors import ConfigError
from core.lake import Lake
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("FENGSUI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FENGSUI_HOME", str(tmp_path))
    monkeypatch.setenv("FENGSUI_COUNTY", str(ROOT / "county" / "haimen"))
    return tmp_path


def call(*words: str) -> str:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_departments_key_is_shown_once_and_holds_until_it_is_taken_back(home: Path) -> None:
    name, _, key = call("departments", "key", "report-platform").splitlines()[0].partition(".")
    access = Access(home)
    assert name == "report-platform" and access.holds("department", name, key)
    fresh = call("departments", "key", name).splitlines()[0].partition(".")[2]
    assert fresh != key and access.holds("department", name, fresh) and not access.holds("department", name, key)
    call("departments", "key", name, "--revoke")
    assert not access.holds("department", name, fresh)
    assert all(word.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file() for word in (key, fresh))


def test_a_reporters_code_is_for_those_in_the_list(home: Path) -> None:
    code = call("reporters", "code", "hm-bc-t1").splitlines()[0]
    assert Access(home).holds("reporter", "hm-bc-t1", code)
    for words in (("reporters", "code", "hm-xx-t9"), ("departments", "key", "nobody"), ("departments", "key", "report-platform", "--revoke")):
        with pytest.raises(ConfigError):
            CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_a_sandbox_listens_on_loopback_only_and_one_gateway_runs_at_once(home: Path) -> None:
    ctx = Context.load(Settings(home=home, county=ROOT / "county" / "haimen"))
    assert [feed.feed for feed in inboxes(ctx)] == ["reports"]
    with pytest.raises(ConfigError, match="本机"):
        asyncio.run(run(ctx, "0.0.0.0", 0, 1.0))
    with only_one(ctx), pytest.raises(ConfigError, match="another push gateway"), only_one(ctx):
        pass


def test_the_process_takes_a_report_and_has_it_in_the_lake_when_it_ends(home: Path) -> None:
    from urllib.request import Request, urlopen

    token = call("departments", "key", "report-platform").splitlines()[0]
    command = [sys.executable, "-c", "from console.cli import main; main()", "gateway", "push", "--every", "60"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        told = process.stdout.readline()
        now = datetime.now(UTC)
        row = {"reporter": "hm-bc-t1", "town": "baochang", "kind": "ponding", "value": 40, "unit": "cm", "time": (now - timedelta(minutes=5)).isoformat(),
               "note": "电话13812345678"}
        address = told.split("listening on ")[1].split()[0]
        check = check_of("push-gateway", "localhost:8090", address)
        assert subprocess.run(check, check=False).returncode == 0
        assert (home / "inbox" / "reports").is_dir(), "from its start on the feed knows that there is a receiver"
        url = f"http://{address}/push/reports"
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k", "Content-Type": "application/json"}
        with urlopen(Request(url, json.dumps({"reports": [row]}).encode(), headers), timeout=20) as answer:
            assert answer.status == 202
        process.send_signal(signal.SIGTERM)
        out, log = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0 and "reports ok: 1" in out
    assert subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 1
    frame = Lake(home / "lake").reports(start=now - timedelta(days=1), end=now, as_of=now + timedelta(hours=1))
    assert list(frame["value"]) == [0.4] and list(frame["trust"]) == [2]
    assert "push.kept" in log and "13812345678" not in out + log and token.partition(".")[2] not in out + log
