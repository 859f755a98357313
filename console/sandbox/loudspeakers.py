"""Village loudspeakers: each verifies signature, sequence, time, area and status before it "plays", keeps quiet hours, and signs its answer.

What it has heard is kept on disk, so that a reboot neither forgets the sequence nor plays an alert twice. Those that the county lists
as off never connect.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Protocol

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.county import County, Loudspeaker
from core.errors import AuthorityError
from core.keyring import Keyring
from core.times import SHANGHAI, iso
from notifiers import frames

CONNECT_S, SESSION_S = 10.0, 86_400
CHARACTERS_PER_S = 4.0


class Now(Protocol):
    """A clock that somebody else sets."""

    def now(self) -> datetime:
        """Aware time."""


@dataclass(slots=True)
class Memory:
    """What a loudspeaker must not forget: the last sequence per tree, and what it played (alert.version -> answer fields)."""

    last: dict[str, int] = field(default_factory=dict)
    played: dict[str, dict[str, Any]] = field(default_factory=dict)


class Speaker:
    """One loudspeaker. `handle` is its whole mind and needs no network."""

    def __init__(self, spec: Loudspeaker, keyring: Keyring, issuers: dict[str, str], clock: Now, state: Path, zone: tzinfo = SHANGHAI) -> None:
        self.spec, self.keyring, self.issuers, self.clock, self.state = spec, keyring, issuers, clock, state
        kept = json.loads(state.read_text(encoding="utf-8")) if state.exists() else {}
        self.zone = zone
        self.memory, self.refusals, self.plays = Memory(**kept), list[str](), 0
        self._private = ""

    def handle(self, topic: str, payload: bytes) -> tuple[str, bytes] | None:
        """Topic and payload of the answer; None for what is not to be answered (it is counted in `refusals`)."""
        now, branch = self.clock.now(), topic.split("/", 1)[0]
        try:
            frame = frames.check_frame(payload, topic=topic, public=self.issuers, area=self.spec.town, last_seq=self.memory.last.get(branch, 0), now=now)
        except AuthorityError as error:
            self.refusals.append(str(error))
            return None
        name, quiet = f"{branch}/{frame['alert_id']}.v{frame['version']}", frames.quiet(frame, now, self.zone)
        if self.memory.played.get(name, {}).get("reason") != "":  # never heard of, or not played for the hour
            spoken = timedelta(seconds=len(frame["text"]) / CHARACTERS_PER_S * frame["repeat"])
            times = ("", "") if quiet else (iso(now), iso(now + spoken))
            self.plays += not quiet
            self.memory.played[name] = {"played_from": times[0], "played_to": times[1], "reason": "quiet_hours" if quiet else ""}
        self.memory.last[branch] = frame["seq"]
        self._keep()
        self._private = self._private or self.keyring.private(self.spec.speaker)
        ack = {"speaker": self.spec.speaker, "alert_id": frame["alert_id"], "version": frame["version"], "seq": frame["seq"], "received": iso(now),
               "verified": True, "content": frames.content(frame), **self.memory.played[name]}
        return f"{branch}/ack/{self.spec.speaker}", frames.seal(ack, self._private)

    def _keep(self) -> None:
        part = self.state.with_suffix(".part")
        part.write_text(json.dumps({"last": self.memory.last, "played": self.memory.played}), encoding="utf-8")
        part.replace(self.state)


class Fleet:
    """All loudspeakers of a county, each with its own connection and a session that the broker keeps."""

    def __init__(self, *, county: County, host: str, port: int, protocol: int, keys: Path, clock: Now) -> None:
        self.host, self.port, self.v5, keyring = host, port, protocol == 5, Keyring(keys)
        issuers = {branch: keyring.ensure(f"issuer-{branch}") for branch in ("exercise", "actual")}
        state = keys.parent / "sandbox" / "speakers"
        state.mkdir(parents=True, exist_ok=True)
        self.speakers = [Speaker(spec, keyring, issuers, clock, state / f"{spec.speaker}.json", county.zone) for spec in county.loudspeakers if spec.state == "on"]
        for spec in county.loudspeakers:
            keyring.ensure(spec.speaker)
        self._clients: list[Client] = []
        self._up: dict[str, threading.Event] = {}

    def start(self) -> None:
        """Connect all; returns when every one that is on has subscribed, OSError when the broker is not there."""
        for speaker in self.speakers:
            self._clients.append(self._connect(speaker, self._up.setdefault(speaker.spec.speaker, threading.Event())))
        self.await_all()

    def await_all(self) -> None:
        """Until every one is connected and subscribed, also again after the broker was away; OSError names who is not."""
        for name, up in self._up.items():
            if not up.wait(CONNECT_S):
                raise OSError(f"{name} could not subscribe")

    def stop(self) -> None:
        """Disconnect all, then wait for all: one that is trying to reach a dead broker takes a second to notice. Safe to call twice."""
        for client in self._clients:
            client.disconnect()
        for client in self._clients:
            client.loop_stop()
        self._clients.clear()

    def _connect(self, speaker: Speaker, up: threading.Event) -> Client:
        protocol = 5 if self.v5 else 4
        client = Client(CallbackAPIVersion.VERSION2, speaker.spec.speaker, protocol=protocol, **({} if self.v5 else {"clean_session": False}))

        def on_connect(client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            """Subscribe, at each connection again, to the broadcasts of the speaker's town on its issuers' branches."""
            if not reason.is_failure:
                client.subscribe([(f"{branch}/broadcast/{speaker.spec.town}", 1) for branch in speaker.issuers])

        def on_message(client: Client, _data: Any, message: MQTTMessage) -> None:
            """Let the speaker act on one message and publish its answer, if it gives one."""
            answer = speaker.handle(message.topic, message.payload)
            if answer is not None:
                client.publish(answer[0], answer[1], qos=1)

        client.on_connect, client.on_message = on_connect, on_message
        client.on_subscribe = lambda *_: up.set()
        client.on_disconnect = lambda *_: up.clear()
        client.reconnect_delay_set(1, 2)
        extra: dict[str, Any] = {}
        if self.v5:
            extra = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            extra["properties"].SessionExpiryInterval = SESSION_S
        client.connect(self.host, self.port, keepalive=60, **extra)
        client.loop_start()
        return client
