"""Publishes the scenario's sensor messages over MQTT as its clock moves: QoS 1, one topic a station and property."""

from __future__ import annotations

import json
from datetime import datetime

import paho.mqtt.client as mqtt

from console.sandbox.scenario import Scenario
from core.errors import StoreError
from core.times import SHANGHAI


class Telemetry:
    """Connected at a broker; advance() returns when the broker has taken every message."""

    def __init__(self, host: str, port: int, protocol: int, scenario: Scenario) -> None:
        self.scenario, self._sent, self._seq = scenario, datetime.min.replace(tzinfo=scenario.start.tzinfo), 0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="sandbox-telemetry", protocol=mqtt.MQTTProtocolVersion(protocol))
        self._client.connect(host, port)
        self._client.loop_start()

    def advance(self, at: datetime) -> None:
        """Publish every reading up to `at` that was not published yet."""
        waiting = []
        for when, row in self.scenario.until("sensors", at):
            if when <= self._sent:
                continue
            self._seq += 1
            body = {"station": row["station"], "property": row["property"], "value": float(row["value"]), "unit": row["unit"],
                    "time": when.astimezone(SHANGHAI).isoformat(), "seq": self._seq, "synthetic": row["synthetic"] == "true"}
            waiting.append(self._client.publish(f"sensors/{row['station']}/{row['property']}", json.dumps(body, ensure_ascii=False), qos=1))
        for info in waiting:
            info.wait_for_publish(10.0)
            if not info.is_published():
                raise StoreError("the broker did not take a sensor message within 10 s")
        self._sent = max(self._sent, at)

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()
