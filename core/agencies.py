"""Who forecasts storms: one name for each agency, whatever a feed calls it, so that one heard by several feeds is one (agencies.yaml)."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core import yamlfile
from core.errors import ConfigError

FILE = Path(__file__).with_name("agencies.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """`centre`: its four letters in WMO bulletins; `minutes`: what its maximum wind is a mean of, 0 where that is not known."""

    name: str
    en: str
    centre: str
    minutes: int = 0


def known(name: str) -> Agency | None:
    """The agency that a feed means, by name, centre or alias, letters of any case; None for one that the table does not have."""
    return _spellings(FILE).get(_spelt(name))


def one_name(name: str) -> str:
    """The agency's name in the table; one that it does not have keeps its own."""
    agency = known(name)
    return agency.name if agency else " ".join(name.split())


@functools.cache
def _spellings(path: Path) -> Mapping[str, Agency]:
    """Agency by each of its spellings; ConfigError where two agencies share one."""
    rows, where = yamlfile.load(path)
    found: dict[str, Agency] = {}
    for name, row in rows["agencies"].items():
        agency = Agency(name=name, en=row["en"], centre=row["centre"], minutes=row.get("minutes", 0))
        for spelling in dict.fromkeys(map(_spelt, (name, row["centre"], *row["also"]))):
            if found.setdefault(spelling, agency) is not agency:
                raise ConfigError(f"{spelling} 同属 {found[spelling].name} 与 {name} / of two agencies", path=path, line=where("agencies", name))
    return found


def _spelt(name: str) -> str:
    return " ".join(name.split()).casefold()
