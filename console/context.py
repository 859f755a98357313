"""What every step needs, opened once at the edge: settings, county, lake, ledger, keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from core.county import County, load_county
from core.errors import ConfigError
from core.keyring import Keyring
from core.ledger import Ledger
from core.settings import Settings
from core.times import parse_iso

if TYPE_CHECKING:
    from core.lake import Lake


#: How far back a board and a summary look: last year's storm is the ledger's, not tonight's. What is in force or waits is shown however old it is.
PERIOD = timedelta(days=7)
#: Seconds after which an assessment is no longer that of now: three passes of its cron net were missed.
STALE_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The county and the stores of one installation."""

    settings: Settings
    county: County
    lake: Lake
    ledger: Ledger
    keyring: Keyring

    @classmethod
    def load(cls, settings: Settings | None = None) -> Context:
        """Read the county folder (ConfigErrors with file:line when it is wrong), then open the stores; nothing is started before the county is sound."""
        from core.lake import Lake

        settings = settings or Settings.load()
        county = load_county(settings.county)
        if county.draft and settings.mode == "live":
            raise ConfigError("草稿县不能正式运行 / a draft is never live", path=county.root / "county.yaml",
                              hint="逐项据实改写，`fengsui county check` 列出还差什么；改完删去 draft 一行 / make every line true, then delete `draft`")
        settings.home.mkdir(parents=True, exist_ok=True)
        return cls(
            settings=settings,
            county=county,
            lake=Lake(settings.lake_root),
            ledger=Ledger.open(settings.ledger_address),
            keyring=Keyring(settings.home / "keys"),
        )


def edge_now(text: str | None) -> datetime:
    """The one place where a step's time is born: a given ISO time with zone, else the wall clock, in UTC whole seconds."""
    return parse_iso(text) if text else datetime.now(UTC).replace(microsecond=0)
