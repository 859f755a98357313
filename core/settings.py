"""Settings of one installation, read from the environment (prefix FENGSUI_), frozen. Secrets come by environment only.

Sandbox and live are two worlds: a sandbox speaks to this machine only and is never started as Actual, a live installation never speaks to a
stand-in and never starts on weak secrets. Error texts name the variable, never its value.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError
from core.model import Status

if TYPE_CHECKING:
    import ssl

#: Lower-cased values that are nobody's secret.
WEAK = {"", "admin", "password", "changeme", "change-me", "default", "secret", "token", "test", "fengsui", "123456", "12345678"}
TWILIO = "https://api.twilio.com"


class Settings(BaseSettings):
    """One installation: where its state lies, which county, which channels. Durations in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="FENGSUI_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Path(".fengsui")
    county: Path = Path("county/haimen")
    counties: str = ""  # a folder of county folders, for the DAG that maps over them
    lake_url: str = ""
    ledger_url: str = ""
    mode: Literal["sandbox", "live"] = "sandbox"
    status: Status = Status.TEST
    sandbox_url: str = ""
    sandbox_recorded: bool = False  # the simulator serves what feeds answered once, byte for byte
    sms_url: str = TWILIO
    sms_callback_url: str = ""
    broker_host: str = "127.0.0.1"
    broker_port: int = Field(default=0, ge=0, le=65535)  # 0: 8883 with TLS, 1883 without
    broker_protocol: int = Field(default=5, ge=4, le=5)  # 5 is MQTT 5, 4 is MQTT 3.1.1
    broker_user: str = ""
    broker_ca: str = ""  # PEM file of the authority that vouches for the broker; empty: those that the system trusts
    broker_password: SecretStr = SecretStr("")
    twilio_account: str = ""
    twilio_token: SecretStr = SecretStr("")
    twilio_sender: str = ""
    drill_sender: str = "FSDRILL"  # of whatever is not Actual
    seal_key: SecretStr = SecretStr("")
    sms_in_flight: int = Field(default=64, ge=1, le=10_000)
    unknown_grace_s: float = Field(default=20.0, ge=0)
    ack_wait_s: float = Field(default=5.0, ge=0)
    http_deadline_s: float = Field(default=20.0, gt=0)
    http_max_bytes: int = Field(default=32 * 1024 * 1024, ge=1)

    @classmethod
    def load(cls) -> Self:
        """Read the environment; ConfigError that names every variable that cannot be used, without its value.

        This is the door of every process, so it is here that a sandbox is kept from saying Actual.
        """
        try:
            settings = cls()
        except ValidationError as error:
            wrong = [(".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, ")) for e in error.errors(include_input=False)]
            told = "; ".join(f"FENGSUI_{name.upper()}: {why}" if name else why for name, why in wrong)
            raise ConfigError(f"环境变量设置有误 / settings cannot be used: {told}", hint="env | grep ^FENGSUI_ | cut -d= -f1") from None
        if settings.mode == "sandbox" and settings.status is Status.ACTUAL:
            raise ConfigError("FENGSUI_STATUS=Actual 不能用于演示模式 / sandbox mode never says Actual", hint="FENGSUI_MODE=live")
        return settings

    @property
    def lake_root(self) -> str:
        """Where the lake lies: `lake_url`, else home/lake as an absolute path."""
        return self.lake_url or str((self.home / "lake").resolve())

    @property
    def ledger_address(self) -> str:
        """SQLAlchemy URL of the ledger: `ledger_url`, else SQLite at home/ledger.db."""
        return self.ledger_url or f"sqlite:///{(self.home / 'ledger.db').resolve()}"

    @property
    def founded(self) -> bool:
        """Whether there is a ledger already: reading must not found an installation where a folder's name is misspelt."""
        return bool(self.ledger_url) or (self.home / "ledger.db").is_file()

    def of_county(self, folder: Path) -> Self:
        """The same installation for one county of several: its own state under home, its own lake and ledger ("{county}" in their URLs).

        ConfigError for a URL that two counties would share: their towns' keys are their own.
        """
        for name, url in (("LAKE_URL", self.lake_url), ("LEDGER_URL", self.ledger_url)):
            if url and "{county}" not in url:
                raise ConfigError(f"FENGSUI_{name} 没有 {{county}}，各县会写进同一处 / counties would share one store", hint=f"FENGSUI_{name}=…/{{county}}")
        urls = {name: getattr(self, name).replace("{county}", folder.name) for name in ("lake_url", "ledger_url")}
        return self.model_copy(update={"county": folder, "home": self.home / folder.name, **urls})

    @model_validator(mode="after")
    def _worlds_apart(self) -> Self:
        faults = self._sandbox_faults() if self.mode == "sandbox" else self._live_faults()
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _sandbox_faults(self) -> list[str]:
        hosts = {"SANDBOX_URL": _host(self.sandbox_url), "BROKER_HOST": self.broker_host}
        if self.sms_url != TWILIO:  # the default is a name to be replaced; the sender asks sms_is_sandboxed before it speaks
            hosts["SMS_URL"] = _host(self.sms_url)
        return [f"FENGSUI_{name} 在演示模式下只能是本机 / sandbox mode speaks to loopback only"
                for name, host in hosts.items() if host is not None and not is_loopback(host)]

    def _live_faults(self) -> list[str]:
        faults = []
        faults += [f"FENGSUI_{name} 不能用于正式模式 / live mode has no feed simulator"
                   for name, value in {"SANDBOX_URL": self.sandbox_url, "SANDBOX_RECORDED": self.sandbox_recorded}.items() if value]
        if urlsplit(self.sms_url).scheme != "https" or is_loopback(_host(self.sms_url) or ""):
            faults.append("FENGSUI_SMS_URL 须是外部 https 地址 / live mode sends to an outside https address only")
        if is_loopback(self.broker_host):
            faults.append("FENGSUI_BROKER_HOST 不能是本机 / live mode needs its own broker, not loopback")
        if not self.broker_user:
            faults.append("FENGSUI_BROKER_USER 未设置 / live mode refuses an anonymous broker")
        faults += [f"FENGSUI_{name} 未设置 / live mode sends as nobody without it"
                   for name, value in {"TWILIO_ACCOUNT": self.twilio_account, "TWILIO_SENDER": self.twilio_sender}.items() if not value.strip()]
        if self.drill_sender.strip() in ("", self.twilio_sender):
            faults.append("FENGSUI_DRILL_SENDER 为空或与正式发送方相同 / tests would come from nobody, or from who warns")
        secrets = {"TWILIO_TOKEN": self.twilio_token, "SEAL_KEY": self.seal_key, "BROKER_PASSWORD": self.broker_password}
        values = {name: value.get_secret_value() for name, value in secrets.items()}
        faults += [f"FENGSUI_{name} 为空或为默认值 / empty or default secret"
                   for name, value in values.items() if value.strip().lower() in WEAK]
        faults += [f"FENGSUI_{name} 与其他密钥相同 / shared with another secret"
                   for name, value in values.items() if value and list(values.values()).count(value) > 1]
        return faults

    @property
    def broker(self) -> tuple[str, int]:
        """Host and port of the MQTT broker."""
        return self.broker_host, self.broker_port or (8883 if self._broker_is_sealed else 1883)

    @property
    def _broker_is_sealed(self) -> bool:
        return bool(self.broker_ca) or not is_loopback(self.broker_host)

    def broker_tls(self) -> ssl.SSLContext | None:
        """How the broker is spoken to (R23): by TLS wherever it is not this machine, and on this machine where an authority is named; None: in the
        clear. ConfigError for an authority that cannot be read."""
        if not self._broker_is_sealed:
            return None
        import ssl

        try:
            found = ssl.create_default_context(cafile=self.broker_ca or None)
            found.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on: one certificate, one answer, whatever runs us
            return found
        except OSError as error:  # also ssl.SSLError
            raise ConfigError(f"FENGSUI_BROKER_CA 不是可用的 PEM 证书文件 / not a PEM file of certificates: {type(error).__name__}",
                              hint="fengsui broker certificate --host 主机名") from None

    @property
    def receipts_here(self) -> bool:
        """Whether receipts are asked for and come to this ledger: an address that says already what it is about (the canary's) leads to another one."""
        return bool(self.sms_callback_url) and "?" not in self.sms_callback_url

    @property
    def sms_is_sandboxed(self) -> bool:
        """Whether SMS go to this machine. In sandbox mode nothing may be sent while this is False."""
        return is_loopback(_host(self.sms_url) or "")

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


def _host(url: str) -> str | None:
    """Host of a URL; None for no URL, '' for one without a host."""
    return (urlsplit(url).hostname or "") if url else None


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine; names other than localhost are not resolved and count as outside."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def secret(name: str) -> str:
    """A feed's secret by name, from FENGSUI_SECRET_<NAME> ('-' as '_'); ConfigError when it is not set."""
    variable = f"FENGSUI_SECRET_{name.upper().replace('-', '_')}"
    value = os.environ.get(variable, "")
    if not value:
        raise ConfigError(f"密钥 {name} 未设置 / secret not set", hint=f"export {variable}=...")
    return value
