"""What the files of a county folder must say of each other: a feed asks for stations that are there, a station stands near its town, a pull comes in time.

Each of these slips reads well in its own file and leaves something silent for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from core.county.problems import Problems, meant
from core.county.things import km_apart
from core.county.tree import Node
from core.county.types import Feed, Station, Town

#: Connectors that ask for stations one by one: the option that lists them.
LISTED = {"open_meteo": "points", "qweather": "points", "qweather_alerts": "points", "nmc_station": "stations", "metar": "stations", "noaa_coops": "stations",
          "usgs_nwis": "sites"}
#: So far may a point lie from its station's row, and a station from its town, km (own choices, unverified): beyond it a digit is wrong.
POINT_KM, TOWN_KM = 5.0, 500.0
_POINT = re.compile(r"([^@\s]+)@(-?[\d.]+),(-?[\d.]+)")


def check_together(problems: Problems, feeds: Iterable[Feed], stations: Mapping[str, Station], towns: Iterable[Town]) -> None:
    """Note what does not fit; files that are wrong by themselves are not held against others."""
    places = {town.key: town for town in towns}
    if not problems.wrong("towns.csv") and not problems.wrong("stations.csv"):
        for station in stations.values():
            town = places.get(station.town)
            if town is not None and (apart := km_apart(station.lat, station.lon, town.lat, town.lon)) > TOWN_KM:
                problems.add("stations.csv", station.line, f"{station.station} 离 {town.name} {apart:.0f} km / far from its town", "核对经纬度 / check lat and lon")
    if problems.wrong("feeds.yaml") or problems.wrong("stations.csv"):
        return
    nodes = dict(Node.read(problems, "feeds.yaml").items())
    for feed in feeds:
        option = LISTED.get(feed.connector, "")
        if isinstance(feed.options.get(option), str) and feed.options[option]:
            _listed(nodes[feed.feed].child("options", None).child(option, None), feed, str(feed.options[option]), stations)


def _listed(node: Node, feed: Feed, text: str, stations: Mapping[str, Station]) -> None:
    """The stations that an option lists are those that stations.csv has of this feed, and stand where it says."""
    points = {name: (float(lat), float(lon)) for name, lat, lon in _POINT.findall(text)}
    names = list(points) if node.keys[-1] == "points" else [name.strip() for name in text.split(",") if name.strip()]
    own = [station.station for station in stations.values() if station.feed == feed.feed]
    before = len(node.problems.errors)
    for name in names:
        station = stations.get(name)
        if station is None:
            node.refuse(f"不认识测站 {name} / unknown station, stations.csv does not have it", meant(name, own or sorted(stations)))
        elif station.feed != feed.feed:
            node.refuse(f"测站 {name} 在 stations.csv 里属于 {station.feed} / belongs to another feed", meant(name, own))
        elif name in points and (apart := km_apart(*points[name], station.lat, station.lon)) > POINT_KM:
            node.refuse(f"{name} 的点离 stations.csv 里的位置 {apart:.0f} km / its point is far from its row",
                        f"写成 / write: {name}@{station.lat:g},{station.lon:g}")
    for name in (name for name in own if name not in names and len(node.problems.errors) == before):
        node.problems.add("stations.csv", stations[name].line, f"{name} 属于 {feed.feed}，却不在它的 {node.keys[-1]} 里，永远没有读数 / is never asked for",
                          f"在 feeds.yaml 的 {node.keys[-1]} 里加上它 / list it there")
