"""Settings of one installation, read from the environment (prefix FENGSUI_), frozen. Secrets come by environment only."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError
from core.model import Status

WEAK = {"", "admin", "password", "changeme", "default", "secret", "123456"}


class Settings(BaseSettings):
    """One installation: where its state lies, which county, which channels."""

    model_config = SettingsConfigDict(env_prefix="FENGSUI_", frozen=True, extra="ignore")

    home: Path = Path(".fengsui")
    county: Path = Path("county/haimen")
    lake_url: str = ""
    ledger_url: str = ""
    mode: Literal["sandbox", "live"] = "sandbox"
    status: Status = Status.TEST
    sandbox_url: str = ""
    sms_url: str = "https://api.twilio.com"
    sms_callback_url: str = ""
    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    broker_protocol: Literal[4, 5] = 5
    broker_user: str = ""
    broker_password: SecretStr = SecretStr("")
    twilio_account: str = ""
    twilio_token: SecretStr = SecretStr("")
    twilio_sender: str = ""
    seal_key: SecretStr = SecretStr("")
    sms_in_flight: int = 64
    unknown_grace_s: float = 20.0
    ack_wait_s: float = 5.0
    http_deadline_s: float = 20.0
    http_max_bytes: int = 32 * 1024 * 1024

    @classmethod
    def load(cls) -> Self:
        """Read the environment; ConfigError in plain words when a value cannot be used."""
        try:
            return cls()
        except ValueError as error:
            raise ConfigError(f"环境变量设置有误 / a FENGSUI_ setting cannot be used: {error}") from error

    @property
    def lake_root(self) -> str:
        """Where the lake lies."""
        return self.lake_url or str(self.home / "lake")

    @property
    def ledger_address(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger_url or f"sqlite:///{(self.home / 'ledger.db').resolve()}"

    @model_validator(mode="after")
    def _worlds_apart(self) -> Self:
        """A sandbox speaks to loopback only, a live installation never does and never runs on weak secrets."""
        hosts = {"sms_url": urlsplit(self.sms_url).hostname or "", "sandbox_url": urlsplit(self.sandbox_url).hostname or "",
                 "broker_host": self.broker_host}
        if self.mode == "sandbox":
            if self.sms_url == "https://api.twilio.com":
                hosts.pop("sms_url")
            wrong = [name for name, host in hosts.items() if host and not is_loopback(host)]
            if wrong:
                raise ValueError(f"sandbox mode speaks to loopback only, but {', '.join(wrong)} does not")
            return self
        wrong = [name for name in ("sms_url", "sandbox_url") if hosts[name] and is_loopback(hosts[name])]
        if wrong:
            raise ValueError(f"live mode never uses the sandbox, but {', '.join(wrong)} points at it")
        secrets = {"twilio_token": self.twilio_token, "seal_key": self.seal_key, "broker_password": self.broker_password}
        weak = [name for name, value in secrets.items() if value.get_secret_value().lower() in WEAK]
        if weak:
            raise ValueError(f"live mode refuses empty or default secrets: {', '.join(weak)}")
        return self

    def sealing_key(self) -> bytes:
        """The 32 bytes that seal and index numbers; ConfigError when they are not there."""
        try:
            key = base64.b64decode(self.seal_key.get_secret_value(), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != 32:
            raise ConfigError("FENGSUI_SEAL_KEY 缺失或不是 32 字节的 base64 / missing or not 32 bytes of base64",
                              hint="python -c 'import os,base64;print(base64.b64encode(os.urandom(32)).decode())'")
        return key


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine; names other than localhost are not resolved and count as outside."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def secret(name: str) -> str:
    """A feed's secret by name, from FENGSUI_SECRET_<NAME>; ConfigError when it is not set."""
    value = os.environ.get(f"FENGSUI_SECRET_{name.upper()}", "")
    if not value:
        raise ConfigError(f"密钥 {name} 未设置 / secret not set", hint=f"export FENGSUI_SECRET_{name.upper()}=...")
    return value
