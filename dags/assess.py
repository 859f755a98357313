"""Score every town, draft what changed, ring for each draft. 研判与拟稿。

**红了怎么办**：研判失败时级别停在上一次，看板会显示研判时刻变旧。先看日志；Airflow 不可用时在本机执行
`fengsui tick`，走的是同一条链。
"""

from __future__ import annotations

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from fengsui_dags import COUNTY, START, defaults, publishes, run_now

#: The bell may be lost in a burst (an upstream fault), so a cron net lies beside it and the step reads the store itself.
BELL = AssetOrTimeSchedule(timetable=CronTriggerTimetable("*/10 * * * *", timezone=COUNTY.zone), assets=[Asset("fengsui_readings")])
DRAFTED = Asset("fengsui_drafted")


@dag(dag_id="assess", dag_display_name="研判 · 风险与拟稿", doc_md=__doc__, tags=["烽燧", "研判"], schedule=BELL if COUNTY.live else None,
     start_date=START, catchup=False, max_active_runs=1, is_paused_upon_creation=False, default_args=defaults())
def assess_dag() -> None:
    """assess -> draft, one process each."""

    @task(task_display_name="研判并拟稿", outlets=[DRAFTED])
    def score_and_draft(dag_run=None, outlet_events=None) -> list[str]:
        """Score every town, then draft what the scores ask for and ring for each draft; drafts nothing in a backfill."""
        from console.context import Context
        from console.steps import TickReport, assess, draft_and_address

        ctx, now = Context.load(), run_now(dag_run)
        assess(now, ctx, TickReport(at=now))
        drafted = [str(ref) for ref in draft_and_address(now, ctx)] if publishes(dag_run) else []
        if drafted:
            outlet_events[DRAFTED].add_partitions([f"{ref}@{now.isoformat()}" for ref in drafted])
        return drafted

    score_and_draft()


assess_dag()
