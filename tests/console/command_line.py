"""Calling `fengsui` as the installed command does, in this process: starting Python a dozen times would cost half a minute."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Result:
    """What a call left behind."""

    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Result]


def caller(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """A function that takes the words of one call, the state folder and FENGSUI_* settings."""
    def call(*words: object, home: Path, **more: str) -> Result:
        for name in [name for name in os.environ if name.startswith("FENGSUI_")]:
            monkeypatch.delenv(name)
        for name, value in {"FENGSUI_HOME": str(home), "COLUMNS": "200", **more}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", ["fengsui", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        out = capfd.readouterr()
        return Result(int(left.value.code or 0), out.out, out.err)

    return call


def one_line(result: Result) -> str:
    """The one line of an error; no traceback."""
    assert "Traceback" not in result.stderr and "Traceback" not in result.stdout, result.stderr
    return result.stderr.strip()
