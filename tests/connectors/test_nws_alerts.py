from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import nws_alerts
from core.errors import ParseError
from core.model import Hazard, Level, MsgType

NOW = datetime(2024, 1, 8, 20, tzinfo=UTC)
BODY = (Path(__file__).parents[1] / "data" / "nws_alerts" / "active.json").read_bytes()


def parse(place, body=BODY, now=NOW):
    return nws_alerts.parse(body, feed=place[1], county=place[0], received=now, raw="r")


@pytest.fixture
def place(elsewhere):
    county, feed = elsewhere("nws_alerts")
    return replace(county, code="047037", prefecture="0470"), feed


def test_codes_levels_and_hazards(place) -> None:
    batch = parse(place)
    one, two, three = batch.signals
    assert (one.areas, one.level, one.hazard) == (("047037", "047021"), Level.ORANGE, Hazard.FLOOD)
    assert (two.areas, two.level, two.hazard) == (("047",), Level.RED, Hazard.TYPHOON)
    assert (three.areas, three.level, three.msg_type, three.references) == ((), Level.NONE, MsgType.UPDATE, ("urn:0",))
    assert one.expires == datetime(2024, 1, 9, 6, tzinfo=UTC) and [r.where for r in batch.rejected] == ["urn:3"]
    town = place[0].towns[0]
    assert place[0].concerns(town, one.areas) and place[0].concerns(town, two.areas) and not place[0].concerns(town, three.areas)


@pytest.mark.parametrize(
    "change", [{"status": "Test"}, {"messageType": "Ack"}, {"severity": "Bad"}, {"sent": "2024-01-08T13:48:00"}, {"geocode": {"SAME": ["47037"]}}, {"references": {}},
               {"id": None}, {"sent": "2030-01-01T00:00:00Z"}],
)
def test_a_bad_feature_costs_itself(place, change) -> None:
    document = json.loads(BODY)
    document["features"][0]["properties"] |= change
    batch = parse(place, json.dumps(document).encode())
    assert [s.identifier for s in batch.signals] == ["urn:2", "urn:3"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"features": {}}', b'{"features": [], "features": []}'])
def test_documents_that_are_not_alerts(place, body) -> None:
    with pytest.raises(ParseError):
        parse(place, body)


def test_a_list_of_several_pages_is_told(place) -> None:
    batch = parse(place, json.dumps({"type": "FeatureCollection", "features": [], "pagination": {"next": "https://x"}}).encode())
    assert "another page" in batch.rejected[0].reason


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "count"), [("pynws_alerts_active_zone.json", 1), ("pynws_alerts_active_zone_second.json", 2)])
def test_recorded_zones(place, recorded: Path, name, count) -> None:
    batch = parse(place, (recorded / "nws" / name).read_bytes(), datetime(2026, 1, 1, tzinfo=UTC))
    assert len(batch.signals) == count and all(s.areas for s in batch.signals)


@pytest.mark.recorded
@pytest.mark.parametrize(("name", "count"), [("e2e_active", 152), ("testing_active", 38), ("guam_active", 246)])
def test_recorded_files_hold_times_that_are_none(place, recorded: Path, name, count) -> None:
    """Their times are templates ('date:now +1 hour'): not one is taken for a time; with times put in all features are read."""
    text = gzip.decompress((recorded / "nws" / f"{name}.json.gz").read_bytes())
    whole = parse(place, text)
    assert len(whole.signals) + len([r for r in whole.rejected if r.where.startswith("features")]) == count and not any(s.expires for s in whole.signals)
    document = json.loads(text)
    for feature in document["features"]:
        feature["properties"] |= {"sent": "2024-01-08T12:00:00Z", "effective": "2024-01-08T12:00:00Z", "expires": "2024-01-09T12:00:00Z"}
    batch = parse(place, json.dumps(document).encode())
    assert len({s.identifier for s in batch.signals}) == len(batch.signals) and len(document["features"]) == count
    assert not [r for r in batch.rejected if r.where.startswith("features")]
