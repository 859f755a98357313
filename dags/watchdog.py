"""Nothing may be silent unnoticed: feeds that say nothing and drafts that wait too long are told to the duty desk. 看门狗。

**红了怎么办**：看门狗自己失败等于没有看门狗。先查调度器是否在跑，再手动触发一次。
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from fengsui_dags import COUNTY, START, defaults, run_now


@dag(dag_id="watchdog", dag_display_name="看门狗 · 静默与超时", doc_md=__doc__, tags=["烽燧", "值守"], start_date=START, catchup=False,
     schedule=CronTriggerTimetable("*/5 * * * *", timezone=COUNTY.zone) if COUNTY.live else None, is_paused_upon_creation=False, default_args=defaults())
def watchdog_dag() -> None:
    """One look around."""

    @task(task_display_name="巡视")
    def look(dag_run=None) -> list[str]:
        """Tell the duty desk which feeds are silent; the feeds told of."""
        from console.context import Context
        from console.decide import tell_silence

        return tell_silence(run_now(dag_run), Context.load())

    look()


watchdog_dag()
