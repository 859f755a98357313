"""The compact Chinese form of a report by SMS, as a person types it: `报 包场 积水 40厘米 0726 1530`.

报, then in any order: the town (short name will do; left out it is the officer's own), the kind, a measured value with its unit, the time (MMDD HHMM, or
HHMM or 15:30 for today, left out it is now; the county's clock), and last 备注 with free words. Blanks and commas may be left out, full-width signs are
read as plain ones. What cannot be read is refused with the words that were not understood; nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from connectors.reading.records import FUTURE_TOLERANCE, Refused
from core.county import County
from core.reporting import KINDS, UNIT_WORDS

EXAMPLE = "报 包场 积水 40厘米 0726 1530"
MAX_TEXT = 300
_BETWEEN = " \t\r\n,，.。;；、!！:：()"
_UNITS = "|".join(sorted(map(re.escape, UNIT_WORDS), key=len, reverse=True))
_VALUE = re.compile(rf"(\d{{1,6}}(?:\.\d{{1,3}})?)\s*({_UNITS})", re.IGNORECASE)
_WHEN = re.compile(r"(?:(?:(?P<month>\d{2})(?P<day>\d{2})|(?P<m>\d{1,2})月(?P<d>\d{1,2})[日号]?)[\s,]*)?"
                   r"(?:(?P<hour>\d{2})(?P<minute>\d{2})|(?P<h>\d{1,2})[:点时](?P<min>\d{2})?分?)(?!\d)")
_VILLAGE = re.compile(r"[\u4e00-\u9fff\d]{1,12}?(?:村民小组|村|社区|居委会|小区|圩)")
_KINDS = sorted(((word, key) for key, kind in KINDS.items() for word in kind.words), key=lambda pair: -len(pair[0]))


@dataclass(slots=True)
class Said:
    """What an SMS says; empty where it says nothing."""

    town: str = ""
    village: str = ""
    kind: str = ""
    value: float | None = None
    unit: str = ""
    time: datetime | None = None
    note: str = ""
    unread: list[str] = field(default_factory=list)


def read_sms(text: str, county: County, received: datetime) -> Said:
    """The parts of a text; Refused, in Chinese, with what was wrong with it. `received` (aware) completes day and year."""
    plain = unicodedata.normalize("NFKC", text).strip()
    if len(plain) > MAX_TEXT or not plain.startswith("报"):
        raise Refused("以「报」开头" if len(plain) <= MAX_TEXT else f"超过 {MAX_TEXT} 字")
    rest, _, note = plain[1:].removeprefix("告").partition("备注")
    said = Said(note=note.strip(_BETWEEN))
    towns = sorted(((name, town.key) for town in county.towns for name in {town.name, re.sub("(街道|镇|乡)$", "", town.name)}), key=lambda p: -len(p[0]))
    while rest := rest.lstrip(_BETWEEN):
        rest = _take(said, rest, towns, received, county.zone)
    if said.unread:
        raise Refused(f"看不懂「{'」「'.join(said.unread)}」")
    if not said.kind:
        raise Refused(f"没有写灾情，可写 {'、'.join(k.title for k in KINDS.values())}")
    said.time = said.time or received.replace(second=0, microsecond=0)
    return said


def _take(said: Said, rest: str, towns: list[tuple[str, str]], received: datetime, zone: tzinfo) -> str:
    """Take one part off the front; what nobody knows goes to `unread`."""
    for word, key in towns:
        if rest.startswith(word) and not re.match("[村圩]", rest[len(word):]):
            said.town = _once("镇街", said.town, key)
            return rest[len(word):]
    for word, key in _KINDS:
        if rest.startswith(word):
            said.kind = _once("灾情", said.kind, key)
            return rest[len(word):]
    if match := _VALUE.match(rest):
        if said.unit:
            raise Refused("写了两个数值，一条短信报一件事")
        said.value, said.unit = float(match[1]), match[2].lower()
        return rest[match.end():]
    if match := _WHEN.match(rest):
        if said.time:
            raise Refused("写了两个时间")
        said.time = _time(match, received, zone)
        return rest[match.end():]
    if match := _VILLAGE.match(rest):
        said.village = _once("村", said.village, match[0])
        return rest[match.end():]
    word = re.split(r"[\s,，;；、。]", rest, maxsplit=1)[0] or rest[0]
    said.unread.append(word[:12])
    return rest[len(word):]


def _once(what: str, former: str, found: str) -> str:
    if former and former != found:
        raise Refused(f"写了两个{what}，一条短信报一件事")
    return found


def _time(match: re.Match[str], received: datetime, zone: tzinfo) -> datetime:
    """The time on the county's clock that is meant: with a day the newest such day that has come, without one today, or yesterday just after midnight."""
    month, day = (match["month"] or match["m"]), (match["day"] or match["d"])
    hour, minute = int(match["hour"] or match["h"]), int(match["minute"] or match["min"] or 0)
    here = received.astimezone(zone)
    try:
        if month is None:
            found = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
            found -= timedelta(days=1) if found - here > timedelta(hours=12) else timedelta(0)
        else:
            found = datetime(here.year, int(month), int(day), hour, minute, tzinfo=zone)
            if found - here > timedelta(days=300):  # 1231 told on 1 January
                found = found.replace(year=here.year - 1)
    except ValueError:
        raise Refused(f"没有这个时间「{match[0].strip()}」") from None
    if found - here > FUTURE_TOLERANCE:
        raise Refused(f"时间「{match[0].strip()}」还没有到")
    return found.astimezone(UTC)
