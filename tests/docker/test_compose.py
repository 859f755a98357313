"""The compose file: official service names, no secret with a default, nothing open beyond this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

DOCKER = Path(__file__).resolve().parents[2] / "docker"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(DOCKER / "compose.yaml"))


def test_it_is_a_compose_file(compose: dict[str, Any]) -> None:
    from compose_spec import ComposeSpecification

    ComposeSpecification.model_validate(compose)


def test_official_service_names(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "mosquitto", "airflow-init", "airflow-apiserver", "airflow-scheduler",
                                        "airflow-dag-processor", "airflow-triggerer"}


def test_no_secret_has_a_default_and_none_is_written_down() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    for name in ("FERNET_KEY", "JWT_SECRET", "POSTGRES_PASSWORD", "BROKER_PASSWORD", "TWILIO_TOKEN", "SEAL_KEY"):
        uses = re.findall(rf"\$\{{(\w*{name})([^}}]*)\}}", text)
        assert uses, name
        assert all(not rest or rest.startswith(":?") for _, rest in uses), name
    assert all(not line.partition("=")[2] for line in (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
               if line and not line.startswith(("#", "FENGSUI_STATUS")))


def test_ports_stay_on_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports and all(str(port).startswith("127.0.0.1:") for port in ports)


def test_the_broker_refuses_strangers_and_keeps_messages() -> None:
    text = (DOCKER / "mosquitto.conf").read_text(encoding="utf-8")
    assert "allow_anonymous false" in text and "max_queued_messages 100000" in text


def test_the_image_is_hash_pinned() -> None:
    assert "--require-hashes -r requirements.lock" in (DOCKER / "Dockerfile").read_text(encoding="utf-8")
