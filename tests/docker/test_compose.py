"""The compose files: official service names, no secret with a default, nothing open beyond this machine; the image builds from what is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

DOCKER = Path(__file__).resolve().parents[2] / "docker"
FILES = ("compose.yaml", "compose.celery.yaml")
ONE_MACHINE = {"postgres", "broker-certificate", "mosquitto", "airflow-init", "airflow-apiserver",
               "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-clean", "push-gateway", "sms-receipts"}
SECRETS = ("FERNET_KEY", "JWT_SECRET", "POSTGRES_PASSWORD", "BROKER_PASSWORD", "TWILIO_TOKEN", "SEAL_KEY")


@pytest.fixture(scope="module", params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def compose(name: str) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(DOCKER / name))


def test_it_is_a_compose_file(compose: dict[str, Any]) -> None:
    from compose_spec import ComposeSpecification

    ComposeSpecification.model_validate(compose)


def test_official_service_names(name: str, compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == ONE_MACHINE | ({"redis", "airflow-worker"} if "celery" in name else set())


def test_what_is_waited_for_and_mounted_is_there(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose["volumes"] or (DOCKER / source).exists() or source == "./mosquitto.passwd"  # made by the operator


def test_no_secret_has_a_default_and_none_is_written_down(name: str) -> None:
    text = (DOCKER / name).read_text(encoding="utf-8")
    for secret in (*SECRETS, *(("REDIS_PASSWORD",) if "celery" in name else ())):
        uses = re.findall(rf"\$\{{(\w*{secret})([^}}]*)\}}", text)
        assert uses, secret
        assert all(not rest or rest.startswith(":?") for _, rest in uses), secret
        assert any(rest for _, rest in uses), secret


def test_the_example_names_every_variable_and_no_value() -> None:
    lines = [line for line in (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    values = dict(line.split("=", 1) for line in lines)
    wanted = {found for name in FILES for found in re.findall(r"\$\{(\w+)", (DOCKER / name).read_text(encoding="utf-8"))}
    assert set(values) == wanted
    assert {key for key, value in values.items() if value} == {"FENGSUI_STATUS"}


def test_fengsui_variables_are_ones_that_settings_know(compose: dict[str, Any]) -> None:
    from core.settings import Settings

    given = {key for key in compose["x-airflow-common"]["environment"] if key.startswith("FENGSUI_") and not key.startswith("FENGSUI_SECRET_")}
    assert {key.removeprefix("FENGSUI_").lower() for key in given} <= set(Settings.model_fields)


@pytest.mark.parametrize(("service_name", "feed", "port"), [("push-gateway", "push", 8090), ("sms-receipts", "receipts", 8091)])
def test_each_gateway_is_a_command_of_ours_and_shares_the_state(compose: dict[str, Any], service_name: str, feed: str, port: int) -> None:
    import importlib

    import click
    import typer.main

    service = compose["services"][service_name]
    module = importlib.import_module(service["entrypoint"][-1])
    context = typer.main.get_command(module.app).make_context("fengsui", list(service["command"]), resilient_parsing=False)
    command = context.command.commands[service["command"][0]]  # type: ignore[attr-defined]
    given = command.make_context("gateway", list(service["command"][1:]), parent=click.Context(context.command)).params
    assert (given["feed"], given["port"]) == (feed, port) and service["ports"] == [f"127.0.0.1:{port}:{port}"] and str(port) in service["healthcheck"]["test"][-1]
    assert "fengsui-state:/var/lib/fengsui" in service["volumes"]


def test_airflows_own_records_are_cleaned_in_its_own_words(compose: dict[str, Any], tmp_path: Path) -> None:
    service = compose["services"]["airflow-clean"]
    (text,) = service["command"]
    stub = 'airflow() { printf "%s\\n" "$@"; }; find() { printf "find %s\\n" "$*"; }; sleep() { exit; }; ' + text.replace("$$", "$")
    *words, removed = subprocess.run([*service["entrypoint"], stub], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
    assert removed == "find /opt/airflow/logs -type f -mtime +60 -delete" and "airflow-logs:/opt/airflow/logs" in compose["x-airflow-common"]["volumes"]
    parse = "import sys; from airflow.cli.cli_parser import get_parser; told = get_parser().parse_args(sys.argv[1:]); print(told.clean_before_timestamp.date())"
    done = subprocess.run([sys.executable, "-c", parse, *words], check=True, capture_output=True, text=True, env=os.environ | {"AIRFLOW_HOME": str(tmp_path)})
    assert datetime.now(UTC).date() - date.fromisoformat(done.stdout.split()[-1]) in (timedelta(days=60), timedelta(days=61))


def test_ports_stay_on_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports and all(str(port).startswith("127.0.0.1:") for port in ports)


def test_the_broker_refuses_strangers_and_keeps_messages() -> None:
    text = (DOCKER / "mosquitto.conf").read_text(encoding="utf-8")
    assert "allow_anonymous false" in text and "max_queued_messages 100000" in text
    assert re.findall(r"^listener .*", text, re.MULTILINE) == ["listener 8883"] and "keyfile" in text, "nothing in the clear"


def test_the_brokers_certificate_is_made_once_and_found_by_both_ends(compose: dict[str, Any]) -> None:
    from console.certificate import FILES

    service, broker = compose["services"]["broker-certificate"], compose["services"]["mosquitto"]
    said = service["command"]
    assert said[said.index("--host") + 1] == compose["x-airflow-common"]["environment"]["FENGSUI_BROKER_HOST"] and "--keep" in said
    assert service["volumes"] == [f"broker-certificate:{said[said.index('--out') + 1]}"] and not service["depends_on"]
    assert broker["depends_on"] == {"broker-certificate": {"condition": "service_completed_successfully"}}
    text = (DOCKER / "mosquitto.conf").read_text(encoding="utf-8")
    assert "broker-certificate:/mosquitto/broker:ro" in broker["volumes"] and all(f"/mosquitto/broker/{name}" in text for name in FILES[1:])
    folder = compose["x-airflow-common"]["environment"]["FENGSUI_BROKER_CA"].removesuffix(f"/{FILES[0]}")
    assert f"broker-certificate:{folder}:ro" in compose["x-airflow-common"]["volumes"]


def test_the_image_is_hash_pinned_runs_as_nobody_special_and_copies_what_exists() -> None:
    lines = [line for line in (DOCKER / "Dockerfile").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    text = "\n".join(lines)
    assert re.match(r"FROM python:3\.\d+[\w.-]+$", lines[0]) and ":latest" not in text
    assert "--require-hashes -r requirements.lock" in text
    for line in lines:
        if line.startswith("COPY"):
            *sources, _ = [word for word in line.split()[1:] if not word.startswith("--")]
            assert all((DOCKER.parent / source).exists() for source in sources), line
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users and users[-1] not in ("root", "0")
    assert text.index("requirements.lock") < text.index("COPY --chown=airflow:0 . .")  # the environment is made once a lock, not once a change
    for path in re.findall(r"/opt/fengsui/([\w/]+)", text):
        assert (DOCKER.parent / path).exists(), path


def test_the_lock_holds_what_the_services_need() -> None:
    lock = (DOCKER.parent / "requirements.lock").read_text(encoding="utf-8")
    for package in ("apache-airflow==", "apache-airflow-providers-celery==", "redis==", "psycopg2-binary==", "asyncpg==", "psycopg=="):
        assert re.search(rf"^{re.escape(package)}", lock, re.MULTILINE), package
