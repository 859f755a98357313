"""county.yaml, `zone`: the clock that people read. Beijing where nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from core.county.problems import shown
from core.county.tree import ABSENT, Node
from core.county.types import Point
from core.times import SHANGHAI

#: How far a lawful clock may be from the sun, h (own choice; the widest on Earth, in the west of China, is three). Beyond it the zone is another country's.
OFF_H = 4.0


def read_zone(node: Node) -> ZoneInfo:
    """The zone by its IANA name; Beijing where there is none."""
    if node.value is ABSENT:
        return SHANGHAI
    if node.value not in available_timezones():
        node.refuse(f"不认识时区 {shown(node.value)} / unknown zone", "写 IANA 名称，例如 / an IANA name such as Asia/Shanghai, America/Sitka, Asia/Manila")
        return SHANGHAI
    return ZoneInfo(str(node.value))


def clock_fits(node: Node, zone: ZoneInfo, outline: Sequence[Point]) -> None:
    """Note a clock that is far from the sun over the county: a folder that was copied from another country's."""
    if not outline or node.problems.wrong("outline.csv"):
        return
    lon = sum(point[0] for point in outline) / len(outline)
    offset = datetime(2021, 1, 1, tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
    apart = abs((offset / timedelta(hours=1) - lon / 15 + 12) % 24 - 12)  # either side of the date line
    if apart > OFF_H:
        node.refuse(f"{zone.key} 与经度 {lon:.0f} 度的太阳差 {apart:.0f} 小时 / this clock is far from the sun there",
                    "写本县的时区 zone，或核对轮廓的经度 / the zone of the county, or check the longitudes of the outline")
