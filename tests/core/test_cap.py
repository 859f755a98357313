"""CAP 1.2: every message passes the OASIS schema, says what was signed, and refuses what a schema cannot see."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from core import cap
from core.alerts.body import EVENTS, Change, compose
from core.errors import LifeCycleError
from core.model import Hazard, Level, MsgType, Status
from core.signing import canonical

sys.path.insert(0, str(Path(__file__).parent))
import alerts_world

NS = {"c": cap.NAMESPACE}
COUNTY = alerts_world.every_hazard()


def make(
    hazard: Hazard = Hazard.FLOOD, msg_type: MsgType = MsgType.ALERT, status: Status = Status.EXERCISE, levels: Any = None,
    before: Any = None,
) -> Any:
    now = alerts_world.START
    levels = {"haimen": 3, "baochang": 1} if levels is None else levels
    before = before or ({} if msg_type is MsgType.ALERT else {"haimen": 2, "linjiang": 2})
    scores = {town: alerts_world.score(town, hazard, level, now) for town, level in {**before, **levels}.items()}
    body = compose(now=now, county=COUNTY, alert_id=f"320614FSX-{hazard}-20210725130800", version=3, hazard=hazard, status=status,
                   change=Change(msg_type, levels, before, ("open",)), scores=scores, former=[])
    if msg_type is not MsgType.ALERT:
        body["references"] = [f"fengsui.320614.exercise,320614FSX-{hazard}-20210725130800.v{n},2021-07-25T20:0{n}:00+08:00" for n in (1, 2)]
    return body


@pytest.mark.parametrize("hazard", list(Hazard))
@pytest.mark.parametrize("msg_type", list(MsgType))
@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize("status", [Status.ACTUAL, Status.EXERCISE])
def test_every_hazard_level_and_type_passes_the_schema(hazard: Hazard, msg_type: MsgType, level: int, status: Status) -> None:
    cancel = msg_type is MsgType.CANCEL
    body = make(hazard, msg_type, status, {} if cancel else {"haimen": level}, {"haimen": level, "linjiang": 1} if cancel else None)
    alert = etree.fromstring(cap.build(body))
    assert alert.findtext("c:status", namespaces=NS) == status and alert.findtext("c:msgType", namespaces=NS) == msg_type
    assert (alert.find("c:references", NS) is None) == (msg_type is MsgType.ALERT)
    first = alert.find("c:info", NS)
    assert first.findtext("c:language", namespaces=NS) == "zh-CN" and first.findtext("c:event", namespaces=NS) == EVENTS[hazard].zh
    assert first.findtext("c:severity", namespaces=NS) == ("Minor" if cancel else cap.SEVERITY[Level(level)])
    assert (first.findtext("c:responseType", namespaces=NS) == "AllClear") == cancel
    codes = {code[0].text: code[1].text for code in first.findall("c:eventCode", NS)}
    assert codes == {name: code for name, code in (("National", EVENTS[hazard].national), ("OET:v1.2", EVENTS[hazard].oet)) if code}
    assert ("EXERCISE" in cap.build(body).decode()) == (status is not Status.ACTUAL)


def test_it_is_the_body_and_nothing_else() -> None:
    body = make()
    data = cap.build(body)
    assert cap.build(copy.deepcopy(body)) == data
    alert = etree.fromstring(data)
    assert alert.findtext("c:identifier", namespaces=NS) == f"{body['alert_id']}.v3"
    assert alert.findtext("c:sent", namespaces=NS) == "2021-07-25T21:08:00+08:00"
    infos = alert.findall("c:info", NS)
    assert [(info.findtext("c:language", namespaces=NS), info.findtext("c:severity", namespaces=NS)) for info in infos] == [
        ("zh-CN", "Severe"), ("en-US", "Severe"), ("zh-CN", "Minor"), ("en-US", "Minor")]
    names = {p.findtext("c:valueName", namespaces=NS): p.findtext("c:value", namespaces=NS) for p in infos[0].findall("c:parameter", NS)}
    assert names["synthetic"] == "true" and names["score:haimen"] == "60.0" and "rain_3h=62 mm" in names["rule:haimen:flood.rainstorm"]
    assert "sha256:" + "ab" * 32 in names["pack:flood.rainstorm"]


def test_a_towns_sentences_are_chinese_parameters_and_a_rule_on_trial_is_none() -> None:
    trial, fired = (alerts_world.evidence(name, Level.RED) for name in ("flood.trial", "flood.rainstorm"))
    told = replace(alerts_world.score("haimen", Hazard.FLOOD, 3, alerts_world.START, rules=(replace(trial, role="shadow"), fired)),
                   basis="暴雨（flood.rainstorm）橙色：3小时雨量达到 50 mm", counterfactual="红色需 3小时雨量 达 100 mm", outlook="5 家机构中 3 家达到")
    body = compose(now=alerts_world.START, county=COUNTY, alert_id="320614FSX-flood-20210725130800", version=1, hazard=Hazard.FLOOD,
                   status=Status.TEST, change=Change(MsgType.ALERT, {"haimen": 3}, {}, ("open",)), scores={"haimen": told}, former=[])
    data = cap.build(body)
    infos = {info.findtext("c:language", namespaces=NS): info for info in etree.fromstring(data).findall("c:info", NS)}
    said = {lang: {p[0].text: p[1].text for p in info.findall("c:parameter", NS)} for lang, info in infos.items()}
    assert {k: v for k, v in said["zh-CN"].items() if k.startswith(cap.TOLD)} == {
        "fengsui:reason:haimen": told.reason, "fengsui:rule:haimen": told.basis, "fengsui:counterfactual:haimen": told.counterfactual}
    assert not any(k.startswith(cap.TOLD) for k in said["en-US"]) and said["en-US"].keys() < said["zh-CN"].keys()
    assert "flood.trial" not in data.decode() and "机构" not in data.decode(), "what is on trial, and what may come, is for officers"


def test_areas_have_codes_and_rings_with_latitude_first() -> None:
    area = etree.fromstring(cap.build(make())).find("c:info/c:area", NS)
    assert area.findtext("c:geocode/c:value", namespaces=NS) == "320614400000"
    points = [tuple(map(float, point.split(","))) for point in area.findtext("c:polygon", namespaces=NS).split()]
    assert points[0] == points[-1] and len(points) >= 4
    assert all(31 < lat < 33 and 120 < lon < 123 for lat, lon in points)


def test_a_missing_value_is_said_to_be_missing() -> None:
    gap = alerts_world.evidence("flood.stage", Level.BLUE, indicator="stage")
    gap.values["stage"] = None
    scores = {"haimen": alerts_world.score("haimen", Hazard.FLOOD, 1, alerts_world.START, rules=(gap,))}
    body = compose(now=alerts_world.START, county=COUNTY, alert_id="320614FSX-flood-20210725130800", version=1, hazard=Hazard.FLOOD,
                   status=Status.TEST, change=Change(MsgType.ALERT, {"haimen": 1}, {}, ("open",)), scores=scores, former=[])
    assert "stage=missing" in cap.build(body).decode()


def bend(change: Any) -> Any:
    body = make(msg_type=MsgType.UPDATE)
    change(body)
    return body


@pytest.mark.parametrize(("change", "says"), [
    (lambda b: b.update(references=[]), "without references"),
    (lambda b: b.update(msg_type="Cancel", references=[]), "without references"),
    (lambda b: b.update(msg_type="Alert"), "refers to nothing"),
    (lambda b: b.update(references=["nonsense"]), "is not 'sender,identifier,sent'"),
    (lambda b: b.update(references=[cap.reference(b)]), "of a former version"),
    (lambda b: b.update(expires=b["sent"]), "expires is not after sent"),
    (lambda b: b.update(expires="2022-07-25T13:08:00+00:00"), "seven days"),
    (lambda b: b.update(onset="2021-07-24T13:08:00+00:00"), "before sent"),
    (lambda b: b.update(effective="2021-07-24T13:08:00+00:00"), "before sent"),
    (lambda b: b.update(onset="2021-07-29T13:08:00+00:00"), "onset is not before expires"),
    (lambda b: b.update(infos=[]), "nothing is warned of"),
    (lambda b: b["infos"][0].update(towns=[]), "has no area"),
    (lambda b: b["infos"][0].update(level=0), "has no colour"),
    (lambda b: b["infos"][0].update(towns=["atlantis"]), "not among the towns"),
    (lambda b: b["towns"][0].update(code="320614"), "12 digits"),
    (lambda b: b["towns"][0].update(cell=[[121, 31], [122, 32], [122, 31], [121, 32], [121, 31]]), "simple closed ring"),
    (lambda b: b["towns"][0].update(cell=b["towns"][0]["cell"][:-1]), "simple closed ring"),
    (lambda b: b.update(status="Actual"), "drill or a test under status Actual"),
    (lambda b: b.update(status="System"), "unknown status"),
    (lambda b: b["infos"][0]["zh-CN"].update(headline="洪涝橙色预警"), "without saying so"),
    (lambda b: b.update(sender="two words"), "CAP forbids"),
    (lambda b: b.update(msg_type="Revoke"), "msgType"),
    (lambda b: b.update(issuer="海门\x00"), "source"),
])
def test_what_a_schema_cannot_see_is_refused(change: Any, says: str) -> None:
    with pytest.raises(cap.CapError, match=says):
        cap.build(bend(change))


def test_an_actual_alert_with_one_drill_word_in_one_sms_is_held() -> None:
    body = make(status=Status.ACTUAL)
    cap.build(body)
    body["texts"]["haimen"]["sms"] += "（演练）"
    with pytest.raises(cap.CapError, match="Actual"):
        cap.build(body)


def test_a_town_without_a_cell_is_named_by_its_code() -> None:
    body = make()
    for town in body["towns"]:
        town["cell"] = []
    assert b"polygon" not in cap.build(body) and b"320614415000" in cap.build(body)


GOOD = cap.build(make())
KEYS = st.sampled_from([town.key for town in COUNTY.towns])


@pytest.mark.parametrize("data", [
    b"", b"<alert/>", b"not xml", GOOD.replace(b"<status>Exercise", b"<status>Maybe"), GOOD.replace(b"+08:00</sent>", b"Z</sent>"),
    GOOD.replace(b"<scope>Public</scope>", b""), GOOD.replace(b"cap:1.2", b"cap:1.1"), GOOD + GOOD,
    GOOD.replace(b"<alert ", b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><alert "),
    b"<a>" * 3000, b" " * (cap.MAX_BYTES + 1),
])
def test_what_is_not_cap_is_refused(data: bytes) -> None:
    with pytest.raises(cap.CapError):
        cap.validate(data)


@settings(max_examples=60)
@given(levels=st.dictionaries(KEYS, st.integers(1, 4), min_size=1), before=st.dictionaries(KEYS, st.integers(1, 4)),
       hazard=st.sampled_from(list(Hazard)))
def test_any_change_makes_a_sound_message(levels: dict[str, int], before: dict[str, int], hazard: Hazard) -> None:
    msg_type = MsgType.UPDATE if before else MsgType.ALERT
    body = make(hazard, msg_type, levels=levels, before=before)
    alert = etree.fromstring(cap.build(body))
    chinese = [info for info in alert.findall("c:info", NS) if info.findtext("c:language", namespaces=NS) == "zh-CN"]
    named = [area.text for info in chinese for area in info.findall("c:area/c:areaDesc", NS)]
    assert sorted(named) == sorted(COUNTY.town(key).name for key in {**levels, **before}), "every town once, and no other"
    assert body["levels"] == {key: levels.get(key, 0) for key in {**levels, **before}} and canonical(body)


def test_errors_belong_to_the_tree_and_the_sent_time_carries_its_zone() -> None:
    assert issubclass(cap.CapError, LifeCycleError)
    assert cap.sent((alerts_world.START + timedelta(seconds=1)).isoformat(), {}) == "2021-07-25T21:08:01+08:00"
    with pytest.raises(ValueError, match="zone"):
        cap.sent("2021-07-25T21:08:01", {})
