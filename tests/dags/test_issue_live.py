"""The issue DAG run by Airflow: who is asked and in which order, what a yes, a no and silence lead to. The ledger is the witness."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Stories = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Stories:
    home = tmp_path_factory.mktemp("issue")
    env = os.environ | {
        "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"), "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "console" / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/a.db", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "airflow_local_settings.SQLITE_CONNECT",
        "FENGSUI_HOME": str(home / "state"), "FENGSUI_COUNTY": str(ROOT / "county" / "haimen"), "FENGSUI_MODE": "sandbox", "FENGSUI_STATUS": "Exercise",
        "FENGSUI_SEAL_KEY": base64.b64encode(bytes(32)).decode(), "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "PYTHONPATH": f"{ROOT}",
    }
    script = Path(__file__).with_name("issue_live.py")
    done = subprocess.run([sys.executable, str(script), str(home)], env=env, capture_output=True, text=True, timeout=110, check=False)
    told = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("STORY")]
    assert len(told) == 5, done.stdout[-3000:] + done.stderr[-3000:]
    return {story["story"]: story for story in told}


def test_two_officers_say_yes_and_it_is_issued(stories: Stories) -> None:
    story = stories["approve"]
    assert (story["run"], story["state"], story["cap"]) == ("success", "issued", True)
    assert story["asked"] == {"review_1": ["duty-1"], "approve_1": ["chief-1"]}
    assert story["signed"] == [["author", "duty-1", "approve"], ["approver", "chief-1", "approve"]]
    assert story["tasks"]["review_2"] == story["tasks"]["approve_2"] == "skipped"
    assert "area" in story["told"], "a warning of the whole county: the first yes forgot its area code and was asked for again"


def test_a_no_ends_it(stories: Stories) -> None:
    story = stories["refuse"]
    assert (story["run"], story["state"], story["cap"]) == ("success", "refused", False)
    assert story["signed"][-1] == ["approver", "chief-1", "refuse"]


def test_silence_asks_the_deputy_and_then_the_standing_order_acts_at_the_deadline(stories: Stories) -> None:
    story = stories["silence"]
    assert story["asked"] == {"review_1": ["duty-1"], "review_2": ["duty-1", "duty-2"]}
    assert (story["state"], story["waited_s"]) == ("issued", 300.0)  # orange: policy.yaml deadline_s 300, on_silence issue
    assert [officer for _, officer, _ in story["signed"]] == ["duty-system", "standing-order"]


def test_where_policy_holds_the_question_stays_until_somebody_signs(stories: Stories) -> None:
    story = stories["late"]
    assert story["asked"] == {"review_1": ["duty-1"], "review_2": ["duty-1", "duty-2"], "approve_1": ["chief-1", "deputy-1"],
                              "approve_2": ["chief-1", "deputy-1"], "approve_3": ["chief-1", "deputy-1"]}
    assert (story["state"], story["signed"]) == ("issued", [["author", "duty-2", "approve"], ["approver", "deputy-1", "approve"]])
    assert "silence" in story["told"]


def test_a_decision_taken_at_a_terminal_ends_the_run_that_waits_well(stories: Stories) -> None:
    story = stories["elsewhere"]
    assert (story["run"], story["state"], story["cap"]) == ("success", "issued", True)
    assert story["asked"] == {"review_1": ["duty-1"]}, "the page noticed by itself, and asked nobody else"
    assert story["signed"] == [["author", "duty-1", "approve"], ["approver", "deputy-1", "approve"]]


def test_an_officer_puts_it_off_on_the_page_with_a_reason_and_never_without(stories: Stories) -> None:
    story = stories["late"]
    assert "not_put_off" in story["told"], "the first time no reason was written: nothing happened, and the question stood there again"
    assert (story["delayed"]["officer"], story["delayed"]["note"]) == ("duty-2", "派人去看") and story["told"].count("put_off") == 1
    assert story["signed"][0] == ["author", "duty-2", "approve"], "after it the same question was answered"
