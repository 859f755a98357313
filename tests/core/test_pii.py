"""No number in any log, exception or repr; sealed numbers open for their owner and key only."""

from __future__ import annotations

import io
import logging
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StoreError
from core.pii import MASK, Number, Redact, Vault, e164, mask

VAULT = Vault(b"k" * 32)
MOBILE = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
NUMBERS = st.one_of(MOBILE, MOBILE.map("+86".__add__), MOBILE.map("%2B86".__add__), st.integers(0, 999_999).map(lambda n: f"+8610000{n:06d}"))


@given(NUMBERS, st.text(max_size=20))
def test_seal_and_open(number: str, owner: str) -> None:
    sealed = VAULT.seal(number, owner)
    assert number.encode() not in sealed and VAULT.open(sealed, owner).reveal() == number
    for wrong in (lambda: VAULT.open(sealed, owner + "x"), lambda: Vault(b"j" * 32).open(sealed, owner), lambda: VAULT.open(sealed[:-1], owner)):
        with pytest.raises(StoreError) as failure:
            wrong()
        assert number not in str(failure.value) and number not in repr(failure.value)


def test_index_is_keyed() -> None:
    assert VAULT.index("+8610000000001") == VAULT.index("+8610000000001") != Vault(b"j" * 32).index("+8610000000001")


@given(NUMBERS)
def test_a_number_in_use_shows_nothing(number: str) -> None:
    held: Any = Number(number)
    assert number not in f"{held} {held!r} {[held]} %s" % held


@given(NUMBERS, st.sampled_from(["To=%s", "对方 %s。", "{'to': '%s'}", "%s", "https://x/Messages.json?To=%s&PageSize=5", "(%s)", "请拨%s核实", "电话：%s"]))
def test_logs_are_redacted(number: str, frame: str) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(Redact())
    log = logging.getLogger(f"canary.{os.getpid()}")
    log.handlers, log.propagate = [handler], False
    log.warning(frame, number)
    log.warning(frame % number)
    try:
        raise ValueError(frame % number)
    except ValueError:
        log.exception("failed for %s", number)
    assert number not in out.getvalue() and MASK in out.getvalue()


@pytest.mark.parametrize("text", ["报告人13912345678说", "电话:13912345678", "拨 0513-82212345。", "打051382212345找他", "139 1234 5678", "8613912345678"])
def test_domestic_numbers_are_masked_beside_chinese(text: str) -> None:
    assert MASK in mask(text) and "1234" not in mask(text) and "8221" not in mask(text)


def test_times_and_ids_are_left_alone() -> None:
    for text in ("2021-07-25T13:08:00+00:00", "320614FSX-flood-20210725130800.v1", "20210725130800", "320614415000", "33.1 mm", "12379"):
        assert mask(text) == text


PREFIX = st.sampled_from(["", "86", "+86", "0086", "+86 ", " +86-", "'", "'+86", "８６"])


@given(MOBILE, PREFIX, st.lists(st.tuples(st.integers(1, 10), st.sampled_from([" ", "-", "－", "\u00a0", "(", ")"])), max_size=3), st.booleans())
def test_a_mobile_number_is_one_however_it_is_written(number: str, prefix: str, marks: list[tuple[int, str]], wide: bool) -> None:
    text = number.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}) if wide else number
    for at, mark in marks:
        text = text[:at] + mark + text[at:]
    assert e164(f" {prefix}{text} ").reveal() == f"+86{number}"


@given(st.text(max_size=20) | st.from_regex(r"[0-9+eE., ()-]{0,18}", fullmatch=True))
def test_anything_else_is_refused_without_a_digit_of_it(text: str) -> None:
    try:
        found = e164(text).reveal()
    except ValueError as error:
        digits = "".join(c for c in text if c.isdigit())
        assert len(digits) < 4 or digits not in str(error)
    else:
        assert found[0] == "+" and found[1:].isascii() and found[1:].isdigit() and 9 <= len(found) <= 16 and e164(found).reveal() == found
        assert not found.startswith("+86") or len(found) == 14


@pytest.mark.parametrize(("text", "says"), [
    ("0513-82212345", "座机"), ("021 5555 6666", "座机"), ("82212345", "座机"), ("1.39123E+10", "科学计数法"), ("1.39E10", "科学计数法"), ("", "没有号码"),
    ("13912345678/13812345678", "不是"), ("1391234567", "不是"), ("139123456789", "不是"), ("12912345678", "不是"), ("+8610000000001", "不是"),
    ("=13912345678", "不是"), ("13912345678.0", "不是"), ("139１2345678一", "不是"),
])
def test_what_takes_no_sms_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        e164(text)
