"""A launcher of dispatching processes to be killed: a line on its input forks one, so that each costs no start of Python.

It answers `pid N`, then the process itself says `ready` at its first hand-over, then `end STATUS` when it is gone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
import notify_world
import twilio.rest  # noqa: F401  (with the transport all that a dispatch imports when it first needs it)

import notifiers.sms.transport  # noqa: F401


def run(home: str, url: str, grace: str) -> None:
    """One dispatch, as a scheduler would start it."""
    told: list[int] = []

    def progress(_channel: str, handed: int) -> None:
        """The first hand-over of this process opens the season for killing."""
        if not told:
            told.append(handed)
            os.write(1, b"ready\n")

    notify_world.make(Path(home), sms_url=url, grace=float(grace)).dispatch(progress=progress)


if __name__ == "__main__":
    for _line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            run(*sys.argv[1:])
            os._exit(0)
        os.write(1, f"pid {pid}\n".encode())
        os.write(1, f"end {os.waitpid(pid, 0)[1]}\n".encode())
