"""A private Airflow with the CeleryExecutor on loopback: its own PostgreSQL, its own Redis, and as many workers as asked; all of it ends with it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from console.demo.airflow import ROOT, Airflow
from console.sandbox.broker import free_port

LOWER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


class Stores:
    """PostgreSQL (Debian's) and Redis in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ports = folder, (free_port(), free_port())
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start both; SystemExit that says what is not installed."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not found or shutil.which("redis-server") is None:
            raise SystemExit("缺少 PostgreSQL 或 Redis / missing: apt-get install -y --no-install-recommends postgresql redis-server")
        data, binaries = self.folder / "pg", found[-1].parent
        data.mkdir(parents=True)
        lower = LOWER if os.geteuid() == 0 else []
        if lower:  # the server refuses to run as root
            self.folder.chmod(0o755)
            os.chown(data, 65534, 65534)
        subprocess.run([*lower, binaries / "initdb", "-D", data, "-U", "airflow", "-A", "trust", "-N"], check=True, capture_output=True, cwd=data)
        self._spawn([*lower, binaries / "postgres", "-D", data, "-k", data, "-p", str(self.ports[0]), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], data)
        self._spawn(["redis-server", "--port", str(self.ports[1]), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)], self.folder)
        for _ in range(100):
            made = subprocess.run([binaries / "createdb", "-h", "127.0.0.1", "-p", str(self.ports[0]), "-U", "airflow", "airflow"], capture_output=True, check=False)
            if made.returncode == 0:
                return
            time.sleep(0.2)
        raise SystemExit(f"PostgreSQL 没有起来 / did not come up: {made.stderr.decode()[-300:]}")

    def _spawn(self, command: list[str | Path], folder: Path) -> None:
        self._running.append(subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True))

    def stop(self) -> None:
        """End both."""
        for process in self._running:
            process.send_signal(signal.SIGINT)
        for process in self._running:
            process.wait(timeout=30)


class Celery(Airflow):
    """The demonstration's Airflow, its executor Celery, its database PostgreSQL."""

    def __init__(self, home: Path, stores: Stores) -> None:
        self._stores = stores
        super().__init__(home, {"admin": "admin"})
        self._env.pop("AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS")

    def _settings(self, users: dict[str, str]) -> dict[str, str]:
        base = f"airflow@127.0.0.1:{self._stores.ports[0]}/airflow"
        return super()._settings(users) | {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{base}",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{self._stores.ports[1]}/0", "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{base}",
            "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1", "AIRFLOW__CORE__PARALLELISM": "64", "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "64", "C_FORCE_ROOT": "1",
            "AIRFLOW__CORE__FERNET_KEY": "", "FENGSUI_COUNTY": str(ROOT / "county" / "haimen"),
        }

    def worker(self, name: str) -> int:
        """One more worker of one slot; its process id."""
        log = (self.home / f"{name}.log").open("ab")
        process = subprocess.Popen([sys.executable, "-m", "airflow", "celery", "worker", "--concurrency", "1", "--skip-serve-logs", "-H", f"{name}@%h",
                                    "--pid", str(self.home / f"{name}.pid")], env=self._env, stdout=log, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.home)
        self._processes.append(process)
        return process.pid
