"""The ledger's own tables, reads and codec; several processes are in test_ledger_processes.py."""

import json
import math
import sqlite3
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from core.errors import StoreError
from core.ledger import FeedHealthRow, HoldRow, Ledger, score_from_json, score_to_json
from core.ledger import tables as t
from core.ledger.engine import HEAD
from core.model import Evidence, Hazard, Level, RiskScore

NOW = datetime(2021, 7, 25, 21, 8, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path}/deep/er/ledger.db")


numbers = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0])
words = st.text(st.characters(codec="utf-8"), max_size=8)
lists = st.lists(words, max_size=2).map(tuple)
levels = st.sampled_from(Level)
times = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0))
evidences = st.builds(
    Evidence, rule=words, title=words, pack=words, pack_hash=words, level=levels, ceiling=levels, score=st.floats(0, 100),
    values=st.dictionaries(words, numbers, max_size=3), units=st.dictionaries(words, words, max_size=3),
    conditions=st.dictionaries(words, st.tuples(words, st.none() | st.booleans()), max_size=3), flags=lists,
    records=st.dictionaries(words, lists, max_size=2), raws=lists,
    counterfactual=words, role=words, verified=st.booleans(), source=words, synthetic=st.booleans(),
)
scores = st.builds(
    RiskScore, town=words, hazard=st.sampled_from(Hazard), time=times,
    level=levels, ceiling=levels, proved=levels, floor=levels, score=st.floats(0, 100), evidence=st.lists(evidences, max_size=2).map(tuple),
    silent=lists, reason=words, basis=words, counterfactual=words, outlook=words,
    chances=st.dictionaries(st.sampled_from(["blue", "red"]), st.tuples(st.integers(0, 9), st.integers(2, 9))),
)


def score(town: str = "baochang", hazard: Hazard = Hazard.FLOOD, level: Level = Level.BLUE, **change: object) -> RiskScore:
    base = RiskScore(town=town, hazard=hazard, time=NOW, level=level, ceiling=level, proved=level, floor=Level.NONE,
                     score=40.0, evidence=())
    return replace(base, **change)  # type: ignore[arg-type]


@settings(max_examples=80)
@given(given_score=scores)
def test_text_and_back_is_the_same_text(given_score: RiskScore) -> None:
    text = score_to_json(given_score)
    back = score_from_json(text)
    assert score_to_json(back) == text
    assert (back.town, back.hazard, back.time, back.level, back.silent) == (
        given_score.town, given_score.hazard, given_score.time, given_score.level, given_score.silent)
    assert (back.told(), back.outlook, back.chances) == (given_score.told(), given_score.outlook, given_score.chances)


def test_a_score_stored_before_there_were_sentences_is_still_read() -> None:
    old = json.loads(score_to_json(score(reason="3小时雨量62毫米")))
    for name in ("basis", "counterfactual", "outlook", "chances"):
        del old[name]
    back = score_from_json(json.dumps(old))
    assert back == score(reason="3小时雨量62毫米") and back.told() == {"reason": "3小时雨量62毫米"}


def test_what_has_no_number_is_null_and_noise_in_the_last_bits_is_not_a_difference() -> None:
    evidence = Evidence(rule="r", title="暴雨", pack="p", pack_hash="h", level=Level.BLUE, ceiling=Level.RED, score=1.0,
                        values={"a": math.nan, "b": math.inf, "c": 0.1 + 0.2, "d": -0.0}, units={},
                        conditions={"blue": ("x >= 1 mm", None)})
    text = score_to_json(score(evidence=(evidence,)))
    assert '"values":{"a":null,"b":null,"c":0.3,"d":0.0}' in text and "暴雨" in text
    assert score_from_json(text).evidence[0].conditions == {"blue": ("x >= 1 mm", None)}


def test_the_scores_of_a_time_and_the_newest(ledger: Ledger) -> None:
    assert ledger.scores() == []
    later = NOW + timedelta(hours=1)
    with ledger.begin() as tx:
        ledger.save_scores(tx, later, [score(level=Level.RED)], newest_reading=NOW)
        ledger.save_scores(tx, NOW, [score("sanchang"), score(hazard=Hazard.TYPHOON), score()])
    assert [s.level for s in ledger.scores()] == [Level.RED]
    assert [(s.town, s.hazard) for s in ledger.scores(NOW)] == [
        ("baochang", Hazard.FLOOD), ("baochang", Hazard.TYPHOON), ("sanchang", Hazard.FLOOD)]
    assert ledger.newest_reading(later) == NOW and ledger.newest_reading(NOW) is None


def test_the_same_assessment_again_is_the_same_rows(ledger: Ledger) -> None:
    def rows() -> list[sa.Row]:  # type: ignore[type-arg]
        with ledger.read() as tx:
            return list(tx.execute(select(t.assessment)))

    seen = []
    for _ in range(2):
        with ledger.begin() as tx:
            ledger.save_scores(tx, NOW, [score(silent=("water",)), score("sanchang")])
        seen.append(rows())
    assert seen[0] == seen[1] and len(seen[0]) == 2
    assert seen[0][0].silent == '["water"]'


def test_duty_is_told_once_a_kind_and_reference(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        assert ledger.duty(tx, NOW, "feed", "水利静默", ref="water")
        assert not ledger.duty(tx, NOW + timedelta(hours=1), "feed", "水利仍静默", ref="water")
        assert ledger.duty(tx, NOW, "area", "水利静默", ref="water")
        assert ledger.duty(tx, NOW, "note", "一") and ledger.duty(tx, NOW, "note", "二") and not ledger.duty(tx, NOW, "note", "一")
    with ledger.read() as tx:
        assert [r.text for r in tx.execute(select(t.duty_log).order_by(t.duty_log.c.entry))] == ["水利静默", "水利静默", "一", "二"]


def test_feed_health_runs_holds_and_watermarks_are_replaced(ledger: Ledger) -> None:
    assert ledger.feed_health() == {} and ledger.holds() == {} and ledger.watermark("assess", "lake") == ""
    for state in ("ok", "silent"):
        with ledger.begin() as tx:
            ledger.save_feed_health(tx, FeedHealthRow(feed="water", state=state, checked_at="2021-07-25T21:08:00+00:00"))
            ledger.save_feed_run(tx, feed="water", at=NOW, outcome=state, records=3, set_aside=0, raw="", error="")
            ledger.save_holds(tx, [HoldRow(town=town, rule="flood.stage", level=1, pending=2, updated_at=state) for town in ("a", "b")])
            ledger.save_watermark(tx, "assess", "lake", state)
    assert ledger.feed_health()["water"].state == "silent" and ledger.watermark("assess", "lake") == "silent"
    assert {key: hold.updated_at for key, hold in ledger.holds().items()} == {(town, "flood.stage"): "silent" for town in "ab"}
    with ledger.read() as tx:
        assert tx.execute(select(t.feed_run.c.outcome)).scalars().all() == ["silent"]


def test_saving_no_holds_changes_nothing(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        ledger.save_holds(tx, [])
    assert ledger.holds() == {}


def test_sequences_grow_by_name_and_give_back_what_was_rolled_back(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        assert [ledger.next_sequence(tx, "frames") for _ in range(3)] == [1, 2, 3] and ledger.next_sequence(tx, "other") == 1
    with pytest.raises(RuntimeError), ledger.begin() as tx:
        ledger.next_sequence(tx, "frames")
        raise RuntimeError
    with ledger.begin() as tx:
        assert ledger.next_sequence(tx, "frames") == 4


def test_a_transaction_is_all_or_nothing(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.begin() as tx:
        ledger.save_scores(tx, NOW, [score()])
        ledger.audit(tx, NOW, "a", "b", "c", {})
        raise RuntimeError
    assert ledger.scores() == []


def test_reads_wait_for_nobody_and_see_what_is_committed(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        ledger.save_scores(tx, NOW, [score()])
        assert ledger.scores() == [] and ledger.feed_health() == {}
    with ledger.read() as view:
        assert view.execute(select(sa.func.count()).select_from(t.assessment)).scalar() == 1
        with ledger.begin() as tx:
            ledger.save_scores(tx, NOW + timedelta(hours=1), [score()])
        assert view.execute(select(sa.func.count()).select_from(t.assessment)).scalar() == 1, "one view does not change while it is read"
    assert len(ledger.scores(NOW + timedelta(hours=1))) == 1


def test_sqlite_is_tuned_for_a_crash(ledger: Ledger) -> None:
    with ledger.read() as tx:
        names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        asked = {name: tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}
    assert asked == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(ledger: Ledger) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    import core.ledger

    config = Config()
    config.set_main_option("script_location", str(Path(core.ledger.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]
    with ledger.begin() as tx:
        assert compare_metadata(MigrationContext.configure(tx), t.metadata) == []


def test_an_unknown_revision_is_refused_not_used(ledger: Ledger) -> None:
    with ledger.begin() as tx:
        tx.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match="newer release"):
        Ledger.open(str(ledger.engine.url))


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////proc/nowhere/ledger.db", "oracle+none://x", "postgresql://127.0.0.1:1/none"])
def test_what_cannot_be_opened_is_a_store_error(url: str) -> None:
    with pytest.raises(StoreError, match="ledger cannot be"):
        Ledger.open(url)


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StoreError):
        Ledger.open(f"sqlite:///{tmp_path}/ledger.db")


def test_errors_show_no_parameters(ledger: Ledger) -> None:
    number = "10000000001"
    row = {"resident_id": "r1", "town": "a", "groups": "[]", "phone": number.encode(), "phone_index": f"i-{number}", "synthetic": True}
    with ledger.begin() as tx:
        tx.execute(insert(t.resident_row).values(**row))
    with pytest.raises(StoreError, match="has this row already") as told, ledger.begin() as tx:
        tx.execute(insert(t.resident_row).values(**row))
    assert number not in "".join(traceback.format_exception(told.value))


def test_a_database_locked_for_too_long_is_a_retryable_store_error(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.ledger.engine.BUSY_TIMEOUT_S", 0.05)
    short = Ledger.open(str(ledger.engine.url))
    blocker = sqlite3.connect(str(ledger.engine.url.database), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked") as told, short.begin():
        pass
    assert told.value.retryable
    assert short.scores() == []
    blocker.close()


def test_opening_a_current_ledger_needs_no_alembic_and_no_pandas(ledger: Ledger) -> None:
    import subprocess
    import sys

    code = ("import sys; from core.ledger import Ledger; from core.lake import Lake; from core.settings import Settings; "
            "Ledger.open(sys.argv[1]).scores(); print([m for m in ('alembic', 'pandas', 'pyarrow') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code, str(ledger.engine.url)], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
