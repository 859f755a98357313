"""What feeds, officers and residents' offices write stands on the desk's pages as they wrote it, and does nothing there."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import HTTPException
from fastapi.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1] / "notifiers"))
import notify_world as nw

from console import desk
from console.board import render
from console.commands.options import emit
from console.dossier import facts, markdown, text
from console.handover import handover, page
from console.handover import text as handed
from console.pages import HEADERS, application
from console.report import collect
from console.summary import print_summary
from core.model import RiskScore

EVIL = "<img src=x onerror=alert(1)>|橙色|99999|](x)\n\n# 解除 ![p](y) `z` \\| </script><script>alert(2)</script> [/b] \x1b[2K\x9b2K\r\u202e[red]"


class Hostile(nw.Place):
    """A place whose feeds write what they like."""

    def score(self, town: str, level: int) -> RiskScore:
        return replace(super().score(town, level), reason=f"官方信号“{EVIL}”" if level else "")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Hostile, Any]]:
    made = nw.make(tmp_path, people=20)
    place = Hostile(made.county, made.ledger, made.keyring, made.settings, made.now)
    for name, value in {"HOME": str(tmp_path), "COUNTY": str(made.settings.county), "STATUS": "Exercise", "SEAL_KEY": nw.KEY}.items():
        monkeypatch.setenv(f"FENGSUI_{name}", value)
    ref = place.draft(haimen=3, baochang=2)
    place.address(ref)
    with place.ledger.begin() as tx:
        place.ledger.duty(tx, place.now, "note", EVIL)
    ctx = place.context()
    seen = facts(ctx, ref)
    desk.put_off(place.now, ctx, seen, desk.signature(place.now, desk.open_key(ctx, "duty-1", str), seen, "author", "put_off"), EVIL)
    yield place, ref
    place.ledger.close()


def test_no_page_takes_words_for_marks(place: tuple[Hostile, Any]) -> None:
    ctx, now = place[0].context(), place[0].now
    for html in (render(ctx, now, live=True), render(ctx, now), page(ctx, now)):
        assert "&lt;img src=x onerror=alert(1)&gt;" in html and "<img" not in html
        assert html.count("<script") == html.count('<script src="board.js">')


def test_what_the_officer_reads_before_signing_has_no_column_line_or_picture_of_a_strangers(place: tuple[Hostile, Any]) -> None:
    shown = markdown(facts(place[0].context(), place[1], place[0].now))
    rows = [line for line in shown.splitlines() if line.startswith("| ") and "镇街 |" not in line]
    assert len(rows) == 2 and all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows), "a town, its level, how many, why"
    assert not re.search(r"(?m)^# ", shown) and not re.search(r"(?<!\\)[<>`]|!\[|(?<!\\)\]\(", shown.replace("\\\\", "")), "no heading, no picture, no link, no tag"
    assert "\\<img src=x onerror=alert(1)\\>" in shown, "and it can still be read"


def test_every_answer_has_the_policy_and_gives_its_connections_back(place: tuple[Hostile, Any]) -> None:
    def nobody() -> None:
        raise HTTPException(401)

    known, stranger = TestClient(application(lambda: None)), TestClient(application(nobody))
    answers = [known.get("/board"), known.get("/board.js"), known.get("/handover?hours=nan"), known.get("/nothing"), stranger.get("/board")]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 404, 401]
    assert all(answer.headers[name] == value for answer in answers for name, value in HEADERS.items())
    gc.disable()  # the server's process looks for garbage once in a long while
    try:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(6):
            assert known.get("/board").status_code == known.get("/handover").status_code == 200
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1
    finally:
        gc.enable()




def test_a_terminal_shows_words_and_obeys_none(place: tuple[Hostile, Any], capsys: pytest.CaptureFixture[str]) -> None:
    ctx, now = place[0].context(), place[0].now
    print_summary(collect(ctx, now), {})
    emit({}, False, text(facts(ctx, place[1], now), every=True))
    emit({}, False, handed(handover(ctx, now)))
    out = capsys.readouterr().out
    assert out.count("[red]") >= 3 and "[/b]" in out and not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out)
