"""The declared indicators: indicators.yaml as frozen types. A new indicator is a few lines of data, not code."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.county import Override
from core.units import PROPERTIES
from rules.language import RuleError, Symbol, unknown_word
from rules.statistics import FALLING, REACH_BACK, STATISTICS
from rules.yamltext import Document, Problems, load

FILE = Path(__file__).with_name("indicators.yaml")
KINDS = ("station", "forecast", "track", "official", "town", "report")
REACHES = ("own", "nearest", "within", "idw", "mean")
OFFSETS = ("warning_stage", "guaranteed_stage", "record_stage")
QUANTITIES = ("distance", "eta", "wind", "agreement", "reported", "reported_by_one")
SENSES = ("high", "low")
#: Daily weight of antecedent rain (0.8 to 0.9 in use, a place's own; rules.statistics.rain).
DECAY = 0.84
#: Caine (1980): I = 14.82 D^-0.39 mm/h, D in hours (rules.statistics.rain).
CAINE = (14.82, 0.39)
FIELDS = ("river_front", "sea_front", "low_ground", "bank_section", "over60_share", "population")
KNOWN_KEYS = frozenset({
    "title", "title_en", "unit", "kind", "baseline", "property", "per", "statistic", "window_h", "reach", "km", "witness_km", "above", "quantity",
    "force", "lead_h", "events", "field", "map", "note", "worse", "decay", "curve", "floor", "hazard", "local",
})
NUMBERS = ("baseline", "window_h", "km", "witness_km", "force", "lead_h", "decay", "floor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A number of a rule that is another one in some towns or at some stations (canonical unit); `usual` is the pack's, `where` by town key or
    station id says from which row of the county's overrides it comes. `measures`: the indicator whose stations have numbers of their own."""

    parameter: str
    usual: float
    towns: Mapping[str, float] = field(default_factory=dict)
    stations: Mapping[str, float] = field(default_factory=dict)
    where: Mapping[str, Override] = field(default_factory=dict)
    measures: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """One indicator. `window_h`, `lead_h` hours; `km`, `witness_km` kilometres.

    `reach` says which stations speak for a town: its own, the nearest within `km`, the worst within `km` (own included),
    or the inverse-distance or plain mean within `km`. Stations within `witness_km` are not taken into the value; they
    can only show that a silent neighbour hides nothing, or corroborate an extreme. `above` subtracts a declared stage of
    the station (in its own datum). `baseline` is the value at which a score starts to grow. `worse` says which side is
    dangerous (visibility: low). `local`: every station measures a place of its own (a crack, a bank), of which no
    neighbour within reach knows anything; only a fused twin does. `decay`, `curve` (a, b of a D^-b) and `floor` are numbers that some statistics take.
    `mark`: of kind "mark" the number itself, of kind "station" the number that each station is measured against (rules.marks).
    """

    name: str
    title: str
    title_en: str
    unit: str
    kind: str
    baseline: float = 0.0
    properties: tuple[str, ...] = ()
    per: str = ""
    statistic: str = "last"
    window_h: float = 0.0
    reach: str = "own"
    km: float = 0.0
    witness_km: float = 0.0
    above: str = ""
    quantity: str = ""
    force: int = 0
    lead_h: float = 0.0
    events: tuple[str, ...] = ()
    attribute: str = ""
    map: dict[int, float] = field(default_factory=dict)
    worse: str = "high"
    decay: float = DECAY
    curve: tuple[float, float] = CAINE
    floor: float = 0.0
    hazard: str = ""
    mark: Mark | None = None
    local: bool = False

    @property
    def share(self) -> bool:
        """Whether people read the number as per cent."""
        return self.statistic == "share" or self.quantity == "agreement" or self.properties in (("humidity",), ("soil_moisture",))

    @property
    def inverted(self) -> bool:
        """Whether the readings are turned upside down before the statistic: their small values are the dangerous ones."""
        return self.worse == "low" or self.statistic == "min"

    @property
    def sinking(self) -> bool:
        """Whether small values of the indicator are the dangerous ones."""
        return self.kind == "station" and (self.inverted or self.statistic in FALLING)

    @property
    def back_h(self) -> float:
        """How far back the readings reach that it needs, hours."""
        return self.window_h * REACH_BACK.get(self.statistic, 1.0)

    @property
    def forecast(self) -> bool:
        """Whether the value speaks about the future."""
        return self.kind == "forecast" or self.lead_h > 0 or self.quantity == "eta"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Official events whose text holds `event`: the hazard they count for where the feed did not say, and whom they concern."""

    event: str
    hazard: str = ""
    towns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All indicators by name, and how official events are read."""

    indicators: dict[str, Indicator]
    concerns: tuple[Concern, ...]

    def widened(self, own: tuple[Indicator, ...]) -> Catalogue:
        """The catalogue with a county's own words beside the declared ones."""
        return Catalogue(self.indicators | {indicator.name: indicator for indicator in own}, self.concerns) if own else self

    def symbols(self) -> dict[str, Symbol]:
        """What the rule language may name."""
        return {name: Symbol(indicator.unit, title=indicator.title) for name, indicator in self.indicators.items()}


@functools.lru_cache(maxsize=8)
def load_catalogue(path: Path = FILE) -> Catalogue:
    """Read indicators.yaml; ConfigErrors with file:line:column for everything wrong with it."""
    document, problems = load(path), Problems()
    found: dict[str, Indicator] = {}
    given, concerned = document.data.get("indicators") or {}, document.data.get("official") or []
    if not isinstance(given, dict):
        problems.add("indicators 应为 名: {…}", "indicators must map names to what they are", document.place("indicators"))
    if not isinstance(concerned, list) or not all(isinstance(row, dict) and "event" in row and isinstance(row.get("towns", []), list) for row in concerned):
        problems.add("official 应为列表，每行有 event", "official is a list, each row with an event", document.place("official"))
    problems.raise_any()
    for name, raw in given.items():
        try:
            if not isinstance(raw, dict):
                raise RuleError(f"{name} 应为映射", "a mapping is expected", document.place("indicators", name))
            problems.unknown_keys(document, ("indicators", name), raw, KNOWN_KEYS)
            found[name] = _indicator(document, name, raw)
        except RuleError as error:
            problems.errors.append(error)
    concerns = tuple(Concern(event=str(row["event"]), hazard=str(row.get("hazard", "")), towns=tuple(row.get("towns", ()))) for row in concerned)
    problems.raise_any()
    return Catalogue(found, concerns)


def _indicator(document: Document, name: str, raw: dict[str, Any]) -> Indicator:
    """One row, every word of it checked."""
    at = document.place("indicators", name)
    properties = raw.get("property", [])
    properties = tuple(properties) if isinstance(properties, list) else (str(properties),)
    for word, known, kind in (
        (raw.get("kind", "station"), KINDS, "kind"), (raw.get("statistic", "last"), tuple(STATISTICS), "statistic"),
        (raw.get("reach", "own"), REACHES, "reach"), (raw.get("above", OFFSETS[0]), OFFSETS, "above"),
        (raw.get("quantity", QUANTITIES[0]), QUANTITIES, "quantity"), (raw.get("worse", SENSES[0]), SENSES, "worse"), (raw.get("field", FIELDS[0]), FIELDS, "field"),
        *((p, tuple(PROPERTIES), "property") for p in (*properties, *([raw["per"]] if "per" in raw else []))),
    ):
        if word not in known:
            raise unknown_word(f"的 {kind} ", kind, str(word), known, document.place("indicators", name, kind) if kind in raw else at)
    for key in ("title", "title_en", "unit"):
        if not isinstance(raw.get(key), str):
            raise RuleError(f"{name} 缺少 {key}", f"{key} is missing", at)
    if raw.get("kind", "station") == "station" and not properties:
        raise RuleError(f"{name} 缺少 property", "property is missing", at)
    for key, value in raw.items():
        if not _fits(key, value):
            raise RuleError(f"{name} 的 {key} 不对：{str(value)[:40]}", f"{key} is not of the kind expected", document.place("indicators", name, key))
    return Indicator(
        name=name, title=raw["title"], title_en=raw["title_en"], unit=raw["unit"], kind=raw.get("kind", "station"),
        baseline=float(raw.get("baseline", 0.0)), properties=properties, per=str(raw.get("per", "")), statistic=raw.get("statistic", "last"),
        window_h=float(raw.get("window_h", 0)), reach=raw.get("reach", "own"), km=float(raw.get("km", 0)),
        witness_km=float(raw.get("witness_km", 0)), above=str(raw.get("above", "")), quantity=str(raw.get("quantity", "")),
        force=int(raw.get("force", 0)), lead_h=float(raw.get("lead_h", 0)), events=tuple(raw.get("events", ())),
        attribute=str(raw.get("field", "")), map={int(k): float(v) for k, v in dict(raw.get("map", {})).items()}, worse=raw.get("worse", SENSES[0]),
        decay=float(raw.get("decay", DECAY)), curve=_curve(raw.get("curve")), floor=float(raw.get("floor", 0)), hazard=str(raw.get("hazard", "")),
        local=_yes(document, name, raw),
    )


def _yes(document: Document, name: str, raw: dict[str, Any]) -> bool:
    if raw.get("local", False) not in (True, False):
        raise RuleError("local 应为 true 或 false", "local is true or false", document.place("indicators", name, "local"))
    return bool(raw.get("local", False))


def _fits(key: str, value: Any) -> bool:
    """Whether a value is of its key's kind; words were looked up before."""
    if key in ("map", "curve"):
        named = isinstance(value, dict) and (set(value) == {"a", "b"} if key == "curve" else all(str(name).isdigit() for name in value))
        return named and all(_fits(NUMBERS[0], part) for part in value.values())
    if key in NUMBERS:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return key != "events" or isinstance(value, list)


def _curve(raw: Any) -> tuple[float, float]:
    """a and b of an intensity-duration threshold I = a D^-b, as {a: .., b: ..}; Caine's when not given."""
    return (float(raw["a"]), float(raw["b"])) if raw else CAINE
