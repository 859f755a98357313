"""Questions to officers, put and timed as the county's policy says at that moment: the first officer, then the deputies, then the default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.branch import BranchMixIn
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, exceptions
from fengsui_dags import version_of

PUT_OFF, SILENT = "延后", "转问下一位"  # Airflow makes the default the loudest button: pressed, it does what silence does, only sooner
SIGN = {name: Param("", type=["string", "null"], title=title) for name, title in (
    ("signature", "签名（演示留空，正式贴 fengsui alerts sign 打印的一行）"), ("area", "区划代码（只有全区预警须填）"), ("reason", "理由（延后必须写，退回也请写）"))}
LOOK, LONG_AGO = timedelta(minutes=1), "1970-01-01T00:00:00+00:00"  # how often a question looks into the ledger: a terminal may have decided


class Question(HITLOperator, BranchMixIn):
    """One turn of one role. Whom it asks and for how long is read from the policy when it is put; an answer is signed into the ledger at once, and
    the branch it takes is the ledger's: Airflow's own state is not an authority. It is parked for one LOOK at most; when its turn ends goes with it."""
    inherits_from_skipmixin = True

    def __init__(self, *, role: str, turn: int, **kwargs: Any) -> None:
        super().__init__(subject=str(kwargs["task_display_name"]), defaults=[SILENT], params=SIGN, response_timeout=LOOK, **kwargs)
        self.role, self.turn = role, turn

    def execute(self, context: Any) -> Any:
        """Ask the role's people on duty and wait, no longer than the policy allows; go on at once where there is nobody to ask."""
        from console.decide import ask
        if (asked := ask(version_of(context["dag_run"]), self.role, self.turn)) is None:
            return self._onward(context)
        self.subject, self.body, self.assigned_users = asked.subject, asked.body, [{"id": name, "name": title} for name, title in asked.people]
        self._wait(context, datetime.now(UTC) + timedelta(seconds=asked.wait_s))

    def execute_complete(self, context: Any, event: dict[str, Any], until: str = LONG_AGO) -> Any:
        """Take the answer into the ledger, which judges whether it counts, and go on; wait on where nothing was said and the turn is not over."""
        from console.decide import onward, take, waits
        answer, version, end = super().execute_complete(context, event), version_of(context["dag_run"]), datetime.fromisoformat(until)
        taken, again = take(version, self.role, self.turn, answer), PUT_OFF in answer["chosen_options"]
        if waits(version, self.role):
            if not taken and not again and datetime.now(UTC) < end:
                self._wait(context, end)
            if again or onward(version, self.role, self.turn) not in self.downstream_task_ids:  # the last turn asks until the version runs out
                return self.execute(context)
        self._onward(context)
        return answer

    def _wait(self, context: Any, end: datetime) -> None:
        self.response_timeout = min(LOOK, max(end - datetime.now(UTC), timedelta(seconds=1)))
        try:
            super().execute(context)
        except exceptions.TaskAwaitingInput as parked:
            parked.kwargs = {"until": end.isoformat()}
            raise

    def _onward(self, context: Any) -> None:
        from console.decide import onward
        step = onward(version_of(context["dag_run"]), self.role, self.turn)
        self.do_branch(context, step if step in self.downstream_task_ids else "decide_and_send")
