"""Housekeeping: end what has run out, erase personal data that nobody needs, merge yesterday's small files, check the audit chain. 维护。

**红了怎么办**：审计链断开意味着台账被人改过：停止发布，保留现场，报告负责人。其余失败可次日重试。
"""

from __future__ import annotations

from airflow.sdk import CronTriggerTimetable, dag, task
from fengsui_dags import COUNTY, START, defaults, run_now


@dag(dag_id="maintain", dag_display_name="维护 · 过期、擦除、压缩、审计", doc_md=__doc__, tags=["烽燧", "维护"], start_date=START, catchup=False,
     schedule=CronTriggerTimetable("20 3 * * *", timezone=COUNTY.zone) if COUNTY.live else None, is_paused_upon_creation=False, default_args=defaults())
def maintain_dag() -> None:
    """expire, then erase; compact; verify: independent of each other."""

    @task(task_display_name="结束过期预警")
    def expire(dag_run=None) -> int:
        """End alerts past their time; how many."""
        from console.context import Context
        from core.alerts import expire as end

        return len(end(now=run_now(dag_run), ledger=Context.load().ledger))

    @task(task_display_name="擦除个人信息")
    def erase(dag_run=None) -> int:
        """Erase what the county's policy keeps no longer; how many residents and recipients."""
        import notifiers
        from console.context import Context

        ctx = Context.load()
        done = notifiers.erase(now=run_now(dag_run), county=ctx.county, ledger=ctx.ledger, home=ctx.settings.home)
        return done.residents + done.recipients

    @task(task_display_name="压缩数据湖")
    def compact(dag_run=None) -> int:
        """Join the lake's small files of past days; how many files were joined."""
        from console.context import Context

        return Context.load().lake.compact(run_now(dag_run).date())

    @task(task_display_name="核对审计链")
    def verify() -> int:
        """Check the audit chain; its rows, StoreError where a link is broken."""
        from console.context import Context
        from core.errors import StoreError
        from core.ledger import verify_audit

        report = verify_audit(Context.load().ledger)
        if report.broken_at is not None:
            raise StoreError(f"审计链在第 {report.broken_at} 条断开 / the audit chain is broken")
        return report.rows

    expire() >> erase()
    compact(), verify()


maintain_dag()
