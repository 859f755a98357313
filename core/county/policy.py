"""Who decides, when and for whom, as frozen types: what policy.yaml says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from typing import Literal

from core.county.canary import Canary
from core.county.needs import Needs
from core.county.register import RegisterPolicy
from core.model import Level, Status
from core.times import SHANGHAI


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who writes and who signs a colour, and what happens when nobody answers within `deadline_s`."""

    author_roles: tuple[str, ...]
    approver_roles: tuple[str, ...]
    deadline_s: int
    on_silence: Literal["hold", "issue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Officer:
    """A person of the duty desk; the key of the same name signs."""

    officer: str
    title: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The part of the night in which nothing below `below`, and nothing that is not Actual, is sent or spoken. The county's clock, `start` included.

    Enforced by the sender and again by the loudspeaker itself, so that no fault upstream can wake a village.
    """

    start: time
    end: time
    below: Level
    source: str
    verified: bool
    zone: tzinfo = SHANGHAI

    def covers(self, at: datetime) -> bool:
        """Whether `at` (aware) lies in the quiet hours, which may cross midnight."""
        clock = at.astimezone(self.zone).time()
        return self.start <= clock < self.end if self.start < self.end else clock >= self.start or clock < self.end

    def ends(self, at: datetime) -> datetime:
        """The first instant from `at` (aware, within the quiet hours) that no longer lies in them."""
        here = at.astimezone(self.zone)
        day = here.date() + timedelta(days=here.time() >= self.end)
        return datetime.combine(day, self.end, tzinfo=self.zone).astimezone(at.tzinfo)

    def refuses(self, at: datetime, level: Level, status: Status) -> bool:
        """Whether an item of this level and status may not go out at `at` (aware)."""
        return self.covers(at) and (level < self.below or status is not Status.ACTUAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """policy.yaml: approvals, channels, audience and times, by colour; `officers` in asking order; durations in seconds.

    `reserve`: channels that start by themselves where one of `channels` has failed; `needs`: what each channel lives on.
    """

    signing: Literal["demonstration", "officer"]
    officers: tuple[Officer, ...]
    approvals: dict[Level, ApprovalRule]
    validity_s: dict[Level, int]
    channels: dict[Level, tuple[str, ...]]
    audience: dict[Level, tuple[str, ...]]
    renew_before_s: int
    min_update_s: int
    keep_for_s: int
    quiet: QuietHours | None = None
    canary: Canary | None = None
    reserve: dict[Level, tuple[str, ...]] = field(default_factory=dict)
    needs: dict[str, Needs] = field(default_factory=dict)
    register: RegisterPolicy | None = None

    def asked(self, roles: Collection[str]) -> tuple[Officer, ...]:
        """The officers of these roles in the order in which they are asked: `officers` stands in asking order, deputies after their chief."""
        return tuple(o for o in self.officers if o.role in roles)

    def officer(self, name: str) -> Officer | None:
        """The officer of that name, if there is one."""
        return next((o for o in self.officers if o.officer == name), None)
