"""Vertical datums at a connector's edge: names are made one, a height stays in the datum that its source says, and nothing is converted by guess."""

from __future__ import annotations

from core.county import Station
from core.model import Flag

#: Ways in which the datums of this coast are written, and the one we use.
NAMES = {
    "废黄河基面": "废黄河", "废黄河口": "废黄河", "废黄河高程": "废黄河", "吴淞基面": "吴淞", "吴淞高程": "吴淞", "吴淞口": "吴淞",
    "85基准": "1985", "85国家高程基准": "1985", "1985国家高程基准": "1985", "国家85高程": "1985", "1956黄海": "1956", "黄海": "1956",
}
#: A height with what is known of its datum: metres, datum, flag, reasons.
Height = tuple[float | None, str, Flag, tuple[str, ...]]


def settle(value: float | None, given: str, station: Station) -> Height:
    """A height as its source gives it (m above `given`, '' where the source names no datum), with the flag that its datum deserves."""
    name = NAMES.get(given.strip(), given.strip())
    if not name:
        return value, station.datum, Flag.UNKNOWN, ("the source names no datum",)
    if not station.datum or name == station.datum:
        return value, name, Flag.GOOD, ()
    return value, name, Flag.SUSPECT, (f"datum {name}, the county's table says {station.datum}",)
