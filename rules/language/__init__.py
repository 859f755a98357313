"""The small language in which analysts write conditions: lexer -> parser -> check -> evaluation over columns.

It has indicators, numbers with units, comparisons, and/or/not, + - * /, min and max; nothing else, and never Python.
"""

from rules.language.check import Symbol, compile_condition
from rules.language.errors import Place, RuleError, unknown_word
from rules.language.evaluate import Columns, Interval, Truth, evaluate, number
from rules.language.nodes import Node
from rules.language.parser import KEYWORDS
from rules.language.units import LEVELS, UNITS

#: Words that mean something in every condition: no indicator and no parameter may be called so.
RESERVED = frozenset({*KEYWORDS, *LEVELS, *UNITS})

__all__ = ["RESERVED", "Columns", "Interval", "Node", "Place", "RuleError", "Symbol", "Truth", "compile_condition", "evaluate", "number", "unknown_word"]
