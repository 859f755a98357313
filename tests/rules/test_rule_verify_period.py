"""A back-test is judged by what happened while it looked: nothing before, nothing after, and nobody says so where it is not known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from console.cli import app
from core.errors import ConfigError
from core.model import Hazard, Level
from core.times import iso
from rules.backtest import Warned, csv_text, period, spans
from rules.verify.events import LATE, Span, match
from rules.verify.measures import reliability
from rules.verify.period import Period, common, period_of
from rules.verify.report import html, lines, verify

T0 = datetime(2021, 7, 26, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = Period(start=T0, end=T0 + 48 * HOUR)


def span(start: float, end: float, *, town: str = "a", chance: float | None = None) -> Span:
    return Span(town=town, hazard=Hazard.FLOOD, level=Level.ORANGE, start=T0 + start * HOUR, end=T0 + end * HOUR, chance=chance)


@pytest.mark.parametrize(("warned", "happened", "kinds"), [
    ([], [span(-9, -3)], ["out"]),                                 # before
    ([], [span(50, 52)], ["out"]),                                 # after
    ([], [span(-3, 4)], ["out"]),                                  # had begun already: no warning could have come before it
    ([span(0, 6)], [span(-3, 4)], ["out"]),                        # and the warning of it is no false alarm
    ([], [span(47.5, 60)], ["out"]),                               # a late warning of it would come after the end
    ([], [span(0, 1), span(46.9, 60)], ["miss", "miss"]),
    ([span(40, 48)], [span(45, 47)], ["hit"]),                     # cut by the end, but long enough
    ([span(40, 48)], [span(50, 52)], ["out"]),                     # the event came after the end, under the warning that was cut
    ([span(44, 48)], [], ["open"]),                                # whether anything came of it is not known
    ([span(0, 5)], [], ["false"]),                                 # one that stood from the first step on, and
    ([span(0, 48)], [], ["false"]), ([span(40, 48)], [], ["false"]),  # one that stands and stands is no new one
    ([span(2, 5)], [], ["false"]),
    ([span(2, 5, town="b"), span(44, 48)], [span(2, 5)], ["miss", "false", "open"]),
])
def test_only_what_was_looked_at_counts(warned: list[Span], happened: list[Span], kinds: list[str]) -> None:
    assert [o.kind for o in match(warned, happened, Level.ORANGE, period=DAYS)] == kinds
    assert not {"out", "open"} & {o.kind for o in match(warned, happened, Level.ORANGE)}, "and where nobody said what, as ever"


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-40, 90), st.integers(1, 30)), max_size=8), st.lists(st.tuples(st.integers(0, 47), st.integers(1, 30)), max_size=8))
def test_the_period_takes_outcomes_out_and_changes_none(happened: list[tuple[int, int]], warned: list[tuple[int, int]]) -> None:
    said, seen = [span(s, min(48, s + d)) for s, d in warned], [span(s, s + d) for s, d in happened]
    whole, within = (match(said, seen, Level.ORANGE, period=p) for p in (None, DAYS))
    assert [(o.at, o.town) for o in whole] == [(o.at, o.town) for o in within]
    for before, after in zip(whole, within, strict=True):
        began_outside = before.kind != "false" and not DAYS.judges(before.at, LATE)
        assert after == before or after.kind == ("out" if began_outside else "open")
        assert (after.kind == "out") == began_outside
    a, b = (verify(said, seen, period=p) for p in (None, DAYS))
    assert sum(s.misses for s in b.skills.values()) <= sum(s.misses for s in a.skills.values())


def test_a_warning_that_stood_throughout_a_short_period_is_no_new_one() -> None:
    short = Period(start=T0, end=T0 + 4 * HOUR)
    assert [[o.kind for o in match([span(s, 4)], [], Level.ORANGE, period=short)] for s in (0, 1)] == [["false"], ["open"]]


def test_a_chance_whose_end_nobody_saw_is_no_failure() -> None:
    told = [span(2, 5, chance=0.9), span(44, 48, chance=0.9)]
    assert (reliability(told, [])[0].cases, reliability(told, [], DAYS)[0].cases) == (2, 1)


def written(folder: Path, name: str, found: list[Span], period_: Period | None) -> Path:
    rows = [Warned(town=s.town, what=str(s.hazard), start=s.start, end=s.end, level=s.level) for s in found]
    (folder / f"{name}.csv").write_text(csv_text(rows), encoding="utf-8")
    if period_:
        (folder / f"{name}.json").write_text(json.dumps({"period": period_.as_json()}), encoding="utf-8")
    return folder / f"{name}.csv"


def test_the_command_says_the_period_and_what_it_left_out(tmp_path: Path) -> None:
    warned = written(tmp_path, "run", [span(2, 6), span(46, 48)], DAYS)
    happened = written(tmp_path, "seen", [span(3, 5), span(-20, -18), span(60, 62), span(80, 81)], None)
    page = tmp_path / "r.html"
    shown = CliRunner().invoke(app, ["verify", str(warned), str(happened), "--html", str(page)])
    for text in (shown.output, page.read_text(encoding="utf-8")):
        assert "检验时段 period 2021-07-26 08:00 至 2021-07-28 08:00（北京时间）" in text and "时段外开始的实况 3 次" in text
    told = json.loads(CliRunner().invoke(app, ["verify", str(warned), str(happened), "--json"]).output)
    assert told["period"] == {"start": iso(DAYS.start), "end": iso(DAYS.end)} and told["left_out"] == {"events": 3, "warnings": 0}
    assert [(s["hits"], s["misses"], s["false"]) for s in told["skill"]] == [(1, 0, 0)] * 3, "the warning of the last two hours is of the event after them"
    (tmp_path / "run.json").unlink()
    told = json.loads(CliRunner().invoke(app, ["verify", str(warned), str(happened), "--json"]).output)
    assert told["period"] is None and told["left_out"] == {"events": 0, "warnings": 0} and told["skill"][0]["misses"] == 2
    assert "没有给出时段" in CliRunner().invoke(app, ["verify", str(warned), str(happened)]).output


def test_what_both_cover_is_judged(tmp_path: Path) -> None:
    seen = Period(start=T0 + 24 * HOUR, end=T0 + 90 * HOUR)
    both = common(DAYS, seen)
    assert both == Period(start=T0 + 24 * HOUR, end=DAYS.end) and common(None, seen) == seen and common(None, None) is None
    found = verify([span(26, 27)], [span(80, 81)], period=both)
    assert found.left_out() == (1, 0)
    assert "未计入" in lines(found)[-1] and "1 次" in html(found, "x")
    with pytest.raises(ConfigError, match="没有共同的时段"):
        common(DAYS, Period(start=DAYS.end, end=DAYS.end + HOUR))


@pytest.mark.parametrize("text", ['{"period": {"start": "2021-07-26T00:00:00Z"}}', '{"period": 5}', '{"period": {"start": "2021-07-26", "end": "x"}}', "{",
                                  '{"period": {"start": "2021-07-27T00:00:00Z", "end": "2021-07-26T00:00:00Z"}}',
                                  '{"period": {"start": "2020-07-27T00:00:00Z", "end": "2020-07-28T00:00:00Z"}}'])
def test_a_period_that_cannot_be_this_files_is_an_error(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "run", [span(2, 6)], None)
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        period_of(path, [(T0, T0 + HOUR)])


def test_a_file_beside_that_speaks_of_something_else_is_no_period(tmp_path: Path) -> None:
    path = written(tmp_path, "run", [], None)
    assert period_of(path, []) is None
    for text in ("[1]", '{"start": "2021"}'):
        (tmp_path / "run.json").write_text(text, encoding="utf-8")
        assert period_of(path, []) is None
    written(tmp_path, "run", [], DAYS)
    assert period_of(tmp_path / "run.rules.csv", []) == DAYS == period_of(path, [])


def test_the_last_span_of_a_back_test_ends_where_its_period_does() -> None:
    import numpy as np

    ticks = [T0 + n * HOUR for n in range(5)]
    (found,) = spans(ticks, ["a"], {"flood": np.array([[0], [0], [2], [2], [2]], dtype=np.int8)})
    assert found.end == period(ticks).end == T0 + 5 * HOUR and period(ticks[:1]).end > T0


@pytest.mark.parametrize(("warned", "kind"), [
    ((2, 5), "open"),                            # before anybody looked at what happens
    ((20, 25), "open"),                          # what it spoke of may have come before
    ((20, 30), "false"), ((24, 30), "false"),    # it stood and stood, and nothing came
    ((60, 65), "open"),                          # after the looking
])
def test_a_warning_at_the_edge_of_what_was_seen_to_happen_is_no_false_alarm(warned: tuple[float, float], kind: str) -> None:
    """A year of warnings against one day of events: of the rest of the year nobody knows."""
    day = Period(start=T0 + 24 * HOUR, end=T0 + 48 * HOUR)
    assert [o.kind for o in match([span(*warned)], [], Level.ORANGE, period=day)] == [kind]


def test_a_county_abroad_reads_its_own_clock() -> None:
    sitka = ZoneInfo("America/Sitka")
    assert DAYS.text(sitka) == "2021-07-25 16:00 至 2021-07-27 16:00（America/Sitka 时间）"
    page = html(verify([span(2, 5)], [span(3, 4)], period=DAYS), "x", sitka)
    assert "07-25 19:00" in page and "北京" not in page and "07-26 11:00" not in page
