"""Hostile input against every row of the registry, in a process of its own: no crash, little memory, nothing stored, a clear error with feed and place."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.registry import CONNECTORS

CHILD = Path(__file__).with_name("hostile_child.py")
#: Connectors whose format is a list that may be empty, or not a document at all (their own bytes come from their own `fetch`).
MAY_BE_EMPTY = {"list", "wide", "object", "empty", "spaces"}
LIMIT_MB = 300


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    county = Path(__file__).parents[2] / "county" / "haimen"
    done = subprocess.run([sys.executable, str(CHILD), str(tmp_path_factory.mktemp("hostile")), str(county)], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr  # the step logs a traceback for a mistake of ours
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_row_of_the_registry_was_tried(trials) -> None:
    assert {t["connector"] for t in trials[:-1]} == set(CONNECTORS)


def test_nothing_gets_through_and_memory_stays_small(trials) -> None:
    assert trials[-1]["rows"] == 0 and trials[-1]["mb"] < LIMIT_MB
    assert sum(t["records"] for t in trials[:-1]) == 0


def test_every_pull_fails_with_the_feed_named_and_is_not_green(trials) -> None:
    pulled = [t for t in trials[:-1] if t["how"] == "ingest" and t["outcome"] != "unchanged"]  # a spool that is empty pulls nothing
    assert len(pulled) > 100 and {t["outcome"] for t in pulled} == {"failed"}
    assert all(t["feed"] in t["error"] and t["state"] != "ok" for t in pulled)


def test_a_parser_raises_nothing_but_a_parse_error_that_says_where(trials) -> None:
    parsed = [t for t in trials[:-1] if t["how"] == "parse"]
    assert all(t["error"].startswith(("ParseError", "ConfigError: 数据源")) for t in parsed if t["error"])
    quiet = {(t["connector"], t["attack"]) for t in parsed if not t["error"] and t["attack"] not in MAY_BE_EMPTY}
    assert all(not t["records"] for t in parsed if (t["connector"], t["attack"]) in quiet)  # set aside, not read


def test_a_push_of_each_is_turned_away_with_a_status_and_a_reason_and_nothing_is_kept(trials) -> None:
    pushed = [t for t in trials[:-1] if t["how"] == "push"]
    assert len(pushed) > 80 and {t["outcome"] for t in pushed} == {"json", "csv", "cap"}
    assert all(t["error"].startswith(("400 ", "413 ", "422 ")) and "\u4e00" <= t["error"][4] <= "\u9fff" and not t["records"] for t in pushed), [
        t for t in pushed if not t["error"]]
