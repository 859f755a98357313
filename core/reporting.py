"""What people may report from the field: the kinds, the words they are written with, their unit and their believable range.

Shared by those who read reports (connectors) and those who weigh them (rules). `code` is the number in the BeiDou code: never reuse one.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.signing import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind: `unit` canonical ('' where nothing is measured), `most` the largest believable value, `words` how people write it."""

    code: int
    title: str
    title_en: str
    words: tuple[str, ...]
    unit: str = ""
    most: float = 0.0


KINDS: dict[str, Kind] = {
    "ponding": Kind(code=1, title="积水", title_en="ponding", words=("积水", "内涝", "渍涝", "水深"), unit="m", most=10.0),
    "house_flooded": Kind(code=2, title="房屋进水", title_en="water in houses", words=("房屋进水", "进水"), unit="m", most=10.0),
    "overtopping": Kind(code=3, title="漫堤", title_en="overtopping", words=("漫堤", "漫溢", "漫水")),
    "seepage": Kind(code=4, title="管涌渗漏", title_en="seepage or piping", words=("管涌渗漏", "管涌", "渗漏")),
    "breach": Kind(code=5, title="决口", title_en="breach", words=("决口", "溃堤", "垮坝")),
    "bank_collapse": Kind(code=6, title="崩岸", title_en="bank collapse", words=("崩岸", "坍江", "塌岸")),
    "landslide": Kind(code=7, title="滑坡塌方", title_en="landslide", words=("滑坡塌方", "滑坡", "塌方", "泥石流", "地陷", "塌陷")),
    "crack": Kind(code=8, title="地面裂缝", title_en="ground crack", words=("地面裂缝", "裂缝", "开裂"), unit="mm", most=5000.0),
    "gust": Kind(code=9, title="大风", title_en="gust", words=("大风", "阵风"), unit="m/s", most=100.0),
    "tree_down": Kind(code=10, title="树木倒伏", title_en="trees down", words=("树木倒伏", "倒树", "树倒")),
    "house_damaged": Kind(code=11, title="房屋受损", title_en="houses damaged", words=("房屋受损", "房屋倒塌", "房倒", "屋损")),
    "outage": Kind(code=12, title="停电", title_en="power cut", words=("停电", "断电"), unit="1", most=1e6),
    "trapped": Kind(code=13, title="人员被困", title_en="people trapped", words=("人员被困", "被困"), unit="1", most=1e5),
    "road_cut": Kind(code=14, title="道路中断", title_en="road cut", words=("道路中断", "断路", "路断")),
}
#: What people write for a unit -> (unit that core.units knows, factor into it).
UNIT_WORDS: dict[str, tuple[str, float]] = {
    "厘米": ("cm", 1.0), "公分": ("cm", 1.0), "cm": ("cm", 1.0), "毫米": ("mm", 1.0), "mm": ("mm", 1.0), "米/秒": ("m/s", 1.0), "m/s": ("m/s", 1.0),
    "米": ("m", 1.0), "m": ("m", 1.0), "级": ("Bft", 1.0), "户": ("1", 1.0), "人": ("1", 1.0), "万户": ("1", 10_000.0),
}


def report_id(reporter: str, town: str, village: str, kind: str, time: str, value: float | None) -> str:
    """Name of one report: equal for the same thing told twice, whatever the channel; `time` is ISO UTC."""
    return digest("|".join((reporter, town, village, kind, time, "" if value is None else f"{value:.3f}")))[:16]
