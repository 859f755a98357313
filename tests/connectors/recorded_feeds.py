"""A row of test_recorded's table, and how a connector's documents come out of the recorded files.

A row's `bodies` are what the connector gets: the file as it is, or what stands in it where a recorder wrapped many answers into one file (cassettes, lines of
snapshots) or reshaped them (season_wire undoes that). `every` takes each n-th snapshot of a long one. Counts are those of all its bodies together.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "console"))
import season_wire

from connectors.points import wrap
from core.county import Column, Table
from core.units import PROPERTIES

Stations = Callable[[list[bytes]], Iterable[dict[str, object]]]
LATER = datetime(2026, 11, 1, tzinfo=UTC)


def content(path: Path) -> bytes:
    """The file, unpacked where it is packed."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file and one connector.

    `sums` is property -> sum of its values, `rejected` reason -> how often, `error` the words with which the file as a whole is refused. The feed stands in the
    county with these stations; `prefecture` and `cell` (west, south, east, north of one town) put the county where the recording was made.
    """

    file: str
    connector: str
    observations: int = 0
    tracks: int = 0
    signals: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    error: str = ""
    bodies: Callable[[Path], Iterable[bytes]] = lambda path: [content(path)]
    every: int = 1
    stations: Stations = lambda bodies: ()
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    table: Table | None = None
    received: datetime = LATER
    prefecture: str = "3206"
    cell: tuple[float, float, float, float] | None = None


def snapshots(path: Path) -> Iterable[bytes]:
    """What each line of a .jsonl.gz kept of one answer."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.dumps(json.loads(line)["payload"]).encode()


def cassette(path: Path, address: str) -> Iterable[bytes]:
    """The answers of a recorded HTTP exchange from addresses that hold `address`."""
    from ruamel.yaml import YAML

    calls = YAML(typ="safe").load(content(path).decode())["interactions"]
    for call in calls:
        body = call["response"]["body"]["string"]
        if address in call["request"]["uri"]:
            yield gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body.encode() if isinstance(body, str) else body


def coops(path: Path) -> Iterable[bytes]:
    for body in cassette(path, "datagetter"):
        yield json.dumps({"answers": [{"station": "9447130", "product": "water_level", "datum": "MLLW", "text": body.decode()}]}).encode()


def templates(path: Path) -> Iterable[bytes]:
    """Alerts whose times are templates ('date:now +1 hour'), with times put in."""
    document = json.loads(content(path))
    for feature in document["features"]:
        feature["properties"] |= {"sent": "2024-01-08T12:00:00Z", "effective": "2024-01-08T12:00:00Z", "expires": "2024-01-09T12:00:00Z"}
    yield json.dumps(document).encode()


def frames(path: Path, direction: str = "up") -> Iterable[bytes]:
    rows = [row["hex"] for row in json.loads(path.read_text())["frames"] if row["direction"] == direction]
    yield json.dumps({"messages": [{"at": "x", "frames": [frame]} for frame in rows]}).encode()


def titles(path: Path) -> Iterable[bytes]:
    """Each title as a row of the list, under an id made of its number."""
    names = path.read_text(encoding="utf-8").split()
    rows = [{"alertid": f"32061441600000_202610060000{n:02d}", "issuetime": "2026/10/06 00:00", "title": title} for n, title in enumerate(names)]
    yield json.dumps({"code": 0, "data": {"page": {"count": len(rows), "list": rows}}}).encode()


def surface(path: Path) -> Iterable[bytes]:
    """The XML answer that stands in the page."""
    rows = re.findall(r"<R .*?/>", path.read_text(encoding="utf-8"))
    yield f'<DS returnCode="0" rowCount="{len(rows)}">{"".join(rows)}</DS>'.encode()


def joined(path: Path) -> Iterable[bytes]:
    """The list of storms with those storms that were kept beside it."""
    text = path.read_text(encoding="utf-8")
    kept = {view.name.partition("view_")[2].partition("_")[0]: view for view in path.parent.glob("*view_*.jsonp")}
    views = {storm: view.read_text(encoding="utf-8") for storm, view in kept.items() if storm in text}
    yield json.dumps({"list": text, "storms": views}).encode()


def index(path: Path) -> Iterable[bytes]:
    yield json.dumps({"index": content(path).decode(), "documents": {}}).encode()


def metars(path: Path) -> Iterable[bytes]:
    """Reports of a month, a hundred at a time: they carry a day and no month."""
    rows = [row for row in season_wire.rows(path) if row["i"].startswith("ZS") and row["t"] > "2026-07-23" and isinstance(row["wd"], int) and isinstance(row["ws"], int)]
    for at in range(0, len(rows), 100):
        yield season_wire.metars(rows[at:at + 100])


def grids(path: Path) -> Iterable[bytes]:
    for _, row in season_wire.grids(path.parent):
        yield json.dumps({"forecast": season_wire.grid(row).decode()}).encode()


def storms(path: Path) -> Iterable[bytes]:
    return map(season_wire.storm, map(json.loads, snapshots(path)))


def lists(path: Path) -> Iterable[bytes]:
    return (season_wire.alarms(row) for _, row in season_wire.warnings(path.parent))


def nation(path: Path) -> Iterable[bytes]:
    yield season_wire.alarms(json.loads(content(path)))


def point(path: Path) -> Iterable[bytes]:
    yield wrap(P1=content(path))


def named(pattern: str, **more: object) -> Stations:
    """Stations by what the pattern finds in the bodies."""
    def find(bodies: list[bytes]) -> Iterable[dict[str, object]]:
        names = {name.decode() for body in bodies for name in re.findall(pattern.encode(), body)}
        return [{"station": name, "lat": 0.0, "lon": 0.0} | more for name in sorted(names)]

    return find


def placed(bodies: list[bytes]) -> Iterable[dict[str, object]]:
    """The stations of an NWIS answer, where it says that they stand."""
    found = {}
    for series in (one for body in bodies for one in json.loads(body)["value"]["timeSeries"]):
        place = series["sourceInfo"].get("geoLocation", {"geogLocation": {"latitude": 0.0, "longitude": 0.0}})["geogLocation"]
        found[series["sourceInfo"]["siteCode"][0]["value"]] = {"lat": place["latitude"], "lon": place["longitude"]}
    return [{"station": name} | place for name, place in found.items()]


def surfaced(bodies: list[bytes]) -> Iterable[dict[str, object]]:
    for row in re.findall(rb"<R (.*?)/>", bodies[0]):
        given = dict(re.findall(r'(\w+)="([^"]*)"', row.decode()))
        yield {"station": given["Station_Id_C"], "lat": float(given["Lat"]), "lon": float(given["Lon"])}


def only(station: str, lat: float = 0.0, lon: float = 0.0, **more: object) -> Stations:
    return lambda bodies: [{"station": station, "lat": lat, "lon": lon} | more]


def table(
    records: str, station: str, columns: dict[str, str], *, time: str = "", form: Any = "json", ignore: tuple[str, ...] = (), quantity: str = "", value: str = "",
) -> Table:
    """A declared source; columns are name -> 'property unit'."""
    split = {name: text.partition(" ") for name, text in columns.items()}
    return Table(
        form=form, records=records, station=station, time=time, time_format="iso" if time else "receipt", zone="", ignore=ignore, quantity=quantity, value=value,
        columns={name: Column(observed_property=p, unit=unit or PROPERTIES[p], interval_s=3600 if p == "rain" else 0) for name, (p, _, unit) in split.items()},
    )
