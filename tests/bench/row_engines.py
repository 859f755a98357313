"""The 40 text rules over towns at one tick: the language compiled to columns, against engines that look at one town after another."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import reduce
from types import CodeType

import numpy as np
from nation import Nation, texts

from rules.language import Columns, Interval, evaluate

#: Towns that a row engine is timed on; its time for all is in proportion.
SAMPLE = 1_000
ROUNDS = 9
#: Share of the values that nobody knows where three-valued ways are compared.
UNKNOWN = 0.05
#: What a condition proves and what it does not exclude.
Kept = tuple[np.ndarray, np.ndarray]


def _plain(text: str) -> str:
    return text.replace(" mm", "")


def _columns(of: Nation, at: Columns) -> dict[str, Kept]:
    """Truth (N,) of every condition of every rule by the production language, proved and not excluded, each kept for the audit trail."""
    found = {f"{rule.id}.{level.en}": evaluate(tree, at) for rule in of.rules for level, (_, tree) in rule.conditions.items()}
    return {key: (truth.must, truth.may) for key, truth in found.items()}


def _terms() -> dict[str, list[tuple[str, float]]]:
    """(indicator, threshold) of every condition."""
    return {f"{name}.{colour}": [(term.split()[0], float(term.split()[2])) for term in text.split(" and ")]
            for name, (_, levels) in texts().items() for colour, text in levels.items()}


def _numpy(columns: dict[str, np.ndarray], conditions: dict[str, list[tuple[str, float]]]) -> dict[str, Kept]:
    """The same by hand, everything known: one truth."""
    out = {}
    for key, terms in conditions.items():
        truth = reduce(np.logical_and, [columns[name] >= least for name, least in terms])
        out[key] = truth, truth
    return out


def _three_valued(columns: dict[str, np.ndarray], conditions: dict[str, list[tuple[str, float]]]) -> dict[str, Kept]:
    """The same by hand, NaN unknown: proved, and not excluded."""
    unknown, out = {name: np.isnan(column) for name, column in columns.items()}, {}
    for key, terms in conditions.items():
        proved = [columns[name] >= least for name, least in terms]
        possible = [truth | unknown[name] for truth, (name, _) in zip(proved, terms, strict=True)]
        out[key] = reduce(np.logical_and, proved), reduce(np.logical_and, possible)
    return out


def compare(of: Nation, columns: dict[str, np.ndarray], say: Callable[..., None]) -> None:
    """Interleaved medians of CPU time, scaled to all towns; equal truths or SystemExit."""
    conditions, shape = _terms(), next(iter(columns.values())).shape
    rng = np.random.default_rng(3)
    holed = {name: np.where(rng.random(shape) < UNKNOWN, np.nan, value) for name, value in columns.items()}
    known, open_ = (Columns({name: interval(value) for name, value in each.items()}, {}, shape)
                    for each, interval in ((columns, lambda value: Interval(value, value)), (holed, Interval.exact)))
    _race({"ours: rules as columns, some unknown": lambda: _columns(of, open_), "hand-written numpy, NaN unknown": lambda: _three_valued(holed, conditions)},
          dict.fromkeys(range(2), 1.0), slice(None), say)
    some = slice(0, min(SAMPLE, of.towns))
    rows = [{name: float(value[0, n]) for name, value in columns.items()} for n in range(some.stop)]
    codes: dict[str, CodeType] = {f"{name}.{c}": compile(_plain(t), name, "eval") for name, (_, levels) in texts().items() for c, t in levels.items()}
    ways: dict[str, Callable[[], dict[str, Kept]]] = {
        "ours: rules as columns, all known": lambda: _columns(of, known),
        "hand-written numpy columns": lambda: _numpy(columns, conditions),
        "Python eval(code), row by row": lambda: {k: _twice([eval(code, {}, row) for row in rows]) for k, code in codes.items()},
    }
    try:
        import rule_engine
    except ImportError:
        print("  rule-engine 未安装 / not installed: .venv/bin/uv pip install rule-engine")
    else:
        made = {f"{name}.{c}": rule_engine.Rule(_plain(t)) for name, (_, levels) in texts().items() for c, t in levels.items()}
        ways[f"rule-engine {rule_engine.__version__}, row by row"] = lambda: {k: _twice([rule.matches(row) for row in rows]) for k, rule in made.items()}
    scale = of.towns / len(rows)
    _race(ways, {number: scale if number > 1 else 1.0 for number in range(len(ways))}, some, say)


def _twice(truths: list[bool]) -> Kept:
    return np.array([truths]), np.array([truths])


def _race(ways: dict[str, Callable[[], dict[str, Kept]]], scale: dict[int, float], some: slice, say: Callable[..., None]) -> None:
    """Time the ways in turn, compare their truths with the first one's, print."""
    spent: dict[str, list[float]] = {label: [] for label in ways}
    truths: dict[str, dict[str, Kept]] = {}
    for _ in range(ROUNDS):
        for number, (label, way) in enumerate(ways.items()):
            began = time.process_time()
            truths[label] = way()
            spent[label].append((time.process_time() - began) * scale[number])
    first = next(iter(ways))
    for label, found in truths.items():
        for key, kept in found.items():
            if not all(np.array_equal(a[:, some], b[:, some]) for a, b in zip(kept, truths[first][key], strict=True)):
                raise SystemExit(f"真值不同 / truths differ: {label} {key}")
    base = statistics.median(spent[first])
    for label, times in spent.items():
        cpu = statistics.median(times)
        say(f"text rules, {label}", cpu, cpu, f"{cpu / base:.2f} x ours")
