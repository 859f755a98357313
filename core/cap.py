"""CAP 1.2: the message that other systems read, made from the approved body of a version and from nothing else.

Because `build` needs no county, no clock and no store, an issued version can be written again years later byte for byte, and what
was signed is what is published. Two checks guard every message (DEFRA's habit): the OASIS schema, then the rules that a schema
cannot say: areas not empty, times in order, no drill words under Actual, references present on Update and Cancel.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree
from shapely.geometry import Polygon

from core.errors import LifeCycleError
from core.model import Hazard, Level, MsgType, Status
from core.times import SHANGHAI, parse_iso

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
SCHEMA = Path(__file__).parent / "schema" / "CAP-v1.2.xsd"
#: What an area code is called: the Chinese code, or where a county speaks another language its own.
GEOCODE, OWN_GEOCODE = "CPEAS Geographic Code", "fengsui"
#: More than any county's message: 600 towns are 1 MB, an outline of 50,000 corners 2 MB. A message is never held back for the length of its outline.
MAX_BYTES = 20_000_000
#: Languages of an info: Chinese, where a county has not said another, and English.
CHINESE, ENGLISH = "zh-CN", "en-US"
#: Parameters whose name begins so are the Chinese sentences of a town ("fengsui:reason:baochang"); they stand in the Chinese info alone.
TOLD = "fengsui:"

#: CAP severity of each colour (the mapping that CMA serves to WMO: blue is Minor).
SEVERITY = {Level.BLUE: "Minor", Level.YELLOW: "Moderate", Level.ORANGE: "Severe", Level.RED: "Extreme"}
URGENCY = {Level.BLUE: "Future", Level.YELLOW: "Expected", Level.ORANGE: "Expected", Level.RED: "Immediate"}
#: CAP category of a hazard; what is not named is weather.
CATEGORY = {Hazard.FLOOD: ("Met", "Safety"), Hazard.GEOLOGICAL: ("Geo", "Safety"), Hazard.EARTHQUAKE: ("Geo", "Safety"), Hazard.DROUGHT: ("Met", "Env")}
WEATHER = ("Met",)
#: What people should do, by colour (the guidance of CMA Order 16 in CAP's words: blue prepares, red takes shelter or leaves).
RESPONSE = {
    Level.BLUE: ("Monitor",), Level.YELLOW: ("Prepare", "Monitor"), Level.ORANGE: ("Avoid", "Prepare"), Level.RED: ("Shelter", "Execute"),
}
EVACUATE = {Hazard.FLOOD, Hazard.GEOLOGICAL}
#: Words that betray a drill or a test; none may stand under Actual, one must stand under Exercise and Test.
DRILL = re.compile(r"演练|测试|演习|\b(?:exercise|drill|test)\b", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[0-9A-Za-z._\-]{8,100}")
_CODE = re.compile(r"\d{12}")


class CapError(LifeCycleError):
    """A CAP message that may not be published; `problems` says all that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("CAP: " + "; ".join(problems))


def identifier(alert_id: str, version: int) -> str:
    """CAP identifier of one version: unique as the thread is in its ledger and the version in its thread, whatever the minute."""
    return f"{alert_id}.v{version}"


def sent(text: str, body: dict[str, Any]) -> str:
    """An ISO time as CAP wants it: the county's clock with its offset ('+08:00'), whole seconds, never 'Z'."""
    return parse_iso(text).astimezone(ZoneInfo(body.get("zone", SHANGHAI.key))).isoformat(timespec="seconds")


def languages(body: dict[str, Any]) -> tuple[str, ...]:
    """The county's own language, then English."""
    return tuple(dict.fromkeys((body.get("language", CHINESE), ENGLISH)))


def reference(body: dict[str, Any]) -> str:
    """The triple 'sender,identifier,sent' by which later versions name this one (CAP 1.2, section 3.2.1)."""
    return f"{body['sender']},{identifier(body['alert_id'], body['version'])},{sent(body['sent'], body)}"


def build(body: dict[str, Any]) -> bytes:
    """The CAP 1.2 message of a body as UTF-8 XML; CapError when the body or the message breaks a rule. Deterministic."""
    problems = check(body)
    if problems:
        raise CapError(problems)
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _add(alert, "identifier", identifier(body["alert_id"], body["version"]))
    _add(alert, "sender", body["sender"])
    _add(alert, "sent", sent(body["sent"], body))
    _add(alert, "status", body["status"])
    _add(alert, "msgType", body["msg_type"])
    _add(alert, "source", body["issuer"])
    _add(alert, "scope", "Public")
    if body["status"] != Status.ACTUAL:
        _add(alert, "note", "演练或测试，不是真实预警 / an exercise or a test, not a real warning")
    if body["references"]:
        _add(alert, "references", " ".join(body["references"]))
    _add(alert, "incidents", body["alert_id"])
    for info in body["infos"]:
        for language in languages(body):
            _info(alert, body, info, language)
    data = etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    validate(data)
    return bytes(data)


def validate(data: bytes) -> None:
    """Hold a message against the OASIS schema; CapError with line numbers. Entities, DTDs and the network are off."""
    if len(data) > MAX_BYTES:
        raise CapError([f"larger than {MAX_BYTES} bytes"])
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    try:
        document = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise CapError([f"not XML: {error}"]) from error
    if document.getroottree().docinfo.doctype:
        raise CapError(["a DTD is not accepted"])
    schema = _schema()
    if not schema.validate(document):
        raise CapError([f"line {entry.line}: {entry.message}" for entry in schema.error_log])


def check(body: dict[str, Any]) -> list[str]:
    """What a schema cannot say about a body: an empty list when it may be published."""
    return [*_check_times(body), *_check_thread(body), *_check_areas(body), *_check_status(body)]


def _check_times(body: dict[str, Any]) -> Iterator[str]:
    start, end = parse_iso(body["sent"]), parse_iso(body["expires"])
    if end <= start:
        yield "expires is not after sent"
    if end - start > timedelta(days=7):
        yield "valid for more than seven days"
    if parse_iso(body["effective"]) < start or parse_iso(body["onset"]) < start:
        yield "effective or onset lies before sent"
    if parse_iso(body["onset"]) >= end:
        yield "onset is not before expires"


def _check_thread(body: dict[str, Any]) -> Iterator[str]:
    own = identifier(body["alert_id"], body["version"])
    if not _IDENTIFIER.fullmatch(own) or not re.fullmatch(r"[^\s,<&]+", body["sender"]):
        yield "identifier or sender holds a character that CAP forbids"
    first = body["msg_type"] == MsgType.ALERT
    if first and body["references"]:
        yield "a first Alert refers to nothing"
    if not first and not body["references"]:
        yield f"{body['msg_type']} without references would be taken for a new alert"
    if any(len(entry.split(",")) != 3 or entry.split(",")[1] == own for entry in body["references"]):
        yield "a reference is not 'sender,identifier,sent' of a former version"


def _check_areas(body: dict[str, Any]) -> Iterator[str]:
    known = {town["key"]: town for town in body["towns"]}
    if not body["infos"]:
        yield "no info: nothing is warned of"
    for info in body["infos"]:
        if not info["towns"]:
            yield f"level {info['level']} has no area"
        if not Level.BLUE <= info["level"] <= Level.RED:
            yield f"level {info['level']} has no colour"
        for key in info["towns"]:
            if key not in known:
                yield f"area {key} is not among the towns"
            elif not _CODE.fullmatch(known[key]["code"]):
                yield f"{known[key]['name']}: the area code is not 12 digits"
            elif not sound(known[key]["cell"]):
                yield f"{known[key]['name']}: the cell is not a simple closed ring"


def _check_status(body: dict[str, Any]) -> Iterator[str]:
    texts = [words["headline"] for info in body["infos"] for words in map(info.__getitem__, languages(body))]
    if body["status"] == Status.ACTUAL:
        texts += [text for info in body["infos"] for words in map(info.__getitem__, languages(body)) for text in words.values()]
        texts += [text for channels in body["texts"].values() for text in channels.values()]
        if any(DRILL.search(text) for text in texts):
            yield "words of a drill or a test under status Actual"
    elif body["status"] not in (Status.EXERCISE, Status.TEST):
        yield f"unknown status {body['status']!r}"
    elif not all(DRILL.search(text) for text in texts):
        yield f"status {body['status']} without saying so in the headline"


def sound(cell: list[list[float]]) -> bool:
    """Whether a ring of [lon, lat] may stand in a message: simple and closed, or empty (the town is named by its code alone)."""
    if not cell:
        return True
    return len(cell) >= 4 and cell[0] == cell[-1] and Polygon(cell).is_valid


def _info(alert: Any, body: dict[str, Any], part: dict[str, Any], language: str) -> None:
    level, hazard, words = Level(part["level"]), Hazard(body["hazard"]), part[language]
    over = body["msg_type"] == MsgType.CANCEL or part.get("lifted", False)
    info = etree.SubElement(alert, f"{{{NAMESPACE}}}info")
    _add(info, "language", language)
    for category in CATEGORY.get(hazard, WEATHER):
        _add(info, "category", category)
    _add(info, "event", words["event"])
    for response in ("AllClear",) if over else _responses(hazard, level):
        _add(info, "responseType", response)
    _add(info, "urgency", "Past" if over else URGENCY[level])
    _add(info, "severity", "Minor" if over else SEVERITY[level])
    _add(info, "certainty", "Observed" if over or part["observed"] else "Likely")
    for name, value in body["event_codes"].items():
        _pair(info, "eventCode", name, value)
    for name in ("effective", "onset", "expires"):
        _add(info, name, sent(body[name], body))
    _add(info, "senderName", body["issuer"] if language == languages(body)[0] else body["issuer_en"])
    for name in ("headline", "description", "instruction"):
        _add(info, name, words[name])
    for name, value in part["parameters"]:
        if name.startswith(TOLD) and language != CHINESE:
            continue
        _pair(info, "parameter", name, value)
    towns = {town["key"]: town for town in body["towns"]}
    for key in part["towns"]:
        _area(info, towns[key], own=language == languages(body)[0], scheme=GEOCODE if CHINESE in languages(body) else OWN_GEOCODE)


def _responses(hazard: Hazard, level: Level) -> tuple[str, ...]:
    return ("Evacuate", "Execute") if level is Level.RED and hazard in EVACUATE else RESPONSE[level]


def _area(info: Any, town: dict[str, Any], *, own: bool, scheme: str) -> None:
    area = etree.SubElement(info, f"{{{NAMESPACE}}}area")
    _add(area, "areaDesc", town["name"] if own else town["name_en"])
    if town["cell"]:
        # CAP writes latitude first, our rings (GeoJSON order) longitude first; 5 decimals are about one metre
        _add(area, "polygon", " ".join(f"{lat:.5f},{lon:.5f}" for lon, lat in town["cell"]))
    _pair(area, "geocode", scheme, town["code"])


def _pair(parent: Any, tag: str, name: str, value: str) -> None:
    pair = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}")
    _add(pair, "valueName", name)
    _add(pair, "value", value)


def _add(parent: Any, tag: str, text: str) -> None:
    try:
        etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}").text = str(text)
    except ValueError as error:  # a control character or a lone surrogate has no place in XML
        raise CapError([f"{tag}: {error}"]) from error


@lru_cache(maxsize=1)
def _schema() -> Any:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))
