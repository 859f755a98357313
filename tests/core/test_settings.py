"""Settings and keys: two worlds that never touch, and error texts that never show a secret."""

import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import AuthorityError, ConfigError
from core.keyring import Keyring
from core.model import Status
from core.settings import Settings, is_loopback, secret
from core.signing import sign, verify

SEAL = base64.b64encode(bytes(range(32))).decode()
LIVE = {
    "FENGSUI_MODE": "live", "FENGSUI_STATUS": "Actual", "FENGSUI_BROKER_HOST": "broker.example.cn", "FENGSUI_BROKER_USER": "fengsui",
    "FENGSUI_BROKER_PASSWORD": "k8sD0-tulip", "FENGSUI_TWILIO_TOKEN": "9f8e7d6c5b", "FENGSUI_SEAL_KEY": SEAL,
    "FENGSUI_TWILIO_ACCOUNT": "AC" + "0" * 32, "FENGSUI_TWILIO_SENDER": "FENGSUI",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("FENGSUI_"):
            monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_defaults_are_a_sandbox_test_on_this_machine() -> None:
    settings = Settings.load()
    assert (settings.mode, settings.status) == ("sandbox", Status.TEST)
    assert is_loopback(settings.broker_host)


def test_stores_lie_under_home_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load(monkeypatch, FENGSUI_HOME=str(tmp_path))
    assert settings.ledger_address == f"sqlite:///{tmp_path}/ledger.db"
    assert settings.lake_root == str(tmp_path / "lake")
    settings = load(monkeypatch, FENGSUI_LEDGER_URL="postgresql://db/fengsui", FENGSUI_LAKE_URL="s3://lake")
    assert (settings.ledger_address, settings.lake_root) == ("postgresql://db/fengsui", "s3://lake")


def test_counties_of_one_installation_never_share_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FENGSUI_HOME", str(tmp_path))
    one, two = (Settings.load().of_county(Path("counties") / name) for name in ("a", "b"))
    assert (one.county, one.home) == (Path("counties/a"), tmp_path / "a")
    assert one.lake_root != two.lake_root and one.ledger_address != two.ledger_address
    monkeypatch.setenv("FENGSUI_LEDGER_URL", "postgresql+psycopg://db/fengsui_{county}")
    assert Settings.load().of_county(Path("counties/a")).ledger_address.endswith("/fengsui_a")
    for name in ("LEDGER_URL", "LAKE_URL"):
        monkeypatch.setenv(f"FENGSUI_{name}", "memory://shared")
        with pytest.raises(ConfigError, match=name):
            Settings.load().of_county(Path("counties/a"))
        monkeypatch.delenv(f"FENGSUI_{name}")


def test_a_relative_home_means_the_same_folder_after_a_change_of_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.load()
    assert Path(settings.lake_root).is_absolute() and settings.ledger_address.startswith("sqlite:////")


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().mode = "live"  # type: ignore[misc]


@pytest.mark.parametrize(("name", "value"), [
    ("FENGSUI_SMS_URL", "https://sms.example.cn"), ("FENGSUI_SANDBOX_URL", "http://10.0.0.7:80"),
    ("FENGSUI_BROKER_HOST", "broker.example.cn"),
    ("FENGSUI_SANDBOX_URL", "not-a-url"), ("FENGSUI_SMS_URL", "http://127.0.0.1.example.cn"), ("FENGSUI_BROKER_HOST", "0.0.0.0"),
    ("FENGSUI_STATUS", "Actual"),
])
def test_sandbox_stays_on_this_machine_and_never_says_actual(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load(monkeypatch, **{name: value})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


def test_sandbox_says_whether_messages_stay_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Settings.load().sms_is_sandboxed
    assert load(monkeypatch, FENGSUI_SMS_URL="http://127.0.0.1:8099").sms_is_sandboxed


def test_a_whole_live_installation_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **LIVE)
    assert settings.mode == "live" and settings.sealing_key() == bytes(range(32))


@pytest.mark.parametrize(("name", "value"), [
    ("FENGSUI_SANDBOX_URL", "http://127.0.0.1:1"), ("FENGSUI_SMS_URL", "https://127.0.0.1"), ("FENGSUI_SMS_URL", "http://sms.example.cn"),
    ("FENGSUI_BROKER_HOST", "localhost"), ("FENGSUI_BROKER_USER", ""),
    ("FENGSUI_BROKER_PASSWORD", ""), ("FENGSUI_BROKER_PASSWORD", "ChangeMe"),
    ("FENGSUI_DRILL_SENDER", "FENGSUI"), ("FENGSUI_DRILL_SENDER", " "),
    ("FENGSUI_TWILIO_TOKEN", ""), ("FENGSUI_TWILIO_TOKEN", " secret "), ("FENGSUI_SEAL_KEY", ""), ("FENGSUI_SEAL_KEY", "9f8e7d6c5b"),
])
def test_live_refuses_stand_ins_and_weak_default_or_shared_secrets(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load(monkeypatch, **{**LIVE, name: value})


def test_all_faults_are_told_at_once_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError) as told:
        load(monkeypatch, **{
            **LIVE, "FENGSUI_TWILIO_TOKEN": "gleichfalls", "FENGSUI_BROKER_PASSWORD": "gleichfalls", "FENGSUI_BROKER_USER": "",
        })
    assert {"FENGSUI_TWILIO_TOKEN", "FENGSUI_BROKER_PASSWORD", "FENGSUI_BROKER_USER"} <= set(str(told.value).replace(":", " ").split())
    assert "gleichfalls" not in str(told.value) + repr(told.value) and told.value.__suppress_context__


@pytest.mark.parametrize(("name", "value"), [
    ("FENGSUI_SMS_IN_FLIGHT", "viele"), ("FENGSUI_SMS_IN_FLIGHT", "0"), ("FENGSUI_BROKER_PORT", "99999"), ("FENGSUI_STATUS", "Real"),
    ("FENGSUI_HTTP_DEADLINE_S", "0"), ("FENGSUI_BROKER_PROTOCOL", "6"),
])
def test_a_value_out_of_range_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load(monkeypatch, **{name: value})


def test_secrets_do_not_show_in_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **LIVE)
    assert not any(value in repr(settings) for value in ("k8sD0-tulip", "9f8e7d6c5b", SEAL))


@pytest.mark.parametrize("key", ["", "kurz", "***", base64.b64encode(b"x" * 31).decode()])
def test_a_sealing_key_is_32_bytes_or_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="FENGSUI_SEAL_KEY"):
        Settings(seal_key=key).sealing_key()  # type: ignore[arg-type]


def test_feed_secrets_come_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="FENGSUI_SECRET_WATER_DB"):
        secret("water-db")
    monkeypatch.setenv("FENGSUI_SECRET_WATER_DB", "x")
    assert secret("water-db") == secret("water_db") == "x"


def test_a_made_key_signs_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "keys")
    public = ring.ensure("duty-1")
    assert ring.ensure("duty-1") == public == ring.public("duty-1")
    verify(public, "撤离", sign(ring.private("duty-1"), "撤离"))
    assert stat.S_IMODE((ring.folder / "duty-1.json").stat().st_mode) == 0o600
    assert ring.names() == ["duty-1"]


def test_no_key_is_ever_made_by_accident(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    for ask in (ring.private, ring.public):
        with pytest.raises(AuthorityError):
            ask("duty-1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../etc/passwd", "A", "a/b", ".x", "a" * 65])
def test_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(AuthorityError, match="not a key name"):
        Keyring(tmp_path).ensure(name)


def test_a_key_that_others_can_read_signs_nothing(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    ring.ensure("duty-1")
    (tmp_path / "duty-1.json").chmod(0o644)
    with pytest.raises(AuthorityError, match="chmod 600"):
        ring.private("duty-1")


def test_an_officer_may_keep_the_private_half(tmp_path: Path) -> None:
    (tmp_path / "duty-2.json").write_text('{"public": "cHVi"}')
    assert Keyring(tmp_path).public("duty-2") == "cHVi"
    with pytest.raises(AuthorityError, match="no private key"):
        Keyring(tmp_path).private("duty-2")


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]"])
def test_a_spoiled_key_file_is_an_authority_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "duty-1.json").write_text(text)
    with pytest.raises(AuthorityError):
        Keyring(tmp_path).public("duty-1")


def test_many_makers_get_one_pair(tmp_path: Path) -> None:
    made: list[str] = []
    makers = [threading.Thread(target=lambda: made.append(Keyring(tmp_path).ensure("issuer-exercise"))) for _ in range(16)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(made) == 16 and len(set(made)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["issuer-exercise.json"]
