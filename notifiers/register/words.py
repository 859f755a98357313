"""The words of a list: towns, groups and days, as people write them."""

from __future__ import annotations

import re
from datetime import date

from core.county import County, Town
from core.errors import ConfigError
from core.signing import canonical

_DAY = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?|([0-9]{4})([0-9]{2})([0-9]{2})")
_BETWEEN = re.compile(r"[\s、，,;；/|]+")


class Words:
    """Reads the words of one county; what is wrong is added to `wrong` as a sentence."""

    def __init__(self, county: County) -> None:
        self._county, self._towns = county, dict[str, Town]()
        self._words = {word: g.group for g in county.groups for word in (g.group, g.title)}

    def town(self, word: str, wrong: list[str]) -> Town | None:
        """A town by key, Chinese name or code."""
        if word not in self._towns:
            try:
                self._towns[word] = self._county.town(word)
            except ConfigError as error:
                wrong.append(f"没有镇街{_shown(word)} / no such town -> {error.hint}")
                return None
        return self._towns[word]

    def groups(self, cell: str, town: Town | None, wrong: list[str]) -> str:
        """The groups named, and those that everybody of the town belongs to (share 1): nobody goes unwarned because a list does not repeat it."""
        named = set[str]()
        for word in filter(None, _BETWEEN.split(cell)):
            if word in self._words:
                named.add(self._words[word])
            else:
                wrong.append(f"没有人群{_shown(word)} / no such group -> 现有 / known: {'、'.join(f'{g.title} {g.group}' for g in self._county.groups)}")
        named |= {g.group for g in self._county.groups if g.share == 1 and town is not None and (g.exposure == "all" or getattr(town, g.exposure))}
        if not (named or wrong):
            wrong.append("没有人群 / no group")
        return canonical([g.group for g in self._county.groups if g.group in named])


def day_of(text: str, today: date, wrong: list[str]) -> str | None:
    """A day of renewal as ISO text, not after `today`."""
    found = _DAY.fullmatch(text)
    try:
        day = date(*map(int, filter(None, found.groups()))) if found else None
    except ValueError:
        day = None
    if day is None or not date(2000, 1, 1) <= day <= today:
        wrong.append("更新日期应为 2026-04-15 这样的日期，不晚于今天 / a day of renewal, not in the future")
        return None
    return day.isoformat()


def _shown(word: str) -> str:
    """A town or group that is not known, where it cannot be a slipped column."""
    return f"「{word}」" if 0 < len(word) <= 12 and not any(c.isdigit() for c in word) else ""
