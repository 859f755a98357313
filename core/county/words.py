"""words.yaml, which may be absent: what fills the slots of templates.yaml and stands around every text, in the language of the county. Without it: Chinese."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from string import Formatter

from core.county.problems import Problems
from core.county.texts import SLOTS, harmless
from core.county.tree import Node
from core.model import Hazard, Level, Status

NAME = "words.yaml"
CHINESE_TAG = "zh-CN"
COLOURS = (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED)
ACTIONS = ("issued", "raised", "lowered", "extended", "lifted", "withdrawn")
TEXTS = ("ended", "correction_sms", "correction_broadcast")
#: By these words every reader of a CAP message, ours too, knows that it is no real warning.
KNOWN = {"exercise": re.compile(r"演练|演习|\b(?:exercise|drill)\b", re.IGNORECASE), "test": re.compile(r"测试|\btest\b", re.IGNORECASE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`levels` by English colour, `hazards` by hazard, `actions` by ACTIONS; `moment` a strftime pattern, '' for the Chinese way; `signed` and `mark` are
    what stands before and after the text of an SMS."""

    language: str
    levels: dict[str, str]
    hazards: dict[str, str]
    actions: dict[str, str]
    between: str
    moment: str
    exercise: str
    test: str
    signed: str
    mark: str
    ended: str
    correction_sms: str
    correction_broadcast: str

    @property
    def chinese(self) -> bool:
        """Whether people are spoken to in Chinese, as the reasons of an assessment are."""
        return self.language == CHINESE_TAG

    def drill(self, status: Status) -> str:
        """The mark of a text that is not actual; '' for one that is."""
        return {Status.ACTUAL: "", Status.EXERCISE: self.exercise, Status.TEST: self.test}[status]

    def said(self, at: datetime, zone: tzinfo) -> str:
        """A time as it is spoken; in Chinese 26日17时, with minutes only where there are any."""
        local = at.astimezone(zone)
        if self.moment:
            return local.strftime(self.moment)
        return f"{local.day}日{local.hour}时" + (f"{local.minute}分" if local.minute else "")


CHINESE = Words(
    language=CHINESE_TAG, levels={level.en: level.zh for level in COLOURS}, hazards={str(hazard): hazard.zh for hazard in Hazard},
    actions=dict(zip(ACTIONS, ("发布", "升级", "降级", "延续", "解除", "撤回"), strict=True)), between="、", moment="", exercise="【演练】", test="【测试】",
    signed="【{signature}】", mark="〔{mark}·{version}〕", ended="预警解除，请留意后续信息。",
    correction_sms="{issuer}{time}更正：此前{town}的{hazard}{level}预警有误，现已撤回，不必按其行动。请留意后续信息。",
    correction_broadcast="{town}的居民请注意，{issuer}更正：此前的{hazard}{level}预警有误，现已撤回，不必按其行动。",
)


def read_words(problems: Problems) -> Words:
    """The county's words; every one is needed, because a text half in another language is understood by nobody."""
    if not (problems.root / NAME).is_file():
        return CHINESE
    row = Node.read(problems, NAME).fields(("language", "levels", "hazards", "actions", "between", "moment", "exercise", "test", "signed", "mark", *TEXTS))
    for name, known in KNOWN.items():
        if row[name].text() and not known.search(row[name].value):
            row[name].refuse("没有机器认得的字样 / machines would not know it", f"写上 / put in: {name.upper()} 或 / or {'演练' if name == 'exercise' else '测试'}")
    for name, slots in (("signed", ("signature",)), ("mark", ("mark", "version")), *((text, SLOTS) for text in TEXTS[1:])):
        _slots(row[name], slots, needed=name in ("signed", "mark"))
    for name in TEXTS:
        if row[name].text():
            harmless(row[name])
    return Words(
        language=row["language"].text(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", "例如 / such as en-US, ja-JP"), between=row["between"].text(r"(?s).+"),
        levels=_each(row["levels"], [level.en for level in COLOURS]), hazards=_each(row["hazards"], [str(hazard) for hazard in Hazard]),
        actions=_each(row["actions"], list(ACTIONS)), moment=row["moment"].text(r".*%H.*", "至少写到几时 / the hour at least: \"%b %d, %H:%M\""),
        **{name: row[name].text() for name in ("exercise", "test", "signed", "mark", *TEXTS)},
    )


def _each(node: Node, keys: list[str]) -> dict[str, str]:
    return {key: child.text() for key, child in node.fields(keys).items()}


def _slots(node: Node, known: tuple[str, ...], *, needed: bool) -> None:
    """Only slots of `known`; all of them where they are needed."""
    try:
        found = [name for _, name, _, _ in Formatter().parse(node.text()) if name is not None]
    except ValueError:
        found = ["{"]
    if wrong := [name for name in found if name not in known] or (needed and sorted(found) != sorted(known)):
        node.refuse(f"空位不对 / slots: {wrong if isinstance(wrong, list) else found}", f"可用 / use: {', '.join(f'{{{name}}}' for name in known)}")
