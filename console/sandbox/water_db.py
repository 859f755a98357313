"""A hydrology database in SL 323-2011 tables that fills as the scenario's clock moves."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from console.sandbox.scenario import Scenario
from core.county import County
from core.times import SHANGHAI

metadata = sa.MetaData()
_Z = sa.Numeric(7, 3)
stbprp = sa.Table(
    "ST_STBPRP_B", metadata, sa.Column("STCD", sa.String(8), primary_key=True), sa.Column("STNM", sa.String(30)), sa.Column("LGTD", sa.Numeric(10, 6)),
    sa.Column("LTTD", sa.Numeric(10, 6)), sa.Column("ADDVCD", sa.String(6)), sa.Column("DTMNM", sa.String(16)), sa.Column("DTPR", _Z),
    sa.Column("STTP", sa.String(2)),
)
rvfcch = sa.Table("ST_RVFCCH_B", metadata, sa.Column("STCD", sa.String(8), primary_key=True), sa.Column("WRZ", _Z), sa.Column("GRZ", _Z))
river = sa.Table(
    "ST_RIVER_R", metadata, sa.Column("STCD", sa.String(8), primary_key=True), sa.Column("TM", sa.DateTime, primary_key=True), sa.Column("Z", _Z),
    sa.Column("Q", sa.Numeric(9, 3)), sa.Column("WPTN", sa.String(1)),
)
tide = sa.Table("ST_TIDE_R", metadata, sa.Column("STCD", sa.String(8), primary_key=True), sa.Column("TM", sa.DateTime, primary_key=True), sa.Column("TDZ", _Z))
pptn = sa.Table(
    "ST_PPTN_R", metadata, sa.Column("STCD", sa.String(8), primary_key=True), sa.Column("TM", sa.DateTime, primary_key=True),
    sa.Column("DRP", sa.Numeric(5, 1)), sa.Column("INTV", sa.Numeric(5, 2)),
)


class WaterDatabase:
    """Opened at an SQLAlchemy URL, emptied of what a former run left; advance() makes it hold exactly what is known by then."""

    def __init__(self, url: str, county: County, scenario: Scenario) -> None:
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self.engine, self.scenario, self.county = sa.create_engine(url), scenario, county
        self._written = datetime.min.replace(tzinfo=scenario.start.tzinfo)
        metadata.create_all(self.engine)
        with self.engine.begin() as tx:
            for table in metadata.tables.values():
                tx.execute(sa.delete(table))
            for station in county.stations_of("water"):
                tx.execute(sa.insert(stbprp).values(STCD=station.station, STNM=station.name, LGTD=station.lon, LTTD=station.lat, ADDVCD=county.code,
                                                    DTMNM=station.datum, DTPR=Decimal(0), STTP="TT" if "tide" in station.properties else "ZZ"))
                if station.warning_stage is not None:
                    tx.execute(sa.insert(rvfcch).values(STCD=station.station, WRZ=station.warning_stage, GRZ=station.guaranteed_stage))

    def advance(self, at: datetime) -> None:
        """Write every reading up to `at` that is not written yet, and when time was turned back take away what lies ahead again.
        TM is the Beijing clock without a zone, as the standard has it."""
        now = at.astimezone(SHANGHAI).replace(tzinfo=None)
        new = [(when, row) for when, row in self.scenario.until("water", at) if when > self._written]
        rows: dict[str, list[dict[str, object]]] = {"stage": [], "tide": [], "rain": []}
        for when, row in new:
            tm = when.astimezone(SHANGHAI).replace(tzinfo=None)
            column, more = {"tide": ("TDZ", {}), "stage": ("Z", {}), "rain": ("DRP", {"INTV": Decimal(1)})}[row["property"]]
            rows[row["property"]].append({"STCD": row["station"], "TM": tm, column: Decimal(row["value"]), **more})
        with self.engine.begin() as tx:
            for name, table in (("stage", river), ("tide", tide), ("rain", pptn)):
                if rows[name]:
                    tx.execute(sa.insert(table), rows[name])
                if at < self._written:
                    tx.execute(sa.delete(table).where(now < table.c.TM))
        self._written = at
