"""The canary (链路自检): how often a test passes through the whole chain, where it ends, and when its absence is an alarm."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from core.county.tree import ABSENT, Node

#: Key of the town in which the test phones and loudspeakers stand and nobody lives; no town of a county is called so.
TOWN = "canary"
#: Seconds: a day; and the net under the assessment (dags/assess.py), between two runs of which a beat could find no new one.
DAY, NET_S = 86_400, 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """policy.yaml, `canary`. A beat every `every_s` seconds, on the round of the clock; every `sms_every`-th also by SMS, which costs money.

    Late is who has not received a beat `late_after_s` after it began; intermittent who missed more than `may_miss` of its last `window` beats.
    """

    every_s: int
    sms_every: int
    late_after_s: int
    window: int
    may_miss: int
    phones: tuple[str, ...]
    speakers: tuple[str, ...]

    @property
    def ends(self) -> frozenset[str]:
        """Names of all test phones and test loudspeakers: nobody else ever receives a beat."""
        return frozenset((*self.phones, *self.speakers))

    def beat(self, at: datetime) -> datetime:
        """The beat that runs at `at` (aware), by the time it began, UTC."""
        return self._round(at.timestamp(), self.every_s)

    def by_sms(self, beat: datetime) -> bool:
        """Whether a beat is also sent to the test phones."""
        return int(beat.timestamp()) % (self.every_s * self.sms_every) == 0

    def due(self, end: str, now: datetime) -> list[datetime]:
        """The last `window` beats that an end should have received by `now` (aware), the newest first."""
        period = self.every_s * (self.sms_every if end in self.phones else 1)
        last = self._round(now.timestamp() - self.late_after_s, period)
        return [self._round(last.timestamp() - n * period, period) for n in range(self.window)]

    @staticmethod
    def _round(seconds: float, period: int) -> datetime:
        return datetime.fromtimestamp(seconds // period * period, UTC)


def read_canary(node: Node, speakers: Collection[str], crons: Collection[str]) -> Canary | None:
    """The canary of a policy, None where it has none; an end that the public also hears is an error, and so are beats closer together than the
    pulls of the busiest feed (`crons`), with which they go."""
    if node.value is ABSENT:
        return None
    row = node.fields(("every_s", "sms_every", "late_after_s", "window", "may_miss", "phones", "speakers"))
    window = row["window"].whole(2, 100, " 次")
    canary = Canary(
        every_s=row["every_s"].whole(NET_S, DAY, " 秒"), sms_every=row["sms_every"].whole(1, 1000), late_after_s=row["late_after_s"].whole(60, DAY, " 秒"),
        window=window, may_miss=row["may_miss"].whole(0, window - 1), phones=_ends(row["phones"]), speakers=_ends(row["speakers"]))
    if canary.every_s % 60:
        row["every_s"].refuse("不是整分 / not whole minutes", "短信里写的是几时几分 / the SMS names the minute")
    if crons and canary.every_s < min(map(gap_s, crons)):
        row["every_s"].refuse("比最勤的数据源还密，自检随数据源走 / closer together than the pulls of the busiest feed", f"至少 / at least {min(map(gap_s, crons))}")
    if canary.late_after_s < canary.every_s:
        row["late_after_s"].refuse("短于 every_s，刚开始就算迟到 / shorter than every_s: late before it is over", "至少一个间隔 / one interval at least")
    for name in canary.speakers:
        if name in speakers:
            row["speakers"].refuse(f"{name} 是村里的喇叭 / is a village loudspeaker", "用不在 loudspeakers.csv 里的 / one that is not in loudspeakers.csv")
        if name in canary.phones:
            row["speakers"].refuse(f"{name} 也是手机 / is a phone too", "每个终点一个名字 / a name of its own for each end")
    return canary


def gap_s(cron: str) -> int:
    """The longest time between two runs of a cron line, s, by its minutes; a day where not every hour has some or it cannot be read."""
    minutes = set[int]()
    try:
        minute, hour = cron.split()[:2]
        for part in minute.split(","):
            span, _, step = part.partition("/")
            low, _, high = ("0-59" if span == "*" else span).partition("-")
            minutes.update(range(int(low), int(high or low) + 1, int(step or 1)))
    except ValueError:
        return DAY
    runs = sorted(minutes)
    return max(after - before for before, after in pairwise([*runs, runs[0] + 60])) * 60 if runs and hour == "*" else DAY


def _ends(node: Node) -> tuple[str, ...]:
    names = node.words()
    for n, name in enumerate(names):
        node.child(n, name).text(r"[a-z][a-z0-9-]{1,40}", "小写字母、数字和 -，不写号码 / lower-case letters, digits and -, never a number")
    return names
