"""Nobody lost, nobody twice: kill -9 of real dispatching processes, at random moments, against the outside's own ledger.

The mutants prove that the oracle bites: they crash at a chosen step, not at a lucky moment.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw
from mutants import MUTANTS, Crash, crashing

from notifiers.job import Parts

TOWNS = {"haimen": 3, "baochang": 3, "linjiang": 3}
BAD_NIGHT = {"error_500": 0.1, "drop": 0.1, "too_many": 0.1, "accept_delay": 0.02, "send_delay": 0.05}
KILLS = 12


@pytest.fixture
def running() -> Iterator[list[Any]]:
    started: list[Any] = []
    yield started
    for one in reversed(started):
        one.stop()


@pytest.mark.slow
def test_nobody_lost_nobody_twice(tmp_path: Path, running: list[Any]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    running.append(gateway := nw.GatewayProcess(tmp_path, **BAD_NIGHT, seed=seed))
    place = nw.make(tmp_path, sms_url=gateway.url, people=1500)
    wanted = len(place.recipients(place.publish(**TOWNS)))
    running.append(launcher := nw.Launcher(tmp_path, gateway.url, 0.5))
    killed = sum(launcher.run(rng.uniform(0.0, 0.3)) == 9 for _ in range(KILLS))
    assert launcher.run() == 0
    lost, twice = gateway.verdict(wanted)
    print(f"faults={BAD_NIGHT} kills={killed} messages={wanted} lost={lost} duplicated={twice} seed={seed}")
    assert (lost, twice) == (0, 0), f"seed={seed}"
    assert killed >= 3 and set(place.states()) == {"accepted"} and place.states()["accepted"] == wanted
    before = len(gateway.messages())
    assert place.dispatch().sent == 0
    assert len(gateway.messages()) == before


def crash_and_recover(home: Path, gateway: nw.Gateway, mutant: str, step: str, grace: float) -> tuple[int, int]:
    """(lost, twice) after a crash at `step` and one more dispatch; step '' is no crash."""
    parts = MUTANTS[mutant]
    place = nw.make(home, sms_url=gateway.url, grace=grace, people=100)
    wanted = len(place.recipients(place.publish(**TOWNS)))
    if step:
        with suppress(Crash):
            place.dispatch(Parts(outbox=crashing(parts.outbox, step), sms=parts.sms))
    place.dispatch(parts)
    return gateway.verdict(wanted)


@pytest.mark.parametrize("step", ["claimed", "answered", ""])
def test_the_protocol_survives_a_crash_at_each_step(tmp_path: Path, running: list[Any], step: str) -> None:
    running.append(gateway := nw.Gateway(tmp_path))
    assert crash_and_recover(tmp_path, gateway, "none", step, 0.2) == (0, 0)


@pytest.mark.parametrize(("mutant", "step", "faults", "grace"), [
    ("no_mark", "answered", {}, 0.2), ("no_look_up", "answered", {}, 0.2), ("at_most_once", "claimed", {}, 0.2),
    ("none", "", {"drop": 0.3, "list_lag": 1000.0}, 0.0),  # no grace: the list does not show yet what the provider has taken
])
def test_a_broken_protocol_is_seen(tmp_path: Path, running: list[Any], mutant: str, step: str, faults: dict[str, Any], grace: float) -> None:
    running.append(gateway := nw.Gateway(tmp_path, **faults, seed=5))
    lost, twice = crash_and_recover(tmp_path, gateway, mutant, step, grace)
    print(f"mutant={mutant} crash={step or '-'} grace={grace} lost={lost} duplicated={twice}")
    assert lost or twice
