"""`fengsui`: the command line. The commands stand in console/commands, one file a group.

Exit codes: 0 done and as expected; 1 done, but not as expected; 2 the call or the configuration is wrong; 3 a store or a service failed; 143 told to end.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

import typer

from console.commands import GROUPS
from console.commands.options import emit
from core.errors import AuthorityError, ConfigError, ConfigErrors, FengsuiError, LifeCycleError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,  # rich doubles the time to start
    help="烽燧：县域多源灾害预警 / multi-source disaster early warning for one county.",
)
for commands in GROUPS:
    commands.add(app)


def main() -> None:
    """Entry point: errors of ours become one clear line and an exit code, never a traceback; a SIGTERM unwinds, so that what was started is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except (ConfigError, LifeCycleError, AuthorityError, ValueError) as error:  # a time or a word that cannot be read is a wrong call too
        _tell(error, 2)
    except FengsuiError as error:
        _tell(error, 3)
    except OSError as error:  # a full disk, a folder that may not be written, a service that is gone
        where, why = error.filename or type(error).__name__, error.strerror or error
        _tell(ConfigError(f"读写不了：{why} / cannot be read or written", path=str(where)), 3)


def _tell(error: Exception, code: int) -> NoReturn:
    """One line for people; for who asked for --json the same as JSON, so that an editor finds the place."""
    typer.echo(f"错误 error: {error}", err=True)
    if "--json" in sys.argv:
        each: list[Any] = list(error.errors) if isinstance(error, ConfigErrors) else [error]
        rows = [{"path": str(e.path) if e.path else None, "line": e.line, "column": e.column, "message": e.message, "hint": e.hint}
                if isinstance(e, ConfigError) else {"path": None, "line": None, "column": None, "message": str(e), "hint": ""} for e in each]
        emit({"errors": rows}, True, "")
    sys.exit(code)


if __name__ == "__main__":
    main()
