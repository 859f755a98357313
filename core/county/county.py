"""One county as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from core.county.departments import Department
from core.county.limits import OwnLimit
from core.county.overrides import Override
from core.county.people import Reporter
from core.county.policy import Policy
from core.county.sensors import Sensors
from core.county.things import Thing
from core.county.types import Feed, Group, Loudspeaker, Station, Town
from core.county.watch import Climate, Link, Maintenance
from core.county.words import CHINESE, Words
from core.errors import ConfigError
from core.model import Hazard
from core.times import SHANGHAI


@dataclass(frozen=True, kw_only=True)
class County:
    """One county: everything that another county writes anew. `zone` is the clock that its people read, `words` their language; a `draft` is never live."""

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
    maintenance: tuple[Maintenance, ...] = ()
    climate: tuple[Climate, ...] = ()
    links: tuple[Link, ...] = ()
    things: tuple[Thing, ...] = ()
    reporters: tuple[Reporter, ...] = ()
    departments: tuple[Department, ...] = ()
    overrides: tuple[Override, ...] = ()
    limits: tuple[OwnLimit, ...] = ()
    zone: ZoneInfo = SHANGHAI
    words: Words = CHINESE
    draft: bool = False

    @cached_property
    def hazards(self) -> tuple[Hazard, ...]:
        """What the county scores and can alert for: the hazards that it has texts for."""
        return tuple(hazard for hazard in Hazard if hazard in self.templates)

    @cached_property
    def _by_key(self) -> dict[str, Town]:
        return {t.key: t for t in self.towns} | {t.name: t for t in self.towns} | {t.code: t for t in self.towns if not t.code_shared}

    @property
    def town_keys(self) -> dict[str, str]:
        """The key of every town by each name it is known under: key, Chinese name, unshared code."""
        return {name: town.key for name, town in self._by_key.items()}

    @cached_property
    def _sensors(self) -> dict[str, Sensors]:
        found: dict[str, list[Station]] = {}
        for station in self.stations:
            found.setdefault(station.feed, []).append(station)
        return {feed: Sensors(tuple(stations)) for feed, stations in found.items()}

    @cached_property
    def elevations(self) -> dict[str, float]:
        """m above mean sea level of the stations whose height is told, by id."""
        return {station.station: station.elevation for station in self.stations if station.elevation is not None}

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

    def titled(self, feed: str) -> str:
        """A feed as people call it; its id where the county has it no longer, because what was told of it stays readable."""
        return next((f.title for f in self.feeds if f.feed == feed and f.title), feed)

    def reporter(self, name: str) -> Reporter | None:
        """A reporter by id, None when the county does not know it."""
        return next((r for r in self.reporters if r.reporter == name), None)

    def department(self, name: str) -> Department | None:
        """A neighbouring department by id, None when the county does not know it."""
        return next((d for d in self.departments if d.department == name), None)

    def station(self, name: str) -> Station | None:
        """A station by id, None when the county does not know it."""
        return next((s for s in self.stations if s.station == name), None)

    def stations_of(self, feed: str) -> tuple[Station, ...]:
        """The stations of a feed."""
        return self.sensors(feed).stations

    def sensors(self, feed: str) -> Sensors:
        """The same with their columns."""
        return self._sensors.get(feed) or Sensors(())

    def concerns(self, town: Town, areas: tuple[str, ...] | list[str]) -> bool:
        """Whether an area code list names the town: 2, 4 or 6 digits by the county's prefix (320600 is all of 3206), 9 or 12 digits the town itself."""
        for area in areas:
            short = area[:6]
            if len(area) <= 6 and self.code.startswith(short.rstrip("0") if len(short) == 6 and short.endswith("00") else short) and len(area) >= 2:
                return True
            if len(area) in (9, 12) and town.code[:9] == area[:9]:
                return True
        return False
