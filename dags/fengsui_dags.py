"""What every DAG file shares: the county's feed rows, the time a run works at, and the defaults. Reads one small file, imports nothing heavy."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pendulum
from ruamel.yaml import YAML


class CountyRows(NamedTuple):
    """(id, title, cron) of the enabled feeds, how many officers a colour asks at most, whether the schedules run by themselves, and on which clock."""

    feeds: list[tuple[str, str, str]]
    authors: int
    approvers: int
    live: bool
    zone: str


def _read() -> CountyRows:
    folder, yaml = Path(os.environ.get("FENGSUI_COUNTY", "county/haimen")), YAML(typ="safe", pure=True)
    head, rows, policy = (yaml.load(folder / f"{name}.yaml") for name in ("county", "feeds", "policy"))
    feeds = [(name, row["title"], row["cron"]) for name, row in rows.items() if row.get("enabled", True)]
    authors, approvers = (max(sum(officer["role"] in level[roles] for officer in policy["officers"].values()) for level in policy["levels"].values())
                          for roles in ("author_roles", "approver_roles"))
    return CountyRows(feeds, authors, approvers, os.environ.get("FENGSUI_MODE", "sandbox") == "live", head.get("zone", "Asia/Shanghai"))


COUNTY = _read()
START = pendulum.datetime(2021, 1, 1, tz=COUNTY.zone)


def defaults() -> dict:
    """Retries, deadlines and owner of every task."""
    return {"owner": "预警值守", "retries": 1, "retry_delay": timedelta(seconds=5), "execution_timeout": timedelta(minutes=15)}


def run_now(dag_run) -> datetime:
    """The time a run works at: `now` of its configuration, else the wall clock. Only here does a DAG read a clock."""
    text = (dag_run.conf or {}).get("now") if dag_run is not None else None
    return datetime.fromisoformat(text) if text else datetime.now(UTC).replace(microsecond=0)


def version_of(dag_run) -> str:
    """The drafted version an issue run is about, 'alert.v3@time': its partition key, or `version` of a run triggered by hand."""
    return dag_run.partition_key or (dag_run.conf or {})["version"]


def publishes(dag_run) -> bool:
    """Whether a run may publish: a backfill never does."""
    return dag_run is None or str(getattr(dag_run, "run_type", "")) not in ("backfill", "DagRunType.BACKFILL_JOB")
