"""What a replay of the recorded season must show: each official warning of Haimen at its recorded time, the hole as silence, every agency's forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import season_wire as wire
from season_world import HOLE, Season, World

from connectors.official import COLOURS, hazard_of
from console.steps import TickReport
from core.model import Hazard, Level
from rules.catalogue import load_catalogue
from rules.freshness import whole_lists
from rules.official import in_force
from rules.spatial import distance_km

HAIMEN = "320614"
#: The feeds whose recording has the hole, each with the time by which it must be silent when its answers stand still: two of its own intervals.
HUSHED = {name: timedelta(hours=hours) for name, hours in (("typhoon_zj", 6), ("airfields", 6), ("airfields_table", 6), ("wind_grid", 12))}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that must hold, and its words."""

    holds: bool
    words: str


@dataclass
class Warned:
    """One of Haimen's warnings: when the recorder saw it first and did not see it first (None: it was there to the end), and when it stood here, by feed."""

    event: str
    level: Level
    issued: datetime
    seen: datetime
    gone: datetime | None
    expires: datetime
    stood: dict[str, list[datetime]] = field(default_factory=dict)
    floors: list[datetime] = field(default_factory=list)
    steps: list[datetime] = field(default_factory=list)
    #: The first list read whole without it: one that holds a row nobody can use lifts nothing.
    lifted: datetime | None = None

    def look(self, played: World, report: TickReport) -> None:
        """Note whether it stands at this step; only asked while it may."""
        at = report.at
        if not self.seen <= at <= max(self.expires, self.gone or at) + timedelta(hours=1):
            return
        self.steps.append(at)
        if self.gone and at >= self.gone and not self.lifted and not any(pull.set_aside for pull in report.ingests if pull.feed == "warnings_nmc"):
            self.lifted = at
        for signal in signals(played, at):
            if signal.issued == self.issued and signal.event == self.event and signal.level is self.level and all(signal.towns):
                self.stood.setdefault(signal.feed, []).append(at)
        hazard = hazard_of(self.event)
        if hazard and all(s.level >= s.floor >= self.level for s in report.assessment.scores if s.hazard is hazard):
            self.floors.append(at)

    def facts(self) -> list[Fact]:
        """One line of the table, and what must hold: it stands from the first pull after it was seen until a whole list is without it, or by CAP to its
        expiry, as a floor of every town where its event is of a scored hazard."""
        start, name = wire.pull_after(self.seen), f"{self.event}{self.level.zh} {self.issued:%m-%dT%H:%MZ}"
        until = {"warnings_nmc": self.lifted, "warnings_cap": wire.pull_after(self.expires)}
        found = []
        for feed, last in until.items():
            due = [at for at in self.steps if start <= at and (last is None or at < last)]
            found.append(Fact(self.stood.get(feed, []) == due and due[:1] == [start], f"{name} by {feed}"))
        hazard = hazard_of(self.event)
        if hazard:
            stood = {at for times in self.stood.values() for at in times}
            found.append(Fact(self.floors[:1] == [start] and stood <= set(self.floors), f"{name} as a floor"))
        shown = [self._shown(self.stood.get(feed, [])) for feed in until]
        floor = self._shown(self.floors) if hazard else "只显示 shown, no floor"
        print(f"{self.event}{self.level.zh} 签发 issued {self.issued:%m-%dT%H:%MZ} 收录 recorded {self.seen:%m-%dT%H:%MZ} | nmc {shown[0]} | CAP {shown[1]} | "
              f"下限 floor {floor} | 离开名单 off the list {f'{self.lifted:%m-%dT%H:%MZ}' if self.lifted else '-'} | 到期 expires {self.expires:%m-%dT%H:%MZ}")
        return found

    def _shown(self, stood: list[datetime]) -> str:
        """The first step, and how long after the issue and after the recorder's first sight."""
        if not stood:
            return "-"
        issued, seen = ((stood[0] - since).total_seconds() / 60 for since in (self.issued, self.seen))
        return f"{stood[0]:%m-%dT%H:%MZ} (+{issued:.0f} / +{seen:.0f} min)"


def signals(played: World, at: datetime) -> tuple[Any, ...]:
    """The official signals in force at a step, asked once a step."""
    if played.in_force[0] != at:
        frame = whole_lists(played.ctx.lake.signals(as_of=at), at, played.ctx.ledger)
        played.in_force = (at, in_force(frame, now=at, county=played.ctx.county, catalogue=load_catalogue()))
    return played.in_force[1]


def official(season: Season, first: datetime, last: datetime) -> list[Warned]:
    """Haimen's warnings that the recorder first saw within the time, in the order of being seen."""
    found: dict[tuple[str, str, str], Warned] = {}
    for at, row in season.warnings:
        listed = {(w["type"], w["color"], w["issued"]): w for w in row["warnings"].get(HAIMEN, ())}
        for key, w in listed.items():
            if key not in found:
                found[key] = Warned(wire.EVENTS.get(w["type"], w["type"]), Level(COLOURS[w["color"]]), wire.moment(w["issued"]), at, None, wire.moment(w["expires"]))
        for key, warned in found.items():
            if key not in listed and warned.gone is None:
                warned.gone = at
    return [w for w in found.values() if first <= w.seen and wire.pull_after(w.seen) <= last]


def hole(silent: Mapping[datetime, frozenset[str]], levels: Mapping[datetime, Mapping[tuple[str, Hazard], tuple[int, int]]]) -> list[Fact]:
    """The hole: each feed silent from its limit to the end, no level lowered, and the typhoon's ceiling red while its feed says nothing."""
    inside = [at for at in sorted(silent) if HOLE[0] <= at < HOLE[1]]
    found = []
    for feed, limit in HUSHED.items():
        quiet = [at for at in inside if feed in silent[at]]
        late = [at for at in inside if at - HOLE[0] > limit and feed not in silent[at]]
        print(f"空缺 hole {HOLE[0]:%m-%dT%H:%MZ} .. {HOLE[1]:%m-%dT%H:%MZ} ({(HOLE[1] - HOLE[0]) / timedelta(hours=1):.1f} h): {feed} 静默 silent "
              f"{f'{quiet[0]:%m-%dT%H:%MZ} .. {quiet[-1]:%m-%dT%H:%MZ}' if quiet else '-'}, {len(quiet)}/{len(inside)} 步 steps")
        found.append(Fact(bool(quiet) and not late, f"{feed} silent through the hole"))
    hushed = [at for at in inside if "typhoon_zj" in silent[at]]
    typhoon = [{key[0]: level for key, level in levels[at].items() if key[1] is Hazard.TYPHOON} for at in hushed]
    found.append(Fact(all(ceiling == Level.RED for towns in typhoon for _, ceiling in towns.values()), "typhoon's ceiling red while its feed is silent"))
    found.append(Fact(all(now[town][0] >= was[town][0] for was, now in pairwise(typhoon) for town in now), "no typhoon level lowered while its feed is silent"))
    return found


def forecasts(played: World, at: datetime) -> list[Fact]:
    """Each agency's newest forecast side by side, as told at `at` and as recorded: where it brings the storm nearest to Haimen, and when."""
    payload = wire.newest(played.season.storms, at)
    if payload is None or not payload["active"]:
        return []
    said = {agency: sum(wire.moment(told["issued"]) < wire.local(p["time"]) for p in told["points"]) for agency, told in payload["forecasts"].items()}
    tracks = played.ctx.lake.tracks(start=at - timedelta(days=5), end=at + timedelta(days=10), as_of=at)
    told = tracks[tracks["issued"].notna()]
    town = played.ctx.county.towns[0]
    words, held = [], {}
    for agency, rows in told.groupby("agency"):
        newest = rows[rows["issued"] == rows["issued"].max()]
        held[str(agency)] = len(newest)
        away = distance_km(newest["lat"].to_numpy(), newest["lon"].to_numpy(), np.float64(town.lat), np.float64(town.lon))
        near = int(np.argmin(away))
        words.append(f"{agency} {newest['issued'].iloc[0]:%m-%dT%HZ} 最近 nearest {away[near]:4.0f} km @{newest['time'].iloc[near]:%m-%dT%HZ}")
    print(f"{at:%m-%dT%H:%MZ} 预报 forecasts: " + " | ".join(words))
    return [Fact(held.get(agency, 0) == number, f"{at:%m-%dT%H:%MZ} {agency}: {held.get(agency, 0)} forecast points, recorded {number}")
            for agency, number in said.items()]
