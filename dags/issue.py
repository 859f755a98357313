"""One run a drafted version: the duty officer reviews, the chief approves, then it is issued and handed over. 审批与发布。

**红了怎么办**：没有人应答时按县里的规定处理（红、橙且有两路佐证时自动发布，其余保持等待并报值班台）；
发布任务失败可直接“清除”重跑，已发出的不会再发一遍。Airflow 不可用时用 `fengsui tick`。
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Asset, IdentityMapper, Param, PartitionedAssetTimetable, TriggerRule, dag, task
from fengsui_dags import START, defaults

SILENT = "无人应答"
WAIT = timedelta(minutes=30)
SIGN = {"signature": Param("", type=["string", "null"], title="签名（演示时留空，由演示密钥代签）")}


def question(title: str, options: list[str], users: list[str]) -> dict:
    """A question to named officers with Chinese buttons; silence is an answer too."""
    return {"task_display_name": title, "subject": title + " {{ dag_run.partition_key }}", "body": "{{ ti.xcom_pull(task_ids='show') }}",
            "options": [*options, SILENT], "defaults": [SILENT], "response_timeout": WAIT, "params": SIGN,
            "assigned_users": [{"id": user, "name": user} for user in users]}


@dag(dag_id="issue", dag_display_name="发布 · 复核、签发、送达", doc_md=__doc__, tags=["烽燧", "发布"], start_date=START, catchup=False,
     schedule=PartitionedAssetTimetable(assets=Asset("fengsui_drafted"), default_partition_mapper=IdentityMapper()),
     is_paused_upon_creation=False, max_active_runs=8, default_args=defaults())
def issue_dag() -> None:
    """show -> review -> approve -> decide and send."""

    @task(task_display_name="出示草稿")
    def show(dag_run=None) -> str:
        from console.decide import describe

        return describe(dag_run.partition_key)

    @task(task_display_name="记录签名、发布、送达", trigger_rule=TriggerRule.ALL_DONE)
    def decide_and_send(dag_run=None, ti=None) -> dict:
        from console.decide import carry_out

        return carry_out(dag_run.partition_key, review=ti.xcom_pull(task_ids="review"), approval=ti.xcom_pull(task_ids="approve"))

    @task.branch(task_display_name="送审或退回")
    def route(ti=None) -> str:
        return "decide_and_send" if ti.xcom_pull(task_ids="review")["chosen_options"] == ["退回"] else "approve"

    review = HITLOperator(task_id="review", **question("复核送审", ["送审", "退回"], ["duty-1", "duty-2"]))
    approve = HITLOperator(task_id="approve", **question("签发", ["签发", "驳回"], ["chief-1", "deputy-1"]))
    end = decide_and_send()
    show() >> review >> route() >> [approve, end]
    approve >> end


issue_dag()
