"""The county's outline, and the cell of each town: the part of it nearer to the town's point than to any other's."""

from __future__ import annotations

import math
from dataclasses import replace

from core.county.cells import read_csv
from core.county.problems import Problems
from core.county.types import Point, Town

COLUMNS = ("lon", "lat")


def read_outline(problems: Problems) -> list[Point]:
    """The ring of outline.csv as (lon, lat) in degrees, not closed; at least three corners."""
    rows = read_csv(problems, "outline.csv", COLUMNS)
    points = [(row.number("lon", -180, 180), row.number("lat", -90, 90)) for row in rows]
    twice = next((row for n, row in enumerate(rows) if points[n] in points[:n]), None)
    if twice or 0 < len(points) < 3:
        (twice or rows[-1]).refuse("轮廓至少三个不同的点，首尾不重复 / three different corners at least, none twice", "补点或删去重复的行 / add or drop a row")
        problems.broken.add("outline.csv")
    return points


def inside(point: Point, ring: list[Point]) -> bool:
    """Ray casting in degrees: good enough for a plausibility check."""
    x, y = point
    hit = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            hit = not hit
    return hit


def with_cells(towns: tuple[Town, ...], outline: list[Point]) -> tuple[Town, ...]:
    """Give each town its cell: cut the outline by each perpendicular bisector."""
    squeeze = math.cos(math.radians(sum(p[1] for p in outline) / len(outline)))
    done = []
    for town in towns:
        ring = [(x * squeeze, y) for x, y in outline]
        here = (town.lon * squeeze, town.lat)
        for other in towns:
            if other is not town:
                ring = _cut(ring, here, (other.lon * squeeze, other.lat))
        done.append(replace(town, cell=tuple((round(x / squeeze, 5), round(y, 5)) for x, y in ring)))
    return tuple(done)


def _cut(ring: list[Point], here: Point, other: Point) -> list[Point]:
    """Sutherland-Hodgman clip of `ring` by the half plane nearer to `here` than to `other`."""
    nx, ny = other[0] - here[0], other[1] - here[1]
    limit = nx * (here[0] + other[0]) / 2 + ny * (here[1] + other[1]) / 2
    kept: list[Point] = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        da, db = nx * a[0] + ny * a[1] - limit, nx * b[0] + ny * b[1] - limit
        if da <= 0:
            kept.append(a)
        if (da < 0 < db) or (db < 0 < da):
            kept.append((a[0] + (b[0] - a[0]) * da / (da - db), a[1] + (b[1] - a[1]) * da / (da - db)))
    return kept
