"""The schema that senders get is the reader's own: what holds to it is read whole, what breaks it in form is refused; and nothing that was taken can stop the drain."""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
import push_world as pw

from connectors import inbox
from connectors.push.door import Entry, Turned
from connectors.push.schema import schema
from connectors.push.words import WORDS, both, is_note
from connectors.reading.records import Gather
from core.errors import ParseError
from core.reporting import KINDS
from core.signing import digest

GOOD = {"observations": [pw.reading(), pw.reading(None, 5), pw.reading(12.5, 6, unit="cm", interval_s=3600, synthetic=True)],
        "signals": [pw.signal(), pw.signal(identifier="s-2", title="暴雨橙色", msg_type="Update", references=["s-1"], synthetic=True)],
        "reports": [pw.seen(), pw.seen(kind="tree_down", value=None, unit=None, town="baochang", village="滨海村", note="压断电线", lat=32.05, lon=121.41)]}
GOOD["reports"][1] = {k: v for k, v in GOOD["reports"][1].items() if v is not None}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    from core.county import load_county

    there = pw.with_feed(load_county(Path(__file__).parents[2] / "county" / "haimen"))
    return there, there.feed(pw.FEED), jsonschema.Draft202012Validator(schema(there.feed(pw.FEED), there))


def read(place, document):
    """Records that were set aside, or None when the whole document was."""
    try:
        batch = inbox.read("json", json.dumps(document), pw.NAME, Gather(feed=place[1], received=pw.NOW, raw=""), place[0])
    except ParseError:
        return None
    return [r for r in batch.rejected if not is_note(r)]


def test_it_is_a_schema_and_the_good_document_holds_to_it(place) -> None:
    jsonschema.Draft202012Validator.check_schema(place[2].schema)
    assert place[2].is_valid(GOOD) and read(place, GOOD) == []


BREAKS = [(name, n, field, value) for name, rows in GOOD.items() for n, row in enumerate(rows) for field in row for value in ("<gone>", {}, [], "", "x" * 300, True)]
#: Kinder than the schema, each on purpose: marks and numbers as text, and free words that are cut.
KIND = {"synthetic", "note", "village", "title", "msg_type"}


@pytest.mark.parametrize("name", GOOD)
def test_what_breaks_the_schema_in_form_is_refused_by_the_reader(place, name) -> None:
    tried = 0
    for where, n, field, value in BREAKS:
        if where != name or field in KIND or (value == "" and field in ("value", "unit", "lat", "lon", "interval_s", "references")):
            continue
        document = deepcopy(GOOD)
        document[where][n].pop(field)
        if value != "<gone>":
            document[where][n][field] = value
        if not place[2].is_valid(document):
            tried += 1
            assert read(place, document) != [], (where, n, field, value)
    assert tried > 15
    assert not place[2].is_valid({name: [GOOD[name][0] | {"typo": 1}]}) and not place[2].is_valid({name: {}}) and not place[2].is_valid({"things": []})


stamps = st.integers(0, 6 * 24 * 60).map(lambda minutes: (pw.NOW - timedelta(minutes=minutes)).isoformat())
words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=30).filter(str.strip)
readings = st.builds(lambda v, t, u: pw.reading(v, time=t, unit=u), st.none() | st.floats(-1e300, 1e300), stamps, st.sampled_from(["m", "cm", "mm", "ft"]))
signals = st.builds(lambda i, e, level, t: pw.signal(identifier=i, event=e, level=level, issued=t, expires=(pw.NOW + timedelta(hours=1)).isoformat()),
                    words, words, st.sampled_from(["blue", "yellow", "orange", "red"]), stamps)
reports = st.builds(lambda k, t, v, note: {"reporter": "hm-bc-t1", "town": "baochang", "kind": k, "time": t, "village": v, "note": note},
                    st.sampled_from(sorted(KINDS)), stamps, words, words)
documents = st.fixed_dictionaries({"observations": st.lists(readings, max_size=4), "signals": st.lists(signals, max_size=3), "reports": st.lists(reports, max_size=3)})


@settings(max_examples=60)
@given(documents)
def test_whatever_holds_to_the_schema_is_read_whole(place, document) -> None:
    assert place[2].is_valid(document), next(place[2].iter_errors(document)).message
    assert read(place, document) == []


JUNK = st.recursive(st.none() | st.booleans() | st.integers(-10**30, 10**30) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
                    | st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1e308", "\u202e", "\x00", "\ud800"]),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_nothing_that_was_taken_stops_the_drain(county, settings, lake, ledger, data) -> None:
    """A sender that was answered 202 must never be able to make the inbox fail for everybody after it."""
    gateway = pw.Gateway(pw.with_feed(county), settings.model_copy(update={"sandbox_url": ""}), lake, ledger)
    document = deepcopy(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        row = data.draw(st.sampled_from(document[data.draw(st.sampled_from(sorted(document)))]))
        row[data.draw(st.sampled_from(sorted(row)))] = data.draw(JUNK)
    entry = Entry(sender="department-x", by="x", feed=gateway.county.feed(pw.FEED), lists=("observations", "signals", "reports"), kind="json",
                  key=digest(json.dumps(document)))
    try:
        told, before = gateway.taker.take(entry, json.dumps(document).encode())
    except Turned as turned:
        assert turned.status in (400, 422)
        return
    if before:
        return
    report = gateway.drain()
    assert report.outcome in ("ok", "partial") and gateway.waiting() == [] and report.records >= sum(told["kept"].values())


def test_every_reason_of_the_reader_is_said_in_both_languages(place) -> None:
    said = [r.reason for where, n, field, value in BREAKS for r in read(place, GOOD | {where: [
        {k: v for k, v in (GOOD[where][n] | {field: value}).items() if not (k == field and value == "<gone>")}]}) or []]
    bad_values = [pw.seen(value=4000), pw.seen(unit="级"), pw.seen(town="余东镇"), pw.seen(time="2021-07-01T00:00:00Z"), pw.seen(lat=3), pw.seen(kind="管涌")]
    said += [r.reason for r in read(place, {"reports": bad_values})]
    assert len(set(said)) > 30
    assert [reason for reason in set(said) if both(reason).startswith("这里无法使用")] == []
    assert all(any("\u4e00" <= c <= "\u9fff" for c in both(reason)) and len(both(reason)) > 6 for reason in said)
    assert len({pattern for pattern, _ in WORDS}) == len(WORDS)
