"""Policy over all DAGs, loaded by Airflow itself in a process of its own; an empty bag cannot pass."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
EXPECTED = {"ingest.py": 9, "assess.py": 1, "issue.py": 1, "dispatch.py": 1, "drill.py": 1, "maintain.py": 1, "watchdog.py": 1}
LOAD = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print("BAG" + json.dumps({"errors": {k: str(v) for k, v in bag.import_errors.items()}, "dags": [{
    "id": d.dag_id, "name": d.dag_display_name, "doc": d.doc_md or "", "tags": sorted(d.tags), "catchup": d.catchup, "file": d.fileloc.rsplit("/", 1)[-1],
    "tasks": [t.task_display_name for t in d.tasks],
    "mapped": {k: v for t in d.tasks if hasattr(t, "op_kwargs_expand_input") for k, v in t.op_kwargs_expand_input.value.items()}} for d in bag.dags.values()]}))
"""
HEAVY = {"pandas", "pyarrow", "numpy", "twilio", "httpx", "sqlalchemy", "core", "connectors", "rules", "notifiers", "console"}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    env = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
                        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"), "FENGSUI_COUNTY": str(ROOT / "county" / "haimen"),
                        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/a.db", "PYTHONPATH": f"{ROOT / 'dags'}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", LOAD, str(ROOT / "dags")], env=env, capture_output=True, text=True, timeout=100, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("BAG")), None)
    assert line, done.stderr[-2000:]
    return dict(json.loads(line[3:]))


def test_every_file_gives_its_dags(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert Counter(d["file"] for d in bag["dags"]) == EXPECTED


def test_many_counties_are_one_mapped_task_each(tmp_path: Path) -> None:
    """Without a folder of counties there is no such DAG (the bag above); with one, a task a county."""
    for name in ("b", "a"):
        shutil.copytree(ROOT / "county" / "haimen", tmp_path / name, ignore=shutil.ignore_patterns("scenarios"))
    (tmp_path / "notes").mkdir()
    env = os.environ | {"AIRFLOW_HOME": str(tmp_path / "airflow"), "FENGSUI_COUNTY": str(ROOT / "county" / "haimen"), "FENGSUI_COUNTIES": str(tmp_path),
                        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/a.db", "PYTHONPATH": f"{ROOT / 'dags'}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", LOAD, str(ROOT / "dags")], env=env, capture_output=True, text=True, timeout=100, check=False)
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("BAG"))[3:])
    made = [d for d in found["dags"] if d["id"] == "assess_counties"]
    assert found["errors"] == {} and [d["mapped"] for d in made] == [{"county": ["a", "b"]}] and "红了怎么办" in made[0]["doc"]


def test_people_read_chinese_and_know_what_to_do(bag: dict[str, Any]) -> None:
    for d in bag["dags"]:
        assert re.search(r"[\u4e00-\u9fff]", d["name"]) and "烽燧" in d["tags"] and "红了怎么办" in d["doc"], d["id"]
        assert d["tasks"] and all(re.search(r"[\u4e00-\u9fff]", name) for name in d["tasks"]), d["id"]


def test_nothing_catches_up(bag: dict[str, Any]) -> None:
    assert not any(d["catchup"] for d in bag["dags"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_is_short_and_imports_nothing_heavy_at_the_top(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 60
    for node in ast.parse(text).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & HEAVY, path.name


def test_a_backfill_publishes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGSUI_COUNTY", str(ROOT / "county" / "haimen"))
    code = ("import sys; sys.path.insert(0, 'dags'); from types import SimpleNamespace as N; import fengsui_dags as f; "
            "print(f.publishes(N(run_type='backfill')), f.publishes(N(run_type='manual')), f.publishes(None))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "True", "True"]
