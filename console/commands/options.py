"""What every command shares: the common options and the way a result is printed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from console.plain import terminal
from core.errors import ConfigError

Json = Annotated[bool, typer.Option("--json", help="机器可读 / machine-readable")]
Now = Annotated[str, typer.Option("--now", help="时刻（ISO 带时区），默认此刻 / time with zone; default: the wall clock")]


def group(words: str) -> typer.Typer:
    """A group of commands under one word."""
    return typer.Typer(no_args_is_help=True, help=words, rich_markup_mode=None)


def prepared(folder: Path | None) -> None:
    """Make the folder that results will go to before any work is done; ConfigError where that cannot be."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("不能在这里写 / cannot write here", path=folder, hint=error.strerror or "") from error
    if not os.access(folder, os.W_OK):
        raise ConfigError("没有写的权限 / no permission to write here", path=folder)


def emit(value: Any, as_json: bool, text: str) -> None:
    """Print `value` as JSON or `text` for people, what a terminal would obey left out."""
    typer.echo(terminal(json.dumps(value, ensure_ascii=False, default=str) if as_json else text))
