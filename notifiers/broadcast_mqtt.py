"""Village loudspeakers over MQTT. A broker's ack is not a delivery: only the loudspeaker's own signed answer is; the rest is listed.

Loudspeakers know (alert, version), so a frame sent again after a crash is answered and not played twice.
"""

from __future__ import annotations

import threading
from typing import Any

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from core.errors import AuthorityError, DeliveryError
from core.model import DeliveryState as D
from core.times import iso
from notifiers import frames, render
from notifiers.job import Job
from notifiers.outbox import Item, Outcome
from notifiers.versions import Version

CONNECT_S, SESSION_S = 5.0, 86_400
#: MQTT 5 PUBACK codes that mean the broker keeps the frame: success, and no subscriber now.
TAKEN = (0, 16)


class Publisher:
    """One connection with the broker; answers of loudspeakers gather in `acks` by (speaker, alert, version)."""

    def __init__(self, job: Job) -> None:
        self.job, self.acks, self.codes = job, dict[tuple[str, str, int], dict[str, Any]](), dict[int, int]()
        self.change, self.v5 = threading.Condition(), job.settings.broker_protocol == 5
        name = f"fengsui-dispatch-{job.shard[0]}"
        self.client = Client(CallbackAPIVersion.VERSION2, name, protocol=job.settings.broker_protocol, **({} if self.v5 else {"clean_session": False}))
        self.client.username_pw_set(job.settings.broker_user or None, job.settings.broker_password.get_secret_value() or None)
        self.client.on_publish, self.client.on_message, self.client.on_connect = self._published, self._answer, self._connected
        self.up = threading.Event()

    def open(self) -> None:
        """Connect and subscribe to the answers, with a session that the broker keeps; DeliveryError when it cannot be reached."""
        extra: dict[str, Any] = {}
        if self.v5:
            extra = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            extra["properties"].SessionExpiryInterval = SESSION_S
        try:
            self.client.connect(self.job.settings.broker_host, self.job.settings.broker_port, keepalive=30, **extra)
        except (OSError, ValueError) as error:
            raise DeliveryError(f"消息代理连不上 / broker not reached: {type(error).__name__}", code="no_broker", retryable=True) from None
        self.client.loop_start()
        if not self.up.wait(CONNECT_S):
            raise DeliveryError("消息代理不接受连接 / broker refuses", code="no_broker", retryable=True)

    def close(self) -> None:
        """Leave the broker."""
        self.client.disconnect()
        self.client.loop_stop()

    def publish(self, topic: str, payload: bytes, valid_s: int) -> int:
        """Hand one frame to the broker; its reason code (MQTT 5; 0 for 3.1.1), 255 when it did not answer."""
        properties = Properties(PacketTypes.PUBLISH) if self.v5 else None
        if properties:
            properties.MessageExpiryInterval = max(1, valid_s)
        info = self.client.publish(topic, payload, qos=1, properties=properties)
        with self.change:
            self.change.wait_for(lambda: info.mid in self.codes, CONNECT_S)
            return self.codes.get(info.mid, 255)

    def await_acks(self, wanted: set[tuple[str, str, int]], wait_s: float) -> None:
        """Until every wanted answer is there, or `wait_s` is over."""
        with self.change:
            self.change.wait_for(lambda: wanted <= self.acks.keys(), wait_s)

    def _connected(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            client.subscribe([("exercise/ack/+", 1), ("actual/ack/+", 1)])
            self.up.set()

    def _published(self, _client: Client, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        with self.change:
            self.codes[mid] = reason.value
            self.change.notify_all()

    def _answer(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        speaker = message.topic.rsplit("/", 1)[-1]
        try:
            ack = frames.unseal(message.payload, frames.ACK_FIELDS, self.job.keyring.public(speaker))
        except AuthorityError:
            return
        if ack["speaker"] == speaker:
            with self.change:
                self.acks[speaker, ack["alert_id"], ack["version"]] = ack
                self.change.notify_all()


def run_broadcast(job: Job) -> None:
    """Publish what is pending, gather answers, list who was not reached. Without a broker the rows stay pending and the desk is rung."""
    outbox = job.parts.outbox(job.ledger, job.ticker, "broadcast", job.shard)
    if not (outbox.sending() or outbox.waiting(job.versions)):
        return
    publisher = Publisher(job)
    try:
        publisher.open()
        left = outbox.sending()
        again = [item for item in left if job.serves(item.ref, item.town)]
        over = [Outcome(delivery_id=i.delivery_id, state=D.UNDELIVERED, code="no_ack") for i in left if i not in again]
        outbox.settle(over)
        items = again + outbox.claim(job.versions, 10_000)
        codes = {key: _send(job, publisher, *key) for key in sorted({(i.ref, i.town) for i in items})}
        publisher.await_acks({(i.recipient, *i.ref) for i in items if codes[i.ref, i.town] == ""}, job.settings.ack_wait_s)
        outbox.settle([_outcome(i, codes[i.ref, i.town], publisher.acks.get((i.recipient, *i.ref))) for i in items])
    except DeliveryError as error:
        job.alarm("broadcast", str(error), f"broadcast.{iso(job.ticker.now())[:13]}")
    finally:
        publisher.close()


def _send(job: Job, publisher: Publisher, ref: tuple[str, int], town: str) -> str:
    """One frame for one town; '' when the broker took it, else why not."""
    version = job.versions[ref]
    try:
        payload = _frame(job, version, town)
    except (DeliveryError, AuthorityError) as error:
        job.alarm("broadcast", f"{version.name} {town} {error}", f"{version.name}.{town}.frame")
        return getattr(error, "code", "") or "no_key"
    valid = int((version.expires - job.ticker.now()).total_seconds())
    code = publisher.publish(f"{frames.tree(version.status)}/broadcast/{town}", payload, valid) if valid > 0 else 254
    if code not in TAKEN:
        job.alarm("broadcast", f"{version.name} {town} 消息代理拒收 {code} / broker refused", f"{version.name}.{town}.{code}")
        return f"broker_{code}"
    return ""


def _frame(job: Job, version: Version, town: str) -> bytes:
    text = render.spoken(version.body["texts"].get(town, {}).get("broadcast", ""), status=version.status)
    key = frames.key_name(version.status)
    if job.settings.mode == "sandbox":
        job.keyring.ensure(key)
    with job.ledger.begin() as tx:
        seq = job.ledger.next_sequence(tx, key)
    return frames.seal({
        "alert_id": version.ref[0], "version": version.ref[1], "seq": seq, "issuer": job.county.issuer, "status": str(version.status),
        "sent": iso(job.ticker.now()), "expires": iso(version.expires), "areas": [town], "text": text, "level": int(version.level), "repeat": 3,
        "key": key,
    }, job.keyring.private(key))


def _outcome(item: Item, refused: str, ack: dict[str, Any] | None) -> Outcome:
    if refused:
        return Outcome(delivery_id=item.delivery_id, state=D.REFUSED, code=refused[:32])
    if ack is None:
        return Outcome(delivery_id=item.delivery_id, state=D.UNDELIVERED, code="no_ack")
    if ack["verified"] and ack["played_to"]:
        return Outcome(delivery_id=item.delivery_id, state=D.DELIVERED, provider_id=f"seq-{ack['seq']}")
    return Outcome(delivery_id=item.delivery_id, state=D.UNDELIVERED, code=ack["reason"][:32])
