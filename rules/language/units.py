"""Units an analyst may write. Each belongs to a quantity with one canonical unit; the factors are those of core.units,
a few more (duration, distance, angle) stand here because no observed property carries them."""

from __future__ import annotations

from core.units import UnknownUnit, convert

#: Units that mean one thing only and are made canonical as soon as they are read: unit -> (canonical, factor).
_AT_ONCE = {"%": ("1", 0.01), "min": ("h", 1 / 60), "d": ("h", 24.0), "s": ("h", 1 / 3600)}

#: Every unit the language knows. "level" (blue..red) and "flag" (yes/no) are never written beside a number.
UNITS = frozenset({
    "mm", "cm", "m", "km", "in", "ft", "m/s", "km/h", "kt", "Bft", "hPa", "Pa", "h", "min", "d", "s", "deg", "degC", "K", "%", "1", "m3/s",
    "mm/h", "m3", "V", "MW",
})

#: Levels as the language writes them.
LEVELS = {"blue": 1.0, "yellow": 2.0, "orange": 3.0, "red": 4.0}


def canonical(value: float, unit: str) -> tuple[float, str]:
    """A literal as (value, unit) in canonical form where the unit alone decides it (`8 Bft` -> 17.2 m/s, `5 %` -> 0.05);
    otherwise unchanged (`30 cm` is made mm or m by what it is compared with). ValueError for a Beaufort force that does not exist."""
    if unit == "Bft":
        return convert(value, "Bft", "m/s"), "m/s"
    if unit in _AT_ONCE:
        to, factor = _AT_ONCE[unit]
        return value * factor, to
    return value, unit or "1"


def to_unit(value: float, given: str, wanted: str) -> float:
    """`value` in the wanted unit; UnknownUnit (a ValueError) where no conversion is declared."""
    if given == "m" and wanted == "km":
        return value / 1000
    if given == "km" and wanted == "m":
        return value * 1000
    if given == wanted:
        return value
    if "Bft" in (given, wanted):
        raise UnknownUnit(given, wanted)
    return convert(value, given, wanted)
