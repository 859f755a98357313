"""The loudspeaker channel over MQTT. A broker's ack is no delivery: only a speaker's own signed acknowledgement counts."""

from __future__ import annotations

import queue
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import RowMapping

from core.alerts import issuer_key
from core.errors import AuthorityError
from core.model import DeliveryState as D
from core.times import iso, parse_iso
from notifiers import frames, outbox, receipts
from notifiers.outbox import Outcome

if TYPE_CHECKING:
    from notifiers.dispatch import Round

BATCH = 2000


def run(round_: Round) -> None:
    """Send one frame a town, wait for the speakers' answers, list those that did not answer."""
    rows = [*outbox.doubtful(round_.ledger, "broadcast"), *outbox.claim(round_.ledger, "broadcast", round_.now(), BATCH)]
    by_version: dict[tuple[str, int], list[RowMapping]] = defaultdict(list)
    for row in rows:
        by_version[row["alert_id"], row["version"]].append(row)
    for key, targets in by_version.items():
        version = round_.versions.get(key)
        if version is None or parse_iso(version["expires"]) <= round_.now():
            state = D.CANCELLED if version is None else D.EXPIRED
            outbox.record(round_.ledger, [Outcome(delivery_id=row["delivery_id"], state=state) for row in targets])
        else:
            _broadcast(round_, version, targets)


def _broadcast(round_: Round, version: RowMapping, targets: list[RowMapping]) -> None:
    body = round_.body(version)
    tree = frames.tree(body["status"])
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    client = _connect(round_, f"{tree}/ack/+", answers)
    try:
        for town in sorted({row["town"] for row in targets}):
            _publish(round_, client, tree, version, town)
        handed = iso(round_.now())
        waiting = {row["recipient"]: row for row in targets}
        heard = _gather(round_, answers, waiting, f"{version['alert_id']}.v{version['version']}")
    finally:
        client.disconnect()
        client.loop_stop()
    outbox.record(round_.ledger, [
        Outcome(delivery_id=row["delivery_id"], state=D.ACCEPTED if name in heard else D.UNDELIVERED,
                provider_id=f"{row['delivery_id']}@{name}" if name in heard else "", code="" if name in heard else "no ack", handed_at=handed)
        for name, row in waiting.items()])
    receipts.record(round_.ledger, [receipts.News(f"{waiting[name]['delivery_id']}@{name}", "delivered", "") for name in sorted(heard)], round_.now())
    round_.tell(len(targets))


def _publish(round_: Round, client: mqtt.Client, tree: str, version: RowMapping, town: str) -> None:
    """One signed frame for a town; its sequence number is committed before it leaves."""
    body = round_.body(version)
    with round_.ledger.begin() as tx:
        number = round_.ledger.next_sequence(tx, f"broadcast/{tree}")
    content = {
        "alert_id": body["alert_id"], "version": body["version"], "seq": number, "issuer": issuer_key(body["status"]), "status": body["status"],
        "sent": iso(round_.now()), "expires": body["expires"], "areas": [town], "text": body["texts"][town]["broadcast"],
        "level": body["levels"].get(town, 0), "repeat": 3,
    }
    properties = None
    if round_.settings.broker_protocol == 5:
        properties = Properties(PacketTypes.PUBLISH)
        properties.MessageExpiryInterval = max(1, int((parse_iso(body["expires"]) - round_.now()).total_seconds()))
    frame = frames.seal(content, round_.keyring.private(issuer_key(body["status"])))
    client.publish(f"{tree}/broadcast/{town}", frame, qos=1, properties=properties).wait_for_publish(5.0)


def _gather(round_: Round, answers: queue.SimpleQueue[bytes], waiting: dict[str, RowMapping], ref: str) -> set[str]:
    """Names of the speakers that said, under their own key, that they played this version."""
    heard: set[str] = set()
    until = time.monotonic() + round_.settings.ack_wait_s
    while len(heard) < len(waiting) and (left := until - time.monotonic()) > 0:
        try:
            payload = answers.get(timeout=left)
            claimed = frames.json.loads(payload)["content"]["speaker"]
            content = frames.open_frame(payload, round_.keyring.public(claimed)) if claimed in waiting else {}
        except (queue.Empty, AuthorityError, ValueError, KeyError, TypeError):
            continue
        if content.get("ref") == ref and content.get("played") is True:
            heard.add(claimed)
    return heard


def _connect(round_: Round, topic: str, answers: queue.SimpleQueue[bytes]) -> mqtt.Client:
    settings = round_.settings
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTProtocolVersion(settings.broker_protocol))
    if settings.broker_user:
        client.username_pw_set(settings.broker_user, settings.broker_password.get_secret_value())
    ready: queue.SimpleQueue[bool] = queue.SimpleQueue()
    client.on_connect = lambda c, _u, _f, _r, _p: c.subscribe(topic, qos=1)
    client.on_subscribe = lambda _c, _u, _m, _r, _p: ready.put(True)
    client.on_message = lambda _c, _u, message: answers.put(message.payload)
    client.connect(settings.broker_host, settings.broker_port)
    client.loop_start()
    ready.get(timeout=10.0)
    return client
