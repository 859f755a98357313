"""Lets the tests of this folder import their shared world and call the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from command_line import Call, caller


@pytest.fixture
def fengsui(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the entry point as the installed command does."""
    return caller(monkeypatch, capfd)
