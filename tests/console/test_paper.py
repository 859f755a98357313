"""An officer signs on a machine of their own: the house never sees the private half, what is shown is what is signed, and nothing is signed twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import Result, one_line
from night_desk import Night, said
from sqlalchemy import select

from console import decide, desk
from console.dossier import facts
from console.enrolment import own as line_of
from console.paper import make
from core import alerts, sealing
from core.errors import AuthorityError, LifeCycleError
from core.keyring import Keyring
from core.ledger import tables as t
from core.ledger import verify_audit
from core.model import Status
from core.times import iso

PHRASE = "a passphrase of one's own"


@dataclass
class Own:
    """One officer's own machine: a folder, and no setting but that; no county, no ledger, no gateway."""

    night: Night
    officer: str
    home: Path

    def call(self, *words: object, types: tuple[str, ...] = ()) -> Result:
        env, home, self.night.env = self.night.env, self.night.place.settings, {"FENGSUI_COUNTY": str(self.home / "no county")}
        self.night.place.settings = home.model_copy(update={"home": self.home})
        try:
            return self.night.call(*words, types=types)
        finally:
            self.night.env, self.night.place.settings = env, home

    def key(self) -> Path:
        """The key of this officer, made here; the file with the line that goes to the house."""
        made = self.call("officers", "key", self.officer, "--own", types=(PHRASE, PHRASE))
        assert made.returncode == 0 and PHRASE not in made.stdout + made.stderr, made
        line = self.home / "line.json"
        line.write_text(made.stdout, encoding="utf-8")
        return line

    def sign(self, paper: Path, *more: str, types: tuple[str, ...] = (PHRASE, "drill")) -> Result:
        return self.call("alerts", "sign", "--paper", paper, "--officer", self.officer, *more, *self.night.at(), types=types)


@pytest.fixture
def own(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Own]:
    """Gives an officer a machine of their own and enrols what it made."""
    monkeypatch.setattr(sealing, "COST", 4)

    def machine(officer: str) -> Own:
        made = Own(night, officer, tmp_path / "own" / officer)
        made.home.mkdir(parents=True)
        night.call("officers", "key", officer, "--revoke")
        enrolled = night.call("officers", "key", officer, "--public", made.key())
        assert enrolled.returncode == 0, enrolled
        return made

    return machine


def paper_of(night: Night, ref: Any, name: str = "paper.json") -> Path:
    file = night.place.settings.home / name
    made = night.call("alerts", "paper", ref, "--out", file, *night.at())
    assert made.returncode == 0 and json.loads(file.read_text(encoding="utf-8"))["hash"] in made.stderr, made
    return file


def hand_in(night: Night, ref: Any, line: str, *more: str) -> Result:
    return night.call("alerts", "hand-in", ref, line, *more, *night.at())


def why_not(night: Night, ref: Any, line: str) -> str:
    """Why the house does not take a line, without the way through the command line."""
    ctx = night.place.context()
    with pytest.raises((AuthorityError, LifeCycleError)) as refused:
        desk.hand_in(night.place.now, ctx, facts(ctx, ref), alerts.Signature.read(line), "")
    assert night.signed(ref) == [] and night.row(ref)["state"] == "draft"
    return str(refused.value)


def audited(night: Night, action: str) -> list[dict[str, Any]]:
    with night.place.ledger.read() as tx:
        return [json.loads(row) for row in tx.execute(select(t.audit.c.payload).where(t.audit.c.action == action).order_by(t.audit.c.seq)).scalars()]


def test_from_draft_to_sms_and_no_private_half_was_ever_in_the_house(night: Night, own: Callable[[str], Own]) -> None:
    author, approver = own("duty-1"), own("chief-1")
    roster = {row["officer"]: (row["key"], row["kept"]) for row in said(night.call("officers", "--json"))}
    assert roster["duty-1"] == roster["chief-1"] == ("enrolled", "elsewhere") and roster["deputy-1"] == ("enrolled", "here") and roster["duty-2"] == ("none", "")
    assert [found.get("kept") for found in audited(night, "officer.key")[-2:]] == ["elsewhere"] * 2
    ref = night.draft(haimen=3, baochang=1)
    first = author.sign(paper_of(night, ref))
    assert first.returncode == 0 and "\n" not in first.stdout.strip() and len(first.stdout) < 320, first
    taken = hand_in(night, ref, first.stdout)
    assert taken.returncode == 0 and night.row(ref)["state"] == "review", taken
    file = paper_of(night, ref)
    second = approver.sign(file, types=(PHRASE, "演练"))
    sent = hand_in(night, ref, second.stdout, "--json")
    assert sent.returncode == 0 and said(sent)["state"] == "issued" and said(sent)["messages"]["sms"], sent
    assert night.signed(ref) == [("duty-1", "author", "approve"), ("chief-1", "approver", "approve")]
    signed, around = second.stderr.split("不在签名之内")
    shown = json.loads(file.read_text(encoding="utf-8"))["facts"]
    assert {m["body"] for m in night.messages()} == {town["sms"] for town in shown["towns"]}, "the exact words that the paper held"
    for town in json.loads(night.row(ref)["body"])["texts"].values():
        assert town["sms"] in signed and town["broadcast"] in signed
    assert "橙色" in signed and alerts.approval_hash(night.row(ref)) in signed and "签发人" in second.stderr and "duty-1" in around
    assert [found["signed"] for found in audited(night, "alert.approve")] == ["elsewhere"] * 2 and verify_audit(night.place.ledger).broken_at is None
    for machine in (author, approver):
        assert sorted(path.name for path in machine.home.rglob("*") if path.is_file()) == [f"{machine.officer}.json", "line.json"], "no ledger, no lake"
        kept = json.loads((night.place.settings.home / "keys" / f"{machine.officer}.json").read_text())
        assert set(kept) == {"public"}, "the public half alone"
    again = hand_in(night, ref, second.stdout)
    assert again.returncode == 0 and len(night.signed(ref)) == 2, "handed in twice, sent once"


def test_the_page_takes_the_same_line_and_the_house_can_sign_in_nobodys_place(night: Night, own: Callable[[str], Own], monkeypatch: pytest.MonkeyPatch) -> None:
    author = own("duty-1")
    ref = night.draft(haimen=3)
    refused = night.decide("review", ref, "duty-1", types=(PHRASE, "drill"))
    assert refused.returncode == 2 and "own machine" in refused.stderr and night.signed(ref) == []
    line = author.sign(paper_of(night, ref)).stdout
    for name, value in (night.env | {"FENGSUI_HOME": str(night.place.settings.home)}).items():
        monkeypatch.setenv(name, value)
    given = {"chosen_options": ["送审"], "responded_by_user": {"id": "duty-1"}, "params_input": {"signature": line, "area": ""}}
    assert decide.take(f"{ref}@{iso(night.place.now)}", "author", 0, given) and audited(night, "alert.approve")[0]["signed"] == "elsewhere"


def altered(file: Path, change: Callable[[dict[str, Any]], object], *, rehash: bool) -> Path:
    """A paper that somebody changed on its way; `rehash`: somebody who knows how the hash is made."""
    paper = json.loads(file.read_text(encoding="utf-8"))
    change(paper)
    if rehash:
        paper["hash"] = alerts.approval_hash(paper["signed"])
    file.write_text(json.dumps(paper, ensure_ascii=False), encoding="utf-8")
    return file


def swap(column: str, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(paper: dict[str, Any]) -> None:
        assert old in paper["signed"][column]
        paper["signed"][column] = paper["signed"][column].replace(old, new)
    return change


ALTERED = [
    swap("body", "低洼处", "高坡处"), swap("body", '"haimen":3', '"haimen":1'), swap("body", '"channels":["', '"channels":["fax","'),
    swap("body", '"status":"Exercise"', '"status":"Test"'), swap("audience", '"count":', '"count":9'), swap("expires", "-26T", "-27T"),
    swap("alert_id", "flood", "gale"), lambda paper: paper["signed"].update(version=2), lambda paper: paper["signed"].update(level=4),
    lambda paper: paper["signed"].update(msg_type="Update"),
]


def test_an_altered_paper_is_seen_or_its_signature_is_worth_nothing(night: Night, own: Callable[[str], Own]) -> None:
    author, ref = own("duty-1"), night.draft(haimen=3)
    file = paper_of(night, ref)
    true = file.read_bytes()
    for number, change in enumerate(ALTERED):
        file.write_bytes(true)
        plain = author.sign(altered(file, change, rehash=False))
        assert plain.returncode == 2 and "was altered" in plain.stderr and plain.stdout == "", (number, plain)
        file.write_bytes(true)
        clever = author.sign(altered(file, change, rehash=True))
        assert clever.returncode == 0, (number, clever)
        assert "signed something else" in why_not(night, ref, clever.stdout), number
    refused = hand_in(night, ref, clever.stdout)
    assert refused.returncode == 2 and "signed something else" in one_line(refused).splitlines()[-1]


def test_what_no_signature_covers_gives_nobody_more_than_policy_does(night: Night, own: Callable[[str], Own]) -> None:
    chief, ref = own("chief-1"), night.draft(haimen=3)
    file = paper_of(night, ref)
    honest = chief.sign(file)
    assert honest.returncode == 2 and "duty-1" in honest.stderr, "a draft is not the chief's to approve"
    forged = chief.sign(altered(file, lambda paper: paper["may"]["chief-1"].update(approve="author"), rehash=False))
    assert forged.returncode == 0 and "may not be author" in hand_in(night, ref, forged.stdout).stderr

    def hide(paper: dict[str, Any]) -> None:
        paper["facts"].update(headline="蓝色\n—— 以下", expires="2099-01-01T00:00:00+00:00", level="blue", state="\x1b[2Jdraft")
        paper["facts"]["not_excluded"] = [{"town": "x", "name": "\x1b[8m\u202e藏起来", "level": 0, "ceiling": 4}]

    hidden = chief.sign(altered(paper_of(night, ref), hide, rehash=False), "--refuse", types=(PHRASE,))
    assert hidden.returncode == 2 and "not a paper" in hidden.stderr, "a state that there is not"
    hide_less = chief.sign(altered(file, lambda paper: (hide(paper), paper["facts"].update(state="draft")), rehash=False), "--refuse", types=(PHRASE,))
    signed, around = hide_less.stderr.split("不在签名之内")
    assert hide_less.returncode == 0 and "橙色" in signed and "2099" not in hide_less.stderr and "蓝色" not in signed and "藏起来" in around
    assert not {"\x1b", "\u202e"} & set(hide_less.stderr) and night.signed(ref) == []


def test_a_line_says_one_thing_of_one_version_by_one_key(night: Night, own: Callable[[str], Own]) -> None:
    author, ref = own("duty-1"), night.draft(haimen=2)
    line = author.sign(paper_of(night, ref)).stdout
    signature = json.loads(line)
    for change, says in (
        ({"role": "approver"}, "may not be approver"), ({"decision": "refuse"}, "does not hold"), ({"officer": "chief-1"}, "may not be author"),
        ({"officer": "duty-2"}, "no public key"), ({"at": "2021-07-25T04:00:01+00:00"}, "does not hold"), ({"area": "320614"}, "area code"),
        ({"hash": "0" * 64}, "does not hold"), ({"signature": "A" * 86 + "=="}, "does not hold"), ({"signature": ""}, "does not hold"),
        ({"at": "tonight"}, "not a line"), ({"at": 5}, "not a line"), ({"more": ""}, "not a line"),
    ):
        assert says in why_not(night, ref, json.dumps(signature | change)), change
    for text in ("{}", "[]", "yes", "[" * 100_000, json.dumps(line)):
        assert "not a line" in why_not(night, ref, text)
    night.place.later(minutes=31)
    later = night.draft(haimen=3)
    assert "signed something else" in why_not(night, later, line), "another version"
    assert hand_in(night, ref, line).returncode == 2 and night.signed(ref) == night.signed(later) == [], "what was replaced"
    night.place.later(minutes=10)
    early = author.sign(paper_of(night, later)).stdout
    night.place.later(minutes=-10)
    assert "set that machine's clock" in why_not(night, later, early), "a clock that runs ahead"
    fresh = author.sign(paper_of(night, later)).stdout
    assert night.call("officers", "key", "duty-1", "--revoke").returncode == 0
    assert "no public key" in why_not(night, later, fresh)
    assert author.call("officers", "key", "duty-1", "--own", "--revoke").returncode == 0 and not list((author.home / "keys").iterdir())
    assert night.call("officers", "key", "duty-1", "--public", author.key()).returncode == 0
    assert "does not hold" in why_not(night, later, fresh), "another key, the same name"


def test_after_a_putting_off_it_must_be_looked_at_again(night: Night, own: Callable[[str], Own], monkeypatch: pytest.MonkeyPatch) -> None:
    author, ref = own("duty-1"), night.draft(haimen=3)
    file = paper_of(night, ref)
    early, delay = author.sign(file).stdout, author.sign(file, "--delay", types=(PHRASE,)).stdout
    assert "say why" in hand_in(night, ref, delay).stderr and night.told("put_off") == []
    night.place.later(minutes=1)
    put_off = hand_in(night, ref, delay, "--reason", "派人去看，电话 13812345678", "--json")
    assert put_off.returncode == 0 and said(put_off)["deadline"] and audited(night, "alert.put_off")[0]["signed"] == "elsewhere"
    assert "put off once" in hand_in(night, ref, delay, "--reason", "再等").stderr
    refused = hand_in(night, ref, early)
    assert refused.returncode == 2 and "before it was put off" in refused.stderr and night.signed(ref) == []
    for name, value in (night.env | {"FENGSUI_HOME": str(night.place.settings.home)}).items():
        monkeypatch.setenv(name, value)
    page = {"chosen_options": ["送审"], "responded_by_user": {"id": "duty-1"}, "params_input": {"signature": early, "area": ""}}
    assert not decide.take(f"{ref}@{iso(night.place.now)}", "author", 0, page) and len(night.told("stale")) == 1, "the page keeps asking"
    again = paper_of(night, ref)
    assert "13812345678" not in again.read_text(encoding="utf-8") and "put_off" not in json.loads(again.read_text())["may"]["duty-1"]
    assert hand_in(night, ref, author.sign(again).stdout).returncode == 0 and night.row(ref)["state"] == "review"


def test_a_refusal_from_elsewhere_says_why(night: Night, own: Callable[[str], Own]) -> None:
    chief, ref = own("chief-1"), night.draft(haimen=3)
    line = chief.sign(paper_of(night, ref), "--refuse", types=(PHRASE,)).stdout
    assert hand_in(night, ref, line).returncode == 2 and night.row(ref)["state"] == "draft"
    taken = night.call("alerts", "hand-in", ref, "--reason", "雨带已南移", "--json", *night.at(), types=(line.strip(),))
    assert taken.returncode == 0 and said(taken)["state"] == "refused" and night.signed(ref) == [("chief-1", "approver", "refuse")]
    assert night.call("alerts", "paper", ref, *night.at()).returncode == 2, "it waits for nobody"


def test_the_whole_county_needs_its_code_and_what_has_run_out_is_not_signed(night: Night, own: Callable[[str], Own]) -> None:
    author, ref = own("duty-1"), night.draft(**{town.key: 3 for town in night.place.county.towns})
    file = paper_of(night, ref)
    for code in ((), ("",), ("320601",)):
        assert author.sign(file, types=(PHRASE, "drill", *code)).returncode == 2
    for typed in (("wrong", "drill"), (PHRASE, "yes"), (PHRASE,)):
        assert author.sign(file, types=typed).stdout == ""
    hidden = author.sign(altered(paper_of(night, ref), lambda paper: paper["facts"].update(whole_area=""), rehash=False))
    assert hidden.returncode == 0 and "area code" in hand_in(night, ref, hidden.stdout).stderr
    line = author.sign(paper_of(night, ref), types=(PHRASE, "drill", "320614"))
    assert "全区预警" in line.stderr and json.loads(line.stdout)["area"] == "320614"
    assert hand_in(night, ref, line.stdout).returncode == 0
    night.place.later(days=2)
    late = author.sign(file, types=(PHRASE, "drill", "320614"))
    assert late.returncode == 2 and "run out" in late.stderr and late.stdout == ""


def test_the_real_thing_is_not_signed_from_a_pipe(night: Night, own: Callable[[str], Own]) -> None:
    author = own("duty-1")
    night.place.settings = night.place.settings.model_copy(update={"status": Status.ACTUAL})
    ref = night.draft(haimen=3)
    file = night.place.settings.home / "paper.json"
    file.write_text(json.dumps(make(night.place.context(), str(ref), night.place.now)), encoding="utf-8")
    piped = author.sign(file, types=(PHRASE, "橙色 海门街道"))
    assert piped.returncode == 2 and "at a terminal" in piped.stderr and piped.stdout == ""


def test_only_the_holder_of_a_key_enrols_it_under_the_own_name(night: Night, own: Callable[[str], Own], tmp_path: Path) -> None:
    author = own("duty-1")
    line = json.loads((author.home / "line.json").read_text())
    again = author.call("officers", "key", "duty-1", "--own", types=(PHRASE,))
    assert json.loads(again.stdout) == line and author.call("officers", "key", "duty-1", "--own", types=("wrong",)).returncode == 2
    file = tmp_path / "forged.json"
    for officer, content, says in (
        ("duty-1", line, "revoke it first"), ("duty-2", line, "the key of duty-1"), ("duty-2", line | {"officer": "duty-2"}, "does not hold"),
        ("duty-2", "yes", "not a line"), ("duty-2", {"officer": "duty-2"}, "not a line"), ("standing-order", line, "the key of duty-1"), ("nobody", line, "unknown"),
        ("standing-order", line | {"officer": "standing-order"}, "standing-order"),
    ):
        file.write_text(json.dumps(content), encoding="utf-8")
        refused = night.call("officers", "key", officer, "--public", file)
        assert refused.returncode == 2 and says in one_line(refused), (officer, says, refused)
    assert night.call("officers", "key", "duty-2", "--public", file, "--revoke").returncode == 2
    assert "is the server" in night.call("officers", "key", "duty-2", "--own", types=(PHRASE, PHRASE)).stderr
    assert "duty-2" not in Keyring(night.place.settings.home / "keys").names()
    assert {row["kept"] for row in said(night.call("officers", "--json"))} == {"here", "elsewhere", ""}


def test_two_officers_do_not_share_one_key(night: Night, own: Callable[[str], Own]) -> None:
    author = own("duty-1")
    ring = Keyring(author.home / "keys")
    sealed = json.loads((author.home / "keys" / "duty-1.json").read_text())
    private = ring.unlock("duty-1", PHRASE)
    (author.home / "keys" / "duty-2.json").write_text(json.dumps(sealed | {"sealed": sealing.seal(private, PHRASE, "duty-2")}), encoding="utf-8")
    file = author.home / "second.json"
    file.write_text(line_of(ring, "duty-2", lambda: PHRASE, lambda: PHRASE), encoding="utf-8")
    assert "two people need two" in night.call("officers", "key", "duty-2", "--public", file).stderr


def test_what_is_no_paper_is_refused_in_one_line(night: Night, own: Callable[[str], Own]) -> None:
    author = own("duty-1")
    file = author.home / "paper.json"
    for text in ("", "{}", "[]", "null", '{"signed": 5}', "[" * 100_000, '{"signed": {"body": "{}"}, "facts": {}, "may": {}, "hash": ""}', "\x00"):
        file.write_text(text, encoding="utf-8")
        refused = author.sign(file)
        assert refused.returncode == 2 and "not a paper" in one_line(refused) and refused.stdout == "", text
    assert author.call("alerts", "sign", "--officer", "duty-1").returncode == 2, "neither version nor paper"


def test_a_paper_holds_no_telephone_number(night: Night) -> None:
    ref = night.draft(haimen=3)
    text = paper_of(night, ref).read_text(encoding="utf-8")
    assert night.decide("review", ref, "duty-1").returncode == 0 and night.decide("approve", ref, "chief-1").returncode == 0
    numbers = {message["to"].removeprefix("+86") for message in night.messages()}
    assert numbers and not any(number in text for number in numbers)
