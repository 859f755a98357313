"""One DAG a feed: pull it, keep the bytes, flag the readings, note the feed's health. 一个数据源一个 DAG。"""

from __future__ import annotations

from airflow.sdk import Asset, dag, task
from fengsui_dags import COUNTY, START, defaults, run_now

READINGS = Asset("fengsui_readings")

DOC = """### {title}
拉取 → 留存原始字节 → 解析 → 质量标记 → 入湖 → 记录数据源健康。

**红了怎么办**：看任务日志最后一行，它写明哪一层先坏（计划、网络、来源、内容、时效）。本源失效只影响本源；
研判照常进行，并在看板上标明该源静默。先打电话给来源部门，再点“清除”重试。
"""


def make(feed_id: str, title: str, cron: str) -> None:
    """Register the DAG of one row of feeds.yaml."""

    @dag(dag_id=f"ingest_{feed_id}", dag_display_name=f"接入 · {title}", doc_md=DOC.format(title=title), tags=["烽燧", "接入"],
         schedule=cron if COUNTY.live else None, start_date=START, catchup=False, max_active_runs=1, is_paused_upon_creation=False, default_args=defaults())
    def ingest_dag() -> None:
        """Pull one feed on its cron."""

        @task(task_display_name="拉取一次", outlets=[READINGS])
        def pull(dag_run=None) -> dict:
            """Pull once; the outcome and the number of records, never a reading."""
            from connectors import ingest
            from console.context import Context

            ctx = Context.load()
            report = ingest(feed_id, now=run_now(dag_run), county=ctx.county, lake=ctx.lake, ledger=ctx.ledger, settings=ctx.settings)
            return {"feed": feed_id, "outcome": str(report.outcome), "records": report.records}

        pull()

    globals()[f"ingest_{feed_id}"] = ingest_dag()


for row in COUNTY.feeds:
    make(*row)
