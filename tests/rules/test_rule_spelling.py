"""A condition of any shape means what Python means by it, is spelled so that it reads as itself again, and is said in words with its brackets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Level
from rules.catalogue import load_catalogue
from rules.language import Columns, Interval, Symbol, compile_condition, evaluate
from rules.language.nodes import Compare, Logic, Node, Number, children, rebuilt, walk
from rules.mutants import changes
from rules.packs import load_pack, shipped
from rules.plain import EN, plain
from rules.scoring import spell
from rules.validate import boxes

KNOWN = load_catalogue().indicators
WORDS = ("rain_1h", "rain_3h", "rain_6h")
SYMBOLS = {**{word: Symbol("mm") for word in WORDS}, "sea_front": Symbol("flag")}
#: Every text is (as the analyst writes it, the same for Python, where units are unknown).
AMOUNTS = st.recursive(
    st.sampled_from([(word, word) for word in WORDS]) | st.integers(0, 99).map(lambda n: (f"{n} mm", str(n))),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-"), inner).map(lambda t: tuple(f"({a} {t[1]} {b})" for a, b in zip(t[0], t[2], strict=True))),
        st.tuples(inner, st.sampled_from(["* 2", "/ 4", "* 0.5"])).map(lambda t: tuple(f"({a} {t[1]})" for a in t[0])),
        inner.map(lambda t: tuple(f"(2 * {a})" for a in t)),
        inner.map(lambda t: tuple(f"(-{a})" for a in t)),
        st.tuples(st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda t: tuple(f"{t[0]}({', '.join(side)})" for side in zip(*t[1], strict=True))),
    ), max_leaves=6)
OPS = st.sampled_from([">=", ">", "<=", "<", "==", "!="])
FRONT = st.just(("sea_front", "sea_front"))


def joined(atoms: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[tuple[str, ...]]:
    """Conditions of some atoms, denied and joined."""
    return st.recursive(atoms, lambda inner: st.one_of(
        inner.map(lambda t: tuple(f"(not ({a}))" for a in t)),
        st.tuples(st.sampled_from([" and ", " or "]), st.lists(inner, min_size=2, max_size=3)).map(
            lambda t: tuple(f"({t[0].join(side)})" for side in zip(*t[1], strict=True))),
    ), max_leaves=4)


CONDITIONS = joined(FRONT | st.tuples(AMOUNTS, OPS, AMOUNTS).map(lambda t: tuple(f"{a} {t[1]} {b}" for a, b in zip(t[0], t[2], strict=True))))
#: A word against a number, on either side.
PLAIN = joined(FRONT | st.tuples(st.sampled_from(WORDS), OPS, st.integers(-3, 3), st.booleans()).map(
    lambda t: (f"{t[0]} {t[1]} {t[2]} mm", f"{t[0]} {t[1]} {t[2]}") if t[3] else (f"{t[2]} mm {t[1]} {t[0]}", f"{t[2]} {t[1]} {t[0]}")))


def bare(node: Node) -> Node:
    """The tree without its columns."""
    parts = tuple(map(bare, children(node)))
    return replace(rebuilt(node, parts), at=0)


@settings(max_examples=150)
@given(CONDITIONS, st.tuples(*[st.integers(0, 60)] * 3), st.booleans())
def test_it_means_what_python_means_by_it_and_is_spelled_as_itself(texts: tuple[str, str], values: tuple[int, int, int], front: bool) -> None:
    tree = compile_condition(texts[0], SYMBOLS)
    given_ = dict(zip(WORDS, map(float, values), strict=True)) | {"sea_front": float(front)}
    columns = Columns({name: Interval.exact(np.array([value])) for name, value in given_.items()}, {}, (1,))
    got = evaluate(tree, columns)
    assert got.must.tolist() == got.may.tolist() == [bool(eval(texts[1], {}, given_))], texts[0]
    assert bare(compile_condition(spell(tree), SYMBOLS)) == bare(tree), spell(tree)


@settings(max_examples=60)
@given(CONDITIONS, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=3, max_size=3))
def test_what_is_not_known_never_makes_a_truth_that_some_value_denies(texts: tuple[str, str], spans: list[tuple[int, int]]) -> None:
    tree = compile_condition(texts[0], SYMBOLS)
    ends = [(float(low), float(low + width)) for low, width in spans]
    columns = Columns({**{word: Interval(np.array([lo]), np.array([hi])) for word, (lo, hi) in zip(WORDS, ends, strict=True)},
                       "sea_front": Interval.unknown((1,))}, {}, (1,))
    got = evaluate(tree, columns)
    for share in (0.0, 0.5, 1.0):
        for front in (False, True):
            row = {word: lo + share * (hi - lo) for word, (lo, hi) in zip(WORDS, ends, strict=True)} | {"sea_front": front}
            truth = bool(eval(texts[1], {}, row))
            assert truth or not got.must[0], texts[0]
            assert got.may[0] or not truth, texts[0]


@pytest.mark.parametrize(("text", "zh", "en"), [
    ("not (sea_front and rain_1h > 5 mm)", "不是（沿海，并且1小时雨量超过 5 mm）", "not (sea front and rain in 1 h more than 5 mm)"),
    ("(rain_1h + rain_3h) * 2 > 5 mm", "（1小时雨量 + 3小时雨量） × 2超过 5 mm", "(rain in 1 h + rain in 3 h) × 2 more than 5 mm"),
    ("rain_1h - (rain_3h - rain_6h) > 5 mm", "1小时雨量 - （3小时雨量 - 6小时雨量）超过 5 mm", "rain in 1 h - (rain in 3 h - rain in 6 h) more than 5 mm"),
    ("-(rain_1h + rain_3h) > 5 mm", "-（1小时雨量 + 3小时雨量）超过 5 mm", "-(rain in 1 h + rain in 3 h) more than 5 mm"),
    ("max(rain_1h, 5 mm) >= 9 mm", "其中最大(1小时雨量, 5 mm)达到 9 mm", "greatest of(rain in 1 h, 5 mm) at least 9 mm"),
])
def test_in_words_the_brackets_stay(text: str, zh: str, en: str) -> None:
    tree = compile_condition(text, SYMBOLS)
    assert (plain(tree, KNOWN), plain(tree, KNOWN, EN)) == (zh, en)


RULE = next(rule for path in shipped() for rule in load_pack(path).rules if rule.id == "flood.rainstorm")


def differences(one: Node, other: Node) -> int:
    """In how many places two trees differ, the topmost of each counted."""
    if type(one) is not type(other) or bare(rebuilt(one, children(other))) != bare(other):
        return 1 + (sum(map(differences, children(one), children(other))) if type(one) is type(other) else 0)
    return sum(map(differences, children(one), children(other)))


@settings(max_examples=60)
@given(CONDITIONS)
def test_every_spoiled_condition_differs_in_one_place_and_no_two_are_one(texts: tuple[str, str]) -> None:
    tree = compile_condition(texts[0], SYMBOLS)
    spoiled = [c for c in changes(replace(RULE, conditions={Level.BLUE: (texts[0], tree)}, explained_by=None)) if c.level is Level.BLUE]
    trees = [c.rule.conditions[Level.BLUE][1] for c in spoiled]
    assert all(differences(tree, made) == 1 for made in trees) and len(set(trees)) == len(trees) and spoiled
    places = {node.at for node in walk(tree) if isinstance(node, Compare | Logic | Number)}
    assert places <= {c.at for c in spoiled}, "every comparison, join and number is tried"


@settings(max_examples=300)
@given(PLAIN, st.tuples(*[st.integers(-3, 3)] * 3), st.booleans(), st.booleans())
def test_the_ranges_of_a_condition_hold_what_it_holds(texts: tuple[str, str], values: tuple[int, int, int], front: bool, negated: bool) -> None:
    """`boxes` says either nothing or exactly where a condition, or its negation, holds."""
    tree = compile_condition(texts[0], SYMBOLS)
    found = boxes(tree, negated)
    row = dict(zip(WORDS, map(float, values), strict=True)) | {"sea_front": float(front)}
    within = [all((low < row[n] or (low == row[n] and not open_)) and (row[n] < high or (row[n] == high and not shut)) for n, (low, open_, high, shut) in box.items())
              for box in found or ()]
    assert found is None or any(within) == (bool(eval(texts[1], {}, row)) != negated), (texts[0], found)


def test_ranges_too_many_to_say_are_not_said() -> None:
    assert boxes(compile_condition("2 mm == rain_1h", SYMBOLS)) == [{"rain_1h": (2.0, False, 2.0, False)}]
    many = " and ".join(f"(rain_1h >= {n} mm or rain_3h >= {n} mm)" for n in range(8))
    assert boxes(compile_condition(many, SYMBOLS)) is None
    assert boxes(compile_condition("rain_1h >= 5 mm and rain_1h < 5 mm and rain_3h * 2 > 1 mm", SYMBOLS)) is None
    assert boxes(compile_condition("official_surge > red and rain_1h >= 5 mm", SYMBOLS | {"official_surge": Symbol("level")})) == []
    assert boxes(compile_condition("official_surge > red and rain_3h * 2 >= 5 mm", SYMBOLS | {"official_surge": Symbol("level")})) == []
