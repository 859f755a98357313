"""Whether the county's own limits are safe to be believed: a wider limit takes a doubt away, and what then holds a lying station must be the rules.

A limit of limits.csv that lets more through than the house's is refused where a live rule reads the property at that station and could be led by it
alone: a rule of places of their own without `explained_by`, one whose town has no second path within reach to contradict it, or, of a limit on how
fast a reading may move, one whose causes are not `sudden` ones (a day's drizzle explains a drift, not a leap). A level that two paths must support
(`corroborate`) no station reaches alone; a rule that weighs reports is a person against a gauge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from core.county import County
from core.county.limits import FILE, OwnLimit
from core.errors import ConfigError, ConfigErrors
from core.limits import looser
from rules.catalogue import Indicator
from rules.explained import DILUTED
from rules.packs import Rule, vocabulary
from rules.roster import Roster

#: Limits on how fast, or how unlike what went before, a reading may move.
MOVES = frozenset({"step", "spike", "leap", "stands_h", "tenfold"})


def check(rules: Iterable[Rule], county: County) -> None:
    """ConfigErrors with file:line for every wider limit that no rule holds."""
    wider = [row for row in county.limits if looser(row.limit, row.value, row.observed_property)]
    live = [rule for rule in rules if rule.role == "hazard" and rule.stage == "live"] if wider else []
    roster, known = Roster(county), vocabulary(live).indicators
    errors = [error for row in wider for rule in live if (error := _refused(row, rule, [known[name] for name in rule.indicators], roster))]
    if errors:
        raise ConfigErrors(errors)


def _refused(row: OwnLimit, rule: Rule, indicators: list[Indicator], roster: Roster) -> ConfigError | None:
    """Why a row is not safe in a rule, None where it is."""
    read = [i for i in indicators if i.kind == "station" and row.observed_property in (*i.properties, i.per) and i.reach not in DILUTED]
    if not read or any(i.kind == "report" for i in indicators) or (rule.corroborate is not None and rule.corroborate <= min(rule.conditions)):
        return None
    county, cause = roster.county, rule.explained_by
    if cause is not None and (cause.sudden or row.limit not in MOVES):
        return None
    alone = next((place for indicator in read for place in _alone(row, indicator, roster)), None)
    if alone is None:
        return None
    why = "问的是一日的成因，解释不了急涨 / asks for causes of a day, which explain no leap" if cause else "不问成因 / asks for no cause"
    return ConfigError(f"放宽 {row.observed_property} 的 {row.limit} 后，{alone[0]} 一站就能抬高 {alone[1]} 的级别：规则 {rule.id} {why}",
                       path=county.root / FILE, line=row.line,
                       hint="山溪水位改用 cn/mountain_stream；雨量在近旁加另一线路的站；否则不放宽 / "
                            "use cn/mountain_stream, add a station on another path, or keep the limit")


def _alone(row: OwnLimit, indicator: Indicator, roster: Roster) -> Iterator[tuple[str, str]]:
    """(station, name of the town) wherever a station that the row concerns speaks for a town and no other path is there to contradict it."""
    stations = tuple(s for _, of in roster.parts(indicator) for s in of)
    if not stations:
        return
    found = roster.reach(indicator, stations)
    for town, one in enumerate(roster.county.towns):
        members = found.member[found.member[:, town] < len(stations), town]
        paths = len(np.unique(found.path[members]))
        for station in (stations[n] for n in found.member[found.core[:, town], town]):
            if row.concerns(station) and (indicator.local or paths < 2):
                yield station.station, one.name
