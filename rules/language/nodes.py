"""The syntax tree of an expression: frozen nodes, each knowing the column where it began.

A tree is either a number (with a unit) or a truth value; the check stage guarantees which, so evaluation never asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Number:
    """A constant; `unit` as written ("" for a bare number), canonical after the check. `name`: the parameter of the pack that it came from,
    where the check was asked to keep it apart."""

    value: float
    unit: str
    at: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """An indicator (or, before the check, a parameter of the pack)."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left op right` with op one of + - * /."""

    op: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: Node
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """min(...) or max(...) of two or more numbers."""

    function: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right` with op one of >= <= > < == !=."""

    op: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Logic:
    """Two or more truth values joined by "and" or "or"."""

    op: str
    terms: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Not:
    """Negation of a truth value."""

    operand: Node
    at: int


Node = Number | Name | Arithmetic | Negative | Call | Compare | Logic | Not


def children(node: Node) -> tuple[Node, ...]:
    """The direct children of a node, in order of writing."""
    if isinstance(node, Arithmetic | Compare):
        return (node.left, node.right)
    if isinstance(node, Negative | Not):
        return (node.operand,)
    if isinstance(node, Call):
        return node.arguments
    return node.terms if isinstance(node, Logic) else ()


def rebuilt(node: Node, parts: tuple[Node, ...]) -> Node:
    """The node with other children, in the order of `children`; the node itself where none is another."""
    if all(new is old for new, old in zip(parts, children(node), strict=True)):
        return node
    match node:
        case Arithmetic() | Compare():
            return replace(node, left=parts[0], right=parts[1])
        case Negative() | Not():
            return replace(node, operand=parts[0])
        case Call():
            return replace(node, arguments=parts)
        case Logic():
            return replace(node, terms=parts)
    return node


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, depth first, in order of writing."""
    yield node
    for child in children(node):
        yield from walk(child)


def names(node: Node) -> tuple[str, ...]:
    """Names used below a node, each once, in order of writing."""
    return tuple(dict.fromkeys(part.name for part in walk(node) if isinstance(part, Name)))
