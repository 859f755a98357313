"""Vertical datums at a connector's edge: names are made one, and a height is moved only by the station's own levelled constant, never by a regional one.

Regional differences (1985 = 废黄河 - 0.19 m at this coast) are off by centimetres from place to place; a gauge's own constant is in stations.csv.
"""

from __future__ import annotations

from core.county import County, Station
from core.model import Flag

#: Ways in which the datums are written, and the one we use.
NAMES = {
    "废黄河基面": "废黄河", "废黄河口": "废黄河", "废黄河高程": "废黄河", "吴淞基面": "吴淞", "吴淞高程": "吴淞", "吴淞口": "吴淞",
    "85基准": "1985", "85国家高程基准": "1985", "1985国家高程基准": "1985", "国家85高程": "1985", "1956黄海": "1956", "黄海": "1956",
    "珠江基面": "珠江", "珠江高程": "珠江", "珠基": "珠江", "大沽基面": "大沽", "大沽高程": "大沽", "罗零基面": "罗零", "罗零高程": "罗零",
    "假定基面": "假定", "冻结基面": "假定",
}
#: A height with what is known of its datum: metres, datum, flag, reasons.
Height = tuple[float | None, str, Flag, tuple[str, ...]]


def settle(value: float | None, given: str, station: Station, county: County) -> Height:
    """A height as its source gives it (m above `given`, '' where the source names no datum) in the station's datum where that is certain.

    The same datum stays as it is. The county's datum becomes the station's by the station's own constant (datum_offset, m to add to come from the
    station's to the county's). Any other is kept as the source says and flagged, so that no threshold of another datum is ever held against it.
    """
    name = NAMES.get(given.strip(), given.strip())
    if not name:
        return value, station.datum, Flag.UNKNOWN, ("the source names no datum",)
    if not station.datum or name == station.datum:
        return value, name, Flag.GOOD, ()
    if name == county.datum and station.datum_offset is not None:
        moved = None if value is None else round(value - station.datum_offset, 4)
        return moved, station.datum, Flag.GOOD, (f"from {name} by the station's constant {station.datum_offset:+g} m",)
    return value, name, Flag.SUSPECT, (f"datum {name}, the county's table says {station.datum}",)


def in_county(value: float, datum: str, station: Station, county: County) -> float | None:
    """A station's height in the county's datum, so that two stations can be compared; None where nobody has levelled the station."""
    if datum == county.datum:
        return value
    if datum != station.datum or station.datum_offset is None:
        return None
    return round(value + station.datum_offset, 4)
