"""What the two commands start they also end: by Ctrl-C while the first part comes up, and by `make down` (a SIGTERM) when all run. The Makefile tells every target."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.undisturbed import undisturbed

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY:(.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    listed = dict(re.findall(r"^  make (\w+) +(.+)$", done.stdout, re.MULTILINE))
    assert set(listed) == phony == set(re.findall(r"^(\w+):", text, re.MULTILINE))
    assert all(re.search(r"[\u4e00-\u9fff]", words) and re.search(r"[a-z]{3}", words) for words in listed.values())


def of_session(run: str) -> dict[int, str]:
    """Processes that carry this test's folder in their environment, by id: whatever the demonstration started, however deep."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"FENGSUI_RUN={run}".encode() in (folder / "environ").read_bytes().split(b"\0") and "Z" not in (folder / "stat").read_text().split()[2]:
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="counts processes in /proc")
@pytest.mark.parametrize(("parts", "how", "code"), [(1, "SIGINT", 130), (6, "down", 130)], ids=["ctrl-c-early", "make-down"])
def test_nothing_is_left(tmp_path: Path, parts: int, how: str, code: int) -> None:
    env = os.environ | {"FENGSUI_RUN": str(tmp_path / "run")}
    with (tmp_path / "log").open("wb") as log:
        demo = subprocess.Popen([sys.executable, "-m", "console.demo", "run"], cwd=ROOT, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    noted: list[int] = []
    try:
        until = time.monotonic() + 60
        while len(noted) < parts + 1 and time.monotonic() < until and demo.poll() is None:
            time.sleep(0.05)
            try:
                noted = json.loads((tmp_path / "run" / "pids.json").read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
        assert len(noted) > parts, (tmp_path / "log").read_text(errors="replace")[-2000:]
        assert set(noted) <= set(of_session(env["FENGSUI_RUN"]))
        if how == "down":
            subprocess.run([sys.executable, "-m", "console.demo", "down"], cwd=ROOT, env=env, check=True, timeout=60, capture_output=True)
        else:
            demo.send_signal(getattr(signal, how))
        assert demo.wait(60) in (code, -signal.SIGINT)  # Python ends so where the interrupt met an import that runs a text; a shell says 130 either way
        assert of_session(env["FENGSUI_RUN"]) == {}
        assert not (tmp_path / "run" / "pids.json").exists()
    finally:
        for pid in of_session(env["FENGSUI_RUN"]):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_what_was_started_is_held(sign: signal.Signals) -> None:
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with undisturbed(), undisturbed():
            signal.raise_signal(sign)
            signal.raise_signal(signal.SIGINT)
            assert came == []
        assert came == [sign]  # the first one, once
        signal.raise_signal(signal.SIGTERM)
        assert came == [sign, signal.SIGTERM]
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_ctrl_c_comes_through_after_the_block() -> None:
    held, before = [], signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
    try:
        with pytest.raises(KeyboardInterrupt), undisturbed():
            signal.raise_signal(signal.SIGINT)
            held.append("process")
        assert held == ["process"]
    finally:
        signal.signal(signal.SIGINT, before)
