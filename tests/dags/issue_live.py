"""Run by test_issue_live.py in a process of its own: the issue DAG's real tasks, run by Airflow's own `dag.test()` over a real ledger, while a
second thread is the officers (or nobody). Prints one JSON line per story."""

from __future__ import annotations

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

HOME, ROOT = Path(sys.argv[1]), Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "dags"), str(ROOT / "tests"), str(ROOT / "tests" / "core")]

import alerts_world  # noqa: E402
from airflow.jobs.job import Job  # noqa: E402
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner  # noqa: E402
from airflow.models.hitl import HITLDetail  # noqa: E402
from airflow.models.taskinstance import TaskInstance  # noqa: E402
from airflow.models.trigger import handle_event_submit  # noqa: E402
from airflow.sdk.definitions import dag as dag_module  # noqa: E402
from airflow.triggers.base import TriggerEvent  # noqa: E402
from airflow.utils.db import initdb  # noqa: E402
from airflow.utils.session import create_session  # noqa: E402

from console import desk  # noqa: E402
from console.context import Context  # noqa: E402
from console.decide import finish  # noqa: E402
from console.dossier import facts  # noqa: E402
from console.sandbox.officers import prepare  # noqa: E402
from core import alerts  # noqa: E402
from core.county import load_county  # noqa: E402
from core.ledger import tables as t  # noqa: E402
from core.model import Hazard  # noqa: E402

#: While the page asks, both officers sign at a terminal; the page is never answered.
AT_THE_TERMINAL = "终端"
EVERYWHERE = dict.fromkeys((town.key for town in load_county(ROOT / "county" / "haimen").towns), 2)
#: (hazard, levels by town, official floor, what people press by task, one after another; a question not named here meets silence).
STORIES = {
    "approve": (Hazard.FLOOD, EVERYWHERE, 0, {"review_1": ("送审", "送审"), "approve_1": ("签发",)}),
    "refuse": (Hazard.TYPHOON, {"haimen": 3}, 3, {"review_1": ("送审",), "approve_1": ("驳回",)}),
    "silence": (Hazard.GEOLOGICAL, {"haimen": 3}, 3, {}),
    "late": (Hazard.FLOOD, {"haimen": 2, "baochang": 2}, 0, {"review_2": ("延后", "延后", "送审"), "approve_3": ("签发",)}),
    "elsewhere": (Hazard.TYPHOON, {"haimen": 4}, 4, {"review_1": (AT_THE_TERMINAL,)}),
}


class Officers(threading.Thread):
    """Answers what Airflow asks, as a story says; where it says nothing, time runs out through the scheduler's own sweep."""

    def __init__(self, says: dict[str, tuple[str, ...]], ref: alerts.VersionRef, now: datetime) -> None:
        super().__init__(daemon=True)
        self.says: dict[str, list[str]] = {task: list(words) for task, words in says.items()}
        self.asked, self.done = dict[str, list[str]](), threading.Event()
        self.ref, self.now, self.given = ref, now, {"signature": "", "area": "", "reason": ""}
        self.sweep = SchedulerJobRunner(job=Job())

    def run(self) -> None:
        while not self.done.wait(0.05):
            with create_session() as session:
                for ti in session.query(TaskInstance).filter(TaskInstance.state == "awaiting_input").all():
                    self._answer(session, ti)
            self.sweep.check_awaiting_input_timeouts()

    def _answer(self, session, ti) -> None:
        detail = session.query(HITLDetail).filter(HITLDetail.ti_id == ti.id).one()
        self.asked[ti.task_id] = [user["id"] for user in detail.assignees]
        if self.says.get(ti.task_id) == [AT_THE_TERMINAL]:
            self._sign_at_the_terminal()
            return
        if not self.says.get(ti.task_id):
            ti.trigger_timeout = datetime.now(UTC) - timedelta(seconds=1)
            ti.next_kwargs = ti.next_kwargs | {"until": ti.trigger_timeout.isoformat()}
            return
        detail.chosen_options, detail.params_input, detail.responded_at = [self.says[ti.task_id].pop(0)], self.given, datetime.now(UTC)
        self.given = self.given | {"area": "320614", "reason": "派人去看"}  # forgotten at the first answer, typed at the next
        who = detail.assignees[-1]
        detail.responded_by = {"id": who["id"], "name": who["name"]}
        handle_event_submit(TriggerEvent(detail.as_resume_event_payload(timedout=False)), task_instance=ti, session=session)


    def _sign_at_the_terminal(self) -> None:
        ctx = Context.load()
        for officer, role in (("duty-1", "author"), ("deputy-1", "approver")):
            seen = facts(ctx, self.ref, self.now)
            if seen["state"] in ("draft", "review"):
                desk.sign(self.now, ctx, desk.open_key(ctx, officer, str), seen, role, "approve")
        finish(self.now, ctx, self.ref)


def main() -> None:
    initdb()
    dag_module.time = SimpleNamespace(sleep=lambda _s: time.sleep(0.05))  # how long dag.test() waits between two looks
    import fengsui_officers
    import issue

    graph = issue.issue_dag()
    for story, (hazard, levels, floor, says) in STORIES.items():
        ctx = Context.load()
        prepare(ctx.county, ctx.keyring, ctx.settings)
        world = alerts_world.World(county=ctx.county, ledger=ctx.ledger, keyring=ctx.keyring, settings=ctx.settings,
                                   now=alerts_world.START + timedelta(hours=2 * list(STORIES).index(story)))
        world.assess(hazard=hazard, floor=floor, **levels)
        ref = next(r for r in world.draft() if alerts.state(ref=r, ledger=ctx.ledger) == "draft")
        world.address(ref)
        fengsui_officers.LOOK = timedelta(seconds=1) if story == "elsewhere" else timedelta(days=1)
        officers = Officers(says, ref, world.now)
        officers.start()
        run = graph.test(run_conf={"version": f"{ref}@{world.now.isoformat()}"})
        officers.done.set()
        officers.join()
        with ctx.ledger.begin() as tx:
            signed = [(row["role"], row["officer"], row["decision"]) for row in alerts.approvals(tx, ref)]
            row = alerts.find(tx, ref)
            delayed = alerts.delayed(tx, ref)
            told = [kind for (kind,) in tx.execute(t.duty_log.select().with_only_columns(t.duty_log.c.kind).where(t.duty_log.c.ref.like(f"{ref}%")))]
        tasks = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
        print("STORY" + json.dumps({"story": story, "run": str(run.state), "state": row["state"], "cap": bool(row["cap_path"]), "asked": officers.asked,
                                    "signed": signed, "told": told, "delayed": delayed, "tasks": tasks,
                                    "waited_s": (datetime.fromisoformat(row["decided_at"]) - world.now).total_seconds()}), flush=True)


main()
