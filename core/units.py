"""Observed properties, their canonical unit, and the conversions allowed at a connector's edge.

A property or a unit that is not declared here is refused: a guessed unit is how a flood becomes ten times larger.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Canonical unit of each observed property. Accumulated properties carry an interval (Observation.interval_s).
PROPERTIES: dict[str, str] = {
    "rain": "mm",
    "rain_total": "mm",
    "wind_speed": "m/s",
    "wind_gust": "m/s",
    "wind_direction": "deg",
    "pressure": "hPa",
    "pressure_msl": "hPa",
    "temperature": "degC",
    "stage": "m",
    "tide": "m",
    "discharge": "m3/s",
    "gate_upstream": "m",
    "gate_downstream": "m",
    "customers_out": "1",
    "customers_total": "1",
    "customers_restored": "1",
    "critical_out": "1",
    "pumps_out": "1",
    "areas_out": "1",
    "areas_total": "1",
    "displacement": "mm",
    "tilt": "deg",
    "crack": "mm",
    "groundwater": "m",
    "inflow": "m3/s",
    "storage": "m3",
    "tide_astronomic": "m",
    "tide_residual": "m",
    "soil_moisture": "1",
    "voltage": "V",
    "quake_magnitude": "1",
    "quake_distance": "km",
    "quake_intensity": "1",
    "fire_count": "1",
    "fire_power": "MW",
    "hazard_points": "1",
    "hazard_people": "1",
    "bank_class": "1",
    "visibility": "m",
    "humidity": "1",
    "dew_point": "degC",
    "ground_temperature": "degC",
    "road_temperature": "degC",
    "snowfall": "mm",
    "wave_height": "m",
    "reservoir_stage": "m",
    "outflow": "m3/s",
}

#: Properties whose readings are amounts over the interval before them: they are summed, never taken as a state.
ACCUMULATED = frozenset({"rain", "snowfall"})

#: Heights above a datum: two of different datums are never compared, so they are taken over a mark of their own gauge.
LEVELLED = frozenset({"stage", "tide", "gate_upstream", "gate_downstream", "reservoir_stage"})

#: (from, to) -> (factor, offset): canonical = value * factor + offset.
_CONVERSIONS: dict[tuple[str, str], tuple[float, float]] = {
    ("cm", "mm"): (10.0, 0.0),
    ("m", "mm"): (1000.0, 0.0),
    ("mm", "m"): (0.001, 0.0),
    ("cm", "m"): (0.01, 0.0),
    ("in", "mm"): (25.4, 0.0),
    ("ft", "m"): (0.3048, 0.0),
    ("1e6 m3", "m3"): (1e6, 0.0),
    ("ft3/s", "m3/s"): (0.3048**3, 0.0),
    ("km/h", "m/s"): (1 / 3.6, 0.0),
    ("kt", "m/s"): (1852 / 3600, 0.0),
    ("Pa", "hPa"): (0.01, 0.0),
    ("K", "degC"): (1.0, -273.15),
    ("%", "1"): (0.01, 0.0),
    ("km", "m"): (1000.0, 0.0),
    ("mph", "m/s"): (0.44704, 0.0),
    ("mi", "m"): (1609.344, 0.0),
    ("inHg", "hPa"): (33.8638866667, 0.0),
    ("degF", "degC"): (5 / 9, -160 / 9),
    ("h", "s"): (3600.0, 0.0),
    ("min", "s"): (60.0, 0.0),
}

#: Lower edges of Beaufort forces 1..17 in m/s (GB/T 28591-2012, restated).
BEAUFORT_EDGES = (0.3, 1.6, 3.4, 5.5, 8.0, 10.8, 13.9, 17.2, 20.8, 24.5, 28.5, 32.7, 37.0, 41.5, 46.2, 51.0, 56.1)


@dataclass(frozen=True, slots=True)
class UnknownUnit(ValueError):
    """A unit, or a pair of units, that is not declared."""

    given: str
    wanted: str

    def __str__(self) -> str:
        return f"unit {self.given!r} cannot be read as {self.wanted!r}"


def convert(value: float, given: str, wanted: str) -> float:
    """Convert `value` from unit `given` to `wanted`; UnknownUnit if the pair is not declared. 'Bft' gives the lower edge in m/s."""
    if given == wanted:
        return value
    if given == "Bft" and wanted == "m/s":
        if not 0 <= value <= 17 or value != int(value):
            raise UnknownUnit(f"{value} Bft", wanted)
        return 0.0 if value == 0 else BEAUFORT_EDGES[int(value) - 1]
    try:
        factor, offset = _CONVERSIONS[given, wanted]
    except KeyError:
        raise UnknownUnit(given, wanted) from None
    return value * factor + offset


def accepted(name: str) -> tuple[str, ...]:
    """Units in which the observed property `name` may be given, the canonical one first."""
    wanted = PROPERTIES[name]
    return (wanted, *(given for given, to in _CONVERSIONS if to == wanted), *(("Bft",) if wanted == "m/s" else ()))


def beaufort(speed: float) -> int:
    """Beaufort force (0-17) of a wind speed in m/s (GB/T 28591-2012)."""
    from bisect import bisect_right

    return bisect_right(BEAUFORT_EDGES, speed)
