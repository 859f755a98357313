"""The recipe behind a scenario's station series: facts in, series out, deterministic, every built row marked synthetic.

Nobody published what Haimen's stations read in In-Fa. The series here are built to agree with what was reported (the
scenario file names each source): the track, coastal gusts of 21-25 m/s, an hour of 30 mm on the coast on 07-26 07-08 h,
about 250 mm in the event with 57 mm on 07-27. `python -m console.sandbox.synthesise FOLDER --check` compares the
committed files with the recipe.
"""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from console.sandbox.scenario import DIRECTIONS, FILES, PATTERN
from core import yamlfile
from core.county import County, Town, load_county

#: Hourly rain of the area mean, mm: (from, to) on the Beijing clock -> mm an hour.
Spell = tuple[str, str, float]
Recipe = dict[str, Any]


def wave(key: str, hour: int) -> float:
    """A repeatable number in [-1, 1] by name and hour: spread between stations without a random generator."""
    seed = sum((i + 1) * ord(c) for i, c in enumerate(key))
    return math.sin(seed * 12.9898 + hour * 4.1414)


def hours(start: datetime, end: datetime) -> Iterator[datetime]:
    """Every whole hour from start to end."""
    while start <= end:
        yield start
        start += timedelta(hours=1)


def build(folder: Path, county: County) -> dict[str, str]:
    """The text of each synthetic file of a scenario, by file name, from `recipe` in its scenario.yaml."""
    data, _ = yamlfile.load(folder / "scenario.yaml")
    recipe = data["recipe"]
    start, end = (datetime.strptime(data[k], PATTERN) for k in ("start", "end"))  # noqa: DTZ007 - Beijing clock, as in the files
    rows = {
        "track": _track(folder / "track.csv"),
        "weather": list(_weather(county, recipe, start - timedelta(hours=6), end)),
        "water": list(_water(county, recipe, start - timedelta(hours=6), end)),
        "power": list(_power(county, recipe, start, end)),
        "sensors": list(_sensors(county, recipe, start - timedelta(hours=26), end)),
    }
    return {f"{name}.csv": _text(name, table) for name, table in rows.items()}


def _text(name: str, table: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([list(FILES[name]), *table])
    return out.getvalue()


def _at(spells: list[list[object]], when: datetime) -> float:
    """Value of the spell that holds at `when`; 0 outside all of them."""
    text = when.strftime(PATTERN)
    return sum(float(str(v)) for a, b, v in spells if str(a) < text <= str(b))


def _between(points: list[list[object]], when: datetime) -> float:
    """Straight line between [time, value] points."""
    known = [(datetime.strptime(str(a), PATTERN), float(str(v))) for a, v in points]  # noqa: DTZ007
    if when <= known[0][0]:
        return known[0][1]
    for (t0, v0), (t1, v1) in pairwise(known):
        if when <= t1:
            return v0 + (v1 - v0) * ((when - t0) / (t1 - t0))
    return known[-1][1]


def _hour(when: datetime) -> int:
    """Hours since 2000 on the same clock: free of the machine's zone."""
    return int((when - datetime(2000, 1, 1)).total_seconds() // 3600)  # noqa: DTZ001


def _factor(town: Town) -> float:
    return 1.0 if town.sea_front else 0.88 if town.river_front else 0.76


def _track(path: Path) -> list[list[str]]:
    """The track's stated positions with motion worked out from them (nobody states it): from the newest fix at least 3 h before, else to the
    first such fix after; km/h and one of sixteen directions, none where the place did not change."""
    with path.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    fixes = [(datetime.strptime(r["time"], PATTERN), float(r["lat"]), float(r["lon"]), r) for r in rows if not r["landfall"]]  # noqa: DTZ007
    for when, lat, lon, row in fixes:
        other = max((f for f in fixes if when - f[0] >= timedelta(hours=3)), default=None, key=lambda f: f[0])
        sign = 1.0
        if other is None:
            other, sign = min((f for f in fixes if f[0] - when >= timedelta(hours=3)), key=lambda f: f[0]), -1.0
        passed = abs((when - other[0]).total_seconds()) / 3600
        north, east = sign * (lat - other[1]) * 111.2, sign * (lon - other[2]) * 111.2 * math.cos(math.radians(lat))
        moved = math.hypot(north, east) > 0.1
        row["move_speed"] = f"{math.hypot(north, east) / passed:.0f}"
        row["move_direction"] = DIRECTIONS[round(math.degrees(math.atan2(east, north)) / 22.5) % 16] if moved else ""
    return [[row[name] for name in FILES["track"]] for row in rows]


def _rain(town: Town, gauge: str, recipe: Recipe, when: datetime) -> float:
    """mm in the hour up to `when` at a gauge of the town."""
    extra = _at(recipe.get("coast_rain", []), when) if town.sea_front else 0.0
    return max(0.0, (_at(recipe["rain"], when) + extra) * (1 + 0.18 * wave(gauge, 0) + 0.12 * wave(gauge, _hour(when))))


def _weather(county: County, recipe: Recipe, start: datetime, end: datetime) -> Iterator[list[str]]:
    for when in hours(start, end):
        for station in county.stations_of("weather"):
            town = county.town(station.town)
            hour = _hour(when)
            rain = _rain(town, station.station, recipe, when)
            gust = max(1.5, _between(recipe["coast_gust"], when) * _factor(town) * (1 + 0.04 * wave(station.station, hour)))
            yield [when.strftime(PATTERN), station.station, f"{rain:.1f}", f"{gust / 1.55:.1f}", f"{gust:.1f}",
                   f"{_between(recipe['direction'], when):.0f}", f"{_between(recipe['pressure'], when):.1f}", "true"]
        for name, spells in dict(recipe.get("outside", {})).items():
            yield [when.strftime(PATTERN), name, f"{_at(spells, when):.1f}", "3.0", "5.0", "180", "1003.0", "true"]


def _water(county: County, recipe: Recipe, start: datetime, end: datetime) -> Iterator[list[str]]:
    for when in hours(start, end):
        phase = 2 * math.pi * _hour(when) / 12.42
        for station in county.stations_of("water"):
            if "tide" in station.properties:
                offset = 1.763 if station.datum == "吴淞" else 0.0
                value = 1.0 + offset + 1.35 * math.sin(phase) + _between(recipe["surge"], when)
                yield [when.strftime(PATTERN), station.station, "tide", f"{value:.3f}", "true"]
            else:
                value = _between(recipe["canal"], when) + 0.08 * wave(station.station, 0)
                yield [when.strftime(PATTERN), station.station, "stage", f"{value:.3f}", "true"]
            if "rain" in station.properties:  # a hydrological gauge beside the town's weather station catches a little less
                twin = next(s.station for s in county.stations_of("weather") if s.town == station.town)
                yield [when.strftime(PATTERN), station.station, "rain", f"{0.97 * _rain(county.town(station.town), twin, recipe, when):.1f}", "true"]


def _power(county: County, recipe: Recipe, start: datetime, end: datetime) -> Iterator[list[str]]:
    for when in hours(start, end):
        for town in county.towns:
            total = round(town.population / 2.2)
            share = max(0.0, _between(recipe["outage"], when) * _factor(town) * (1 + 0.3 * wave(town.key, 0)))
            areas = max(1, total // 75)
            yield [when.strftime(PATTERN), town.key, str(round(total * share)), str(total), str(round(areas * share)), str(areas), "true"]


def _sensors(county: County, recipe: Recipe, start: datetime, end: datetime) -> Iterator[list[str]]:
    units = {"displacement": "mm", "tilt": "deg", "crack": "mm", "groundwater": "m"}
    base = {"displacement": 12.0, "tilt": 0.4, "crack": 1.5, "groundwater": 1.8}
    for when in hours(start, end):
        for station in county.stations_of("geology"):
            for name in station.properties:
                moving = station.station in recipe["moving_stations"] and name == "tilt"
                value = base[name] + (_between(recipe["tilt"], when) if moving else 0.004 * wave(station.station + name, _hour(when)))
                yield [when.strftime(PATTERN), station.station, name, f"{value:.4f}", units[name], "true"]


def main(argv: list[str]) -> int:
    """Write the files of a scenario folder, or with --check say whether they are what the recipe gives (exit 1 if not)."""
    folder = Path(argv[0])
    texts = build(folder, load_county(folder.parent.parent))
    differing = [name for name, text in texts.items() if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text]
    if "--check" in argv:
        sys.stdout.write(f"与配方不同 / differ from the recipe: {', '.join(differing)}\n" if differing else "与配方一致 / as the recipe gives\n")
        return 1 if differing else 0
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
