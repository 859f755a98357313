"""A ledger of an older release opens with everything that it knew, and goes back."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

sys.path.insert(0, str(Path(__file__).parent))
from test_ledger_processes import postgres  # noqa: F401  (a fixture)

import core.ledger
from core.ledger import Ledger, score_from_json, score_to_json
from core.ledger import tables as t
from core.ledger.codec import PART
from core.model import Evidence, Hazard, Level, RiskScore

NOW = datetime(2021, 7, 25, tzinfo=UTC)


def score(town: str, hazard: Hazard, at: datetime) -> RiskScore:
    proof = Evidence(rule="flood.rainstorm", title="暴雨", pack="cn/rainstorm", pack_hash="ab" * 32, level=Level.BLUE, ceiling=Level.BLUE, score=30.0,
                     values={"rain_3h": 62.0}, units={"rain_3h": "mm"}, conditions={"blue": ("rain_3h >= 50 mm", True)})
    return RiskScore(town=town, hazard=hazard, time=at, level=Level.BLUE, ceiling=Level.RED, proved=Level.BLUE, floor=Level.NONE, score=30.0, evidence=(proof,),
                     reason="3小时雨量62毫米\n两行")


def moved(url: str, revision: str, direction: str) -> None:
    engine, config = sa.create_engine(url), Config()
    config.set_main_option("script_location", str(Path(core.ledger.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        getattr(command, direction)(config, revision)
    engine.dispose()


def bodies(url: str) -> dict[tuple[str, str, str], str]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {tuple(row[:3]): row[3] for row in connection.execute(sa.text("select at, town, hazard, body from assessment"))}
    engine.dispose()
    return found  # type: ignore[return-value]


def test_evidence_of_the_first_release_is_packed_and_unpacked_without_a_change(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    moved(url, "0001", "upgrade")
    towns = [f"t{n:03d}" for n in range(PART // 2 + 3)]  # one part is not enough
    scores = [score(town, hazard, at) for at in (NOW, NOW + timedelta(hours=1)) for town in towns for hazard in (Hazard.FLOOD, Hazard.TYPHOON)]
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(
            "insert into assessment (at, town, hazard, level, ceiling, proved, floor, score, silent, newest_reading, body)"
            " values (:at, :town, :hazard, 1, 4, 1, 0, 30, '[]', null, :body)"),
            [{"at": s.time.isoformat(), "town": s.town, "hazard": str(s.hazard), "body": score_to_json(s)} for s in scores])
    engine.dispose()
    before = bodies(url)
    ledger = Ledger.open(url)
    for at in (NOW, NOW + timedelta(hours=1)):
        assert ledger.scores(at) == [score_from_json(before[at.isoformat(), s.town, str(s.hazard)]) for s in scores if s.time == at]
    with ledger.read() as tx:
        size = tx.execute(sa.select(sa.func.sum(sa.func.length(t.evidence.c.body)))).scalar_one()
        assert tx.execute(sa.select(sa.func.count()).select_from(t.evidence)).scalar_one() == 4
    assert size * 10 < sum(len(body) for body in before.values())
    ledger.close()
    moved(url, "0001", "downgrade")
    assert bodies(url) == before


def test_residents_and_deliveries_of_an_older_release_are_there_and_a_family_may_share_a_number(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    moved(url, "0003", "upgrade")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("insert into resident (resident_id, town, groups, phone, phone_index, opted_out, synthetic)"
                                   " values ('r1', 'haimen', '[]', x'00ff', 'n1', 1, 0)"))
        connection.execute(sa.text("insert into delivery (alert_id, version, channel, recipient, town, groups, state, attempt, priority, provider_id, code,"
                                   " possible_duplicate) values ('A', 1, 'sms', 'r1', 'haimen', '[]', 'delivered', 1, 3, 'SM1', '', 0)"))
    engine.dispose()
    ledger, r = Ledger.open(url), t.resident_row.c
    with ledger.begin() as tx:
        (old,) = tx.execute(sa.select(t.resident)).mappings().all()
        assert dict(old) == {"resident_id": "r1", "town": "haimen", "groups": "[]", "phone": b"\x00\xff", "phone_index": "n1", "language": "", "opted_out": True,
                             "synthetic": False, "renewed": None, "phone_at": None, "erase_at": None}
        assert tx.execute(sa.select(t.delivery.c.recipient, t.delivery.c.number)).all() == [("r1", None)]
        tx.execute(sa.insert(t.resident_row).values(**{**old, "resident_id": "r2"}))
        tx.execute(sa.delete(t.resident_row).where(r.resident_id == "r2"))
    ledger.close()
    moved(url, "0003", "downgrade")
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(sa.text("select * from resident")).all() == [("r1", "haimen", "[]", b"\x00\xff", "n1", 1, 0)]
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database in which there is nothing."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    url = sa.make_url(request.getfixturevalue("postgres"))
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("create database moved"))
    engine.dispose()
    return url.set(database="moved").render_as_string()


def everything(url: str) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every table, in the order of the columns' names."""
    engine, out = sa.create_engine(url), dict[str, list[tuple[object, ...]]]()
    with engine.connect() as connection:
        tables = sa.MetaData()
        tables.reflect(connection)
        for name, table in tables.tables.items():
            rows = connection.execute(sa.select(*sorted(table.c, key=lambda column: column.name))).all()
            out[name] = sorted((tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows), key=repr)
    engine.dispose()
    return out


def test_up_and_down_and_up_again_with_data_on_either_database(empty: str) -> None:
    """The newest release wrote a register of two editions and a half: back in the first one stands who was in force, and the way up is open again."""
    moved(empty, "0001", "upgrade")
    engine = sa.create_engine(empty)
    with engine.begin() as tx:
        tx.execute(sa.text("insert into resident (resident_id, town, groups, phone, phone_index, opted_out, synthetic) values ('r1', 'a', '[]', :p, 'n1', :y, :n)"),
                   {"p": b"\x00\xff", "y": True, "n": False})
        tx.execute(sa.text("insert into delivery (alert_id, version, channel, recipient, town, groups, state, attempt, priority, provider_id, code, possible_duplicate)"
                           " values ('A', 1, 'sms', 'r1', 'a', '[]', 'delivered', 1, 3, 'SM1', '', :n)"), {"n": False})
        tx.execute(sa.text("insert into sequence (name, value) values ('alerts', 7)"))
        tx.execute(sa.text("insert into assessment (at, town, hazard, level, ceiling, proved, floor, score, silent, newest_reading, body)"
                           " values (:at, 'a', 'flood', 1, 4, 1, 0, 30, '[]', null, :body)"),
                   {"at": NOW.isoformat(), "body": score_to_json(score("a", Hazard.FLOOD, NOW))})
    engine.dispose()
    first = everything(empty)
    for _ in range(2):
        ledger = Ledger.open(empty)
        with ledger.begin() as tx:
            (old,) = tx.execute(sa.select(t.resident)).mappings().all()
            tx.execute(sa.insert(t.sequence), [{"name": t.REGISTER, "value": 2}, {"name": f"{t.REGISTER}.touched", "value": 5}])
            tx.execute(sa.update(t.resident_row).values(since=1, until=3))  # in force, and replaced in the edition that an import is writing
            more = ({"resident_id": "r1", "since": 0, "until": 1}, {"resident_id": "r1", "since": 3, "until": None}, {"resident_id": "r2", "since": 3, "until": None})
            tx.execute(sa.insert(t.resident_row), [dict(old) | {"phone_index": f"n{2 + n}"} | one for n, one in enumerate(more)])
            assert [row.phone_index for row in tx.execute(sa.select(t.resident))] == ["n1"] and ledger.scores(NOW)[0].town == "a"
        ledger.close()
        moved(empty, "0001", "downgrade")
        assert everything(empty) == first
