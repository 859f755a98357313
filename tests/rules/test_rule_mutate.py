"""The packs' own tests bite: nine spoiled rules in ten are noticed, none is excused that a value could tell apart, and each survivor has its place."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError
from core.model import Level
from rules import mutate
from rules.catalogue import load_catalogue
from rules.equivalent import same
from rules.language import Columns, Interval, Symbol, compile_condition, evaluate
from rules.mutants import changes
from rules.packs import FOLDER, Rule, load_pack, shipped

Found = dict[str, list[mutate.Mutant]]


@pytest.fixture(scope="module")
def found() -> Found:
    """All mutants of every shipped pack, by the pack's name."""
    return {path.stem: mutate.run(path) for path in shipped()}


def test_nine_spoiled_rules_in_ten_are_noticed(found: Found) -> None:
    mutants = [*itertools.chain.from_iterable(found.values())]
    assert mutate.share(mutants) >= mutate.FLOOR
    assert len(mutants) >= 1300 and {m.kind for m in mutants} == {"比较", "阈值", "与或非", "成因", "保持", "旁证", "可缺", "启用"}
    assert sum(m.fate == mutate.EQUIVALENT for m in mutants) <= len(mutants) // 50  # excuses are few, or the share says nothing


@pytest.mark.parametrize("pack", sorted(path.stem for path in shipped()))
def test_no_pack_lags_behind(found: Found, pack: str) -> None:
    assert mutate.share(found[pack]) >= mutate.PACK_FLOOR, [str(m.place) + m.text for m in found[pack] if m.fate == mutate.SURVIVED]


def test_every_fate_has_its_place_in_the_pack(found: Found) -> None:
    mutants = [*itertools.chain.from_iterable(found.values())]
    for mutant in mutants:
        lines = Path(mutant.place.path).read_text(encoding="utf-8").splitlines()
        assert 1 <= mutant.place.column <= len(lines[mutant.place.line - 1]) + 1
    spoiled = next(m for m in mutants if m.rule == "flood.rainstorm" and m.text == "橙色 50 mm → 45 mm")
    line = Path(spoiled.place.path).read_text(encoding="utf-8").splitlines()[spoiled.place.line - 1]
    assert line[spoiled.place.column - 1 :].startswith("50 mm") and line.strip().startswith("orange")


def copied(folder: Path, name: str, change: tuple[str, str], file: str = "test") -> Path:
    for suffix in ("yaml", "test.yaml"):
        text = (FOLDER / "cn" / f"{name}.{suffix}").read_text(encoding="utf-8")
        if suffix.startswith(file):
            assert change[0] in text
            text = text.replace(*change)
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return folder / f"{name}.yaml"


def test_a_case_that_is_taken_away_lets_a_mutant_through(found: Found, tmp_path: Path) -> None:
    """waves: without the case just under each threshold, a tenth lower goes unnoticed."""
    whole = {m.text for m in found["waves"] if m.fate == mutate.SURVIVED}
    path = copied(tmp_path, "waves", ('"3.4 4.4 5.9"', '"2.6 3.6 4.6"'))
    left = {m.text for m in mutate.run(path) if m.fate == mutate.SURVIVED}
    assert not whole and left == {"黄色 3.5 m → 3.15 m", "橙色 4.5 m → 4.05 m", "红色 6 m → 5.4 m"}


def test_tests_that_fail_anyhow_catch_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="本来就不通过"):
        mutate.run(copied(tmp_path, "waves", ("wave_height_max >= 6.0 m", "wave_height_max >= 7.0 m"), file="yaml"))


def rule(**levels: str) -> Rule:
    symbols = load_catalogue().symbols() | {"land": Symbol("1", 0.7)}
    conditions = {Level[name.upper()]: (text, compile_condition(text, symbols)) for name, text in levels.items()}
    return Rule(id="x", title="x", hazards=(), conditions=conditions, hold=load_pack(FOLDER / "cn" / "waves.yaml").rules[0].hold)


EXCUSED = {"bank_points >= 1": {"蓝色 1 → 0.9"}, "bank_points > 1": {"蓝色 1 → 1.1"}, "river_front": set(), "official_surge >= blue": set(),
           "rain_3h > 0 mm": set(), "stage_above_warning >= -0.30 m": set(), "land * typhoon_wind_6h >= 12 Bft": set()}


@pytest.mark.parametrize("text", EXCUSED)
def test_only_what_no_value_can_tell_apart_is_excused(text: str) -> None:
    one = rule(blue=text)
    assert {c.text for c in changes(one) if same(one, c, load_catalogue())} == EXCUSED[text]


def test_a_difference_that_a_higher_colour_hides_is_excused_and_no_other() -> None:
    one = rule(blue="bank_points >= 1 and rain_3h >= 20 mm", yellow="rain_3h >= 30 mm", orange="rain_3h >= 10 mm and river_front or rain_3h >= 50 mm")
    excused = {c.text for c in changes(one) if same(one, c, load_catalogue())}
    assert "蓝色 1 → 0.9" in excused and not any("30 mm →" in text or "50 mm →" in text for text in excused)
    hidden = rule(yellow="rain_3h >= 30 mm and river_front", orange="rain_3h >= 27 mm")
    assert "黄色 30 mm → 27 mm" in {c.text for c in changes(hidden) if same(hidden, c, load_catalogue())}
    assert "黄色 30 mm → 33 mm" in {c.text for c in changes(hidden) if same(hidden, c, load_catalogue())}  # orange holds wherever the two part


def test_no_excused_mutant_differs_at_any_reading() -> None:
    """Random readings, exact and as intervals, over rules made up at random: an excused change gives the same level and ceiling at every one."""
    draw = random.Random(7)
    names = {"rain_3h": ("mm", range(0, 60, 5)), "bank_points": ("1", range(4)), "river_front": ("", range(2)), "stage_above_warning": ("m", range(-3, 3))}
    catalogue, excused = load_catalogue(), 0
    for _ in range(60):
        def atom() -> str:
            name = draw.choice(list(names))
            unit, values = names[name]
            return name if name == "river_front" else f"{name} {draw.choice(['>=', '>', '<', '<='])} {draw.choice(list(values))} {unit if unit != '1' else ''}"
        one = rule(**{level: f"{atom()} {draw.choice(['and', 'or'])} {atom()}" for level in ("blue", "yellow")})
        for change in changes(one):
            if same(one, change, catalogue):
                excused += 1
                assert levels(one, draw, names) is not None
                state = draw.getstate()
                before = levels(one, draw, names)
                draw.setstate(state)
                assert all((a == b).all() for a, b in zip(before, levels(change.rule, draw, names), strict=True)), change.text
    assert excused >= 5


def levels(one: Rule, draw: random.Random, names) -> tuple[np.ndarray, np.ndarray]:
    """(proved, ceiling) at 400 drawn readings."""
    columns = {}
    for name, (_, values) in names.items():
        steps = [v + d for v in values for d in ((0.0,) if name in ("bank_points", "river_front") else (0.0, 0.25))]
        town = name in ("bank_points", "river_front")  # known or not known at all, never between two values
        ends = [([-np.inf, np.inf] if town else sorted(draw.choices(steps, k=2))) if draw.random() < 0.5 else [x := draw.choice(steps), x] for _ in range(400)]
        columns[name] = Interval(*(np.array([e[n] for e in ends], dtype=float) for n in (0, 1)))
    got = [np.zeros(400, dtype=int), np.zeros(400, dtype=int)]
    for level, (_, tree) in sorted(one.conditions.items()):
        truth = evaluate(tree, Columns(columns, {}, (400,)))
        for out, where in zip(got, (truth.must, truth.may), strict=True):
            out[where] = level
    return got[0], np.maximum(got[0], got[1])


def test_every_change_changes_one_thing() -> None:
    for one in itertools.chain.from_iterable(load_pack(p).rules for p in shipped()):
        for change in changes(one):
            differing = [f for f in Rule.__slots__ if getattr(one, f) != getattr(change.rule, f)]
            assert len(differing) == 1, (one.id, change.text, differing)
