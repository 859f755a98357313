"""A night without Airflow for the tests of signing: a county that wants its officers' own keys, an orange draft, a gateway, and a keyboard."""

from __future__ import annotations

import io
import json
import os
import pty
import select as ready
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT, Call, Result
from sqlalchemy import select

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from console.context import Context
from console.enrolment import enrol
from core import alerts, sealing
from core.county import load_county
from core.keyring import Keyring
from core.lake import Lake
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Status
from core.settings import Settings
from core.times import iso

OFFICERS = ("duty-1", "duty-2", "chief-1", "deputy-1")
WORDS = {name: f"{name} and a long night" for name in OFFICERS}
#: The command line as installed, in a world in which Airflow cannot even be imported.
ALONE = "import sys; sys.modules['airflow'] = None; from console.cli import main; main()"


def county_of_officers(to: Path) -> Path:
    """Haimen, as it is when it goes live: real signatures wanted."""
    shutil.copytree(ROOT / "county" / "haimen", to, ignore=shutil.ignore_patterns("scenarios"))
    policy = to / "policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("signing: demonstration", "signing: officer"), encoding="utf-8")
    return to


@dataclass
class Night:
    """One installation and who sits before it."""

    place: nw.Place
    gateway: nw.Gateway
    env: dict[str, str]
    fengsui: Call
    monkeypatch: pytest.MonkeyPatch

    def at(self) -> tuple[str, str]:
        return "--now", iso(self.place.now)

    def call(self, *words: object, types: tuple[str, ...] = ()) -> Result:
        """One command, with what is typed as lines of a pipe."""
        self.monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in types)))
        return self.fengsui(*words, home=self.place.settings.home, **self.env)

    def decide(self, what: str, ref: object, officer: str, *more: object, types: tuple[str, ...] | None = None) -> Result:
        return self.call("alerts", what, ref, "--officer", officer, *more, *self.at(), types=(WORDS.get(officer, ""), "drill") if types is None else types)

    def draft(self, **levels: int) -> alerts.VersionRef:
        ref = self.place.draft(**levels)
        self.place.address(ref)
        return ref

    def row(self, ref: Any) -> dict[str, Any]:
        with self.place.ledger.read() as tx:
            return dict(alerts.find(tx, ref))

    def signed(self, ref: Any) -> list[tuple[str, str, str]]:
        with self.place.ledger.read() as tx:
            return [(s["officer"], s["role"], s["decision"]) for s in alerts.approvals(tx, ref)]

    def messages(self) -> list[dict[str, Any]]:
        """What the gateway was given, with its words."""
        return [message | {"body": self.gateway.gateway.bodies[message["body"]]} for message in self.gateway.messages()]

    def numbers(self, version: int) -> list[str]:
        """To whom the gateway was given a message of a version."""
        return [message["to"] for message in self.messages() if f"·{version}〕" in message["body"]]

    def told(self, kind: str) -> list[str]:
        with self.place.ledger.read() as tx:
            return list(tx.execute(select(t.duty_log.c.text).where(t.duty_log.c.kind == kind)).scalars())

    def alone(self, *words: object, types: tuple[str, ...]) -> Result:
        """The same as a process of its own that has no Airflow at all."""
        done = subprocess.run([sys.executable, "-c", ALONE, *map(str, words)], cwd=ROOT, env=self.environment(), input="".join(f"{line}\n" for line in types),
                              capture_output=True, text=True, timeout=60, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {"FENGSUI_HOME": str(self.place.settings.home), "PYTHONPATH": str(ROOT)} | self.env | more

    def typed(self, *words: object, answers: list[tuple[str, str]], **more: str) -> tuple[int, str]:
        """The same at a terminal: each answer is typed when its question stands there. (exit code, everything that was on the screen)."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([sys.executable, "-c", ALONE, *map(str, words)], cwd=ROOT, env=self.environment(**more), stdin=theirs, stdout=theirs,
                                   stderr=theirs, start_new_session=True)
        os.close(theirs)
        screen, seen = "", 0
        while ready.select([ours], [], [], 60)[0]:
            try:
                screen += os.read(ours, 65536).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                break
            if answers and answers[0][0] in screen[seen:]:
                os.write(ours, answers.pop(0)[1].encode() + b"\n")
                seen = len(screen)
        os.close(ours)
        return process.wait(60), screen


def prepare(home: Path, patch: pytest.MonkeyPatch) -> None:
    """An installation before the night: its register, and the keys of all but duty-2, each made by its owner, sealed in an instant. Copied for every test."""
    place = nw.make(home, people=60)
    patch.setattr(sealing, "COST", 8)
    for officer in OFFICERS:
        place.keyring.retire(officer)
    county = load_county(county_of_officers(home / "county"))
    ctx = Context(settings=place.settings, county=county, lake=Lake(place.settings.lake_root), ledger=place.ledger, keyring=place.keyring)
    for officer in OFFICERS:
        if officer != "duty-2":
            enrol(ctx, place.now, officer, partial(WORDS.__getitem__, officer))
    place.ledger.close()


def begin(before: Path, home: Path, fengsui: Call, monkeypatch: pytest.MonkeyPatch) -> Night:
    """The night begins."""
    shutil.copytree(before, home, dirs_exist_ok=True)
    gateway = nw.Gateway(home, send_delay=0.0, deliver_delay=0.0)
    settings = Settings(home=home, county=home / "county", status=Status.EXERCISE, seal_key=nw.KEY)
    place = nw.Place(replace(load_county(home / "county"), loudspeakers=()), Ledger.open(settings.ledger_address), Keyring(home / "keys"), settings)
    env = {"COUNTY": str(home / "county"), "STATUS": str(Status.EXERCISE), "SEAL_KEY": nw.KEY, "TWILIO_ACCOUNT": "AC" + "0" * 32,
           "TWILIO_TOKEN": "t" * 32, "TWILIO_SENDER": "FENGSUI", "SMS_URL": gateway.url, "BROKER_PORT": "9"}
    return Night(place, gateway, {f"FENGSUI_{name}": value for name, value in env.items()}, fengsui, monkeypatch)


def said(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found
