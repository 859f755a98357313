from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.reading import jsonstrict, xmlstrict
from connectors.reading.records import Fields, Gather, Refused, to_number
from core.errors import ParseError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_json_can_say_is_read_as_json_reads_it(value) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        body.decode()
    except UnicodeDecodeError:
        return
    assert jsonstrict.loads(body, feed="f") == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"level":"blue","level":"red"}',
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[" * 100_000,
        b"{}x",
        b"[1,]",
        b"\xff\xfe[]",
        b"[" + b"9" * 10_000 + b"]",
        b"  ",
        b"<html><body>login</body></html>",
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_hostile_json_is_refused_by_name(body) -> None:
    with pytest.raises(ParseError, match="power"):
        jsonstrict.loads(body, feed="power")


def test_brackets_in_texts_are_not_nesting() -> None:
    assert jsonstrict.loads(json.dumps(["[" * 500 + '"{\\']).encode(), feed="f") == ["[" * 500 + '"{\\']


@given(st.binary(max_size=200))
def test_bytes_never_crash_the_reader(body) -> None:
    for read in (jsonstrict.loads, jsonstrict.unwrap, xmlstrict.loads):
        with suppress(ParseError):
            read(body, feed="f")


@pytest.mark.parametrize("text", ['cb(({"a":1}))', 'cb({"a":1})', ' cb_1({"a":1});\n'])
def test_jsonp_with_one_or_two_parentheses(text) -> None:
    assert jsonstrict.unwrap(text.encode(), feed="f") == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>" * 200_000,
        b"<a>" * 60 + b"</a>" * 60,
        b"<a><b></a>",
        b"<a/><b/>",
        b"\x00<a/>",
        "<?xml version='1.0' encoding='utf-16'?><a/>".encode("utf-16"),
        b"<html><body/></html>",
    ],
)
def test_hostile_xml_is_refused_by_name(body) -> None:
    with pytest.raises(ParseError, match="cap"):
        xmlstrict.loads(body, feed="cap")
    with pytest.raises(ParseError, match="over 10"):
        xmlstrict.loads(b"<aaaaaaaaaaaaaa/>", feed="cap", max_bytes=10)


@pytest.mark.parametrize(
    ("given", "number"), [("74,028", 74028.0), ("-0.125", -0.125), ("null", None), ("", None), (" ", None), (7, 7.0), ("1e3", 1000.0)]
)
def test_numbers_as_they_are_written(given, number) -> None:
    assert to_number(given, "x") == number


@pytest.mark.parametrize("value", [True, [1], "1e999", "nan5", "0x10", "1,2", "inf", "五", {"a": 1}])
def test_what_is_no_number_is_refused(value) -> None:
    with pytest.raises(Refused):
        to_number(value, "x")


def test_a_naive_time_where_a_zone_is_due_is_refused() -> None:
    with pytest.raises(Refused, match="without a zone"):
        Fields({"t": "2021-07-26T08:00:00"}).zoned("t")
    assert Fields({"t": "2021-07-26T08:00:00+08:00"}).zoned("t") == datetime(2021, 7, 26, tzinfo=UTC)
    assert Fields({"t": "2021-07-26 08:00"}).beijing("t", "%Y-%m-%d %H:%M") == Fields({"t": "2021-07-26 00:00"}).utc("t", "%Y-%m-%d %H:%M")


def test_one_report_a_time_the_later_counts(county) -> None:
    now = datetime(2021, 7, 26, tzinfo=UTC)
    gather = Gather(feed=county.feed("water"), received=now, raw="r")
    gather.each([{"v": 1}, {"v": 2}, {"v": 2}, 5], "rows", lambda f: [gather.observation("CLZ", "stage", now, f.number("v"))])
    batch = gather.batch()
    assert [o.value for o in batch.observations] == [2.0]
    assert len(batch.rejected) == 2 and "second, different" in batch.rejected[1].reason


@pytest.mark.parametrize("body", [b'"' + b"a" * 3_000_000 + b'"', b'"' + b'\\"' * 1_000_000, b'{"a": "' + b"\\" * 1_000_001])
def test_huge_strings_take_neither_memory_nor_time_by_the_square(body) -> None:
    import tracemalloc

    from connectors.reading import jsonstrict

    tracemalloc.start()
    jsonstrict._check_depth(body, feed="f")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * len(body)
