"""`python -m console.demo run|up|down [SCENARIO]`."""

from __future__ import annotations

import sys

from console.demo.run import down, run, up
from core.errors import FengsuiError


def main(argv: list[str]) -> int:
    """Choose the command; 2 for a wrong call, 3 when something could not be started."""
    command, scenario = [*argv, "run"][0], [*argv[1:], "in-fa-2021"][0]
    try:
        if command == "run":
            return run(scenario)
        if command == "up":
            return up(scenario)
        if command == "down":
            return down()
    except FengsuiError as error:
        print(f"错误 error: {error}", file=sys.stderr)
        return 3
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
