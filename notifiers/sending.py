"""The stage that sends: every channel at once, and the reserve of one that fails meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait

from notifiers.job import Job
from notifiers.registry import CHANNELS
from notifiers.reserve import start_reserve

#: Seconds between two looks at whether a channel that is still sending fails.
LOOK_S = 2.0


def send(job: Job) -> None:
    """All channels at once: a slow one does not hold up the other. Where one fails meanwhile, the reserve that was signed for it starts."""
    with ThreadPoolExecutor(len(CHANNELS)) as pool:
        running = {name: pool.submit(channel.run, job) for name, channel in CHANNELS.items()}
        started = set[str]()
        while running:
            ended = wait(running.values(), LOOK_S).done
            started |= start_reserve(job)
            for name in [name for name, run in running.items() if run in ended]:
                running.pop(name).result()
            for name in started - running.keys():
                running[name] = pool.submit(CHANNELS[name].run, job)
                started.discard(name)
