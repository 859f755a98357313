"""One run a drafted version: the duty officer reviews, the chief approves, then it is issued and handed over. 审批与发布。

**怎么办**：在“需要操作”里点开，看清镇街、级别、对象与短信原文，按“送审”或“退回”；带班领导按“签发”或“驳回”。拟稿与签发必须是两个人。
想再核实，写理由按“延后”：什么也不发，时钟重新开始，一版只一次，到时仍按政策。“转问下一位”只是提前问副班。

**没有人应答**：各颜色的时限在县政策 policy.yaml 里；时限按人数等分，先问第一位，再加问下一位副班；时限一到按政策默认：
红、橙且有两路佐证时自动发布，其余记入值班日志、继续等，任何一位仍可补签，直到这一版过期。

**红了怎么办**：问题没有问出去或签名无效。看日志最后一行，改正后“清除”那一步重跑；已签的不会重签，已发出的不会再发一遍。
Airflow 不可用时用 `fengsui tick` 与 `fengsui alerts`；两边可以同时用，在命令行签了的，这里一分钟内自行接上并结束。
"""

from __future__ import annotations

from airflow.sdk import Asset, IdentityMapper, PartitionedAssetTimetable, TriggerRule, chain, dag, task
from fengsui_dags import COUNTY, START, defaults, version_of
from fengsui_officers import PUT_OFF, SILENT, Question

ROLES = {"review": ("author", "复核送审", ["送审", "退回"], COUNTY.authors), "approve": ("approver", "签发", ["签发", "驳回"], COUNTY.approvers)}


@dag(dag_id="issue", dag_display_name="发布 · 复核、签发、送达", doc_md=__doc__, tags=["烽燧", "发布"], start_date=START, catchup=False,
     schedule=PartitionedAssetTimetable(assets=Asset("fengsui_drafted"), default_partition_mapper=IdentityMapper()),
     is_paused_upon_creation=False, max_active_runs=64, default_args=defaults())
def issue_dag() -> None:
    """show -> review, one turn an officer -> approve, likewise -> decide and send. Each turn leads to the next, to the other role or to the end."""

    @task(task_display_name="出示草稿")
    def show(dag_run=None) -> str:
        """The draft as the officers are to read it."""
        from console.decide import describe

        return describe(version_of(dag_run))

    @task(task_display_name="发布、送达", trigger_rule=TriggerRule.ALL_DONE)
    def decide_and_send(dag_run=None) -> dict:
        """Let the ledger decide by the answers it holds, and send what was issued."""
        from console.decide import carry_out

        return carry_out(version_of(dag_run))

    end = decide_and_send()
    turns = {name: [Question(task_id=f"{name}_{n + 1}", task_display_name=f"{title} · " + (f"第 {n + 1} 位" if n < count else "逾时补签"),
                             role=role, turn=n, options=[*options, PUT_OFF, SILENT], trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
                    for n in range(count + 1)] for name, (role, title, options, count) in ROLES.items()}
    chain(show(), *turns["review"])
    chain(*turns["approve"])
    for question in turns["review"]:
        question >> [turns["approve"][0], end]
    for question in turns["approve"]:
        question >> end


issue_dag()
