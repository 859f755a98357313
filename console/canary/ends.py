"""The far end: what the test phones received, and what the test loudspeakers answered. Neither the ledger nor Airflow is asked."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.county import Canary
from core.errors import AuthorityError
from core.keyring import Keyring
from core.settings import Settings
from core.times import SHANGHAI
from notifiers import frames

#: Seconds to wait for the broker, seconds of silence after which it has handed over what it kept, and for how long it keeps.
CONNECT_S, SILENCE_S, SESSION_S = 5.0, 0.5, 86_400
#: What a beat says, and how its time is read out of it again.
TEXT = "链路自检 {}，不是预警，无须行动"
_SAYS = re.compile(r"链路自检 (\d{4}-\d\d-\d\d \d\d:\d\d)([+-]\d{4})?")
_OPENED = re.compile(r"-(\d{14})(?:-\d+)?$")
Note = Callable[[str, datetime], None]


def said(beat: datetime, zone: ZoneInfo) -> str:
    """What a beat says, on the clock of the county; elsewhere than in China with its offset, because an hour may come twice there."""
    return TEXT.format(beat.astimezone(zone).strftime("%Y-%m-%d %H:%M" if zone == SHANGHAI else "%Y-%m-%d %H:%M%z"))


def received(inbox: Path) -> Iterator[datetime]:
    """The beats that a test phone's inbox holds: a folder with one file a message, in UTF-8 or UTF-16, as the daemons of GSM modems leave it."""
    for path in sorted(inbox.glob("*")) if inbox.is_dir() else ():
        with suppress(OSError, ValueError):
            data = path.read_bytes()
            text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
            if found := _SAYS.search(text):
                yield datetime.strptime(found[1] + (found[2] or "+0800"), "%Y-%m-%d %H:%M%z").astimezone(UTC)


class Answers:
    """The signed answers of the test loudspeakers, kept by the broker for a session of the watch's own between two looks."""

    def __init__(self, plan: Canary, settings: Settings, keys: Keyring, name: str, note: Note) -> None:
        self._plan, self._keys, self._note = plan, keys, note
        self._place, self._v5 = settings.broker, settings.broker_protocol == 5
        self._up, self._heard = threading.Event(), threading.Event()
        kept: dict[str, Any] = {} if self._v5 else {"clean_session": False}
        self._client = Client(CallbackAPIVersion.VERSION2, f"fengsui-canary-{name}", protocol=settings.broker_protocol, **kept)
        self._client.username_pw_set(settings.broker_user or None, settings.broker_password.get_secret_value() or None)
        if tls := settings.broker_tls():
            self._client.tls_set_context(tls)
        self._client.on_connect, self._client.on_message = self._connected, self._answer
        self._client.on_subscribe = lambda *_: self._up.set()

    def take(self) -> bool:
        """Note what has come since the last look; False when the broker was not reached."""
        extra: dict[str, Any] = {}
        if self._v5:
            extra = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            extra["properties"].SessionExpiryInterval = SESSION_S
        try:
            self._client.connect(*self._place, keepalive=30, **extra)
        except (OSError, ValueError):
            return False
        self._client.loop_start()
        try:
            reached = self._up.wait(CONNECT_S)
            while reached and self._heard.wait(SILENCE_S):
                self._heard.clear()
            return reached
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe([(f"{frames.tree('Test')}/ack/{speaker}", 1) for speaker in self._plan.speakers])

    def _answer(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        """An answer counts for the beat in which its alert was opened. One that kept quiet for the hour has been reached too."""
        speaker = message.topic.rsplit("/", 1)[-1]
        with suppress(AuthorityError, ValueError):
            ack = frames.unseal(message.payload, frames.ACK_FIELDS, self._keys.public(speaker))
            if ack["speaker"] == speaker and ack["verified"] and (opened := _OPENED.search(ack["alert_id"])):
                self._note(speaker, self._plan.beat(datetime.strptime(opened[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)))
        self._heard.set()
