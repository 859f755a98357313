"""What every command shares: the common options and the way a result is printed."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="机器可读 / machine-readable")]
Now = Annotated[str, typer.Option("--now", help="时刻（ISO 带时区），默认此刻 / time with zone; default: the wall clock")]


def group(words: str) -> typer.Typer:
    """A group of commands under one word."""
    return typer.Typer(no_args_is_help=True, help=words, rich_markup_mode=None)


def emit(value: Any, as_json: bool, text: str) -> None:
    """Print `value` as JSON or `text` for people."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=str) if as_json else text)
