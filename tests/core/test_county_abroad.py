"""A county folder as spreadsheets save it, and one in another language and on another clock."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import cap_feed
from console.starting import folder as starting
from core import cap
from core.alerts.body import Change, compose
from core.county import County, load_county
from core.errors import ConfigErrors
from core.model import Hazard, Level, MsgType, Status
from core.times import people
from notifiers import render

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
NIGHT = datetime(2026, 8, 7, 7, 30, tzinfo=UTC)  # 23:30 the day before in Sitka, 15:30 in Beijing
WORDS = (starting.FILES / "words.en.yaml").read_text(encoding="utf-8")


@pytest.fixture
def haimen(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HAIMEN, tmp_path / "c", ignore=shutil.ignore_patterns("scenarios")))


@pytest.fixture
def sitka(tmp_path: Path) -> Path:
    from zoneinfo import ZoneInfo

    start = starting.Start(code="002220", name="Sitka", name_en="Sitka", lat=57.05, lon=-135.33, zone=ZoneInfo("America/Sitka"), language="en",
                           issuer="Sitka Emergency Management", signature="SITKA-EM", datum="MLLW", packs=(starting.OWN_PACK,))
    starting.write(tmp_path / "sitka", starting.files(start, NIGHT))
    return tmp_path / "sitka"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refused(folder: Path) -> str:
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    return str(caught.value)


def body(county: County, status: Status = Status.EXERCISE, msg_type: MsgType = MsgType.ALERT, why: tuple[str, ...] = ("open",)) -> dict[str, object]:
    town = county.towns[0].key
    levels, before = ({}, {town: 3}) if msg_type is MsgType.CANCEL else ({town: 3}, {})
    change = Change(msg_type, levels, before, why)
    return compose(now=NIGHT, county=county, alert_id="002220FSX-flood-1", version=1, hazard=Hazard.FLOOD, status=status, change=change, scores={}, former=())


@pytest.mark.parametrize("save", [
    lambda text: b"\xef\xbb\xbf" + text.encode(), lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: text.replace("true", "TRUE").replace("false", "FALSE").encode(),
    lambda text: text.replace(",12,", ",１２,").replace("key,code", "ｋｅｙ , code　").encode(),
    lambda text: text.replace("三星镇", "三星镇　 ").encode(),
], ids=["byte order mark", "CRLF", "TRUE and FALSE", "full-width digits and header", "blanks"])
def test_a_table_saved_by_a_spreadsheet_says_the_same(haimen: Path, save: Callable[[str], bytes]) -> None:
    as_it_was = load_county(haimen)
    text = (haimen / "towns.csv").read_text(encoding="utf-8")
    (haimen / "towns.csv").write_bytes(save(text))
    assert load_county(haimen).towns == as_it_was.towns


@pytest.mark.parametrize(("encoding", "says"), [("gb18030", "像 GBK/GB18030"), ("utf-16", "像 UTF-16")])
def test_another_encoding_is_refused_with_how_to_save_it(haimen: Path, encoding: str, says: str) -> None:
    text = (haimen / "towns.csv").read_text(encoding="utf-8")
    (haimen / "towns.csv").write_bytes(text.encode(encoding))
    told = refused(haimen)
    assert says in told and "towns.csv:" in told and "CSV UTF-8" in told


@pytest.mark.parametrize(("old", "new", "says"), [
    ("key,code", "海门区镇街一览表,,,,\nkey,code", "towns.csv:1: 表头在第 2 行"),
    ("320614415000", "3.20614E+11", "科学计数法"),
    ("31.9681,121.1154", "121.1154,31.9681", "towns.csv:5"),
    ("31.8962,121.1727", "31.8962,121.0350", "轮廓外"),
])
def test_what_a_spreadsheet_or_a_hand_spoils_is_told_with_what_to_do(haimen: Path, old: str, new: str, says: str) -> None:
    edit(haimen / "towns.csv", old, new)
    assert says in refused(haimen)


def test_a_point_of_a_web_map_is_known_by_its_shift(haimen: Path) -> None:
    edit(haimen / "towns.csv", "32.0581,121.4166", "32.058,121.5315")
    told = refused(haimen)
    assert "轮廓外" in told and "这个点" in told and "GCJ-02" in told


def test_a_station_may_name_its_town_as_people_do(haimen: Path) -> None:
    as_it_was = load_county(haimen)
    edit(haimen / "stations.csv", ",sanxing,", ",三星镇,")
    assert [(s.station, s.town) for s in load_county(haimen).stations] == [(s.station, s.town) for s in as_it_was.stations]


def test_loudspeakers_may_be_absent(haimen: Path) -> None:
    (haimen / "loudspeakers.csv").unlink()
    assert load_county(haimen).loudspeakers == ()


def test_a_clock_far_from_the_sun_is_refused(sitka: Path) -> None:
    edit(sitka / "county.yaml", "zone: America/Sitka", "zone: Asia/Shanghai")
    assert "太阳差" in refused(sitka)
    edit(sitka / "county.yaml", "zone: Asia/Shanghai", "zone: Alaska")
    assert "不认识时区" in refused(sitka)


def test_quiet_hours_and_times_are_the_countys_own(sitka: Path) -> None:
    county = load_county(sitka)
    quiet = county.policy.quiet
    assert quiet is not None and quiet.covers(NIGHT) and quiet.ends(NIGHT) == datetime(2026, 8, 7, 14, 0, tzinfo=UTC)
    assert people(NIGHT, county.zone) == "08-06 23:30"
    there = load_county(HAIMEN).policy.quiet
    assert there is not None and not there.covers(NIGHT)


@pytest.mark.parametrize(("msg_type", "why"), [(MsgType.ALERT, ("open",)), (MsgType.CANCEL, ("cancel",)), (MsgType.CANCEL, ("mistake",))])
def test_nobody_is_spoken_to_in_chinese(sitka: Path, msg_type: MsgType, why: tuple[str, ...]) -> None:
    county = load_county(sitka)
    made = body(county, msg_type=msg_type, why=why)
    if msg_type is MsgType.CANCEL:
        made["references"] = ["fengsui.002220,002220FSX-flood-1.v0,2026-08-06T22:30:00-08:00"]
    texts = made["texts"]["example"]  # type: ignore[index]
    sms = render.sms(texts["sms"], signature=county.signature, status=Status.EXERCISE, alert_id="x", version=1, words=county.words)
    heard = render.spoken(texts["broadcast"], status=Status.EXERCISE, words=county.words)
    for text in (sms, heard):
        assert text.isascii() and text.count("[EXERCISE]") == 1
    assert render.segments(sms) <= 2 and sms.startswith("[EXERCISE] SITKA-EM: ")
    xml = cap.build(made).decode()
    assert xml.count("<language>") == 1 and "<language>en-US</language>" in xml and "T23:30:00-08:00</sent>" in xml
    assert "CPEAS" not in xml and ">National<" not in xml


def test_an_actual_text_bears_no_mark(sitka: Path) -> None:
    county = load_county(sitka)
    texts = body(county, Status.ACTUAL)["texts"]["example"]  # type: ignore[index]
    sms = render.sms(texts["sms"], signature=county.signature, status=Status.ACTUAL, alert_id="x", version=1, words=county.words)
    assert "EXERCISE" not in sms and sms.startswith("SITKA-EM: Example town: ORANGE flood warning issued, until Aug 7, 23:30.")


def test_at_home_nothing_is_added_to_what_is_signed() -> None:
    made = body(load_county(HAIMEN))
    assert not {"language", "zone"} & made.keys() and "zh-CN" in made["infos"][0]  # type: ignore[index]


@pytest.mark.parametrize(("old", "new", "says"), [
    ('exercise: "[EXERCISE] "', 'exercise: "[TRAINING] "', "机器认得"), ("{mark}-{version}", "{mark}", "空位不对"), ('"%b %-d, %H:%M"', '"%b %-d"', "几时"),
    ("  frost: frost\n", "", "frost"), ("{town} was", "{place} was", "空位不对"), ("language: en-US", "language: English", "en-US"),
])
def test_words_that_would_say_nothing_are_refused(sitka: Path, old: str, new: str, says: str) -> None:
    edit(sitka / "words.yaml", old, new)
    told = refused(sitka)
    assert "words.yaml" in told and says in told


CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>a</identifier><sender>s</sender><sent>2026-08-06T22:30:00-08:00</sent><status>Actual</status>
<msgType>Alert</msgType><scope>Public</scope><info><language>en-US</language><category>Met</category><event>{event}</event><urgency>Expected</urgency>
<severity>Severe</severity><certainty>Likely</certainty><expires>2026-08-07T10:30:00-08:00</expires><area><areaDesc>x</areaDesc><geocode><valueName>{scheme}</valueName>
<value>{code}</value></geocode></area></info></alert>"""


@pytest.mark.parametrize(("event", "scheme", "code", "options", "hazard"), [
    ("Flood Warning", "SAME", "002220", "", Hazard.FLOOD), ("Flash Flood Warning", "SAME", "302220", "", Hazard.FLOOD),
    ("Hurricane Warning", "SAME", "002000", "", Hazard.TYPHOON),
    ("大雨特別警報", "JMA", "AKZ323", '{geocode: JMA, renamed: "AKZ323=002220", events: "大雨特別警報=flood,土砂=geological"}', Hazard.FLOOD),
    ("High Wind Warning", "SAME", "002220", "", None),
])
def test_a_cap_warning_of_another_country_is_a_floor(sitka: Path, event: str, scheme: str, code: str, options: str, hazard: Hazard | None) -> None:
    with (sitka / "feeds.yaml").open("a", encoding="utf-8") as out:
        out.write('cap: {title: CAP, sector: official, connector: cap_feed, sandbox: /cap, cron: "*/5 * * * *", interval_s: 3600, max_age_s: 9000, expected: 0'
                  + (f", options: {options}}}\n" if options else "}\n"))
    county = load_county(sitka)
    text = CAP.format(event=event, scheme=scheme, code=code)
    payload = json.dumps({"index": "<feed xmlns='http://www.w3.org/2005/Atom'/>", "documents": {"/a": text}}).encode()
    (signal,) = cap_feed.parse(payload, feed=county.feed("cap"), county=county, received=NIGHT + timedelta(minutes=1), raw="r").signals
    assert (signal.hazard, signal.level) == (hazard, Level.ORANGE) and county.concerns(county.towns[0], signal.areas)


@pytest.mark.parametrize("events", ["洪水=water", "洪水", "=flood", " =flood", "洪水=flood, =flood"])
def test_an_event_for_a_hazard_that_is_none_or_without_a_word_is_refused(sitka: Path, events: str) -> None:
    """A blank would be in every event, and every warning a floor."""
    edit(sitka / "feeds.yaml", "connector: table", f"connector: cap_feed\n  options: {{events: \"{events}\"}}")
    assert "word=hazard" in refused(sitka)
