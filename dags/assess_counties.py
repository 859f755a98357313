"""Score many counties, one task a county, wherever there is a worker. 多县研判，按县分片。

没有 FENGSUI_COUNTIES（放着各县文件夹的文件夹）就没有本 DAG。每县的湖、台账、状态各在一处，县与县互不读写；拟稿与签发仍由各县自己的值守安装完成。

**红了怎么办**：红的那一格就是那个县（格子上有县名），别的县不受影响。看该格日志；在任一机器上对该县执行 `fengsui tick` 是同一条链。
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import CronTriggerTimetable, dag, task
from fengsui_dags import COUNTY, START, defaults, run_now

FOLDER = os.environ.get("FENGSUI_COUNTIES", "")
NAMES = sorted(path.parent.name for path in Path(FOLDER).glob("*/county.yaml")) if FOLDER else []


@dag(dag_id="assess_counties", dag_display_name="研判 · 多县分片", doc_md=__doc__, tags=["烽燧", "研判"], start_date=START, catchup=False,
     schedule=CronTriggerTimetable("*/10 * * * *", timezone=COUNTY.zone) if COUNTY.live else None, max_active_runs=1, max_active_tasks=256,
     is_paused_upon_creation=False, default_args=defaults())
def assess_counties_dag() -> None:
    """One mapped task a county: a shard is a county, because nothing in one county's level depends on another's."""

    @task(task_display_name="研判一县", map_index_template="{{ county }}")
    def score(county: str, dag_run=None) -> dict:
        """Score one county's towns; drafts nothing."""
        from console.context import Context
        from console.steps import TickReport, assess
        from core.settings import Settings

        ctx, report = Context.load(Settings.load().of_county(Path(FOLDER) / county)), TickReport(at=run_now(dag_run))
        assess(report.at, ctx, report)
        return {"county": county, "scores": len(report.assessment.scores), "changed": len(report.assessment.changed)}

    score.expand(county=NAMES)


if NAMES:
    assess_counties_dag()
