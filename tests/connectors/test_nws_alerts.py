from __future__ import annotations

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


def test_an_all_clear_ends_the_warning_whatever_it_is_called(place) -> None:
    body = json.loads(BODY)
    body["features"][0]["properties"] |= {"messageType": "Update", "response": "AllClear"}
    ended, *others = parse(place, json.dumps(body).encode()).signals
    assert ended.msg_type is MsgType.CANCEL and MsgType.CANCEL not in {other.msg_type for other in others}


def test_a_list_of_several_pages_is_told(place) -> None:
    batch = parse(place, json.dumps({"type": "FeatureCollection", "features": [], "pagination": {"next": "https://x"}}).encode())
    assert "another page" in batch.rejected[0].reason
