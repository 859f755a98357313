"""What we say, another county hears: every CAP message of ours, read by the connector that reads other issuers' messages."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
import alerts_world
from test_cap import make

from connectors import cap_feed
from core import cap
from core.county import County
from core.model import Hazard, Level, MsgType, Status
from core.times import parse_iso

HAZARDS = [Hazard.FLOOD, Hazard.TYPHOON]
LEVELS = st.dictionaries(st.sampled_from(alerts_world.TOWNS), st.integers(1, 4), min_size=1)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(levels=LEVELS, hazard=st.sampled_from(HAZARDS), kind=st.sampled_from([MsgType.ALERT, MsgType.UPDATE]), status=st.sampled_from([Status.ACTUAL, Status.EXERCISE]))
def test_levels_areas_times_and_kind_come_back(county: County, levels: dict[str, int], hazard: Hazard, kind: MsgType, status: Status) -> None:
    before = {} if kind is MsgType.ALERT else {"haimen": 2, "linjiang": 1}
    body, gone = make(hazard, kind, status, levels, before), before.keys() - levels.keys()
    feed = replace(county.feed("warnings_cap"), options={"renamed": "320684=320614", "statuses": str(status)})
    batch = cap_feed.parse(cap.build(body), feed=feed, county=county, received=alerts_world.START, raw="r")
    assert not batch.rejected and len({s.identifier for s in batch.signals}) == len(batch.signals)
    heard: dict[str, Level] = {}
    for signal in batch.signals:
        assert signal.hazard is hazard and signal.expires == parse_iso(body["expires"]) and signal.issued == parse_iso(body["sent"])
        assert set(signal.references) == {reference.split(",")[1] for reference in body["references"]}
        left = [town for town in gone if county.concerns(county.town(town), signal.areas)]
        assert signal.msg_type is (MsgType.CANCEL if left else kind), "what is over for a town is not in force there"
        for code in signal.areas if not left else ():
            heard[code] = max(heard.get(code, Level.NONE), signal.level)
    for key, level in levels.items():
        assert max(heard[code] for code in heard if county.concerns(county.town(key), (code,))) == level


def test_an_exercise_is_not_heard_where_only_the_actual_is_asked_for(county: County) -> None:
    batch = cap_feed.parse(cap.build(make()), feed=county.feed("warnings_cap"), county=county, received=alerts_world.START, raw="r")
    assert batch.signals == () and "not for the public" in batch.rejected[0].reason


def test_an_all_clear_ends_what_it_refers_to_whatever_its_level_says(county: County) -> None:
    body = make(Hazard.FLOOD, MsgType.CANCEL, Status.ACTUAL, {}, {"haimen": 3})
    (first, *_) = cap_feed.parse(cap.build(body), feed=county.feed("warnings_cap"), county=county, received=alerts_world.START, raw="r").signals
    assert first.msg_type is MsgType.CANCEL and set(first.references) == {reference.split(",")[1] for reference in body["references"]}
