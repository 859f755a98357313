"""What a row that declares an indicator cannot mean: a unit that its number is not in, a sum of heights, a level without its datum, a time that is not read."""

from __future__ import annotations

from collections.abc import Iterator

from core.units import ACCUMULATED, LEVELLED, PROPERTIES
from rules.language import RuleError
from rules.row import RANGES, Row
from rules.statistics import REACH_BACK

#: Statistics of amounts: no other property can be summed, and an amount is nothing but summed.
SUMS = ("sum", "antecedent", "intensity_duration")
FORECASTS = ("sum", "max")
#: Statistics that tell a height itself, not how far it moved.
HEIGHTS = ("last", "max", "min", "mean", "projected", "lowest_daily_max")
#: Statistics that tell how far a value moved; of degrees Celsius that is kelvin.
MOVES = ("rise", "fall", "change", "mean_drop", "min_drop")
#: Statistics that count back in whole days, and hours of a day.
DAILY, DAY_H = ("antecedent", "lowest_daily_max"), 24
#: Units of what is no amount of the property itself.
RESULT = {
    "share": "1", "intensity_duration": "1", "hours_to": "h", "hours_above": "h", "failure_eta": "h", "tangent_angle": "deg",
    "distance": "km", "eta": "h", "wind": "m/s", "agreement": "1",
}
SIGNS = ("river_front", "sea_front", "low_ground")
#: Wind circles that agencies tell.
CIRCLES = (7, 10, 12)
#: How far ahead each kind can see, hours: what a forecast is read for, a storm's path, and a rise that is merely carried on.
AHEAD_H = {"forecast": 120, "track": 24, "station": 24}


def faults(row: Row) -> Iterator[RuleError]:
    """Everything that a row says and cannot mean; every value is right by itself."""
    raw = row.raw
    if row.kind in ("station", "forecast"):
        yield from _measured(row, str(raw.get("statistic", "last")))
    if row.kind == "town" and "map" in raw and raw["field"] in SIGNS:
        yield row.fault("的 map 只用于数，不用于是非", "a map is for numbers, not for yes and no", "map")
    if row.shape == "eta" and raw["force"] not in CIRCLES:
        yield row.fault(f"的 force 应为 {'、'.join(map(str, CIRCLES))}，预报只有这几级风圈", f"circles are told for {', '.join(map(str, CIRCLES))} only", "force")
    if "force" in raw and raw["force"] != int(raw["force"]):
        yield row.fault("的 force 应为整数", "force is a whole number", "force")
    if raw.get("lead_h", 0) > AHEAD_H.get(row.kind, 0):
        yield row.fault(f"的 lead_h 至多 {AHEAD_H[row.kind]} 小时", f"lead_h is {AHEAD_H[row.kind]} h at most", "lead_h")
    units = {_unit(row, p) for p in row.properties or ("",)}
    if units != {raw["unit"]}:
        yield row.fault(f"的单位应为 {'、'.join(sorted(units))}，写成了 {raw['unit']}", f"its unit is {', '.join(sorted(units))}", "unit",
                        "数按规范单位算，条件里可写能换算的单位 / a condition may use any unit that can be converted" if len(units) == 1 else
                        "几个要素须同一单位 / its properties must have one unit")


def _unit(row: Row, observed_property: str) -> str:
    """The unit in which a row's number comes."""
    if row.kind in ("official", "report"):
        return "level"
    if row.kind == "town":
        return "flag" if row.raw["field"] in SIGNS else "1"
    own = PROPERTIES.get(observed_property, "")
    return RESULT.get(row.shape, "K" if row.shape in MOVES and own == "degC" else own)


def _measured(row: Row, statistic: str) -> Iterator[RuleError]:
    """Of readings and their forecasts: what the statistic can make of the property, and of which stations."""
    raw, amounts, heights = row.raw, ACCUMULATED & set(row.properties), LEVELLED & set(row.properties)
    if row.kind == "forecast" and statistic not in FORECASTS:
        yield row.fault(f"的 statistic 对预报只有 {'、'.join(FORECASTS)}", f"of a forecast there is {', '.join(FORECASTS)}", "statistic")
    elif (statistic in SUMS) != bool(amounts) or (amounts and amounts != set(row.properties)):
        yield row.fault(f"的 statistic {statistic} 不能用于 {'、'.join(row.properties)}", "amounts (rain, snowfall) are summed, nothing else is", "statistic",
                        f"累计量用 {'、'.join(SUMS)} / for amounts use {', '.join(SUMS)}")
    if heights and "above" not in raw and (row.kind == "forecast" or statistic in HEIGHTS):
        yield row.fault("是高程，各站基面不同，不能直接比", "a height stands in its gauge's own datum", "property",
                        "加 above: warning_stage，或用 rise、fall / take it over a stage, or how far it moved")
    if "above" in raw and heights != set(row.properties):
        yield row.fault("的 above 只用于水位", "above is for stages only", "above")
    if "per" in raw and any(PROPERTIES[p] != PROPERTIES[raw["per"]] for p in row.properties):
        yield row.fault("与 per 的单位不同，不成占比", "a share is of two numbers in one unit", "per")
    if (raw.get("reach", "own") == "own") == ("km" in raw):
        yield row.fault("的 reach 与 km 不合：own 不写 km，其余必写", "own has no km, every other reach has", "reach")
    hours, longest = raw.get("window_h", 0), RANGES["window_h"][1] / REACH_BACK.get(statistic, 1.0)
    if hours > longest:
        yield row.fault(f"的 window_h 对 {statistic} 至多 {longest:g} 小时", f"window_h is {longest:g} h at most for it", "window_h")
    if (statistic in DAILY and hours % DAY_H) or (statistic == "intensity_duration" and hours < 1):
        yield row.fault("的 window_h 应为 24 的倍数，强度-历时至少 1", "window_h is in whole days, or an hour at least", "window_h")
