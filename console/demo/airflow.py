"""A private Airflow on loopback: api-server, scheduler and dag-processor, started and stopped by us, spoken to over its own REST API."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from console.sandbox.broker import free_port
from console.undisturbed import undisturbed
from core.errors import StoreError

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("api-server", "scheduler", "dag-processor")
#: How long a request to Airflow may take: a machine that is busy with other things is slow, not broken.
PATIENCE_S = 120
START_WITHIN_S = 300.0
NEEDED = {"assess", "issue"}
#: A question is answered only when it has waited this long.
SETTLED_S = 0.4
ATTEMPTS = 10


class Airflow:
    """prepare() and start(), then trigger runs, wait for them, answer what waits for people; stop() ends every process."""

    def __init__(self, home: Path, users: dict[str, str]) -> None:
        self.home, self.port = home, free_port()
        self.passwords = {user: secrets.token_urlsafe(9) for user in users}
        self._processes: list[subprocess.Popen[bytes]] = []
        self._clients: dict[str, httpx.Client] = {}
        self._env = os.environ | self._settings(users)
        self._seen_waiting: dict[str, float] = {}
        self._migration: subprocess.Popen[bytes] | None = None

    def _settings(self, users: dict[str, str]) -> dict[str, str]:
        ports = free_port(), free_port()
        return {
            "AIRFLOW_HOME": str(self.home), "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "console" / "plugins"), "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in users.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1", "AIRFLOW__API__PORT": str(self.port), "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{self.port}",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": str(PATIENCE_S), "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__INSTANCE_NAME": "烽燧预警值守（演练）", "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32), "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "5", "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "600", "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports[0]), "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports[1]),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home / 'airflow.db'}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": "airflow_local_settings.SQLITE_CONNECT",
            "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "",
        }

    def prepare(self) -> None:
        """Begin to make the database; needs nothing else of the world, so it runs while that starts."""
        self.home.mkdir(parents=True, exist_ok=True)
        path = self.home / "passwords.json"
        path.write_text(json.dumps(self.passwords), encoding="utf-8")
        path.chmod(0o600)
        with undisturbed():
            self._migration = self._spawn("db", "migrate")

    def start(self, env: dict[str, str]) -> None:
        """Start the parts under the world's environment `env`; they come up by themselves, ready() waits for them."""
        self._env |= env
        if self._migration is None or self._migration.wait(START_WITHIN_S):
            raise StoreError(f"airflow db migrate: {self._tail('db')}")
        self._migration = None
        for part in PARTS:
            with undisturbed():
                self._processes.append(self._spawn(part))

    def ready(self) -> None:
        """Wait until DAGs can be triggered and their tasks heard; StoreError with the last log lines when a part ended or none answers in time.

        The API that tasks speak to builds itself at its first request, for seconds: the first task should not be the one to wait for it.
        """
        began = time.monotonic()
        while time.monotonic() - began < START_WITHIN_S:
            for part, process in zip(PARTS, self._processes, strict=True):
                if process.poll() is not None:
                    raise StoreError(f"airflow {part} ended: {self._tail(part)}")
            try:
                httpx.get(f"http://127.0.0.1:{self.port}/execution/health/ping", timeout=60).raise_for_status()
                if {row["dag_id"] for row in self.call("GET", "/dags?limit=100")["dags"]} >= NEEDED:
                    return
            except (httpx.HTTPError, KeyError):
                pass
            time.sleep(0.2)
        raise StoreError(f"Airflow 在 {START_WITHIN_S:.0f} 秒内没有就绪 / not ready in time; logs in {self.home}")

    def _tail(self, part: str) -> str:
        return (self.home / f"{part}.log").read_text(errors="replace")[-800:]

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{command[0]}.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "airflow", *command], env=self._env, stdout=log, stderr=subprocess.STDOUT,
                                    stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.home)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, user: str = "admin") -> Any:
        """One request to the REST API as a demo user; its JSON. httpx.HTTPError for a refusal; a busy Airflow (500, no answer) is asked again."""
        if user not in self._clients:
            base = f"http://127.0.0.1:{self.port}"
            token = httpx.post(f"{base}/auth/token", json={"username": user, "password": self.passwords[user]}, timeout=PATIENCE_S)
            token.raise_for_status()
            bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
            self._clients[user] = httpx.Client(base_url=f"{base}/api/v2", headers=bearer, timeout=PATIENCE_S)
        for attempt in range(ATTEMPTS):
            try:
                answer = self._clients[user].request(method, path, json=body)
            except httpx.TransportError:
                if attempt + 1 == ATTEMPTS:
                    raise
                continue
            if not answer.is_server_error:
                break
            time.sleep(0.5)
        answer.raise_for_status()
        return answer.json()

    def trigger(self, dag: str, run_id: str, conf: dict[str, str]) -> None:
        """Start a run under an id of our own.

        It is dated a second back, because on SQLite the scheduler's clock counts whole seconds and a run of this second would wait for the next.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "run_after": (datetime.now(UTC) - timedelta(seconds=1)).isoformat(), "conf": conf}
        self._once("POST", f"/dags/{dag}/dagRuns", body)

    def _once(self, method: str, path: str, body: dict[str, Any], user: str = "admin") -> None:
        """A request that may be sent again: a repeat is a 409 and does nothing."""
        try:
            self.call(method, path, body, user)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.CONFLICT:
                raise

    def states(self, *, dag: str = "~", run_id: str = "") -> dict[str, str]:
        """State by 'dag/run' of the newest runs of a DAG, or of all runs under one id."""
        rows = self.call("GET", f"/dags/{dag}/dagRuns?limit=100&order_by=-run_after&run_id_pattern={run_id}")["dag_runs"]
        return {f"{row['dag_id']}/{row['dag_run_id']}": row["state"] for row in rows}

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for a person, and has for SETTLED_S: Airflow loses an answer given before its scheduler saw the question's process end."""
        now, out = time.monotonic(), []
        for item in self.call("GET", "/dags/~/dagRuns/~/hitlDetails?response_received=false&limit=100")["hitl_details"]:
            task = item["task_instance"]
            if task.get("state") == "awaiting_input" and now - self._seen_waiting.setdefault(task["id"], now) >= SETTLED_S:
                out.append(item)
        return out

    def answer(self, item: dict[str, Any], option: str, user: str, area: str) -> None:
        """Press a button as a demo user, with the area code that a warning of the whole county wants."""
        task = item["task_instance"]
        path = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/{task.get('map_index', -1)}/hitlDetails"
        self._once("PATCH", path, {"chosen_options": [option], "params_input": {"signature": "", "area": area, "reason": ""}}, user)

    def pids(self) -> list[int]:
        """Process ids of the parts (each leads its own group)."""
        return [process.pid for process in [*self._processes, *([self._migration] if self._migration else [])]]

    def stop(self) -> None:
        """End every part with all its children; safe to call twice."""
        for client in self._clients.values():
            client.close()
        if self._migration is not None:
            self._processes.append(self._migration)
        for sign, patience in ((signal.SIGTERM, 6.0), (signal.SIGKILL, 5.0)):
            for process in self._processes:
                try:
                    os.killpg(process.pid, sign)
                except ProcessLookupError:
                    continue
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline and any(process.poll() is None for process in self._processes):
                time.sleep(0.1)
        self._processes.clear()
