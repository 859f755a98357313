"""Forged, tampered, replayed, late, early, strayed and drill-on-actual frames: nothing is played."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from console.sandbox.clock import Clock
from console.sandbox.loudspeakers import Speaker
from core.county import Loudspeaker
from core.keyring import Keyring
from core.signing import new_key
from core.times import iso
from notifiers import frames

sys.path.insert(0, str(Path(__file__).parent))
from notify_world import START


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    keyring = Keyring(tmp_path / "keys")
    for name in ("issuer-exercise", "issuer-actual", "spk-haimen-01"):
        keyring.ensure(name)
    return keyring


def speaker(keys: Keyring, at: Any = START) -> Speaker:
    spec = Loudspeaker(speaker="spk-haimen-01", town="haimen", name="1号", state="on", synthetic=True)
    issuers = {tree: keys.public(f"issuer-{tree}") for tree in ("exercise", "actual")}
    return Speaker(spec, keys, issuers, Clock(at), keys.folder.parent / "spk.json")


def frame(keys: Keyring, tree: str = "actual", private: str | None = None, **other: Any) -> bytes:
    fields = {"alert_id": "A", "version": 1, "seq": 5, "issuer": "局", "status": "Actual" if tree == "actual" else "Exercise", "sent": iso(START),
              "expires": iso(START + timedelta(hours=1)), "areas": ["haimen"], "text": "转移", "level": 4, "repeat": 3, "key": f"issuer-{tree}"}
    return frames.seal(fields | other, private or keys.private(f"issuer-{tree}"))


def test_a_good_frame_is_played_once_and_answered_under_its_own_key(keys: Keyring) -> None:
    device = speaker(keys)
    topic, ack = device.handle("actual/broadcast/haimen", frame(keys))  # type: ignore[misc]
    said = frames.unseal(ack, frames.ACK_FIELDS, keys.public("spk-haimen-01"))
    assert topic == "actual/ack/spk-haimen-01" and said["verified"] and said["played_from"] < said["played_to"]
    assert device.handle("actual/broadcast/haimen", frame(keys, seq=6)) is not None  # sent again after a crash: answered, not played
    assert device.plays == 1
    assert speaker(keys).handle("actual/broadcast/haimen", frame(keys, seq=6)) is None  # a reboot does not forget the sequence


BAD = {
    "forged": {"private": new_key()[0]}, "expired": {"expires": iso(START - timedelta(seconds=1))}, "future": {"sent": iso(START + timedelta(hours=1))},
    "area": {"areas": ["baochang"]}, "no area": {"areas": []}, "old sequence": {"seq": 0}, "drill on actual": {"status": "Exercise"},
    "test on actual": {"status": "Test"}, "unknown status": {"status": "Draft"}, "other key name": {"key": "issuer-exercise"},
    "extra field": {"x": 1}, "bool sequence": {"seq": True}, "naive time": {"expires": "2021-07-26T00:00:00"}, "long": {"text": "长" * 9000},
}


@pytest.mark.parametrize("name", BAD)
def test_bad_frames_are_not_played(keys: Keyring, name: str) -> None:
    device = speaker(keys)
    assert device.handle("actual/broadcast/haimen", frame(keys, **BAD[name])) is None
    assert device.plays == 0 and device.refusals


def test_a_drill_key_never_plays_on_the_actual_tree(keys: Keyring) -> None:
    device = speaker(keys)
    stolen = frame(keys, private=keys.private("issuer-exercise"))
    assert device.handle("actual/broadcast/haimen", stolen) is None
    assert device.handle("exercise/broadcast/haimen", frame(keys)) is None
    assert device.handle("other/broadcast/haimen", frame(keys)) is None and device.plays == 0


def test_every_changed_byte_kills_a_frame(keys: Keyring) -> None:
    good, device = frame(keys), speaker(keys)
    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 1]) + good[place + 1:]
        try:
            same = json.loads(bad) == json.loads(good)
        except ValueError:
            same = False
        assert same or device.handle("actual/broadcast/haimen", bad) is None
    assert device.plays == 0


def test_quiet_hours_hold_at_the_speaker(keys: Keyring) -> None:
    night = START.replace(hour=15)  # 23:00 in Beijing
    late = {"sent": iso(night), "expires": iso(night + timedelta(hours=1))}
    for level, tree, plays in ((4, "actual", 1), (2, "actual", 0), (4, "exercise", 0)):
        (keys.folder.parent / "spk.json").unlink(missing_ok=True)
        device = speaker(keys, night)
        _, ack = device.handle(f"{tree}/broadcast/haimen", frame(keys, tree, level=level, **late))  # type: ignore[misc]
        assert device.plays == plays
        assert frames.unseal(ack, frames.ACK_FIELDS, keys.public("spk-haimen-01"))["reason"] == ("" if plays else "quiet_hours")


def test_garbage_is_refused(keys: Keyring) -> None:
    device = speaker(keys)
    for junk in (b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b'{"signature": 1}'):
        assert device.handle("actual/broadcast/haimen", junk) is None
