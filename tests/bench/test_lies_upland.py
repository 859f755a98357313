"""The lie catalogue in a county of mountain streams whose own limits believe a flash flood: on a dry day and on a day of drizzle no lie of one station
raises anything, though the house's leap test no longer holds it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import liars
import pytest

from core.county import County, load_county
from core.county.limits import OwnLimit
from rules import widened
from rules.packs import find, load_packs

HAIMEN = load_county(Path(__file__).parents[2] / "county" / "haimen")
WIDE = {("stage", "leap"): 5.0, ("stage", "step"): 8.0, ("stage", "spike"): 4.0, ("stage", "tenfold"): 30.0, ("stage", "drift"): 5.0,
        ("rain", "alone"): 120.0, ("rain", "over"): 120.0}
#: Two millimetres an hour for days: a day's rain that explains a slow rise, and no leap.
liars.TRUE.setdefault("drizzle", {"rain": lambda v: v + 2.0})


def upland(stage_pack: str) -> County:
    """Haimen's stations as if they stood on mountain streams."""
    rows = tuple(OwnLimit(station="", site="", observed_property=name, limit=limit, value=value, source="虚构", verified=False, line=n)
                 for n, ((name, limit), value) in enumerate(WIDE.items(), 2))
    packs = tuple(stage_pack if pack == "cn/stage" else pack for pack in HAIMEN.packs)
    return replace(HAIMEN, limits=rows, packs=packs, links=(), version=f"upland-{stage_pack}")


COUNTY = upland("cn/mountain_stream")
DAYS = {around: liars.Day(COUNTY, around=around) for around in ("", "drizzle")}
#: The lies that a leap, a step, a spike or a neighbour's test would tell, each at its worst hour.
TOLD = {"spike": 0, "calibration pulse": 1, "units x10": 0, "drift": 6}


def rules_of(county: County):
    return (rule for pack in load_packs(find(county.packs, county.root)) for rule in pack.rules)


def test_the_county_passes_its_check() -> None:
    widened.check(rules_of(COUNTY), COUNTY)


@pytest.mark.parametrize(("name", "around"), [*((name, "drizzle") for name in TOLD), ("spike", "")])
def test_no_lie_of_one_station_causes_a_flood_alert(name: str, around: str) -> None:
    assert [alarm for alarm in DAYS[around].alarms(name, (TOLD[name],)) if alarm.rule.startswith("flood.")] == []


def test_without_causes_that_are_sudden_a_spike_in_the_drizzle_would_warn() -> None:
    """The test above bites: cn/stage takes the day's rain for a cause, and `fengsui county check` refuses the wide limits with it."""
    county = upland("cn/stage")
    assert {alarm.rule for alarm in liars.Day(county, around="drizzle").alarms("spike", (0,))} == {"flood.stage"}
