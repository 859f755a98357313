"""Whether the beats arrive: a look at the far end, and a judgement that needs only a clock. Absence is the alarm.

Who watches shares nothing with the way: no Airflow, no ledger, no lake. The stages' log only helps to say where a beat was last seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from socket import gethostname
from typing import Any

from console.canary.ends import Answers, received
from console.canary.log import Log, folder, inbox
from core.county import Canary, County
from core.keyring import Keyring
from core.settings import Settings
from core.times import SHANGHAI, iso, parse_iso, people

#: The stages in order, as people know them; the last one is the channel's own. "" is a beat that nobody saw anywhere, "?" that this machine has no log of them.
STAGES = {"?": "何处不详，本机没有各步的记录 unknown here", "": "没有放出，补发网没有在跑 never set off", "beat": "放出 set off", "feed": "入湖 feed and lake",
          "rule": "研判签发 rule and signature", "dispatch": "送达一步 dispatch", "sms": "短信服务商 SMS provider", "broadcast": "消息代理与喇叭 broker and loudspeaker",
          "callback": "已发出，回执没有按 FENGSUI_SMS_CALLBACK_URL 回来：查回执网关、代理与地址 sent, but no receipt came back: receiver, proxy or address"}
#: The end of the receipts' way, beside the phones and the loudspeakers.
RECEIPTS = "receipts"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One end: the last beat that reached it (None: none ever), its age in seconds, the beats missed, and where the newest of those was last seen."""

    end: str
    last: str | None
    age_s: float | None
    missed: tuple[str, ...]
    stage: str
    late: bool
    ill: bool

    def line(self, zone: tzinfo = SHANGHAI) -> str:
        """One line for people, on the clock of their county."""
        last = people(parse_iso(self.last), zone) if self.last else "-"
        if not self.ill:
            return f"{self.end} 正常，最近一次 {last} / fresh"
        what = "迟到 late" if self.late else "时断时续 intermittent"
        since = f"最近一次 {last}，{self.age_s / 60:.0f} 分钟前" if self.age_s is not None else "从未收到 never"
        return f"{self.end} {what}：{since}；缺 {len(self.missed)} 次，最近缺的 {people(parse_iso(self.missed[0]), zone)} 最后见于 {STAGES[self.stage]}"


def look(now: datetime, county: County, settings: Settings, inboxes: Path | None = None) -> list[str]:
    """Take what has arrived at the far end into the log `seen.json`; what could not be asked, in words. Times are those of the look."""
    plan = county.policy.canary
    if plan is None:
        return []
    log = Log(folder(settings) / "seen.json")
    for phone in plan.phones:
        for beat in received(inboxes / phone if inboxes else inbox(settings, phone)):
            log.note(phone, beat, now)
    answers = Answers(plan, settings, Keyring(folder(settings) / "keys"), f"{county.code}-{gethostname()}", lambda end, beat: log.note(end, beat, now))
    return [] if not plan.speakers or answers.take() else ["消息代理连不上 / the broker was not reached"]


def judge(now: datetime, plan: Canary, home: Path) -> list[End]:
    """Every end at `now` (aware) by the logs in `home`, phones first."""
    seen, stages = Log(home / "seen.json"), Log(home / "stages.json")
    return [_end(now, plan, name, seen, stages) for name in (*plan.phones, *plan.speakers)] + _receipts(now, plan, stages)


def _end(now: datetime, plan: Canary, name: str, seen: Log, stages: Log) -> End:
    got, due = sorted(seen.seen.get(name, {})), [iso(beat) for beat in plan.due(name, now)]
    first = got[0] if got else due[0]  # before the first that ever came nothing was missed
    missed = tuple(beat for beat in due if beat >= first and beat not in got)
    late = not got or got[-1] < due[0]
    way = ("beat", "feed", "rule", "dispatch", "sms" if name in plan.phones else "broadcast")
    last_seen = [stage for stage in way if missed and missed[0] in stages.seen.get(stage, {})]
    return End(end=name, last=got[-1] if got else None, age_s=(now - parse_iso(got[-1])).total_seconds() if got else None, missed=missed,
               stage=last_seen[-1] if last_seen else "" if stages.seen else "?", late=late, ill=late or len(missed) > plan.may_miss)


def _receipts(now: datetime, plan: Canary, stages: Log) -> list[End]:
    """Whether of what the SMS provider took, with an address for its receipts, one came back within `late_after_s` of the beat; nothing where none was
    asked for, or this machine has no log."""
    came = {beat: at for beat, at in stages.seen.get("receipt", {}).items() if (parse_iso(at) - parse_iso(beat)).total_seconds() <= plan.late_after_s}
    due = [beat for phone in plan.phones[:1] for beat in map(iso, plan.due(phone, now)) if beat in stages.seen.get("callback", {})]
    if not due:
        return []
    missed, last = tuple(beat for beat in due if beat not in came), max(came, default=None)
    late = due[0] in missed
    return [End(end=RECEIPTS, last=last, age_s=(now - parse_iso(last)).total_seconds() if last else None, missed=missed, stage="callback" if missed else "", late=late,
                ill=late or len(missed) > plan.may_miss)]


def state(now: datetime, county: County, settings: Settings) -> dict[str, Any] | None:
    """For the board and the summary: the ends, the last beat that reached all of them, and whether one ever began; None where policy names no canary."""
    plan = county.policy.canary
    if plan is None:
        return None
    ends, stages = judge(now, plan, folder(settings)), Log(folder(settings) / "stages.json").seen
    seen = Log(folder(settings) / "seen.json").seen
    arrived = seen | {RECEIPTS: stages.get("receipt", {})}
    last = max(set.intersection(*(set(arrived.get(end.end, {})) for end in ends)), default=None)
    return {"ends": [asdict(end) | {"line": end.line(county.zone)} for end in ends], "ill": any(end.ill for end in ends), "last": last,
            "ran": bool(seen or stages), "age_s": (now - parse_iso(last)).total_seconds() if last else None}
