"""`make run`, `make up`, `make down`: one storm through Airflow, its decisive moments one after another, the hours between without it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from console import replay
from console.board import write_board
from console.context import Context
from console.demo.airflow import ROOT, Airflow
from console.report import collect, expectations
from console.sandbox.officers import demonstrate, prepare
from console.sandbox.scenario import Moment, Scenario
from console.summary import print_summary
from console.world import World
from core.county import load_county
from core.errors import StoreError
from core.times import iso, people

HOME = Path(os.environ.get("FENGSUI_RUN") or ROOT / ".run")
COUNTY = ROOT / "county" / "haimen"
STEP_WITHIN_S = 180.0
#: `make up` stops at the third moment, in the middle of the storm, where there is something to decide.
UP_TO = 3
BUTTONS = {"review": "送审", "approve": "签发"}


class Demo:
    """Owns everything that a run starts."""

    def __init__(self, scenario: str) -> None:
        self.began = time.monotonic()
        self.officers = [officer.officer for officer in load_county(COUNTY).policy.officers]
        self.scenario: Scenario = replay.find_scenario(COUNTY, scenario)
        self.world = World(home=HOME / "state", county=COUNTY, scenario=scenario)
        self.airflow: Airflow | None = None
        self.ctx: Context | None = None
        self.airflow_took = 0.0
        self.played = self.scenario.start
        self._issued_before = 0

    def say(self, text: str) -> None:
        """One progress line with the seconds since the start."""
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)

    def run(self, *, until: int | None = None) -> None:
        """Start all, play the scenario's moments through Airflow; with `until` only so many, the last one's drafts waiting for a person."""
        shutil.rmtree(HOME, ignore_errors=True)
        self.say(f"启动 Airflow 与外部世界：{self.scenario.title} / starting Airflow and the sandbox")
        self._start()
        waiting = replay.instants(self.scenario)
        for index, moment in enumerate(self.scenario.moments[:until]):
            between = [at for at in waiting if at < moment.at]
            waiting = [at for at in waiting if at > moment.at]
            replay.run(self.world, self._ctx, between, demonstrate, lambda line: self.say(f"  不经 Airflow · {line}"))
            if index == 0:
                self._await_airflow()
            self.moment(moment, decide=until is None or index < until - 1)
            self.played = moment.at
        self.say("时刻完成 / moments done")

    def _start(self) -> None:
        """Airflow comes up beside the sandbox and the first hours, which do without it."""
        self.airflow = Airflow(HOME / "airflow", {"admin": "admin"} | dict.fromkeys(self.officers, "user"))
        self.airflow.prepare()
        self._note_pids()
        self.world.start()
        self._note_pids()
        self.airflow.start(self.world.env())
        self._note_pids()
        self.ctx = Context.load(self.world.settings())
        prepare(self.ctx.county, self.ctx.keyring, self.ctx.settings)
        replay.open_sessions(self.ctx, self.scenario.start - timedelta(hours=1))

    def _await_airflow(self) -> None:
        self._air.ready()
        self.airflow_took = time.monotonic() - self.began
        self.say(f"Airflow 就绪，用时 {self.airflow_took:.1f} 秒 / ready: {self._air.call('GET', '/dags?limit=1')['total_entries']} DAGs")

    def _note_pids(self) -> None:
        HOME.mkdir(parents=True, exist_ok=True)
        pids = [os.getpid(), *self.world.pids(), *(self.airflow.pids() if self.airflow else [])]
        (HOME / "pids.json").write_text(json.dumps(pids), encoding="utf-8")

    def moment(self, moment: Moment, *, decide: bool) -> None:
        """One decisive moment through the DAGs: every feed, the assessment, and what people decide."""
        air, began = self._air, time.monotonic()
        self.world.set_clock(moment.at)
        run_id, conf = f"{moment.moment}-{moment.at:%Y%m%dT%H%M}", {"now": iso(moment.at)}
        feeds = [f"ingest_{feed.feed}" for feed in self._ctx.county.feeds if feed.enabled]
        self.say(f"◆ {moment.title} {people(moment.at)}（经 Airflow）/ through Airflow")
        for dag in feeds:
            air.trigger(dag, run_id, conf)
        self._wait(lambda: self._ended(run_id, len(feeds)), f"ingest {run_id}")
        air.trigger("assess", run_id, conf)
        self._wait(lambda: self._ended(run_id, len(feeds) + 1), f"assess {run_id}")
        drafted = self._drafted(moment.at)
        if drafted and decide:
            self._wait(lambda: self._decide(len(drafted)), "issue")
        self.say(f"  完成：新版 {len(drafted)}，用时 {time.monotonic() - began:.1f} 秒 / {len(drafted)} versions")

    def _drafted(self, at: datetime) -> list[str]:
        with self._ctx.ledger.begin() as tx:
            from sqlalchemy import select

            from core.ledger import tables as t

            v = t.alert_version.c
            return [f"{a}.v{n}" for a, n in tx.execute(select(v.alert_id, v.version).where(v.drafted_at == iso(at)))]

    def _decide(self, wanted: int) -> bool:
        """Press the buttons that wait; True when every issue run of this moment has ended."""
        for item in self._air.waiting():
            option, user = BUTTONS[item["task_instance"]["task_id"].partition("_")[0]], item["assigned_users"][0]["id"]
            self._air.answer(item, option, user, self._ctx.county.code)
            self.say(f"  {user} {option} / answered over Airflow's REST API")
        done = self._succeeded(self._air.states(dag="issue"))
        if done >= self._issued_before + wanted:
            self._issued_before = done
            return True
        return False

    def _ended(self, run_id: str, wanted: int) -> bool:
        return self._succeeded(self._air.states(run_id=run_id)) == wanted

    def _succeeded(self, states: dict[str, str]) -> int:
        """How many runs ended well; StoreError for one that did not."""
        bad = [run for run, state in states.items() if state == "failed"]
        if bad:
            raise StoreError(f"DAG 失败 / failed: {bad[0]}; 日志 / logs: {HOME / 'airflow' / 'logs'}")
        return sum(state == "success" for state in states.values())

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + STEP_WITHIN_S
        while not done():
            if time.monotonic() > until:
                raise StoreError(f"{what}: {STEP_WITHIN_S:.0f} 秒内没有完成 / did not end in time; logs: {HOME / 'airflow' / 'logs'}")
            time.sleep(0.2)

    def finish(self) -> bool:
        """Print the summary; whether the scenario's expectations hold."""
        now = self.played
        data = collect(self._ctx, now)
        board = write_board(self._ctx, now, HOME / "board.html")
        paths = {"CAP 1.2": str(self._ctx.settings.home / "cap"), "短信沙箱日志 SMS sandbox log": str(self.world.sms_log), "看板 board": str(board)}
        print_summary(data, paths)
        held = expectations(self._ctx, self.scenario.expect, data)
        for sentence, holds in held:
            print(f"  {'✓' if holds else '✗'} {sentence}")
        took = time.monotonic() - self.began
        print(f"用时 {took:.1f} 秒，其中 Airflow 启动 {self.airflow_took:.1f} 秒 / took {took:.1f} s, Airflow's own start {self.airflow_took:.1f} s")
        return all(holds for _, holds in held)

    def stop(self) -> None:
        """End everything that was started."""
        if self.airflow:
            self.airflow.stop()
        self.world.stop()
        (HOME / "pids.json").unlink(missing_ok=True)

    @property
    def _air(self) -> Airflow:
        if self.airflow is None:
            raise StoreError("Airflow is not started")
        return self.airflow

    @property
    def _ctx(self) -> Context:
        if self.ctx is None:
            raise StoreError("the stores are not open")
        return self.ctx


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Begin to stop, once: a second signal must not break off the stopping."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_IGN)
    raise KeyboardInterrupt


def run(scenario: str) -> int:
    """Play a scenario and stop everything; 0 when its expectations hold, 1 when not, 130 when interrupted."""
    for sign in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores SIGINT unless told otherwise
        signal.signal(sign, _interrupt)
    demo = Demo(scenario)
    try:
        demo.run()
        return 0 if demo.finish() else 1
    except KeyboardInterrupt:
        print("中断，正在停止 / interrupted, stopping", file=sys.stderr)
        return 130
    finally:
        demo.stop()


def up(scenario: str) -> int:
    """Play a scenario as far as its landfall and leave all running for a browser until `make down` or Ctrl-C; the drafts wait for a person."""
    for sign in (signal.SIGTERM, signal.SIGINT):  # a shell's background job ignores SIGINT unless told otherwise
        signal.signal(sign, _interrupt)
    demo = Demo(scenario)
    try:
        demo.run(until=UP_TO)
        demo.finish()
        address = f"http://127.0.0.1:{demo._air.port}"
        print(f"\nAirflow：{address}    看板 board：{address}/fengsui/board")
        for user, password in demo._air.passwords.items():
            print(f"  用户 user {user}  口令 password {password}")
        print("待办在“需要操作”里 / drafts wait under Required Actions；结束：make down 或 Ctrl-C", flush=True)
        threading.Event().wait()
        return 0
    except KeyboardInterrupt:
        return 0
    finally:
        demo.stop()


def down() -> int:
    """End what `make up` started, by the process ids that it wrote down."""
    path = HOME / "pids.json"
    if not path.is_file():
        print("没有在运行 / nothing is running")
        return 0
    first, *others = json.loads(path.read_text(encoding="utf-8"))
    for pid in (first, *others):
        if _ours(pid):
            os.kill(pid, signal.SIGTERM)
            if pid == first:
                for _ in range(150):
                    if not _ours(pid):
                        break
                    time.sleep(0.1)
    path.unlink(missing_ok=True)
    print("已停止 / stopped")
    return 0


def _ours(pid: int) -> bool:
    """Whether a process id is still one of this environment's: ids are used again."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return str(ROOT).encode() in command or b"console.demo" in command or b"mosquitto" in command
