"""What the official-warning feeds have in common: events and colours in Chinese titles, and administrative codes."""

from __future__ import annotations

import re

from connectors.reading.records import Refused
from core.county import Feed
from core.model import Hazard, Level, MsgType

COLOURS = {"蓝色": Level.BLUE, "黄色": Level.YELLOW, "橙色": Level.ORANGE, "红色": Level.RED}
#: Words of an event's name -> the hazard that it is a floor for, first match wins. Events not named here are shown and are no floor.
HAZARDS: tuple[tuple[str, Hazard], ...] = (
    ("台风", Hazard.TYPHOON), ("热带气旋", Hazard.TYPHOON),
    ("地质灾害", Hazard.GEOLOGICAL), ("滑坡", Hazard.GEOLOGICAL), ("泥石流", Hazard.GEOLOGICAL), ("崩塌", Hazard.GEOLOGICAL),
    ("崩岸", Hazard.GEOLOGICAL), ("地面沉降", Hazard.GEOLOGICAL), ("地面塌陷", Hazard.GEOLOGICAL),
    ("暴雨", Hazard.FLOOD), ("洪水", Hazard.FLOOD), ("内涝", Hazard.FLOOD), ("渍涝", Hazard.FLOOD), ("积涝", Hazard.FLOOD),
    ("山洪", Hazard.FLOOD), ("洪涝", Hazard.FLOOD), ("水库险情", Hazard.FLOOD), ("堤防险情", Hazard.FLOOD),
    ("风暴潮", Hazard.FLOOD), ("水情", Hazard.FLOOD),
)
#: The same for English names of events, as patterns.
ENGLISH = (
    (r"storm surge|flood|hydrologic", Hazard.FLOOD), (r"hurricane|typhoon|tropical (storm|depression|cyclone)", Hazard.TYPHOON),
    (r"debris flow|landslide", Hazard.GEOLOGICAL), (r"earthquake", Hazard.EARTHQUAKE),
)
_COLOUR = re.compile("(" + "|".join(COLOURS) + ")")
_ACT = re.compile(
    r"(?P<issuer>.*?)(?:\d{4}年\d{1,2}月\d{1,2}日\d{1,2}[时:：]\d{0,2}分?)?(?:联合|继续|更新|变更|重新|升级|降级)*"
    r"(?P<act>发布|解除|取消|撤销|更新|变更为?|升级为?|降级为?|确认|将)"
    r"(?P<event>.*)\Z", re.DOTALL,
)
_ENDINGS = ("解除", "取消", "撤销")
_CODE = re.compile(r"\d{6}(\d{6})?\Z")


def read_title(title: str) -> tuple[str, Level, MsgType]:
    """Event, level and kind of a title such as '南通市气象台发布暴雨黄色预警信号'; Refused when it names no colour or no event.

    The place comes from the code, never from the title: titles were seen with the province twice and with '重庆市县云阳县'.
    """
    text = re.sub(r"\s+", "", title)
    match = _ACT.match(text)
    colours = list(_COLOUR.finditer(text))
    if match is None or not colours:
        raise Refused(f"no event and colour in the title {title[:40]!r}")
    ended = match["act"] in _ENDINGS or text.endswith(_ENDINGS)
    event = _COLOUR.split(match["event"])[0]
    event = re.split(r"[(\[（【]|预警", event)[0].strip("的、，,")
    if not event:
        raise Refused(f"no event in the title {title[:40]!r}")
    changed = re.search("(?:升级|降级|变更|更新)为?(?:.{0,12}?)" + _COLOUR.pattern, text)
    colour = changed.group(1) if changed else colours[0].group(1)
    kind = MsgType.CANCEL if ended else MsgType.UPDATE if changed or "更新" in text else MsgType.ALERT
    return event, COLOURS[colour], kind


def hazard_of(event: str, feed: Feed | None = None) -> Hazard | None:
    """The scored hazard that an event (Chinese or English, or a word of the feed's option `events`: '洪水警報=flood,土砂災害=geological') is a floor for;
    None for events that are only shown (gale, heat, fog, lightning ...)."""
    own = (pair.partition("=") for pair in str(feed.options.get("events", "") if feed else "").split(",") if pair)
    said = event.casefold()
    return next((hazard for word, hazard in (*((word.strip().casefold(), Hazard(name.strip())) for word, _, name in own), *HAZARDS) if word in said),
                next((hazard for words, hazard in ENGLISH if re.search(words, said)), None))


def area(code: str, feed: Feed) -> str:
    """An area code cut to what it names: 2 digits a province, 4 a prefecture, 6 a district, 12 a town.

    The feed's option `renamed` ('320684=320614,...') gives the successor of an abolished code. Refused for anything but 6 or 12 digits.
    """
    names, text = renamed(feed), code.strip()
    text = names.get(text) or names.get(text[:6], text[:6]) + text[6:]
    if not _CODE.match(text):
        raise Refused(f"area code {text[:20]!r} is not 6 or 12 digits")
    district, rest = text[:6], text[6:]
    if rest.strip("0"):
        return district + rest
    return district[:2] if district.endswith("0000") else district[:4] if district.endswith("00") else district


def coded(scheme: str, code: str, feed: Feed) -> str:
    """An area code of a CAP geocode by its scheme (`valueName`)."""
    return same(code.strip()) if scheme == "SAME" else area(code, feed)


def same(code: str) -> str:
    """A SAME code of the United States (part, state, county) without its part figure: 0SSCCC a county, 0SS a state (county 000); Refused for another."""
    if not re.fullmatch(r"[0-9]{6}", code):
        raise Refused("SAME codes are not six figures")
    return f"0{code[1:3]}" if code.endswith("000") else f"0{code[1:]}"


def renamed(feed: Feed) -> dict[str, str]:
    """Old -> new administrative codes, from the feed's options."""
    pairs = (pair.partition("=") for pair in str(feed.options.get("renamed", "")).split(",") if pair)
    return {old.strip(): new.strip() for old, _, new in pairs}
