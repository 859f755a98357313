"""One line of a list into one person, every cell a checked word: what is wrong with a line is told all at once, without its number or its id."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from core.county import County
from core.pii import Number, Vault, e164, mask
from notifiers.register.listfile import Cells
from notifiers.register.words import Words, day_of

_ID = re.compile(r"[0-9A-Za-z\u4e00-\u9fff][0-9A-Za-z\u4e00-\u9fff._/-]{0,63}")
_CITIZEN = re.compile(r"[0-9]{15}|[0-9]{17}[0-9Xx]")
_LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?)?")
YES, NO = ("是", "true", "1", "yes", "y", "退订"), ("", "否", "false", "0", "no", "n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One resident of a list. None: the list does not say, so that what is known stays; `groups` is canonical JSON in the county's order."""

    resident_id: str
    town: str
    groups: str
    number: Number
    phone_index: str
    language: str | None
    opted_out: bool | None
    renewed: str | None


class Wrong(ValueError):
    """What is wrong with a line, each as a sentence; `resident` is its id where that could be read."""

    def __init__(self, sentences: list[str], resident: str) -> None:
        super().__init__("；".join(sentences))
        self.sentences, self.resident = sentences, resident


class Reader:
    """Reads lines of one county; `today` (Beijing) bounds the days of renewal."""

    def __init__(self, county: County, vault: Vault, today: date) -> None:
        self._words, self._vault, self._today = Words(county), vault, today

    def person(self, cells: Cells) -> Person:
        """The person of a line; Wrong with everything that is wrong."""
        wrong, number = list[str](), None
        resident = unicodedata.normalize("NFKC", cells["resident_id"])
        if not _ID.fullmatch(resident):
            wrong.append("编号为空或有不能用的字符 / no id, or one with other characters")
            resident = ""
        elif mask(resident) != resident or _CITIZEN.fullmatch(resident):
            wrong.append("编号不能是手机号或身份证号，它不加密 / an id may not be a telephone or citizen number: it is not sealed")
            resident = ""
        try:
            number = e164(cells["phone"])
        except ValueError as error:
            wrong.append(str(error))
        town = self._words.town(cells["town"], wrong)
        groups = self._words.groups(cells["groups"], town, wrong)
        language, out, day = cells.get("language"), cells.get("opted_out"), cells.get("renewed") or None
        if language is not None and not _LANGUAGE.fullmatch(language):
            wrong.append("语言应为 zh、en 这样的代码 / a language is a code such as zh, en")
        if out is not None and out.casefold() not in (*YES, *NO):
            wrong.append("退订写 是 或 否 / opted_out is yes or no")
        renewed = day_of(day, self._today, wrong) if day else None
        if wrong or number is None or town is None:
            raise Wrong(wrong, resident)
        return Person(resident_id=resident, town=town.key, groups=groups, number=number, phone_index=self._vault.index(number.reveal()),
                      language=language, opted_out=None if out is None else out.casefold() in YES, renewed=renewed)
