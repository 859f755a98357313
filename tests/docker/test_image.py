"""The image: hash-pinned, complete without what only tests need, nothing in it but what runs, and nothing that runs may write to it."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import PurePosixPath

import pytest
from compose_files import DOCKER, ONE, compose
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as plain

ROOT = DOCKER.parent
LINES = re.sub(r"\\\n\s*", " ", (DOCKER / "Dockerfile").read_text(encoding="utf-8")).splitlines()
TEXT = "\n".join(line for line in LINES if not line.startswith("#"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
#: What must never be in an image, beside the tests.
PRIVATE = ("docker/.env", ".git/config", ".venv/bin/python", ".run/state/ledger.db", ".fengsui/keys/duty-1.json", "county/haimen/.env", "core/__pycache__/model.pyc")


def ignored(path: str) -> bool:
    """What .dockerignore says of a path: the last line that names it or a folder above it counts."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, keeps = line.removeprefix("!"), line.startswith("!")
        above = [path, *map(str, PurePosixPath(path).parents)][:-1]
        named = any(PurePosixPath(one).match(pattern.removeprefix("**/")) for one in above) if pattern.startswith("**/") else pattern == "*" or pattern in above
        out = not keeps if named else out
    return out


def test_nothing_is_copied_but_what_runs() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")[:-1]
    tracked = listed or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if ".venv" not in path.parts]
    kept = {path for path in tracked if not ignored(path)}
    assert {path.partition("/")[0] for path in kept} == {"connectors", "console", "core", "county", "dags", "notifiers", "rules"} | (
        {"requirements.lock", "LICENSE"} if listed else set())
    assert not [path for path in tracked if path.partition("/")[0] in {path.partition("/")[0] for path in kept} and path not in kept and "__pycache__" not in path]
    assert all(map(ignored, PRIVATE))


def test_it_is_hash_pinned_and_the_environment_is_made_once_a_lock() -> None:
    assert re.match(r"FROM python:3\.\d+[\w.-]+\n", TEXT) and ":latest" not in TEXT
    copies = [line.split()[1:-1] for line in LINES if line.startswith("COPY")]
    assert copies == [["requirements.lock"], ["."]] and TEXT.index("requirements.lock") < TEXT.index("pip install") < TEXT.index("COPY . .")
    for text in (TEXT, (ROOT / "bootstrap.sh").read_text(encoding="utf-8")):
        assert "--no-deps --require-hashes -r requirements.lock" in text
    for path in re.findall(r"/opt/fengsui/([\w/]+)", TEXT):
        assert (ROOT / path).exists() and not ignored(path), path


def test_who_runs_may_write_to_the_volumes_and_to_nothing_else() -> None:
    user = re.search(r"useradd --uid (\d+) --gid 0", TEXT)
    assert user and [line.split()[1] for line in LINES if line.startswith("USER")] == [user[1]] and "--chown" not in TEXT
    made = re.search(r"install -d -o airflow -g 0 ([^&\n]+)", TEXT)
    assert made is not None
    for name, service in compose(ONE)["services"].items():
        if service["image"] == "fengsui:latest" and "user" not in service:
            written = {volume.split(":")[1] for volume in service["volumes"] if not volume.endswith(":ro")}
            assert written <= set(made[1].split()), f"{name}: a volume over a folder that is not there belongs to root"
            assert f"/opt/airflow:uid={user[1]}" in service["tmpfs"]


def required() -> dict[str, set[str]]:
    """By package of the lock that is installed here: what it requires on this machine, its extras where they are asked for."""
    names = {plain(name) for name in re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)}
    rows: dict[str, set[str]] = {name: set() for name in names if next(iter(metadata.distributions(name=name)), None)}
    seen: set[tuple[str, str]] = set()
    todo = [(name, "") for name in rows]
    while todo:
        name, extra = todo.pop()
        if name not in rows or (name, extra) in seen:
            continue
        seen.add((name, extra))
        for one in map(Requirement, metadata.requires(name) or ()):
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                rows[name].add(plain(one.name))
                todo += [(plain(one.name), more) for more in one.extras]
    return rows


def test_the_lock_is_whole_and_what_is_taken_out_is_missed_by_nobody() -> None:
    out = re.search(r"pip uninstall -y --root-user-action=ignore ([^&\n]+)", TEXT)
    assert out is not None
    removed, rows = {plain(name) for name in out[1].split()}, required()
    assert len(rows) > 100 and not {(name, one) for name, found in rows.items() for one in found - rows.keys()}
    missed = {one for name, found in rows.items() if name not in removed for one in found}
    assert not removed & missed
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    wanted = {name: {plain(Requirement(line).name) for line in lines} for name, lines in extras.items()}
    runs = set().union(*(found for name, found in wanted.items() if name != "dev"))
    assert removed == wanted["dev"] - runs - missed


@pytest.mark.parametrize("package", ["apache-airflow", "apache-airflow-providers-celery", "redis", "psycopg2-binary", "asyncpg", "psycopg"])
def test_the_lock_holds_what_the_services_need(package: str) -> None:
    assert re.search(rf"^{re.escape(package)}==", LOCK, re.MULTILINE)
