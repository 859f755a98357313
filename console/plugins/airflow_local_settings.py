"""Settings of Airflow that are code; Airflow imports this file first in each of its processes (the plugin folder is on its path).

A task runs in a process forked from an executor's worker, which is forked from the scheduler (or from a Celery worker). What those import
once, every task inherits; otherwise each pays for it again, about two seconds of computing. Modules are imported here, never used: libraries that
start threads when used (pyarrow, numpy) survive the fork only so. A change of code needs a restart of the scheduler.
"""

from __future__ import annotations

import importlib
import os
import sys

#: What the tasks import, ours and foreign, and Airflow's own task runner.
USED_BY_TASKS = (
    "pandas", "pyarrow.parquet", "sqlalchemy.dialects.sqlite", "alembic.command", "httpx", "twilio.rest", "paho.mqtt.client",
    "connectors", "connectors.registry", "rules", "rules.assess", "notifiers", "notifiers.dispatch", "core.alerts", "core.lake", "core.cap",
    "console.context", "console.steps", "console.decide",
)
#: For AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS where Airflow's own database is SQLite: how many seconds to wait for its lock. The scheduler
#: waits long. The API server must not: a request that waits on its event loop keeps another request from giving the lock back, and both stand
#: still until the time is over; it had better fail at once, because its callers ask again.
SQLITE_CONNECT = {"timeout": 1 if "api-server" in sys.argv else 60}
OF_AIRFLOW = ("airflow.sdk.execution_time.task_runner", "airflow.providers.standard.operators.hitl")


def preload() -> None:
    """Import what tasks use; for a process about to be forked."""
    for name in USED_BY_TASKS:
        importlib.import_module(name)


def preload_airflow() -> None:
    """Import Airflow's side of a task: only possible once Airflow itself is complete, so just before the first fork."""
    for name in OF_AIRFLOW:
        if name not in sys.modules:
            importlib.import_module(name)


if {"scheduler", "worker"} & set(sys.argv[1:3]):
    preload()
    os.register_at_fork(before=preload_airflow)
