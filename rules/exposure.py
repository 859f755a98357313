"""Which town to look after first among those of one level: the score weighted by people and how easily they come to harm.

A priority orders a list on the duty desk; it is no level, is never stored with one and can never raise a public colour.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from core.county import County, Town
from core.model import Sector
from rules.yamltext import load

FILE = Path(__file__).with_name("exposure.yaml")


@functools.lru_cache(maxsize=1)
def _weights() -> dict[str, Any]:
    return dict(load(FILE).data)


def exposure(town: Town, county: County) -> dict[str, float]:
    """What makes a town's people more or more vulnerable, each 0..1, by the names of exposure.yaml."""
    scale = _weights()["scale"]
    sensors = sum(1 for s in county.stations if s.town == town.key and any(f.feed == s.feed and f.sector is Sector.NATURAL_RESOURCES for f in county.feeds))
    found = {
        "population": town.population / max(1, *(other.population for other in county.towns)),
        "over60_share": town.over60_share / scale["over60_share"],
        "low_ground": max(float(town.low_ground), town.subsidence_mm / scale["subsidence_mm"]), "waterside": float(town.river_front or town.sea_front),
        "hazard_points": (sensors + bool(town.bank_section)) / scale["hazard_points"],
    }
    return {name: min(1.0, value) for name, value in found.items()}


def priority(score: float, town: Town, county: County) -> float:
    """A score (0-100) weighted by exposure, 0-100: half of it counts for every town, the other half as far as the town is exposed."""
    weights, exposed = _weights()["weights"], exposure(town, county)
    share = sum(weights[name] * exposed[name] for name in weights) / sum(weights.values())
    return float(round(score * (0.5 + 0.5 * share), 1))
