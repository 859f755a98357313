"""Texts from the county's templates: typed slots only, nothing that could be read as markup, an address or a number to call."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from core.county import County, Town
from core.county.texts import has_link
from core.errors import ConfigError
from core.model import Hazard, Level, MsgType, Status

_SLOT = re.compile(r"\{(\w*)\}")


def clean(text: str) -> str:
    """`text` without control, bidirectional and zero-width characters, and with braces made harmless."""
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
    return kept.replace("{", "（").replace("}", "）")


def render(template: str, slots: dict[str, str]) -> str:
    """Fill `template`; ConfigError when a slot has no value, or when the result holds a web address or a telephone number."""
    missing = [name for name in _SLOT.findall(template) if name not in slots]
    if missing:
        raise ConfigError(f"文案缺少空位的值 / no value for slot: {', '.join(missing)}")
    text = _SLOT.sub(lambda match: clean(slots[match.group(1)]), template)
    refuse_links(text)
    return text


def refuse_links(text: str) -> None:
    """ConfigError when `text` holds a web address or a telephone number: carriers block both, and neither belongs in a warning."""
    if has_link(text):
        raise ConfigError("文案含网址或电话号码 / a text holds a web address or a telephone number")


def drill(text: str, mark: str) -> str:
    """Put the mark of a text that is not actual in front, once; `mark` is empty for an actual one."""
    return text if text.startswith(mark) else mark + text


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Every text of one version of an alert; all of it goes into the body that is signed. `mistaken` for a Cancel of what was never so."""

    county: County
    hazard: Hazard
    status: Status
    msg_type: MsgType
    now: datetime
    until: datetime
    cause: str = ""
    mistaken: bool = False

    def town_texts(self, town: Town, level: Level, before: Level, what: str) -> dict[str, str]:
        """What a town's people read and hear: {sms, broadcast}; the text of the end when `level` is NONE."""
        suffix = "" if level else "_cancel"
        slots = self._slots([town], level or before, before, not level, what)
        if self.mistaken and not level:
            words = {"sms": self.county.words.correction_sms, "broadcast": self.county.words.correction_broadcast}
            return {name: drill(render(text, slots), self._mark) for name, text in words.items()}
        return {name: self._fill(f"{name}{suffix}", slots) for name in ("sms", "broadcast")}

    def own(self, towns: list[Town], level: Level, before: Level, lifted: bool, what: list[str]) -> dict[str, str]:
        """event, headline, description and instruction for towns of one colour, in the county's language. Reasons are Chinese: another language has none."""
        slots = self._slots(towns, level, before, lifted, next(iter(what), ""))
        what = what if self.county.words.chinese else []
        reasons = "；".join(f"{town.name}：{reason}" for town, reason in zip(towns, what, strict=False) if reason)
        cause = clean(f"（{self.cause}）" if self.county.words.chinese else f" ({self.cause})") if self.cause else ""
        return {
            "event": self.county.words.hazards[self.hazard],
            "headline": self._fill("headline", slots),
            "description": self._fill("description", slots) + cause + (clean(f"依据：{reasons}。") if reasons and not lifted else ""),
            "instruction": self.county.words.ended if lifted else slots["advice"],
        }

    def english(self, towns: list[Town], level: Level, before: Level, lifted: bool) -> dict[str, str]:
        """The same in English, short."""
        verb = "lifted" if lifted else "issued" if not before else "raised" if level > before else "lowered" if level < before else "extended"
        names = ", ".join(town.name_en for town in towns)
        prefix = "" if self.status is Status.ACTUAL else "[EXERCISE] "
        return {
            "headline": f"{prefix}{self.county.name_en}: {self.hazard} warning {level.en} {verb} for {names}",
            "description": f"{self.hazard.capitalize()} warning, level {level.en}, {verb} for {names}.",
            "instruction": "The warning has ended." if lifted else "Follow the instructions of the local authorities.",
        }

    def _slots(self, towns: list[Town], level: Level, before: Level, lifted: bool, what: str) -> dict[str, str]:
        words = self.county.words
        ended = "withdrawn" if self.mistaken else "lifted"
        action = ended if lifted else "issued" if not before else "raised" if level > before else "lowered" if level < before else "extended"
        return {
            "issuer": self.county.issuer, "time": self._moment(self.now), "town": towns[0].name if towns else "", "hazard": words.hazards[self.hazard],
            "towns": words.between.join(town.name for town in towns), "level": words.levels[level.en] if level else "", "until": self._moment(self.until),
            "what": spoken(what) if words.chinese else "", "action": words.actions[action],
            "advice": self.county.templates[self.hazard][f"advice_{level.en}"] if level else "",
        }

    def _moment(self, at: datetime) -> str:
        return self.county.words.said(at, self.county.zone)

    @property
    def _mark(self) -> str:
        return "" if self.status is Status.ACTUAL else self.county.words.exercise

    def _fill(self, name: str, slots: dict[str, str]) -> str:
        return drill(render(self.county.templates[self.hazard][name], slots), self._mark)


def spoken(reason: str, limit: int = 26) -> str:
    """The first clause of a reason if people would say it so (short, no rule names); otherwise nothing. Ends with a comma."""
    first = re.split(r"[；。（(]", reason)[0].strip()
    plain = not re.search(r"[A-Za-z_]{3,}|[<>=]", first)
    return f"{first}，" if first and plain and len(first) <= limit else ""
