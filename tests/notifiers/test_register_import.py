"""A real county's list: as offices save it, told wrong line by line, whole or not at all, and the same after the second time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw
from register_world import HEAD, audits, csv, empty, load, number, residents, row

from core.errors import ConfigError
from core.ledger import verify_audit
from core.signing import digest
from notifiers.register import ensure_register

PEOPLE = [row(1), row(2, "baochang", "elderly、低洼住户"), row(3, "320614414000", "duty", "+86 199-0000-0003")]


@pytest.fixture
def place(tmp_path: Path) -> nw.Place:
    made = empty(tmp_path)
    made.later(days=2000)  # 2027-01-15
    return made


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nw.Place]:
    """A place that no test of this file may change."""
    made = empty(tmp_path_factory.mktemp("place"))
    made.later(days=2000)
    yield made
    assert residents(made) == {} and audits(made) == []


@pytest.mark.parametrize("save", [
    lambda text: text.encode(), lambda text: b"\xef\xbb\xbf" + text.encode(), lambda text: text.encode("gb18030"),
    lambda text: text.replace("\n", "\r\n").encode("gb18030"), lambda text: text.replace("\n", ",,\n").encode() + b",,,,,\n,,,,,\n",
    lambda text: text.replace(",", "\t").encode(), lambda text: text.replace(HEAD, "id,Town,groups,Mobile").encode(),
    lambda text: "\n".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"' for line in text.strip().split("\n")).encode(),
], ids=["utf-8", "bom", "gb18030", "crlf", "empty cells", "tabs", "english", "quoted"])
def test_the_list_of_an_office_is_read_however_it_was_saved(place: nw.Place, save: Callable[[str], bytes]) -> None:
    report = load(place, save(csv(PEOPLE).decode()))
    assert not report.refusal and report.changes.counts == {"added": 3}
    people = residents(place)
    assert {who: one["number"] for who, one in people.items()} == {f"CANARY-0000{n}": f"+86{number(n)}" for n in (1, 2, 3)}
    assert [one["town"] for one in people.values()] == ["haimen", "baochang", "linjiang"]
    assert json.loads(people["CANARY-00002"]["groups"]) == ["lowland", "elderly", "residents"], "everybody belongs to who is everybody"
    assert {one["renewed"] for one in people.values()} == {"2027-01-15"} and not any(one["synthetic"] for one in people.values())
    assert people["CANARY-00001"]["phone"] != people["CANARY-00001"]["number"].encode()


WRONG = [
    (row(9, "天马镇"), "镇街"), (row(9, "320614400000"), "共用"), (row(9, "海门街道", "渔夫"), "人群"), (row(9, phone="1990000009"), "手机号"),
    (row(9, phone="1.99E+10"), "科学计数法"), (row(9, phone="0513-82212345"), "座机"), (row(9, phone="19900000009 19900000008"), "手机号"),
    (row(9, phone=" "), "没有号码"), (row(1), "第 2 行"), ("=cmd|'/C calc'!A0,海门街道,居民,19900000009", "编号"), ("19900000009,海门街道,居民,19900000009", "编号不能"),
    ("320614199001011234,海门街道,居民,19900000009", "身份证"), (",海门街道,居民,19900000009", "编号"), (row(9) + ",多一格", "格"), ("CANARY-9,海门街道", "格"),
    ('CANARY-9,"海门街道,居民,19900000009', "引号"), (row(9, phone="19900000009" * 300), "超过"), (row(9, phone="@SUM(1)"), "手机号"),
    (row(9, "=HYPERLINK(\"x\")"), "镇街"),
]


@pytest.mark.parametrize(("line", "says"), WRONG, ids=[says + str(n) for n, (_, says) in enumerate(WRONG)])
def test_a_wrong_line_is_named_and_changes_nothing(untouched: nw.Place, line: str, says: str) -> None:
    report = load(untouched, csv([row(1), line, row(2)]))
    assert report.refusal and {fault.line for fault in report.faults} == {3} and says in "".join(fault.message for fault in report.faults)
    assert residents(untouched) == {}
    told = "".join(fault.message for fault in report.faults) + report.refusal
    assert "9900000" not in told and "CANARY" not in told and "calc" not in told, "no cell is shown"
    assert load(untouched, csv([row(1), line, row(2)]), accept_good=True, trial=True).changes.counts == {"added": 2}


def test_everything_wrong_is_told_at_once_and_what_is_good_may_be_taken(place: nw.Place) -> None:
    data = csv([row(1, "天马镇", "渔夫", "12"), row(2), row(3, phone="x")])
    assert [fault.line for fault in load(place, data).faults] == [2, 2, 2, 4] and residents(place) == {}
    assert load(place, data, accept_good=True).changes.counts == {"added": 1}
    assert set(residents(place)) == {"CANARY-00002"} and json.loads(audits(place)[0][3])["refused"] == 2


@pytest.mark.parametrize(("data", "says"), [
    (b"", "columns"), (csv([], HEAD), "nobody"), (csv([row(1)], "编号,镇街,人群"), "phone"), (csv([row(1)], HEAD + ",姓名"), "第 5 列"),
    (csv([row(1)], "编号,镇街,人群,手机号,电话"), "two columns"), (PEOPLE[0].encode(), "columns"), (csv(PEOPLE).decode().encode("utf-16"), "UTF-16"),
    (csv(PEOPLE) + b"\0", "list.csv:5"), (csv(PEOPLE) + b"\x81\xff\n", "list.csv:5"), (b"\xef\xbb\xbf" + "编号".encode("gb18030"), "list.csv:1"),
    (b"PK\x03\x04", "CSV"), (b"x" * 10_000_000, "columns"), (csv(PEOPLE) + b"9" * 10_000_000, "the list is wrong"), (b'"' * 10_000_000, "columns"),
], ids=range(14))
def test_a_file_that_is_no_list_is_refused_whole(untouched: nw.Place, data: bytes, says: str) -> None:
    try:
        told = load(untouched, data).refusal
    except ConfigError as error:
        told = str(error)
    assert says in told and len(told) < 600 and "990000" not in told and residents(untouched) == {}


def test_the_same_list_twice_changes_nothing(place: nw.Place) -> None:
    load(place, csv(PEOPLE))
    before, said = residents(place), audits(place)
    assert said == [("duty-1", "register.import", "register", said[0][3])] and verify_audit(place.ledger).broken_at is None
    assert json.loads(said[0][3])["sha256"] == digest(csv(PEOPLE)) and "99000" not in said[0][3]
    place.later(days=30)
    for replace in (False, True):
        assert load(place, csv(PEOPLE), replace=replace).changes.counts == {"unchanged": 3}
    assert residents(place) == before and audits(place) == said
    assert load(place, csv(PEOPLE), renewed=date(2027, 2, 1)).changes.counts == {"changed": 3}, "gone through again: that is a renewal"
    assert {one["renewed"] for one in residents(place).values()} == {"2027-02-01"}
    with pytest.raises(ConfigError, match="future"):
        load(place, csv(PEOPLE), renewed=date(2099, 1, 1))


def test_adding_keeps_and_replacing_removes_but_not_many_by_accident(place: nw.Place) -> None:
    load(place, csv([row(n) for n in range(40)]))
    assert load(place, csv([row(40), row(1, "常乐镇")])).changes.counts == {"added": 1, "changed": 1} and len(residents(place)) == 41
    few = csv([row(n) for n in range(38)])
    trial = load(place, few, replace=True, trial=True)
    assert trial.changes.counts == {"changed": 1, "unchanged": 37, "removed": 3} and len(residents(place)) == 41, "a trial writes nothing"
    assert trial.changes.by_town["haimen"]["removed"] == 3 and trial.changes.by_group["residents"]["removed"] == 3
    assert load(place, few, replace=True).refusal == "" and len(residents(place)) == 38 and set(residents(place, leaving=True)) == {
        "CANARY-00038", "CANARY-00039", "CANARY-00040"}
    tiny = csv([row(1)])
    for removing in (None, 36):
        refused = load(place, tiny, replace=True, removing=removing)
        assert "--removing 37" in refused.refusal and len(residents(place)) == 38
    assert load(place, tiny, replace=True, removing=37).refusal == "" and len(residents(place)) == 1
    assert load(place, csv([row(1), row(2)])).changes.counts == {"unchanged": 1, "added": 1}, "who comes back is there again"
    assert set(residents(place)) == {"CANARY-00001", "CANARY-00002"}


def test_a_refused_line_is_no_removal(place: nw.Place) -> None:
    load(place, csv([row(n) for n in range(20)]))
    lines = [row(n) for n in range(19)]
    assert load(place, csv([*lines, row(19, "天马镇")]), replace=True, accept_good=True).changes.counts == {"unchanged": 19} and len(residents(place)) == 20
    assert "readable" in load(place, csv([*lines, ",海门街道,居民,19900000019"]), replace=True, accept_good=True).refusal and len(residents(place)) == 20


def test_what_a_list_does_not_say_stays(place: nw.Place) -> None:
    full = HEAD + ",语言,退订,更新日期"
    load(place, csv([row(1, "海门街道", "居民", None, "en", "是", "2026/4/1"), row(2, "海门街道", "居民", None, "", "否", "2026年12月3日")], full))
    assert load(place, csv([row(1), row(2)])).changes.counts == {"unchanged": 2}
    first, second = residents(place).values()
    assert (first["language"], first["opted_out"], first["renewed"], second["renewed"]) == ("en", True, "2026-04-01", "2026-12-03")
    load(place, csv([row(1, "常乐镇")]))
    assert load(place, csv([row(n) for n in range(2, 20)])).sharing == 0 and load(place, csv([row(2, phone=number(3)), row(3)]), trial=True).sharing == 2
    load(place, csv([row(n) for n in range(2, 20)]), replace=True)
    load(place, csv([row(1, "常乐镇")]))
    assert residents(place)["CANARY-00001"]["renewed"] == "2027-01-15" and residents(place)["CANARY-00001"]["opted_out"], "a change is a renewal, no opting in"
    for bad in (("zh_cn", "", ""), ("", "maybe", ""), ("", "", "2027-01-16"), ("", "", "2026-02-30"), ("", "", "46000")):
        assert load(place, csv([row(3, "海门街道", "居民", None, *bad)], full)).refusal, bad


def test_synthetic_residents_make_way(tmp_path: Path) -> None:
    place = nw.make(tmp_path, people=50)
    report = load(place, csv(PEOPLE), replace=True)
    assert report.synthetic == 50 and report.changes.counts == {"added": 3}, "they are no people who would be removed"
    assert set(residents(place)) == {"CANARY-00001", "CANARY-00002", "CANARY-00003"}
    live = place.settings.model_copy(update={"mode": "live"})
    other = nw.make(tmp_path / "live", people=50)
    assert ensure_register(other.county, other.ledger, live, now=other.now) == 0 and residents(other) == {}, "a live installation warns nobody who is made up"


def test_nobody_imports_who_is_no_officer(place: nw.Place) -> None:
    with pytest.raises(ConfigError, match="officer"):
        load(place, csv(PEOPLE), by="nobody")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=60), st.text(max_size=60))
def test_any_bytes_are_read_or_refused_in_a_sentence(untouched: nw.Place, raw: bytes, text: str) -> None:
    for data in (raw, csv([row(1)]) + raw, csv([row(1), text]), csv([text + row(1)]), csv([row(1)], text)):
        try:
            load(untouched, data, trial=True)
        except ConfigError:
            continue
