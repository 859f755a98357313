"""The net under the bell, after a crash or a lost run: what has run out is ended, past a deadline the policy's default acts, what is approved is
issued, what is issued and not yet sent is handed over. Behind it goes the canary. 补发网，其后是链路自检。

**红了怎么办**：短信或大喇叭通道不可用。看日志里的错误码，先打电话通知各镇街值班员，再联系运营商；恢复后“清除”重跑，不会重发。
“链路自检随行”红了不影响预警：自检收不到时 `fengsui canary watch` 另行报警，写明停在哪一步。
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from fengsui_dags import COUNTY, START, defaults, publishes, run_now


@dag(dag_id="dispatch", dag_display_name="送达 · 补发网", doc_md=__doc__, tags=["烽燧", "发布"], start_date=START, catchup=False,
     schedule=CronTriggerTimetable("*/5 * * * *", timezone=COUNTY.zone) if COUNTY.live else None, max_active_runs=1,
     is_paused_upon_creation=False, default_args=defaults())
def dispatch_dag() -> None:
    """One call of each step of the net, then the canary; a backfill sends nothing."""

    @task(task_display_name="交付未送出的")
    def hand_over(dag_run=None) -> int:
        """Send what is due in the outbox; the number of outcomes, 0 in a backfill."""
        from console.context import Context
        from console.decide import net

        return sum(net(run_now(dag_run), Context.load()).dispatch.outcomes.values()) if publishes(dag_run) else 0

    @task(task_display_name="链路自检随行")
    def carry_canary(dag_run=None) -> bool:
        """Take the running beat as far as it goes, behind the real dispatch; whether it is through. `fengsui canary watch` sees whether it arrives."""
        from console.canary.walk import carry
        from console.context import Context

        return publishes(dag_run) and carry(run_now(dag_run), Context.load())

    hand_over() >> carry_canary()


dispatch_dag()
