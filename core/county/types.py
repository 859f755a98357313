"""The rows of a county folder as frozen types: towns, stations, feeds, groups, loudspeakers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from core.errors import ConfigError
from core.model import Sector
from core.settings import Settings

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A town or street. `key` is its name in stores; `code` the 12-digit statistical code, which two towns may share; `cell` a ring of (lon, lat);
    `subsidence_mm` how much the ground sinks a year, 0 where nobody has told it."""

    key: str
    code: str
    code_shared: bool
    name: str
    name_en: str
    lat: float
    lon: float
    point_verified: bool
    population: int
    over60_share: float
    villages: int
    river_front: bool
    sea_front: bool
    low_ground: bool
    bank_section: int
    synthetic: tuple[str, ...]
    cell: tuple[Point, ...] = ()
    subsidence_mm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place where something is measured. Stages are metres in the station's own `datum`; `path` is the line its data come by.

    `record_stage` is the highest stage on record; `datum_offset` metres to add to a stage of this station to have it in the county's datum,
    None where nobody has levelled it; `valid_from` the day since which these numbers hold; `source` where point and stages come from; `elevation` m above
    mean sea level, None where nobody told it; `site` the kind of place, whose limits stand in limits.csv, "" for none; `line` its row in stations.csv.
    """

    station: str
    name: str
    feed: str
    lat: float
    lon: float
    town: str
    properties: tuple[str, ...]
    datum: str
    warning_stage: float | None
    guaranteed_stage: float | None
    levels_verified: bool
    path: str
    synthetic: bool
    record_stage: float | None = None
    datum_offset: float | None = None
    valid_from: date | None = None
    source: str = ""
    elevation: float | None = None
    site: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a declared table: what it is, its unit there, and for sums the length of the interval that ends at the row's time, s."""

    observed_property: str
    unit: str
    interval_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A JSON or CSV source described in feeds.yaml; names of fields may be paths ('site.code'). `zone` '' means that every time carries its own,
    `time` '' that the records have none and are as of their receipt. With `quantity`, the field that names what a record's `value` is, `columns` are its names."""

    form: Literal["json", "csv"]
    records: str
    station: str
    time: str
    time_format: str
    zone: str
    columns: dict[str, Column]
    missing: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    encoding: str = "utf-8"
    delimiter: str = ","
    issued: str = ""
    secret_header: str = ""
    quantity: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One row of feeds.yaml."""

    feed: str
    title: str
    sector: Sector
    connector: str
    address: str
    sandbox: str
    secret: str
    cron: str
    interval_s: int
    max_age_s: int
    expected: int
    age_from: Literal["reading", "fetch"]
    options: dict[str, str | int | float | bool]
    enabled: bool = True
    table: Table | None = None

    def url(self, settings: Settings) -> str:
        """Where the feed is pulled from: the simulator in sandbox mode, the live address otherwise (ConfigError when there is none)."""
        if settings.mode == "sandbox":
            return settings.sandbox_url + self.sandbox
        if not self.address:
            raise ConfigError(f"数据源 {self.feed} 没有正式地址 / no live address", hint="在 feeds.yaml 填写 address / fill in address")
        return self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group of residents; `share` of the synthetic register, drawn where `exposure` holds. `on_duty`: told in the quiet hours too."""

    group: str
    title: str
    title_en: str
    share: float
    exposure: Literal["all", "river_front", "sea_front", "low_ground"]
    on_duty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudspeaker:
    """A village loudspeaker; lat and lon in degrees, None where nobody has measured them."""

    speaker: str
    town: str
    name: str
    state: Literal["on", "off"]
    synthetic: bool
    lat: float | None = None
    lon: float | None = None
