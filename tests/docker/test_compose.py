"""The compose files: official service names, no secret with a default, nothing open beyond this machine, every word one that our programs know."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from compose_files import DOCKER, MANY, ONE, SECRETS, check_of, compose, example
from ruamel.yaml import YAML

ONE_MACHINE = {"postgres", "broker-certificate", "mosquitto", "airflow-init", "airflow-apiserver",
               "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-clean", "push-gateway", "sms-receipts"}
ONCE = {"broker-certificate", "airflow-init"}


@pytest.fixture(scope="module", params=[ONE, MANY], ids=["one", "many"])
def names(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


@pytest.fixture(scope="module")
def services(names: tuple[str, ...]) -> dict[str, Any]:
    return dict(compose(names)["services"])


@pytest.fixture(scope="module")
def ours(services: dict[str, Any]) -> dict[str, Any]:
    return {name: service for name, service in services.items() if service["image"] == "fengsui:latest"}


def test_each_file_and_what_they_make_together_are_compose_files(names: tuple[str, ...]) -> None:
    from compose_spec import ComposeSpecification

    ComposeSpecification.model_validate(YAML(typ="safe").load(DOCKER / names[-1]))
    ComposeSpecification.model_validate(compose(names))


def test_official_service_names(names: tuple[str, ...], services: dict[str, Any]) -> None:
    assert set(services) == ONE_MACHINE | ({"redis", "airflow-worker"} if names == MANY else set())


def test_what_is_waited_for_and_mounted_is_there_and_can_be_healthy(names: tuple[str, ...], services: dict[str, Any]) -> None:
    volumes = compose(names)["volumes"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert "healthcheck" in services[other] if how["condition"] == "service_healthy" else other in ONCE
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in volumes or (DOCKER / source).is_file()


def test_no_secret_has_a_default_and_nothing_starts_without_one(names: tuple[str, ...]) -> None:
    needed = set(SECRETS) - (set() if names == MANY else {"REDIS_PASSWORD"}) | {"AIRFLOW_USERS"}
    full = example() | SECRETS
    for name in needed:
        with pytest.raises(LookupError, match=rf"set {name} in \.env"):
            compose(names, full | {name: ""})
    compose(names, {name: full[name] for name in needed})


def test_the_example_names_every_variable_and_no_secret() -> None:
    assert set(example()) == {found for name in MANY for found in re.findall(r"\$\{(\w+)", (DOCKER / name).read_text(encoding="utf-8"))}
    assert {key for key, value in example().items() if value} == {"FENGSUI_STATUS", "AIRFLOW_USERS"}


def test_the_environment_is_one_that_a_live_installation_starts_with(ours: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from core.settings import Settings

    (given, *others) = [{key: value for key, value in service["environment"].items() if key.startswith("FENGSUI_")} for service in ours.values()]
    assert all(other == given for other in others), "one environment"
    assert {key.removeprefix("FENGSUI_").lower() for key in given if not key.startswith("FENGSUI_SECRET_")} <= set(Settings.model_fields)
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    settings = Settings.load()
    assert (settings.mode, settings.status, settings.broker, len(settings.sealing_key())) == ("live", "Exercise", ("mosquitto", 8883), 32)
    assert settings.ledger_address.startswith("postgresql+psycopg://airflow:") and settings.ledger_address.endswith("@postgres/fengsui")


def test_the_countys_secrets_and_officers_are_given(ours: dict[str, Any]) -> None:
    from core.county import load_county

    county, given = load_county(DOCKER.parent / "county" / "haimen"), ours["airflow-scheduler"]["environment"]
    wanted = {feed.secret for feed in county.feeds if feed.secret} | set(county.policy.canary.phones if county.policy.canary else ())
    assert wanted and {f"FENGSUI_SECRET_{name.upper().replace('-', '_')}" for name in wanted} == {key for key in given if key.startswith("FENGSUI_SECRET_")}
    users = dict(user.split(":") for user in given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"].split(","))
    assert users == {"admin": "admin"} | dict.fromkeys((officer.officer for officer in county.policy.officers), "user")
    folder = given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"].rpartition("/")[0]
    assert f"fengsui-state:{folder}" in ours["airflow-apiserver"]["volumes"], "the passwords outlive the container"


def test_every_command_and_setting_is_one_that_airflow_knows(tmp_path: Path) -> None:
    both = [service for service in compose(MANY)["services"].values() if service["image"] == "fengsui:latest"]
    (cleaning,) = [service for service in both if service.get("entrypoint") == ["bash", "-c"]]
    stub = 'airflow() { printf "%s\\n" "$@"; }; find() { printf "find %s\\n" "$*"; }; sleep() { exit; }; ' + cleaning["command"][0]
    *clean, removed = subprocess.run([*cleaning["entrypoint"], stub], check=True, capture_output=True, text=True).stdout.split("\n")[:-1]
    assert removed == "find /opt/airflow/logs -type f -mtime +60 -delete" and "airflow-logs:/opt/airflow/logs" in cleaning["volumes"]
    commands = [service["command"] for service in both if "entrypoint" not in service]
    assert ["db", "migrate"] in commands and ["celery", "worker"] in commands
    keys = sorted({key for service in both for key in service["environment"] if key.startswith("AIRFLOW__")})
    asked = ("import json, sys; from airflow.cli.cli_parser import get_parser; from airflow.configuration import conf; parser = get_parser()\n"
             "commands, clean, keys = json.load(sys.stdin); [parser.parse_args(words) for words in commands]\n"
             "known = {f'AIRFLOW__{s.upper()}__{o.upper()}' for s, rows in conf.configuration_description.items() for o in rows['options']}\n"
             "print(json.dumps([str(parser.parse_args(clean).clean_before_timestamp.date()), sorted(set(keys) - known)]))")
    done = subprocess.run([sys.executable, "-c", asked], input=json.dumps([commands, clean, keys]), capture_output=True, text=True,
                          env=os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}, check=False)
    assert done.returncode == 0, done.stderr
    before, unknown = json.loads(done.stdout.splitlines()[-1])
    assert datetime.now(UTC).date() - date.fromisoformat(before) in (timedelta(days=60), timedelta(days=61))
    assert not unknown


@pytest.mark.parametrize("name", ["broker-certificate", "push-gateway", "sms-receipts"])
def test_each_service_of_our_own_is_a_command_of_ours(ours: dict[str, Any], name: str) -> None:
    import importlib

    import click
    import typer.main

    service = ours[name]
    command: Any = typer.main.get_command(importlib.import_module(service["entrypoint"][-1]).app)
    parent, said = click.Context(command), service["command"]
    while hasattr(command, "commands"):
        command, said = command.commands[said[0]], said[1:]
    given = command.make_context(name, said, parent=parent).params
    if "port" in given:
        assert service["ports"] == [f"127.0.0.1:{given['port']}:{given['port']}"] and str(given["port"]) in service["healthcheck"]["test"][-1]
        assert "fengsui-state:/var/lib/fengsui" in service["volumes"]


def test_ports_stay_on_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 4 and all(str(port).startswith("127.0.0.1:") for port in ports)


def test_every_service_comes_back_ends_when_told_and_cannot_fill_the_disk(services: dict[str, Any], ours: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert service["init"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["driver"] == "json-file" and set(service["logging"]["options"]) == {"max-size", "max-file"}, name
        assert ("healthcheck" in service) == (name not in ONCE | {"airflow-clean"}), name
    for name, service in ours.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "/tmp" in service["tmpfs"], name
        assert ("user" in service) == (name == "broker-certificate"), name
        assert int(service["stop_grace_period"].removesuffix("s")) >= 60, name


@pytest.fixture
def answers() -> Iterator[tuple[HTTPServer, dict[str, Any]]]:
    """An HTTP server on this machine and what it answers: a status and a body."""
    said: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(said["status"])
            self.end_headers()
            self.wfile.write(json.dumps(said["body"]).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server, said
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(("name", "address", "part"), [
    ("airflow-apiserver", "localhost:8080", ""), ("airflow-scheduler", "localhost:8974", ""),
    ("airflow-dag-processor", "airflow-apiserver:8080", "dag_processor"), ("airflow-triggerer", "airflow-apiserver:8080", "triggerer"),
])
def test_a_health_check_says_what_airflow_says(answers: tuple[HTTPServer, dict[str, Any]], name: str, address: str, part: str) -> None:
    server, said = answers
    check = check_of(name, address, f"127.0.0.1:{server.server_port}")
    parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
    for status, sick, well in ((200, "", True), (200, part, not part), (503, "", False)):
        said |= {"status": status, "body": {one: {"status": "unhealthy" if one == sick else "healthy"} for one in parts}}
        assert (subprocess.run(check, capture_output=True, check=False).returncode == 0) == well, (status, sick)


def test_the_broker_refuses_strangers_and_keeps_messages() -> None:
    text = (DOCKER / "mosquitto.conf").read_text(encoding="utf-8")
    assert "allow_anonymous false" in text and "max_queued_messages 100000" in text
    assert re.findall(r"^listener .*", text, re.MULTILINE) == ["listener 8883"] and "keyfile" in text, "nothing in the clear"


def test_the_brokers_certificate_is_made_once_and_found_by_both_ends(ours: dict[str, Any], services: dict[str, Any]) -> None:
    from console.certificate import FILES

    service, broker = ours["broker-certificate"], services["mosquitto"]
    said, given = service["command"], ours["airflow-scheduler"]
    assert said[said.index("--host") + 1] == given["environment"]["FENGSUI_BROKER_HOST"] and "--keep" in said
    assert service["volumes"] == [f"broker-certificate:{said[said.index('--out') + 1]}"] and not service["depends_on"]
    assert broker["depends_on"] == {"broker-certificate": {"condition": "service_completed_successfully"}}
    text = (DOCKER / "mosquitto.conf").read_text(encoding="utf-8")
    assert "broker-certificate:/mosquitto/broker:ro" in broker["volumes"] and all(f"/mosquitto/broker/{name}" in text for name in FILES[1:])
    folder = given["environment"]["FENGSUI_BROKER_CA"].removesuffix(f"/{FILES[0]}")
    assert f"broker-certificate:{folder}:ro" in given["volumes"]
    assert f"--cafile /mosquitto/broker/{FILES[0]}" in broker["healthcheck"]["test"][-1]
