"""The body of a version: everything that will be said and sent, complete without a join, equal byte for byte for equal input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from core.alerts.states import body_of
from core.cap import CHINESE, ENGLISH, TOLD, reference, sound
from core.county import County, Town
from core.county.texts import without_links
from core.model import Evidence, Hazard, Level, MsgType, RiskScore, Status
from core.times import SHANGHAI, iso
from core.wording import Message

CANCEL_VALID_S = 3600  # a Cancel runs out one hour after (state `cancel` of the observed feeds)
MAX_EVIDENCE = 6       # rules kept per town: the strongest first; the ledger's assessment holds them all


class Event(NamedTuple):
    """How a hazard is called: Chinese, English, national event code (11Ann water, 11Bnn weather, 11Dnn geology), OASIS event term.

    The national codes of typhoon and flood follow the series that was seen for other events, not a published list; Haimen's geological
    hazard is the river bank's collapse, for which 11D03 (collapse) and the nearest OASIS term, landslide, are used. Unverified. An empty code
    is one that we do not know and leave out.
    """

    zh: str
    en: str
    national: str
    oet: str


EVENTS = {
    Hazard.TYPHOON: Event("台风", "Typhoon", "11B01", "OET-204"),
    Hazard.FLOOD: Event("洪涝", "Flood", "11A01", "OET-081"),
    Hazard.GEOLOGICAL: Event("地质灾害", "Geological hazard", "11D03", "OET-119"),
    Hazard.GALE: Event("大风", "Gale", "11B06", ""),
    Hazard.SNOW: Event("暴雪", "Snowstorm", "11B04", ""),
    Hazard.COLD_WAVE: Event("寒潮", "Cold wave", "11B05", ""),
    Hazard.HEAT: Event("高温", "Extreme heat", "11B09", ""),
    Hazard.DROUGHT: Event("干旱", "Drought", "11B22", ""),
    Hazard.FOG: Event("大雾", "Dense fog", "11B17", ""),
    Hazard.HAZE: Event("霾", "Haze", "11B19", ""),
    Hazard.SANDSTORM: Event("沙尘暴", "Sandstorm", "11B07", ""),
    Hazard.LIGHTNING: Event("雷电", "Lightning", "11B14", ""),
    Hazard.HAIL: Event("冰雹", "Hail", "11B15", ""),
    Hazard.FROST: Event("霜冻", "Frost", "11B16", ""),
    Hazard.ICY_ROAD: Event("道路结冰", "Icy road", "11B21", ""),
    Hazard.EARTHQUAKE: Event("地震", "Earthquake", "", ""),
}


class Change(NamedTuple):
    """What a new version says and why: levels by town now and before, and reasons out of open, up, down, towns, renew, cancel, manual, mistake."""

    msg_type: MsgType
    levels: dict[str, int]
    before: dict[str, int]
    why: tuple[str, ...]

    @property
    def changed(self) -> dict[str, list[int]]:
        """Towns whose level changed: [old, new]; 0 is none."""
        towns = sorted(self.levels.keys() | self.before.keys())
        return {k: [self.before.get(k, 0), self.levels.get(k, 0)] for k in towns if self.before.get(k, 0) != self.levels.get(k, 0)}

    @property
    def raised(self) -> tuple[str, ...]:
        """Towns whose level goes up."""
        return tuple(town for town, (old, new) in self.changed.items() if new > old)

    @property
    def top(self) -> Level:
        """The colour that rules the version: the highest now, or for a Cancel the highest of what it ends."""
        return Level(max((self.levels or self.before).values()))


def compose(
    *, now: datetime, county: County, alert_id: str, version: int, hazard: Hazard, status: Status, change: Change,
    scores: dict[str, RiskScore], former: Iterable[Any], cause: str = "",
) -> dict[str, Any]:
    """The body of one version. `scores` by town key are the evidence; `former` the alert_version rows issued before it, oldest first."""
    event, top = EVENTS[hazard], change.top
    valid = CANCEL_VALID_S if change.msg_type is MsgType.CANCEL else county.policy.validity_s[top]
    until = now + timedelta(seconds=valid)
    concerned = [town for town in county.towns if town.key in change.levels or town.key in change.before]
    levels = {town.key: change.levels.get(town.key, 0) for town in concerned}
    used = {town.key: scores[town.key] for town in concerned if town.key in scores}
    words = Message(county=county, hazard=hazard, status=status, msg_type=change.msg_type, now=now, until=until, cause=cause,
                    mistaken="mistake" in change.why)
    infos = [_info(words, part, concerned, change, used) for part in _parts(change)]
    return {
        "alert_id": alert_id, "version": version, "msg_type": str(change.msg_type), "status": str(status),
        "hazard": str(hazard), "event": event.zh, "event_en": event.en, "event_code": event.national,
        "event_codes": {name: code for name, code in (("National", event.national if county.words.chinese else ""), ("OET:v1.2", event.oet)) if code},
        "sender": sender(county, status), "issuer": county.issuer, "issuer_en": f"{county.name_en} Emergency Management Bureau",
        "sent": iso(now), "effective": iso(now), "onset": iso(now), "expires": iso(until),
        "references": [reference(body_of(row)) for row in former],
        "level": int(top), "levels": levels, "changed": change.changed, "why": list(change.why), "cause": cause,
        "towns": [_town(town) for town in concerned],
        **{name: infos[0][county.words.language][name] for name in ("headline", "description", "instruction")},
        "infos": infos,
        "texts": {town.key: words.town_texts(town, Level(levels[town.key]), Level(change.before.get(town.key, 0)), _what(used, town.key))
                  for town in concerned},
        "channels": list(county.policy.channels[top]),
        "channels_by_level": {str(int(level)): list(county.policy.channels[level]) for level in _colours(change)},
        **_reserve(county, _colours(change)),
        "audience_groups": {str(int(level)): list(county.policy.audience[level]) for level in _colours(change)},
        "reasons": {key: without_links(score.reason) for key, score in used.items()},
        "scores": {key: round(score.score, 1) for key, score in used.items()},
        "ceilings": {key: int(score.ceiling) for key, score in used.items()},
        "corroboration": corroboration(scores, change),
        "synthetic": any(e.synthetic for score in used.values() for e in score.evidence),
        "county_version": county.version,
        **_elsewhere(county),
    }


def _elsewhere(county: County) -> dict[str, str]:
    """Language and clock where they are not Chinese and Beijing's: what CAP is written in, signed with the rest."""
    own = {"language": (county.words.language, CHINESE), "zone": (county.zone.key, SHANGHAI.key)}
    return {name: value for name, (value, usual) in own.items() if value != usual}


def _reserve(county: County, colours: Iterable[Level]) -> dict[str, Any]:
    """Channels that start by themselves where another fails, by level; nothing where policy has none, so that it is signed only where it is."""
    by_level = {str(int(level)): list(county.policy.reserve[level]) for level in colours if level in county.policy.reserve}
    return {"reserve_by_level": by_level} if by_level else {}


def sender(county: County, status: Status) -> str:
    """CAP sender: one for actual alerts, others for exercises and tests."""
    return f"fengsui.{county.code}" if status is Status.ACTUAL else f"fengsui.{county.code}.{status.lower()}"


def corroboration(scores: dict[str, RiskScore], change: Change) -> dict[str, Any]:
    """By warned town the rules that share no indicator and whether an official signal stands there; `holds` where one such signal or two such rules
    (R21: paths, not sensors) are behind every town that is raised, or where none is raised behind every town."""
    towns: dict[str, Any] = {}
    for key in sorted(change.levels):
        score = scores.get(key)
        fired = [e for e in score.evidence if e.level >= Level.BLUE and e.role == "hazard"] if score else []
        towns[key] = {"rules": _independent(fired), "official": bool(score and score.floor >= Level.BLUE)}
    asked = change.raised or tuple(towns)
    return {"holds": bool(asked) and all(agreed(towns[key]) for key in asked), "towns": towns}


def agreed(town: Mapping[str, Any]) -> bool:
    """Whether what `corroboration` found of a town is enough to act on without a person."""
    return bool(town["official"]) or len(town["rules"]) >= 2


def _independent(fired: list[Evidence]) -> list[str]:
    """Rule ids, the strongest first, each adding only indicators that none before it used."""
    seen: set[str] = set()
    kept = []
    for evidence in sorted(fired, key=lambda e: (-e.level, e.rule)):
        if not seen & set(evidence.values):
            kept.append(evidence.rule)
            seen |= set(evidence.values)
    return kept


def _colours(change: Change) -> list[Level]:
    """Colours in use, before and now: a town that drops out is told by the groups that had been warned."""
    return [Level(n) for n in sorted({*change.levels.values(), *change.before.values()}) if n]


def _parts(change: Change) -> list[tuple[Level, list[str], bool]]:
    """(colour, towns, lifted): one part per colour, highest first, and the towns where the warning ends, under the colour they had."""
    over = {k: n for k, n in change.before.items() if not change.levels.get(k)}
    return [
        (Level(level), [k for k, n in levels.items() if n == level], lifted)
        for levels, lifted in ((change.levels, False), (over, True))
        for level in sorted(set(levels.values()), reverse=True)
    ]


def _info(
    words: Message, part: tuple[Level, list[str], bool], concerned: list[Town], change: Change, used: dict[str, RiskScore],
) -> dict[str, Any]:
    level, keys, lifted = part
    towns = [town for town in concerned if town.key in keys]
    evidence = [(town.key, e) for town in towns if town.key in used for e in _strongest(used[town.key])]
    what = [_what(used, town.key) for town in towns]
    before = Level(max((change.before.get(town.key, 0) for town in towns), default=0))
    return {
        "level": int(level), "lifted": lifted, "towns": [town.key for town in towns],
        "observed": any(e.level >= level and not any("forecast" in name for name in e.values) for _, e in evidence),
        ENGLISH: {"event": EVENTS[words.hazard].en, **words.english(towns, level, before, lifted)},
        words.county.words.language: words.own(towns, level, before, lifted, what),
        "parameters": _parameters(level, towns, used, evidence),
    }


def _parameters(level: Level, towns: list[Town], used: dict[str, RiskScore], evidence: list[tuple[str, Evidence]]) -> list[list[str]]:
    """CAP parameters: the sentences of every town, as they were stored when it was assessed, and enough to ask the ledger for the proof.

    At most 5 + MAX_EVIDENCE a town, one a rule, and two: a message grows with its towns and with nothing else.
    """
    out = [["level", f"{level.zh} {level.en}"]]
    for town in towns:
        if town.key in used:
            score = used[town.key]
            out.append([f"score:{town.key}", f"{score.score:.1f}"])
            out.append([f"interval:{town.key}", f"{score.level.en}..{score.ceiling.en}, official floor {score.floor.en}"])
            out += [[f"{TOLD}{name}:{town.key}", without_links(text)] for name, text in score.told().items()]
    for key, e in evidence:
        values = ", ".join(f"{n}={_number(v)} {e.units.get(n, '')}".rstrip() for n, v in sorted(e.values.items()))
        out.append([f"rule:{key}:{e.rule}", f"{e.level.en}; {values}"])
    for rule, pack, pack_hash, verified in sorted({(e.rule, e.pack, e.pack_hash, e.verified) for _, e in evidence}):
        out.append([f"pack:{rule}", f"{pack} sha256:{pack_hash} verified:{str(verified).lower()}"])
    out.append(["synthetic", str(any(e.synthetic for _, e in evidence)).lower()])
    return out


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:g}"


def _strongest(score: RiskScore) -> list[Evidence]:
    known = [e for e in score.evidence if e.role != "shadow"]  # a rule on trial speaks to officers, not to the public
    fired = [e for e in known if e.level >= Level.BLUE] or known
    return sorted(fired, key=lambda e: (-e.level, -e.score, e.rule))[:MAX_EVIDENCE]


def _what(used: dict[str, RiskScore], key: str) -> str:
    return without_links(used[key].reason) if key in used else ""


def _town(town: Town) -> dict[str, Any]:
    """A town as the message names it. A bay in the outline can cut a cell in two: such a ring is left out, the code names the town and the alert goes."""
    cell = [[round(lon, 5), round(lat, 5)] for lon, lat in town.cell]
    if cell and cell[0] != cell[-1]:
        cell.append(cell[0])
    return {"key": town.key, "code": town.code, "name": town.name, "name_en": town.name_en, "cell": cell if sound(cell) else []}
