"""A small installation for the tests of alerts: the real county, a ledger and keys in a folder, scores as the rules would store them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from new_ledger import ledger_in

from console.sandbox import officers
from core import alerts
from core.alerts import VersionRef
from core.county import County, load_county
from core.keyring import Keyring
from core.ledger import Ledger
from core.model import AlertState, Evidence, Hazard, Level, RiskScore, Status
from core.settings import Settings

ROOT = Path(__file__).parents[2]
START = datetime(2021, 7, 25, 13, 8, tzinfo=UTC)
TOWNS = ("haimen", "baochang", "linjiang")


def every_hazard() -> County:
    """Haimen with texts for every hazard: those of rain, its hazard's name put in."""
    county = load_county(ROOT / "county" / "haimen")
    flood = county.templates[Hazard.FLOOD]
    added = {str(h): {key: text.replace("洪涝", h.zh) for key, text in flood.items()} for h in Hazard if h not in county.hazards}
    return replace(county, templates=county.templates | added)


def evidence(rule: str, level: Level, *, indicator: str = "rain_3h", synthetic: bool = True) -> Evidence:
    return Evidence(rule=rule, title="暴雨", pack="cn/rainstorm", pack_hash="ab" * 32, level=level, ceiling=level, score=60.0,
                    values={indicator: 62.0}, units={indicator: "mm"}, conditions={"orange": ("rain_3h >= 50 mm", True)},
                    synthetic=synthetic)


def score(town: str, hazard: Hazard, level: int, at: datetime, *, floor: int = 0, rules: tuple[Evidence, ...] | None = None) -> RiskScore:
    given = (evidence("flood.rainstorm", Level(level)),) if rules is None else rules
    return RiskScore(town=town, hazard=hazard, time=at, level=Level(level), ceiling=Level(level), proved=Level(level), floor=Level(floor),
                     score=20.0 * level, evidence=given, reason="3小时雨量62毫米" if level else "")


@dataclass
class World:
    county: County
    ledger: Ledger
    keyring: Keyring
    settings: Settings
    now: datetime = START

    def assess(self, *, hazard: Hazard = Hazard.FLOOD, floor: int = 0, rules: tuple[Evidence, ...] | None = None, **levels: int) -> None:
        """Store one assessment at `now`; towns not named are NONE."""
        scores = [score(town, hazard, levels.get(town, 0), self.now, floor=floor if levels.get(town) else 0, rules=rules)
                  for town in dict.fromkeys((*TOWNS, *levels))]
        with self.ledger.begin() as tx:
            self.ledger.save_scores(tx, self.now, scores, self.now - timedelta(minutes=3))

    def draft(self) -> list[VersionRef]:
        return alerts.draft(now=self.now, county=self.county, ledger=self.ledger, status=self.settings.status).versions

    def address(self, ref: VersionRef, mark: str = "11") -> None:
        with self.ledger.begin() as tx:
            alerts.record_audience(tx, ref, {"hash": mark * 32, "count": 3})

    def sign(self, ref: VersionRef, officer: str, role: str, decision: str = "approve") -> AlertState:
        with self.ledger.read() as tx:
            area = alerts.whole_area(alerts.find(tx, ref), self.county)
        return officers.sign_as(officer, role, ref, now=self.now, county=self.county, ledger=self.ledger, keyring=self.keyring,
                                settings=self.settings, decision=decision, area=area)

    def approve(self, ref: VersionRef) -> None:
        self.address(ref)
        self.sign(ref, "duty-1", "author")
        self.sign(ref, "chief-1", "approver")

    def issue(self, ref: VersionRef) -> Path:
        return alerts.issue(now=self.now, ref=ref, county=self.county, ledger=self.ledger, settings=self.settings)

    def publish(self, **levels: int) -> VersionRef:
        """Assess, draft, sign and issue in one go."""
        self.assess(**levels)
        (ref,) = self.draft()
        self.approve(ref)
        self.issue(ref)
        return ref

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def state(self, ref: VersionRef) -> AlertState:
        return alerts.state(ref=ref, ledger=self.ledger)


def make(home: Path, status: Status = Status.EXERCISE, **policy: object) -> World:
    county = load_county(ROOT / "county" / "haimen")
    if policy:
        county = replace(county, policy=replace(county.policy, **policy))  # type: ignore[arg-type]
    settings = Settings(home=home, county=ROOT / "county" / "haimen", status=status)
    world = World(county, ledger_in(home), Keyring(home / "keys"), settings)
    if status is not Status.ACTUAL:
        officers.prepare(county, world.keyring, settings)
    return world
