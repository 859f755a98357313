"""Nobody lost, nobody twice: kill -9 of a real dispatching process, at random moments, against the outside's own ledger."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

TOWNS = {"haimen": 3, "baochang": 3, "linjiang": 3}
BAD_NIGHT = {"error_500": 0.1, "drop": 0.1, "too_many": 0.1, "accept_delay": 0.02, "send_delay": 0.05}


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[list[nw.Gateway]]:
    running: list[nw.Gateway] = []
    yield running
    for gateway in running:
        gateway.stop()


def storm(home: Path, gateway: nw.Gateway, mutant: str, kills: int, seed: int, grace: float) -> tuple[nw.Place, int, tuple[int, int]]:
    """Issue, then kill `kills` times, then let it end: (place, wanted, (lost, twice))."""
    place, rng = nw.make(home, sms_url=gateway.url, grace=grace, people=1500), random.Random(seed)
    ref = place.publish(**TOWNS)
    wanted = len(place.recipients(ref))
    for _ in range(kills):
        nw.run_and_kill(home, gateway.url, mutant, rng.uniform(0.0, 0.4), grace)
    assert nw.run_and_kill(home, gateway.url, mutant, None, grace) == 0
    return place, wanted, gateway.verdict(wanted)


@pytest.mark.slow
def test_nobody_lost_nobody_twice(tmp_path: Path, gateways: list[nw.Gateway]) -> None:
    seed = random.SystemRandom().randrange(10**6)
    gateways.append(gateway := nw.GatewayProcess(tmp_path, **BAD_NIGHT, seed=seed))
    place, wanted, (lost, twice) = storm(tmp_path, gateway, "none", 10, seed, 0.5)
    print(f"faults={BAD_NIGHT} kills=10 messages={wanted} lost={lost} duplicated={twice} seed={seed}")
    assert (lost, twice) == (0, 0), f"seed={seed}"
    assert set(place.states()) <= {"accepted"} and place.states()["accepted"] == wanted
    before = len(gateway.messages())
    assert place.dispatch().sent == 0
    assert len(gateway.messages()) == before


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "faults", "grace"), [
    ("no_mark", {"accept_delay": 0.1}, 0.3), ("no_look_up", BAD_NIGHT, 0.3), ("at_most_once", {"accept_delay": 0.1}, 0.3),
    ("none", {"drop": 0.2, "list_lag": 20.0, "send_delay": 0.05}, 0.0),
])
def test_a_broken_protocol_is_seen(tmp_path: Path, gateways: list[nw.Gateway], mutant: str, faults: dict[str, Any], grace: float) -> None:
    gateways.append(gateway := nw.GatewayProcess(tmp_path, **faults, seed=5))
    _, wanted, (lost, twice) = storm(tmp_path, gateway, mutant, 2, 5, grace)
    print(f"mutant={mutant} grace={grace} messages={wanted} lost={lost} duplicated={twice}")
    assert lost or twice
