"""The compose files as `docker compose -f … -f … config` reads them: variables filled in, `extends` followed, the second file laid over the first."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DOCKER = Path(__file__).resolve().parents[1] / "docker"
ONE, MANY = ("compose.yaml",), ("compose.yaml", "compose.celery.yaml")
#: What an operator writes into .env; a seal key is 32 bytes of base64.
SECRETS = {name: f"{name.lower()}-of-this-test" for name in (
    "POSTGRES_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_API_SECRET", "REDIS_PASSWORD", "FENGSUI_BROKER_PASSWORD",
    "FENGSUI_TWILIO_ACCOUNT", "FENGSUI_TWILIO_TOKEN", "FENGSUI_TWILIO_SENDER", "FENGSUI_SECRET_TEST_PHONE_01",
)} | {"FENGSUI_SEAL_KEY": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=", "FENGSUI_SMS_CALLBACK_URL": "https://a.example/receipts/twilio"}


def example() -> dict[str, str]:
    """The lines of .env.example."""
    lines = (DOCKER / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def fill(value: Any, given: dict[str, str]) -> Any:
    """`value` with its variables filled in; LookupError with its own words for one that may not be empty."""
    def one(found: re.Match[str]) -> str:
        name, how, rest = found.group("name"), found.group("how"), found.group("rest")
        if found.group() == "$$":
            return "$"
        if not given.get(name) and how == ":?":
            raise LookupError(rest)
        return given.get(name) or (rest if how == ":-" else "")

    if isinstance(value, dict):
        return {key: fill(inner, given) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, given) for inner in value]
    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?:(?P<how>:[?-])(?P<rest>[^}]*))?\}", one, value) if isinstance(value, str) else value


def laid(under: Any, over: Any) -> Any:
    """`over` laid over `under`: maps are joined; of lists, as far as our files have them, the later one counts."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: laid(under[key], value) if key in under else value for key, value in over.items()}
    return over


def compose(names: tuple[str, ...], given: dict[str, str] | None = None) -> dict[str, Any]:
    """The project that these files make with this .env (default: the example, its secrets filled in)."""
    whole: dict[str, Any] = {}
    for name in names:
        whole = laid(whole, YAML(typ="safe").load(DOCKER / name))
    for key, service in whole["services"].items():
        if base := service.pop("extends", None):
            whole["services"][key] = laid(YAML(typ="safe").load(DOCKER / base["file"])["services"][base["service"]], service)
    return dict(fill({key: value for key, value in whole.items() if not key.startswith("x-")}, example() | SECRETS if given is None else given))


def check_of(service: str, was: str = "", now: str = "") -> list[str]:
    """A service's health check that is written in Python, for this machine: `was`, the address in it, replaced by `now`."""
    kind, program, *words = compose(ONE)["services"][service]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python") and was in words[-1]
    return [sys.executable, *words[:-1], words[-1].replace(was, now)]
