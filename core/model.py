"""The domain types: frozen, slotted, keyword-only, without pandas, input/output or Airflow.

Every time is aware and in UTC; people see their county's clock. Every value is in the canonical unit of its observed
property (core.units). The words are those of CONTEXT.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Level(IntEnum):
    """Warning level, ordered; the colours are those of CMA Order 16 (IV blue .. I red). Never sort by Roman numeral."""

    NONE = 0
    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def zh(self) -> str:
        """Chinese name shown to people."""
        return ("无", "蓝色", "黄色", "橙色", "红色")[self]

    @property
    def en(self) -> str:
        """English name shown beside the Chinese one."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Level:
        """A colour by its English or Chinese name ('orange', '橙色'); ValueError otherwise."""
        found = next((level for level in cls if level and word.lower() in (level.en, level.zh, level.zh[0])), None)
        if found is None:
            raise ValueError(f"没有级别“{word[:40]}”，可用 / no such level, known: 蓝色 blue、黄色 yellow、橙色 orange、红色 red")
        return found


class Hazard(StrEnum):
    """The hazards that can be scored per town; a county scores those for which it has texts (templates.yaml)."""

    FLOOD = "flood"
    TYPHOON = "typhoon"
    GEOLOGICAL = "geological"
    GALE = "gale"
    SNOW = "snow"
    COLD_WAVE = "cold_wave"
    HEAT = "heat"
    DROUGHT = "drought"
    FOG = "fog"
    HAZE = "haze"
    SANDSTORM = "sandstorm"
    LIGHTNING = "lightning"
    HAIL = "hail"
    FROST = "frost"
    ICY_ROAD = "icy_road"
    EARTHQUAKE = "earthquake"

    @property
    def zh(self) -> str:
        """Chinese name shown to people."""
        return _HAZARD_ZH[self.value]

    @classmethod
    def of(cls, word: str) -> Hazard:
        """By key or Chinese name; ValueError that lists them otherwise."""
        found = next((hazard for hazard in cls if word in (hazard.value, hazard.zh)), None)
        if found is None:
            raise ValueError(f"没有灾种“{word[:40]}”，可用 / no such hazard, known: {'、'.join(f'{h.zh} {h.value}' for h in cls)}")
        return found


_HAZARD_ZH = {
    "flood": "洪涝", "typhoon": "台风", "geological": "地质灾害", "gale": "大风", "snow": "暴雪", "cold_wave": "寒潮", "heat": "高温",
    "drought": "干旱", "fog": "大雾", "haze": "霾", "sandstorm": "沙尘暴", "lightning": "雷电", "hail": "冰雹", "frost": "霜冻",
    "icy_road": "道路结冰", "earthquake": "地震",
}


class Flag(IntEnum):
    """Quality flag of a reading (QARTOD numbers)."""

    GOOD = 1
    UNKNOWN = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Status(StrEnum):
    """CAP status of an alert. Exercise and Actual never share a key, a topic, a sender or an adapter."""

    ACTUAL = "Actual"
    EXERCISE = "Exercise"
    TEST = "Test"


class MsgType(StrEnum):
    """CAP msgType of one version of an alert."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"


class AlertState(StrEnum):
    """State of one version of an alert; the allowed transitions stand in core.alerts.TRANSITIONS."""

    DRAFT = "draft"
    REVIEW = "review"
    APPROVED = "approved"
    ISSUED = "issued"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class DeliveryState(StrEnum):
    """State of one delivery (alert, version, channel, recipient)."""

    PLANNED = "planned"
    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class FeedState(StrEnum):
    """Health of a feed as people see it; UNKNOWN is never shown as calm."""

    OK = "ok"
    LATE = "late"
    SILENT = "silent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Sector(StrEnum):
    """The department a feed comes from."""

    WEATHER = "weather"
    WATER = "water"
    POWER = "power"
    NATURAL_RESOURCES = "natural_resources"
    OFFICIAL = "official"
    PEOPLE = "people"
    DEPARTMENTS = "departments"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One value of one observed property at one station and time (OGC O&M).

    `value` is in the canonical unit of `observed_property`, None when the source says the reading is missing.
    `issued` is None for a measurement and the issue time for a forecast (then `time` is the valid time).
    `interval_s` is the length of the interval that ends at `time`, in seconds, for accumulated properties (rain).
    `datum` names the vertical datum of a stage; two stages of different datums are never compared.
    `raw` is the SHA-256 of the payload it was read from.
    """

    feed: str
    station: str
    observed_property: str
    time: datetime
    value: float | None
    received: datetime
    raw: str
    flag: Flag = Flag.GOOD
    reasons: tuple[str, ...] = ()
    interval_s: int = 0
    issued: datetime | None = None
    datum: str = ""
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Radii of one wind circle by quadrant, km."""

    ne: float
    se: float
    sw: float
    nw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPoint:
    """One position of a typhoon: analysed (`issued` None) or forecast by `agency` at `issued`.

    lat, lon in degrees; `pressure` hPa; `wind` m/s (maximum 2-min mean near the centre); circles by wind force, None
    where the circle does not exist; `move_speed` km/h, `move_bearing` degrees clockwise from north.
    """

    feed: str
    storm: str
    name: str
    agency: str
    time: datetime
    lat: float
    lon: float
    received: datetime
    raw: str
    pressure: float | None = None
    wind: float | None = None
    r7: Circle | None = None
    r10: Circle | None = None
    r12: Circle | None = None
    move_speed: float | None = None
    move_bearing: float | None = None
    issued: datetime | None = None
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialSignal:
    """A signal in force as an official issuer published it (weather office, water office, 12379, a CAP feed).

    `areas` are administrative codes (6 digits a district, 4 a prefecture, 9 or 12 a town); an empty tuple concerns nobody.
    `expires` None means: in force for as long as the feed lists it.
    """

    feed: str
    identifier: str
    event: str
    hazard: Hazard | None
    level: Level
    areas: tuple[str, ...]
    title: str
    issued: datetime
    received: datetime
    raw: str
    effective: datetime | None = None
    expires: datetime | None = None
    msg_type: MsgType = MsgType.ALERT
    references: tuple[str, ...] = ()
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldReport:
    """What a disaster-information officer (灾害信息员) saw: one kind of thing at one place and time, with a value where one was measured.

    `report` is made of what was seen, by whom, where and when, so that the same report by two channels is one report. `reporter` is an id, never a
    number. `town` is a key, `village` as written; lat, lon in degrees where a point was given. `kind` is a key of core.reporting.KINDS and `value` in
    its canonical unit, None where nothing was measured. `trust`: 2 trained, 1 registered, 0 unknown standing.
    """

    feed: str
    report: str
    reporter: str
    trust: int
    town: str
    kind: str
    time: datetime
    received: datetime
    raw: str
    value: float | None = None
    village: str = ""
    lat: float | None = None
    lon: float | None = None
    channel: str = ""
    note: str = ""
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One record that a parser set aside: where it stood, what was wrong with it, and its text (cut at 200 characters)."""

    where: str
    reason: str
    record: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """All that one payload held; `observations` are objects or columns (core.readings), as suits their number."""

    observations: Sequence[Observation] = ()
    tracks: tuple[TrackPoint, ...] = ()
    signals: tuple[OfficialSignal, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    reports: tuple[FieldReport, ...] = ()

    @property
    def records(self) -> int:
        """How many records were read (those set aside not counted)."""
        return len(self.observations) + len(self.tracks) + len(self.signals) + len(self.reports)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """One value out of several sources of one thing: each member's value (None: it does not tell) and weight (0: it does not count), how far
    they agree (0..1), and the `preferred` member, the one to look at ("" when none tells)."""

    thing: str
    value: float | None
    members: dict[str, float | None]
    weights: dict[str, float]
    agreement: float
    preferred: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why one rule says what it says for one town: enough to recompute it.

    `values` maps each indicator to its value (None for missing), `units` to its unit, `records` to the record ids it was
    computed from (at most 20 each) and `raws` holds the hashes of the payloads; `conditions` maps each level's name to
    (text of the condition, True, False or None for undecided); `fusion` maps an indicator whose value was fused from
    several sources to how.
    """

    rule: str
    title: str
    pack: str
    pack_hash: str
    level: Level
    ceiling: Level
    score: float
    values: dict[str, float | None]
    units: dict[str, str]
    conditions: dict[str, tuple[str, bool | None]]
    flags: tuple[str, ...] = ()
    records: dict[str, tuple[str, ...]] = field(default_factory=dict)
    raws: tuple[str, ...] = ()
    counterfactual: str = ""
    role: str = "hazard"
    verified: bool = False
    source: str = ""
    synthetic: bool = False
    fusion: dict[str, Fusion] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScore:
    """One town, one hazard, one time: the interval of levels.

    `level` is what the data prove (after hold and official floor), `ceiling` what the data cannot exclude;
    `proved` is the level before hold and floor, `floor` the official signal's level; `score` 0-100 says how far to the
    next level. `silent` names the feeds whose silence widens the interval. `reason`, `basis` (the rules that prove it and their
    comparisons) and `counterfactual` (what the next level would take) are the sentences that everybody is told; `outlook` is for officers
    alone, and `chances` maps a level to (agencies whose forecast track alone reaches it, agencies).
    """

    town: str
    hazard: Hazard
    time: datetime
    level: Level
    ceiling: Level
    proved: Level
    floor: Level
    score: float
    evidence: tuple[Evidence, ...]
    silent: tuple[str, ...] = ()
    reason: str = ""
    basis: str = ""
    counterfactual: str = ""
    outlook: str = ""
    chances: dict[str, tuple[int, int]] = field(default_factory=dict)

    def told(self) -> dict[str, str]:
        """The sentences of the explanation by name, empty ones left out: one text for the CAP parameters, the board and `rules explain`.

        The outlook is not among them: forecasts to the public are the weather office's to make.
        """
        return {name: text for name, text in (("reason", self.reason), ("rule", self.basis), ("counterfactual", self.counterfactual)) if text}
