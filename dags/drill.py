"""A drill: one alert and its cancel through the whole chain, to the stand-ins of this machine only. 演练。

**做什么**：每月 1 日 10 时，或随时点“触发”。只发给县里 drill.yaml 写明的喇叭与人群，文案开头是“演练”，钥匙、主题、发送方都是演练的，
在自己的文件夹和替身里跑，进不了真实渠道。结束后值班记录与看板上有一行：谁到达、谁没有到达。

**红了怎么办**：看日志最后一行。免扰时段不演练，白天再触发；文案或名单有误按提示改 drill.yaml；替身起不来查磁盘与端口。演练失败不影响正式预警。
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from fengsui_dags import COUNTY, START, defaults, run_now


@dag(dag_id="drill", dag_display_name="演练 · 发布与解除", doc_md=__doc__, tags=["烽燧", "演练"], start_date=START, catchup=False, max_active_runs=1,
     schedule=CronTriggerTimetable("0 10 1 * *", timezone=COUNTY.zone) if COUNTY.live else None, is_paused_upon_creation=False, default_args=defaults())
def drill_dag() -> None:
    """One drill and its report."""

    @task(task_display_name="演练一次并报告")
    def exercise(dag_run=None) -> dict:
        """Hold the exercise; its report as plain values."""
        from dataclasses import asdict

        from console.context import Context
        from console.drill import run

        return asdict(run(run_now(dag_run), Context.load()))

    exercise()


drill_dag()
