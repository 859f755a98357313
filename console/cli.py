"""`fengsui`: the command line. The commands stand in console/commands, one file a group.

Exit codes: 0 done and as expected; 1 done, but not as expected; 2 the call or the configuration is wrong; 3 a store or a service failed; 143 told to end.
"""

from __future__ import annotations

import signal
import sys

import typer

from console.commands import GROUPS
from core.errors import ConfigError, FengsuiError, LifeCycleError

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
    except (ConfigError, LifeCycleError, ValueError) as error:  # a time or a word that cannot be read is a wrong call too
        typer.echo(f"错误 error: {error}", err=True)
        sys.exit(2)
    except FengsuiError as error:
        typer.echo(f"错误 error: {error}", err=True)
        sys.exit(3)
    except OSError as error:  # a full disk, a folder that may not be written, a service that is gone
        typer.echo(f"错误 error: {error.filename or type(error).__name__}: 读写不了：{error.strerror or error} / cannot be read or written", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
