"""One SYNOP report of a land station (WMO FM 12, Manual on Codes WMO-No. 306, Volume I.1) as values; unknown groups are passed over.

Rain is given for the period tR (code table 4019); iR=3 (none, group left out) gives no value, because its period is not said.
Of several periods that end at one time the shortest is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.reading.records import Refused

#: tR -> hours (code table 4019); 0 says "not given".
PERIODS = {"1": 6, "2": 12, "3": 18, "4": 24, "5": 1, "6": 2, "7": 3, "8": 9, "9": 15}
#: VV 90..99 -> metres (code table 4377); 90 is "under 50 m".
FAR = {90: 25, 91: 50, 92: 200, 93: 500, 94: 1000, 95: 2000, 96: 4000, 97: 10000, 98: 20000, 99: 50000}
WIND_UNITS = {"0": "m/s", "1": "m/s", "3": "kt", "4": "kt"}
_GROUP = re.compile(r"[0-9/]{5}\Z")


@dataclass(frozen=True, slots=True)
class Value:
    """One value: observed property, number, unit, interval in s (0: at the time)."""

    name: str
    value: float
    unit: str
    interval_s: int = 0


def decode(groups: list[str], wind: str) -> list[Value]:
    """Values of the groups behind the station's number, iRixhVV first; `wind` is iW. Refused when the first two groups are not what they must be."""
    if wind not in WIND_UNITS:
        raise Refused(f"wind unit {wind!r} (iW) is not known")
    if len(groups) < 2 or not all(_GROUP.match(group) for group in groups[:2]):
        raise Refused("iRixhVV or Nddff is missing")
    section, found = 1, [*_visibility(groups[0][3:]), *_wind(groups, wind)]
    rest = groups[3:] if groups[1][3:] == "99" else groups[2:]
    for group in rest:
        if group in ("222", "333", "444", "555") or group.startswith("222"):
            section = int(group[0])
        elif _GROUP.match(group):
            found += _one(group, wind) if section == 1 else _three(group, wind) if section == 3 else []
        elif section == 1:
            raise Refused(f"group {group[:8]!r} is not five figures")
    rain = min((one for one in found if one.name == "rain"), key=lambda one: one.interval_s, default=None)
    return [one for one in found if one.name != "rain" or one is rain]


def _number(text: str) -> float | None:
    return float(text) if text.isdigit() else None


def _visibility(code: str) -> Iterator[Value]:
    number = _number(code)
    if number is not None:
        vv = int(number)
        metres = vv * 100 if vv <= 50 else (vv - 50) * 1000 if 56 <= vv <= 80 else (vv - 80) * 5000 + 30000 if 81 <= vv <= 89 else FAR.get(vv)
        if metres is None:
            raise Refused(f"visibility {code} is not in the code table")
        yield Value("visibility", float(metres), "m")


def _wind(groups: list[str], wind: str) -> Iterator[Value]:
    direction, speed = _number(groups[1][1:3]), _number(groups[1][3:])
    if speed == 99:
        if len(groups) < 3 or not re.fullmatch(r"00\d{3}", groups[2]):
            raise Refused("ff=99 without the group 00fff")
        speed = float(groups[2][2:])
    if speed is not None:
        yield Value("wind_speed", speed, WIND_UNITS[wind])
    if direction is not None and 1 <= direction <= 36:
        yield Value("wind_direction", direction * 10 % 360, "deg")
    elif direction is not None and direction not in (0, 99):
        raise Refused(f"wind direction {groups[1][1:3]}")


def _one(group: str, wind: str) -> list[Value]:
    """A group of section 1."""
    kind, code = group[0], _number(group[1:])
    if kind in "12" and group[1] in "01" and _number(group[2:]) is not None:
        return [Value("temperature" if kind == "1" else "dew_point", (-1 if group[1] == "1" else 1) * float(group[2:]) / 10, "degC")]
    if kind == "2" and group[1] == "9" and _number(group[2:]) is not None:
        return [Value("humidity", float(group[2:]), "%")]
    if kind == "3" and code is not None:
        return [Value("pressure", code / 10 + (1000 if code < 5000 else 0), "hPa")]
    if kind == "4" and code is not None and group[1] in "09":  # other figures give the height of a pressure level
        return [Value("pressure_msl", code / 10 + (1000 if code < 5000 else 0), "hPa")]
    return _rain(group) if kind == "6" else []


def _three(group: str, wind: str) -> list[Value]:
    """A group of section 3: rain, rain of the past 24 h, highest gust."""
    if group[0] == "6":
        return _rain(group)
    if group[0] == "7" and _number(group[1:]) is not None:
        return [Value("rain", 0.0 if group == "79999" else float(group[1:]) / 10, "mm", 86400)]
    if group[:3] in ("910", "911") and _number(group[3:]) is not None:
        return [Value("wind_gust", float(group[3:]), WIND_UNITS[wind])]
    return []


def _rain(group: str) -> list[Value]:
    amount, hours = _number(group[1:4]), PERIODS.get(group[4])
    if amount is None or hours is None:
        return []
    return [Value("rain", 0.0 if amount == 990 else (amount - 990) / 10 if amount > 990 else amount, "mm", hours * 3600)]
