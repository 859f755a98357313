"""Lets the tests of this folder import their shared world and call the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from command_line import Call, caller

if TYPE_CHECKING:
    from night_desk import Night


@pytest.fixture
def fengsui(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Call the entry point as the installed command does."""
    return caller(monkeypatch, capfd)


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation on the evening before, made once and copied for every night."""
    from night_desk import prepare

    home = tmp_path_factory.mktemp("before")
    with pytest.MonkeyPatch.context() as patch:
        prepare(home, patch)
    return home


@pytest.fixture
def night(before: Path, tmp_path: Path, fengsui: Call, monkeypatch: pytest.MonkeyPatch) -> Iterator[Night]:
    """A night without Airflow."""
    from night_desk import begin

    made = begin(before, tmp_path, fengsui, monkeypatch)
    yield made
    made.gateway.stop()
