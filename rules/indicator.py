"""What an indicator is: a declared word of the rules as a frozen type. How its row is read: rules.declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.county import Override
from rules.language import Place
from rules.statistics import FALLING, REACH_BACK

#: Daily weight of antecedent rain (0.8 to 0.9 in use, a place's own; rules.statistics.rain).
DECAY = 0.84
#: Caine (1980): I = 14.82 D^-0.39 mm/h, D in hours (rules.statistics.rain).
CAINE = (14.82, 0.39)


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
    `place`: where it is declared, which is no part of what it means.
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
    place: Place | None = field(default=None, compare=False, repr=False)

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
    def grows(self) -> bool:
        """Whether the value can only be higher over a longer window or lead."""
        amount = self.statistic in ("sum", "max") and self.kind in ("station", "forecast")
        return (amount or self.quantity == "wind") and not self.inverted

    @property
    def back_h(self) -> float:
        """How far back the readings reach that it needs, hours."""
        return self.window_h * REACH_BACK.get(self.statistic, 1.0)

    @property
    def forecast(self) -> bool:
        """Whether the value speaks about the future."""
        return self.kind == "forecast" or self.lead_h > 0 or self.quantity == "eta"
