"""What the tests of notifiers share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[nw.Gateway]:
    """The sandbox SMS gateway with its own delays; a module that needs others has a fixture of its own."""
    running = nw.Gateway(tmp_path)
    yield running
    running.stop()
