"""What a county folder says, as frozen types."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from core.errors import ConfigError
from core.model import Hazard, Level, Sector
from core.settings import Settings

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A town or street. `key` is its name in stores; `code` the 12-digit statistical code, which two towns may share; `cell` a ring of (lon, lat)."""

    key: str
    code: str
    code_shared: bool
    name: str
    name_en: str
    lat: float
    lon: float
    point_verified: bool
    population: int
    over60_share: float
    villages: int
    river_front: bool
    sea_front: bool
    low_ground: bool
    bank_section: int
    synthetic: tuple[str, ...]
    cell: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place where something is measured. Stages are metres in the station's own `datum`; `path` is the line its data come by."""

    station: str
    name: str
    feed: str
    lat: float
    lon: float
    town: str
    properties: tuple[str, ...]
    datum: str
    warning_stage: float | None
    guaranteed_stage: float | None
    levels_verified: bool
    path: str
    synthetic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One row of feeds.yaml."""

    feed: str
    title: str
    sector: Sector
    connector: str
    address: str
    sandbox: str
    secret: str
    cron: str
    interval_s: int
    max_age_s: int
    expected: int
    age_from: Literal["reading", "fetch"]
    options: dict[str, str | int | float | bool]
    enabled: bool = True

    def url(self, settings: Settings) -> str:
        """Where the feed is pulled from: the simulator in sandbox mode, the live address otherwise (ConfigError when there is none)."""
        if settings.mode == "sandbox":
            return settings.sandbox_url + self.sandbox
        if not self.address:
            raise ConfigError(f"数据源 {self.feed} 没有正式地址 / no live address", hint="在 feeds.yaml 填写 address / fill in address")
        return self.address


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
class Policy:
    """policy.yaml: approvals, channels, audience and times, by colour."""

    signing: Literal["demonstration", "officer"]
    officers: tuple[Officer, ...]
    approvals: dict[Level, ApprovalRule]
    validity_s: dict[Level, int]
    channels: dict[Level, tuple[str, ...]]
    audience: dict[Level, tuple[str, ...]]
    renew_before_s: int
    min_update_s: int
    keep_for_s: int

    def officer(self, name: str) -> Officer | None:
        """The officer of that name, if there is one."""
        return next((o for o in self.officers if o.officer == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of residents; `share` of the synthetic register, drawn where `exposure` holds."""

    group: str
    title: str
    title_en: str
    share: float
    exposure: Literal["all", "river_front", "sea_front", "low_ground"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudspeaker:
    """A village loudspeaker."""

    speaker: str
    town: str
    name: str
    state: Literal["on", "off"]
    synthetic: bool


@dataclass(frozen=True, kw_only=True)
class County:
    """One county: everything that another county writes anew."""

    code: str
    name: str
    name_en: str
    prefecture: str
    issuer: str
    signature: str
    datum: str
    root: Path
    version: str
    towns: tuple[Town, ...]
    stations: tuple[Station, ...]
    feeds: tuple[Feed, ...]
    policy: Policy
    groups: tuple[Group, ...]
    loudspeakers: tuple[Loudspeaker, ...]
    templates: dict[str, dict[str, str]]
    packs: tuple[str, ...]

    @cached_property
    def hazards(self) -> tuple[Hazard, ...]:
        """What the county scores and can alert for: the hazards that it has texts for."""
        return tuple(hazard for hazard in Hazard if hazard in self.templates)

    @cached_property
    def _by_key(self) -> dict[str, Town]:
        return {t.key: t for t in self.towns} | {t.name: t for t in self.towns} | {t.code: t for t in self.towns if not t.code_shared}

    def town(self, name: str) -> Town:
        """A town by key, Chinese name or unshared code; ConfigError that lists the known names."""
        if name in self._by_key:
            return self._by_key[name]
        shared = [t.name for t in self.towns if t.code == name]
        hint = f"代码由 {'、'.join(shared)} 共用 / shared code" if shared else f"现有 / known: {'、'.join(t.name for t in self.towns)}"
        raise ConfigError(f"没有镇街 {name} / no such town", hint=hint)

    def feed(self, name: str) -> Feed:
        """A feed by id; ConfigError that lists the known ones."""
        for feed in self.feeds:
            if feed.feed == name:
                return feed
        raise ConfigError(f"没有数据源 {name} / no such feed", hint=f"现有 / known: {', '.join(f.feed for f in self.feeds)}")

    def station(self, name: str) -> Station | None:
        """A station by id, None when the county does not know it."""
        return next((s for s in self.stations if s.station == name), None)

    def stations_of(self, feed: str) -> tuple[Station, ...]:
        """The stations of a feed."""
        return tuple(s for s in self.stations if s.feed == feed)

    def concerns(self, town: Town, areas: tuple[str, ...] | list[str]) -> bool:
        """Whether an area code list names the town: 2, 4 or 6 digits by the county's prefix (320600 is all of 3206), 9 or 12 digits the town itself."""
        for area in areas:
            short = area[:6]
            if len(area) <= 6 and self.code.startswith(short.rstrip("0") if len(short) == 6 and short.endswith("00") else short) and len(area) >= 2:
                return True
            if len(area) in (9, 12) and town.code[:9] == area[:9]:
                return True
        return False
