"""The rule language: what it reads, what it refuses and where, and Kleene's logic over intervals."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigErrors
from rules.language import Columns, Interval, Place, RuleError, Symbol, compile_condition, evaluate, number
from rules.language.nodes import Arithmetic, Compare, Logic, Name, Not, Number, names
from rules.language.parser import parse

SYMBOLS = {
    "rain_1h": Symbol("mm"), "rain_3h": Symbol("mm"), "gust": Symbol("m/s"), "stage": Symbol("m"), "share": Symbol("1"), "eta": Symbol("h"),
    "sea_front": Symbol("flag"), "official": Symbol("level"), "land": Symbol("1", 0.7), "near": Symbol("km", 800.0), "distance": Symbol("km"),
}


def condition(text: str):
    return compile_condition(text, SYMBOLS, Place("cn/x.yaml", 7, 11))


def columns(absent: dict[str, list[bool]] | None = None, **values: tuple[list[float], list[float]]) -> Columns:
    made = {name: Interval(np.array(lo, dtype=float), np.array(hi, dtype=float)) for name, (lo, hi) in values.items()}
    shape = next(iter(made.values())).lo.shape
    return Columns(made, {n: np.array(a) for n, a in (absent or {}).items()}, shape)


def truth(text: str, where: Columns) -> list[bool | None]:
    got = evaluate(condition(text), where)
    return [True if must else None if may else False for must, may in zip(got.must, got.may, strict=True)]


@pytest.mark.parametrize(("text", "value", "unit"), [
    ("rain_1h >= 5 cm", 50.0, "mm"), ("stage >= 30 cm", 0.3, "m"), ("gust >= 8 Bft", 17.2, "m/s"), ("gust >= 36 km/h", 10.0, "m/s"),
    ("share >= 5 %", 0.05, "1"), ("eta <= 30 min", 0.5, "h"), ("eta <= 1 d", 24.0, "h"), ("distance <= 800000 m", 800.0, "km"),
    ("official >= orange", 3.0, "level"), ("distance <= near", 800.0, "km"), ("rain_1h >= 2 * 25 mm", 50.0, "mm"),
])
def test_literals_become_the_unit_of_what_they_meet(text: str, value: float, unit: str) -> None:
    tree = condition(text)
    assert isinstance(tree, Compare) and isinstance(tree.right, Number)
    assert (tree.right.value, tree.right.unit) == (pytest.approx(value), unit)


@pytest.mark.parametrize("text", ["max(30 cm, 20 cm, stage) >= 1 m", "max(stage, 30 cm, 20 cm) >= 1 m", "max(30 cm, stage, 0.2 m) >= 1 m"])
def test_every_literal_of_a_call_becomes_the_unit_of_what_it_stands_beside(text: str) -> None:
    where = columns(stage=([0.1, 0.9, 1.2], [0.1, 0.9, 1.2]))
    assert truth(text, where) == [False, False, True] and truth(text.replace("1 m", "0.3 m"), where) == [True, True, True]


@pytest.mark.parametrize(("text", "column", "words"), [
    ("rain_1hr >= 5 mm", 11, ("rain_1hr", "rain_1h")), ("rain_1h >= 5 mmm", 24, ("mmm", "mm")), ("rain_1h >= 5", 19, ("mm",)),
    ("rain_1h >= 5 hPa", 19, ("hPa",)), ("rain_1h + gust > 5 mm", 19, ("m/s",)), ("rain_1h * gust > 5 mm", 19, ()),
    ("gust >= 18 Bft", 19, ("18",)), ("rain_1h = 5 mm", 19, ("==",)), ("rain_1h >= 5 mm &", 27, ("and",)), ("rain_1h >= 5 mm >= 2 mm", 27, ("and",)),
    ("rain_1h", 11, ()), ("rain_1h and sea_front", 11, ()), ("sea_front + 1 > 2", 11, ()), ("(rain_1h > 5 mm", 26, (")",)), ("", 11, ()),
    ("avg(rain_1h, rain_3h) > 5 mm", 11, ("avg",)), ("max(rain_1h) > 5 mm", 11, ()), ("rain_1h / 0 > 5 mm", 19, ()), ("not", 14, ()),
    ("rain_1h > 1.2.3 mm", 21, ()), ("rain_1h.__class__ > 5 mm", 18, (".",)), ('__import__("os")', 22, ()), ("rain_1h > 5 mm; x", 25, (";",)),
])
def test_errors_name_file_line_and_column_in_both_languages(text: str, column: int, words: tuple[str, ...]) -> None:
    with pytest.raises(RuleError) as caught:
        condition(text)
    message = str(caught.value)
    assert message.startswith(f"cn/x.yaml:7:{column}: ")
    assert " / " in message and any("\u4e00" <= c <= "\u9fff" for c in message)
    assert all(word in message for word in words)


@pytest.mark.parametrize("text", [
    "1" * 1_000_000, "(" * 200 + "rain_1h > 1 mm" + ")" * 200, "not " * 300 + "sea_front", "-" * 300 + "rain_1h > 1 mm",
    " or ".join(["rain_1h > 1 mm"] * 150), " and ".join(["sea_front"] * 190), "rain_1h > 9" + "9" * 400 + " mm", "rain_1h > 1e999 mm",
    "max(" * 60 + "rain_1h, rain_1h" + ")" * 60 + " > 1 mm",
])
def test_hostile_expressions_are_refused_at_once(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(RuleError):
        condition(text)
    assert time.monotonic() - began < 1.0


def test_chinese_operators_are_the_same_tree() -> None:
    assert condition("rain_1h ≥ 5 mm 且 非 sea_front 或 gust ≤ 3 m/s") == condition("rain_1h >= 5 mm and not sea_front or gust <= 3 m/s").__class__(
        "or", condition("rain_1h ≥ 5 mm 且 非 sea_front 或 gust ≤ 3 m/s").terms, 0)


def test_precedence_and_names() -> None:
    tree = parse("a >= 1 or b >= 2 and not c")
    assert isinstance(tree, Logic) and tree.op == "or" and isinstance(tree.terms[1], Logic) and isinstance(tree.terms[1].terms[1], Not)
    assert names(tree) == ("a", "b", "c")
    product = parse("a + b * c > 1").left
    assert isinstance(product, Arithmetic) and product.op == "+" and isinstance(product.right, Arithmetic)
    assert parse("min(a, b) >= 30 min") == parse("min( a,b )>=30 min").__class__(">=", parse("min(a, b) >= 30 min").left, Number(30.0, "min", 13), 10)
    assert isinstance(parse("a").__class__("a", 0), Name)


def test_intervals_give_three_values() -> None:
    rain = columns(rain_1h=([60, 40, 40, -np.inf], [60, 40, np.inf, np.inf]))
    assert truth("rain_1h >= 50 mm", rain) == [True, False, None, None]
    assert truth("not rain_1h >= 50 mm", rain) == [False, True, None, None]
    assert truth("rain_1h < 50 mm", rain) == [False, True, None, None]
    assert truth("rain_1h == 60 mm", rain) == [True, False, None, None]
    assert truth("rain_1h != 60 mm", rain) == [False, True, None, None]


@pytest.mark.parametrize("text", [
    "rain_1h >= 50 mm", "rain_1h < 50 mm", "not rain_1h <= 50 mm", "rain_1h > 50 mm and not (rain_1h == 60 mm or sea_front)", "40 mm > 50 mm", "sea_front",
])
def test_exact_columns_give_one_truth_and_the_same(text: str) -> None:
    values = {"rain_1h": np.array([40.0, 50.0, 60.0, np.inf]), "sea_front": np.array([0.0, 1.0, 1.0, 0.0])}
    exact = evaluate(condition(text), Columns({name: Interval(value, value) for name, value in values.items()}, {}, (4,)))
    apart = evaluate(condition(text), Columns({name: Interval(value, value.copy()) for name, value in values.items()}, {}, (4,)))
    assert exact.must.tolist() == exact.may.tolist() == apart.must.tolist() == apart.may.tolist()
    assert exact.must is exact.may or "==" in text


KLEENE = {("and", a, b): (False if a is False or b is False else None if a is None or b is None else True) for a in (True, False, None) for b in (True, False, None)}
KLEENE |= {("or", a, b): (True if a is True or b is True else None if a is None or b is None else False) for a in (True, False, None) for b in (True, False, None)}


@pytest.mark.parametrize(("op", "a", "b"), list(KLEENE))
def test_unknown_logic_tables(op: str, a: bool | None, b: bool | None) -> None:
    ends = {True: ([9.0], [9.0]), False: ([1.0], [1.0]), None: ([1.0], [9.0])}
    where = columns(rain_1h=ends[a], rain_3h=ends[b])
    assert truth(f"rain_1h >= 5 mm {op} rain_3h >= 5 mm", where) == [KLEENE[op, a, b]]


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 50)), min_size=1, max_size=5), st.sampled_from(["+", "-", "*", "/"]),
       st.floats(-100, 100), st.floats(0, 50), st.floats(0, 1), st.floats(0, 1))
def test_arithmetic_encloses_every_value_it_may_have(parts, op: str, b: float, width: float, s: float, t: float) -> None:
    lo = np.array([a for a, _ in parts])
    hi = np.array([a + w for a, w in parts])
    where = Columns({"x": Interval(lo, hi), "y": Interval(np.full(len(lo), b), np.full(len(lo), b + width))}, {}, lo.shape)
    got = number(Arithmetic(op, Name("x", 0), Name("y", 0), 0), where)
    x, y = lo + s * (hi - lo), b + t * width
    if op == "/" and abs(y) < 1e-6:
        return
    exact = {"+": x + y, "-": x - y, "*": x * y, "/": x / y if y else x}[op]
    slack = 1e-5 + 1e-9 * np.abs(exact)
    assert np.all(got.lo <= exact + slack) and np.all(exact - slack <= got.hi) and not np.isnan(got.lo).any() and not np.isnan(got.hi).any()


def test_infinity_never_becomes_proof() -> None:
    where = columns(rain_1h=([np.inf, -np.inf], [np.inf, np.inf]), rain_3h=([np.inf, 0.0], [np.inf, 0.0]))
    assert truth("rain_1h - rain_3h >= 1 mm", where) == [None, None]
    assert truth("rain_1h * 0 >= 1 mm", where) == [False, False]


def test_an_absent_optional_indicator_supports_nothing_either_way() -> None:
    where = columns({"gust": [True, False]}, gust=([-np.inf] * 2, [np.inf] * 2), rain_1h=([60.0] * 2, [60.0] * 2))
    assert truth("gust >= 5 m/s", where) == [False, None]
    assert truth("not gust >= 5 m/s", where) == [False, None]
    assert truth("gust >= 5 m/s or rain_1h >= 50 mm", where) == [True, True]
    assert truth("rain_1h >= 50 mm and not gust >= 5 m/s", where) == [False, None]


@pytest.mark.parametrize(("text", "column", "hint"), [
    ("rain_1h ＞ 5 mm", 19, "半角 / write a plain >"), ("（rain_1h > 5 mm）", 11, "半角 / write a plain ("), ("share >= 5 ％", 22, "半角 / write a plain %"),
    ("rain_1h >= 5 毫米", 24, "mm"), ("gust >= 8 级", 21, "Bft"), ("rain_1h >= 5 mm 并且 sea_front", 27, "and"), ("rain_1h >= 5 mm 或者 sea_front", 28, "or"),
    ("“rain_1h >= 5 mm”", 11, "引号"), ("rain_1h >= 5 mm AND sea_front", 27, "and"), ("rain_1h >= 1,000 mm", 23, "不用逗号"), ("rain_1h >= 5 mm#注", 26, "空一格"),
    ("1小时雨量 >= 5 mm", 12, "rain_1h"), ("小时雨 > 1 mm", 11, ""), ("rain_1h >= 99999999999999 mm", 22, "12 位"),
])
def test_what_is_typed_on_a_chinese_keyboard_is_answered_with_what_to_type(text: str, column: int, hint: str) -> None:
    with pytest.raises(RuleError) as told:
        compile_condition(text, SYMBOLS | {"rain_1h": Symbol("mm", title="1小时雨量")}, Place("cn/x.yaml", 7, 11))
    assert (told.value.line, told.value.column) == (7, column) and hint in told.value.hint, told.value


def test_every_unknown_word_of_a_condition_is_told() -> None:
    with pytest.raises(ConfigErrors) as told:
        condition("rain1 > 5 mm and (gsut > 3 m/s or not sea_frnt)")
    assert [(error.column, error.hint.split("？")[0]) for error in told.value.errors] == [(11, "是不是 rain_1h"), (29, "是不是 gust"), (49, "是不是 sea_front")]
