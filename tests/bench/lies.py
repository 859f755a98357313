"""The lie catalogue as a table: how often the real judge tells each lie over recorded series, how soon, how often it blames an honest reading, and how
many alerts one lying station of the county causes through the real rules.

    FENGSUI_RECORDED=... python tests/bench/lies.py

A lie lasts six hours (a pulse two, a spike one reading) and is seen as it was known at each hour. A recorded series is taken as honest. Alerts are levels
on a quiet day of county/haimen that only the lie reaches, summed over all stations that measure the property, one liar at a time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import liars
import series

from core.county import load_county

COUNTY = load_county(Path(__file__).parents[2] / "county" / "haimen")
DRAWS = 100
HOURS = (0, 1, 3, 6, 7)
#: What a table cannot tell, in words.
NOTES = """refused = set aside at its receipt by every connector: a reading dated over 5 min after its receipt, a station over 200 m from its place.
A clock that runs behind makes its readings old: the station is stale after max_age, which widens the ceiling and proves nothing.
A stuck rain gauge or canal gauge is not told from calm; it can hide, which the ceiling and the neighbours answer, but warns nobody.
A slow drift of a gauge or a ground sensor that no other path measures looks like the thing it is there for. It is not told by itself: where it is known
that nothing around explains it (no rain, no neighbour that moves, no storm, no signal, no tide so high) it stands in the ceiling and the duty desk is asked;
where that is not known (a silent feed) it counts, because silence never suppresses. A tidal gauge whose tide nobody foretells is held against its tidal
day before: a drift that is older than half a day is then taken for a tide, one that is foretold is not for days.
A lie that outlasts twelve hours becomes the station's new truth: enter it in maintenance.csv."""


def main() -> None:
    """Print the table."""
    folder = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data"))
    day = liars.Day(COUNTY)
    alarms = {name: day.alarms(name, HOURS) for name in liars.LIES}
    print(f"{'lie':18} {'property':12} {'told':>6} {'delay':>6} {'false flags':>12} {'alerts':>7}   series")
    for load in series.SERIES:
        recorded = load(folder, COUNTY)
        readings, blamed = series.false_flags(COUNTY, recorded)
        drawn, who = series.draws(recorded, DRAWS)
        for name in liars.LIES:
            share, delay = series.detection(COUNTY, drawn, who, name) if name not in liars.REFUSED else (1.0, 0.0)
            at = "refused" if name in liars.REFUSED else "-" if name == "swapped fields" and len(recorded.values) == 1 else f"{share:.0%}"
            caused = {a.station for a in alarms[name] if recorded.property in COUNTY.station(a.station).properties}
            print(f"{name:18} {recorded.property:12} {at:>7} {delay:>4.0f} h {blamed:>11.3%} {len(caused):>7}   {recorded.source}, {readings} readings")
    for name in liars.LIES:
        caused = sorted({(a.rule, a.station) for a in alarms[name] if "geological" in a.rule})
        print(f"{name:18} {'ground':12} {'':>7} {'':>6} {'':>12} {len(caused):>7}   county/haimen, synthetic")
    for name, found in alarms.items():
        for rule, station in sorted({(a.rule, a.station) for a in found}):
            print(f"ALERT {name}: {station} {rule}")
    lone = [len({a.station for a in found}) for found in (liars.Day(COUNTY, foretold=True).alarms("drift", HOURS), alarms["drift"])]
    print(f"TIDE drift: {lone[0]} alerts where the tidal gauges have two months of past, {lone[1]} where they have two days")
    for name in liars.TRUE:
        shown, whole = day.believed(name, 3)
        print(f"TRUE {name}: the same rise shows in {shown} of {whole} towns and rules in which it would if nature were not asked")
    print(NOTES)


if __name__ == "__main__":
    main()
