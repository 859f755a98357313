"""DOLPHIN as nmc.cn and the Zhejiang site told of it at the same hour: one storm, and each agency once."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
import season_wire as wire

from connectors import nmc_typhoon, zj_typhoon
from core.county import load_county
from core.lake import Lake
from core.model import Batch
from rules.paths import paths_at

pytestmark = pytest.mark.recorded
#: nmc.cn's page was kept on 2 August; the last position on it is of 12:00 UTC.
NOW = wire.moment("2026-08-02T13:00Z")


@pytest.fixture
def told() -> dict[str, Batch]:
    """What each connector makes of its recorded bytes at NOW."""
    root = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data"))
    if not root.is_dir():
        pytest.skip("recorded feeds are not here; set FENGSUI_RECORDED")
    county = load_county(Path(__file__).parents[2] / "county" / "haimen")
    zj = wire.storm(wire.newest(wire.storms(root / "typhoon_season_2026"), NOW))
    bodies = {"typhoon_nmc": (nmc_typhoon, (root / "nmc" / "cma_view_3279904_DOLPHIN.jsonp").read_bytes()), "typhoon_zj": (zj_typhoon, zj)}
    return {feed: connector.parse(body, feed=county.feed(feed), county=county, received=NOW, raw="r") for feed, (connector, body) in bodies.items()}


def paths(told: dict[str, Batch], folder: Path):
    lake = Lake(folder)
    for feed, batch in told.items():
        lake.append(feed, batch, NOW)
    return paths_at(lake.tracks(start=NOW - timedelta(hours=90), end=NOW + timedelta(days=10), as_of=NOW), [NOW])


def test_both_feeds_tell_of_one_storm_and_no_agency_counts_twice(told: dict[str, Batch], tmp_path: Path) -> None:
    names = {feed: {p.storm for p in batch.tracks} for feed, batch in told.items()}
    assert names == {"typhoon_nmc": {"202613"}, "typhoon_zj": {"202613"}}
    agencies = {feed: {p.agency for p in batch.tracks if p.issued} for feed, batch in told.items()}
    assert agencies["typhoon_nmc"] == {"中国"} < agencies["typhoon_zj"] and not any("agencies" in r.where for b in told.values() for r in b.rejected)
    both = paths(told, tmp_path / "both")
    print(f"路径 paths: {sorted(both.agency)}; {len(both.tick)}")
    assert set(both.storm) == {"202613"} and sorted(both.agency) == sorted(agencies["typhoon_zj"]), "the same words by two relays are said once"
    newest = max(p.time for b in told.values() for p in b.tracks if p.issued is None)
    here = [next(p for p in b.tracks if p.issued is None and p.time == newest) for b in told.values() if any(p.time == newest and p.issued is None for p in b.tracks)]
    assert {(p.lat, p.lon) for p in here} == {(float(here[0].lat), float(here[0].lon))}


def test_the_same_positions_by_both_feeds(told: dict[str, Batch]) -> None:
    nmc, zj = ({p.time: p for p in batch.tracks if p.issued is None} for batch in told.values())
    shared = nmc.keys() & zj.keys()
    assert len(shared) > 20
    assert max(abs(nmc[at].lat - zj[at].lat) + abs(nmc[at].lon - zj[at].lon) for at in shared) <= 0.11, "relays of one analysis"
