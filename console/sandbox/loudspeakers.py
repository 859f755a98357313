"""Village loudspeakers as they should be: each checks signature, world, area, time and sequence itself before it plays, and says so under its own key.

Broker, topic and sender's login prove nothing to it. A speaker that is `off` in the county's list hears nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from console.sandbox.clock import Clock
from core.county import County, Loudspeaker
from core.errors import AuthorityError
from core.keyring import Keyring
from core.times import iso, parse_iso
from notifiers import frames

SKEW = timedelta(minutes=10)
KEEP = timedelta(hours=48)


@dataclass(kw_only=True)
class Speaker:
    """One device: its place, the public key it trusts and its own key."""

    name: str
    town: str
    tree: str
    issuer: str
    trusted: str
    private: str
    clock: Clock
    last_seq: int = 0
    played: list[dict[str, Any]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def hear(self, payload: bytes) -> str | None:
        """Play a frame and return the signed acknowledgement, or None with the reason noted."""
        try:
            content = frames.open_frame(payload, self.trusted)
            reason = self._objection(content)
        except (AuthorityError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
        if reason:
            self.refused.append(reason)
            return None
        self.last_seq = int(content["seq"])
        self.played.append(content)
        at = iso(self.clock.now())
        return frames.seal({"speaker": self.name, "ref": f"{content['alert_id']}.v{content['version']}", "seq": content["seq"], "played": True,
                            "played_from": at, "played_to": at}, self.private)

    def _objection(self, content: dict[str, Any]) -> str:
        """Why this frame is not played; '' when it is."""
        now = self.clock.now()
        if content["issuer"] != self.issuer or frames.tree(content["status"]) != self.tree:
            return "another world"
        if self.town not in content["areas"]:
            return "another area"
        if not parse_iso(content["sent"]) - SKEW <= now < parse_iso(content["expires"]):
            return "not in its time"
        if parse_iso(content["sent"]) < now - KEEP:
            return "too old"
        return "" if int(content["seq"]) > self.last_seq else "heard before"


class Fleet:
    """All speakers of a county on one MQTT session: each hears its own town's topic."""

    def __init__(self, *, county: County, host: str, port: int, protocol: int, keys: Path, clock: Clock, tree: str = "exercise") -> None:
        keyring, issuer = Keyring(keys), f"issuer-{tree}"
        trusted = keyring.ensure(issuer)
        self.tree, self._host, self._port = tree, host, port
        self.speakers = [self._device(s, keyring, issuer, trusted, clock) for s in county.loudspeakers if s.state == "on"]
        for speaker in county.loudspeakers:
            keyring.ensure(speaker.speaker)
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"sandbox-speakers-{tree}", protocol=mqtt.MQTTProtocolVersion(protocol))
        self._client.on_connect = lambda c, _u, _f, _r, _p: c.subscribe(f"{tree}/broadcast/+", qos=1)
        self._client.on_message = lambda _c, _u, message: self._hear(message)

    def _device(self, speaker: Loudspeaker, keyring: Keyring, issuer: str, trusted: str, clock: Clock) -> Speaker:
        keyring.ensure(speaker.speaker)
        return Speaker(name=speaker.speaker, town=speaker.town, tree=self.tree, issuer=issuer, trusted=trusted,
                       private=keyring.private(speaker.speaker), clock=clock)

    def _hear(self, message: mqtt.MQTTMessage) -> None:
        town = message.topic.rsplit("/", 1)[-1]
        for speaker in self.speakers:
            if speaker.town == town and (answer := speaker.hear(message.payload)):
                self._client.publish(f"{self.tree}/ack/{speaker.name}", answer, qos=1)

    def start(self) -> None:
        """Connect and listen."""
        self._client.connect(self._host, self._port)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
