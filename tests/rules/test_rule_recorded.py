"""The shipped packs on recorded events: landslides at Sitka, typhoon DOLPHIN and the counties of Jiangsu, Shanghai and Zhejiang."""

from __future__ import annotations

import bisect
import csv
import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.county import County
from core.lake.rows import to_table
from core.model import Circle, Hazard, Level, TrackPoint
from core.times import SHANGHAI
from rules.assess import judge
from rules.findings import levels
from rules.indicator import DECAY
from rules.language import Columns, Interval
from rules.packs import FOLDER, load_pack
from rules.scoring import score
from rules.situation import Sources
from rules.spatial import distance_km
from rules.statistics.rain import threshold_mm
from rules.testworld import world
from rules.verify import Skill, Span, auc, match, skill

pytestmark = pytest.mark.recorded
RULES = tuple(rule for name in ("typhoon_wind", "typhoon_circle") for rule in load_pack(FOLDER / "cn" / f"{name}.yaml").rules)
#: AUC of "smallest forecast distance within 48 h" as published with the recording.
PEER_AUC = 0.817


@pytest.fixture(scope="module")
def recorded() -> Path:
    path = Path(os.environ.get("FENGSUI_RECORDED", Path(__file__).parents[3] / "shared" / "data"))
    if not path.is_dir():
        pytest.skip("recorded feeds are not here; set FENGSUI_RECORDED")
    return path


def number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return float("nan")


def test_sitka_landslides(recorded: Path) -> None:
    """The shipped geological pack, level by level, on the daily maxima of 1 to 72 h and on the rain of ten days; and the sweep of its first number."""
    columns = {1: "maxhr", 3: "max3hr", 6: "max6hr", 12: "max12hr", 24: "24hr", 48: "2day", 72: "3day"}
    with gzip.open(recorded / "landslide_sitka" / "sitka_landslide_days.csv.gz", "rt") as lines:
        days = list(csv.DictReader(lines))
    ratio = np.nanmax([[number(day[f"precip_mm_{name}"]) / threshold_mm(h, 14.82, 0.39) for h, name in columns.items()] for day in days], axis=1)
    rain = {date.fromisoformat(day["day"]): number(day["precip_mm_day"]) for day in days}
    before = np.array([sum(DECAY**n * rain.get(date.fromisoformat(day["day"]) - timedelta(days=n), np.nan) for n in range(10)) for day in days])
    happened = [span(day["day"], 1) for day in days if day["event"] == "1"]
    assert len(days) > 6000 and len(happened) == 5
    assert auc(ratio, [day["event"] == "1" for day in days]) > 0.99
    rule = next(iter(load_pack(FOLDER / "cn" / "geological_rain.yaml").rules))
    known = {"rain_over_caine": Interval.exact(ratio[None]), "rain_antecedent_10d": Interval.exact(before[None])}
    proved = levels({level: tree for level, (_, tree) in rule.conditions.items()}, Columns(known, {}, (1, len(days))))[0][0]

    def scored(warned: Any) -> Skill:
        return skill(match([span(day["day"], 1) for day, yes in zip(days, warned, strict=True) if yes], happened, Level.BLUE))
    shipped = {level: scored(proved >= level) for level in rule.conditions}
    for level, found in shipped.items():
        print(level.en, found)
    counts = {level.en: (found.hits, found.misses, found.false) for level, found in shipped.items()}
    assert counts == {"blue": (5, 0, 70), "yellow": (4, 1, 15), "orange": (0, 5, 0), "red": (0, 5, 0)}
    blue, yellow = shipped[Level.BLUE], shipped[Level.YELLOW]
    assert blue.few and blue.intervals["pod"] == (1.0, 1.0) and yellow.intervals["pod"] == (pytest.approx(1 / 3), 1.0), "five events say little"
    swept = {threshold: scored(ratio >= threshold) for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5)}
    best = max(swept, key=lambda t: swept[t].csi or 0.0)
    assert best == 1.2 and swept[best].csi == pytest.approx(2 / (2 + 3 + 3)), "the best point misses three of five: not the one to ship"
    assert max(t for t, found in swept.items() if found.pod == 1.0) == 0.8, "the highest that misses none; the shipped blue lies under it"


def span(day: str, days: int) -> Span:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return Span(town="sitka", hazard=Hazard.GEOLOGICAL, level=Level.BLUE, start=start, end=start + timedelta(days=days) - timedelta(hours=1))


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


def points(payload: dict[str, Any], now: datetime) -> Iterator[TrackPoint]:
    """The track up to now and each agency's newest forecast of one recorded snapshot."""
    def point(q: dict[str, Any], agency: str, issued: datetime | None) -> TrackPoint:
        circles = {name: Circle(**dict(zip(("ne", "se", "sw", "nw"), q[name], strict=True))) if q.get(name) else None for name in ("r7", "r10", "r12")}
        time = datetime.fromisoformat(q["time"]).replace(tzinfo=SHANGHAI).astimezone(UTC)
        return TrackPoint(feed="tracks", storm="202613", name=payload["name"], agency=agency, time=time, lat=q["lat"], lon=q["lng"], received=now,
                          raw="x", pressure=number(q["pressure"]), wind=number(q["speed"]), issued=issued, **circles)
    yield from (p for q in payload["track"][-40:] if (p := point(q, "中国", None)).time <= now)
    for agency, forecast in payload["forecasts"].items():
        issued = min(now, datetime.fromisoformat(forecast["issued"]).astimezone(UTC))
        yield from (point(q, agency, issued) for q in forecast["points"])


def counties(recorded: Path) -> County:
    """One town a district of the three provinces, at its recorded centroid."""
    regions = json.loads((recorded / "typhoon_season_2026" / "regions.json").read_text(encoding="utf-8"))
    places = [(name, *at) for province, row in regions.items() if province[:2] in ("江苏", "上海", "浙江")
              for city in row["cities"].values() for name, at in city["districts"].items()]
    base = world({"name": "dolphin"}, 1.0)
    return replace(base, version="dolphin", towns=tuple(
        replace(base.towns[0], key=f"k{n}", name=name, lat=lat, lon=lon) for n, (name, lat, lon) in enumerate(places)))


def test_dolphin_against_the_official_typhoon_warnings(recorded: Path) -> None:
    folder, county = recorded / "typhoon_season_2026", counties(recorded)
    warnings = lines(folder / "cma_warnings_active_JS_SH_ZJ.snapshots.jsonl.gz")
    stamps = [datetime.fromisoformat(w["updated"]).astimezone(UTC) for w in warnings]
    lat, lon = (np.array([getattr(town, name) for town in county.towns]) for name in ("lat", "lon"))
    ours, peer, truth, haimen = [], [], [], {}
    for row in lines(folder / "typhoon_202613.snapshots.jsonl.gz")[::3]:
        now = datetime.fromisoformat(row["committed"]).astimezone(UTC).replace(second=0, microsecond=0)
        nearest = bisect.bisect_right(stamps, now) - 1
        if now < datetime(2026, 8, 1, tzinfo=UTC) or now - stamps[nearest] > timedelta(hours=2):
            continue
        named = {w["name"] for found in warnings[nearest]["warnings"].values() for w in found if "台风" in w["type"]}
        track = list(points(row["payload"], now))
        frames = {kind: to_table(kind, rows).to_pandas(ignore_metadata=True) for kind, rows in (("observations", []), ("tracks", track), ("signals", []))}
        judged = judge(Sources(observations=frames["observations"], forecasts=frames["observations"], tracks=frames["tracks"], silent=frozenset(),
                               signals=frames["signals"].rename(columns={"received": "listed_at"}).assign(snapshot_at=now)), now, county, RULES)
        scores = [[score(int(level), float(f.progress[Level(min(level + 1, 4))][-1, n])) for n, level in enumerate(f.proved[-1])] for f in judged.findings]
        ahead = [p for p in track if p.issued and p.agency == "中国" and p.time <= now + timedelta(hours=48)] or track[-1:]
        ours.append(np.max(scores, axis=0))
        peer.append(-np.min([distance_km(np.array(p.lat), np.array(p.lon), lat, lon) for p in ahead], axis=0))
        truth.append([town.name in named for town in county.towns])
        haimen[now] = max(int(f.proved[-1, [t.name for t in county.towns].index("海门区")]) for f in judged.findings)
    by_pack, by_distance = auc(np.concatenate(ours), np.concatenate(truth)), auc(np.concatenate(peer), np.concatenate(truth))
    first = min(at for at, level in haimen.items() if level)
    print(f"cases={np.concatenate(truth).size} warned={np.concatenate(truth).sum()} auc={by_pack:.3f} distance={by_distance:.3f} haimen_first_blue={first:%m-%dT%H:%MZ}")
    assert by_pack > PEER_AUC and by_pack > by_distance
    assert abs(first - datetime(2026, 8, 7, 23, 13, tzinfo=UTC)) < timedelta(hours=24)  # the official blue for Haimen
