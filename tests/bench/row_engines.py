"""The 40 text rules over towns at one tick: the language compiled to columns, against engines that look at one town after another."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import CodeType

import numpy as np
from nation import WINDOWS, Nation, texts

from rules.language import Columns, Interval, evaluate

#: Towns that a row engine is timed on; its time for all is in proportion.
SAMPLE = 1_000
ROUNDS = 5


def _plain(text: str) -> str:
    return text.replace(" mm", "")


def _columns(of: Nation, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Truth (N,) of every condition of every rule by the production language, each kept for the audit trail."""
    at = Columns({name: Interval(value, value) for name, value in columns.items()}, {}, next(iter(columns.values())).shape)
    return {f"{rule.id}.{level.en}": evaluate(tree, at).must for rule in of.rules for level, (_, tree) in rule.conditions.items()}


def _numpy(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same by hand."""
    out = {}
    for name, (_, levels) in texts().items():
        for colour, text in levels.items():
            terms = [term.split() for term in text.split(" and ")]
            truth = columns[terms[0][0]] >= float(terms[0][2])
            for term in terms[1:]:
                truth = truth & (columns[term[0]] >= float(term[2]))
            out[f"{name}.{colour}"] = truth
    return out


def compare(of: Nation, columns: dict[str, np.ndarray], _levels: object, say: Callable[..., None]) -> None:
    """Interleaved medians of CPU time, scaled to all towns; equal truths or SystemExit."""
    some = slice(0, min(SAMPLE, of.towns))
    rows = [{f"rain_{h}h": float(columns[f"rain_{h}h"][0, n]) for h in WINDOWS} for n in range(some.stop)]
    codes: dict[str, CodeType] = {f"{name}.{c}": compile(_plain(t), name, "eval") for name, (_, levels) in texts().items() for c, t in levels.items()}
    ways: dict[str, tuple[Callable[[], dict[str, object]], float]] = {
        "ours: rules as columns": (lambda: dict(_columns(of, columns)), 1.0),
        "hand-written numpy columns": (lambda: dict(_numpy(columns)), 1.0),
        "Python eval(code), row by row": (lambda: {k: [eval(code, {}, row) for row in rows] for k, code in codes.items()}, of.towns / len(rows)),
    }
    try:
        import rule_engine
    except ImportError:
        print("  rule-engine 未安装 / not installed: .venv/bin/uv pip install rule-engine")
    else:
        made = {k: rule_engine.Rule(_plain(t)) for k, t in ((f"{name}.{c}", t) for name, (_, levels) in texts().items() for c, t in levels.items())}
        ways[f"rule-engine {rule_engine.__version__}, row by row"] = (lambda: {k: [rule.matches(row) for row in rows] for k, rule in made.items()}, of.towns / len(rows))
    spent: dict[str, list[float]] = {label: [] for label in ways}
    truths: dict[str, dict[str, object]] = {}
    for _ in range(ROUNDS):
        for label, (way, scale) in ways.items():
            began = time.process_time()
            truths[label] = way()
            spent[label].append((time.process_time() - began) * scale)
    first = next(iter(ways))
    for label, found in truths.items():
        for key, truth in found.items():
            if not np.array_equal(np.asarray(truth, dtype=bool).ravel()[some], np.asarray(truths[first][key], dtype=bool).ravel()[some]):
                raise SystemExit(f"真值不同 / truths differ: {label} {key}")
    base = statistics.median(spent[first])
    for label, times in spent.items():
        cpu = statistics.median(times)
        say(f"text rules, {label}", cpu, cpu, f"{cpu / base:.1f} x ours")
