"""Frames, bodies and readings. The two hand-made vectors are the rain and the tide station; recorded ones follow the standard's worked examples."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import sl651
from connectors.telemetry.body import number
from connectors.telemetry.frames import EOT, Framer, Noise, answer, crc, read, write
from console.sandbox.rtu import bcd, element, report
from core.errors import ParseError
from core.model import Flag

NOW = datetime(2021, 7, 26, 4, 10, tzinfo=UTC)  # 12:10 Beijing clock
RAIN = "7E7E0100320614010000330026020001210726120000F1F1003206140150F0F021072612002619000875392300003215381212500381D1"
TIDE = "7E7E010032061402000034001E020002210726120500F1F1003206140254F0F02107261200392BFF00000125035C51"
STATIONS = (
    {"station": "0032061401", "lat": 31.9, "lon": 121.2, "properties": ("rain", "stage"), "datum": "废黄河"},
    {"station": "0032061402", "lat": 31.9, "lon": 121.3, "properties": ("tide",), "datum": "吴淞"},
    {"station": "62917700", "lat": 31.9, "lon": 121.3, "properties": ("stage", "soil_moisture"), "datum": "1985"},
)


@pytest.fixture
def place(elsewhere):
    return elsewhere("sl651", *STATIONS)


def messages(*frames: str | list[str], **more: object) -> bytes:
    return json.dumps({"messages": [{"at": "x", "frames": [f] if isinstance(f, str) else f} | more for f in frames]}).encode()


def parse(place, *frames, received: datetime = NOW):
    return sl651.parse(messages(*frames), feed=place[1], county=place[0], received=received, raw="r")


def frame(elements: bytes, *, station: str = "0032061401", function: int = 0x33, time: datetime = NOW) -> str:
    return write(report(station, 7, time, elements), station=station, function=function).hex()


def values(batch):
    return {(o.observed_property, f"{o.time:%H:%M}"): o.value for o in batch.observations}


def test_the_crc_is_the_one_of_the_standard() -> None:
    assert crc(b"123456789") == 0x4B37


def test_the_rain_station(place) -> None:
    batch = parse(place, RAIN)
    assert values(batch) == {("rain_total", "04:00"): 87.5, ("stage", "04:00"): 3.215, ("voltage", "04:00"): 12.5} and batch.rejected == ()
    assert next(o.datum for o in batch.observations if o.observed_property == "stage") == "废黄河"


def test_a_negative_tide_in_the_stations_own_datum(place) -> None:
    (tide,) = parse(place, TIDE).observations
    assert (tide.observed_property, tide.value, tide.datum, tide.time) == ("tide", -0.125, "吴淞", datetime(2021, 7, 26, 4, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("data", "decimals", "value"),
    [("003215", 3, 3.215), ("FF00000125", 3, -0.125), ("FFFFFFFF", 3, None), ("FF", 1, None), ("", 0, None), ("FF12", 1, -1.2), ("0000", 2, 0.0),
     ("99999999", 3, 99999.999)],
)
def test_bcd_numbers(data, decimals, value) -> None:
    assert number(bytes.fromhex(data), decimals) == value


@given(st.floats(-99999, 99999), st.integers(0, 3))
def test_what_the_station_writes_is_what_we_read(value, decimals) -> None:
    value = round(value, decimals) + 0.0
    assert number(bcd(value, 4, decimals), decimals) == pytest.approx(value)


def test_missing_is_missing_only_where_there_is_a_sensor(place) -> None:
    batch = parse(place, frame(element("stage", None) + element("discharge", None)))
    assert [(o.observed_property, o.value, o.flag) for o in batch.observations] == [("stage", None, Flag.MISSING)]


def test_twelve_five_minute_rains_end_at_the_time_of_observation_and_no_drop_counts_twice(place) -> None:
    batch = parse(place, frame(b"\xf4\x60" + bytes([0, 5, 255, *[10] * 9]) + element("rain_1h", 9.5)))
    rain = [o for o in batch.observations if o.observed_property == "rain"]
    assert len(rain) == 12 and {o.interval_s for o in rain} == {300}
    assert [(f"{o.time:%H:%M}", o.value) for o in rain[:3]] == [("03:15", 0.0), ("03:20", 0.5), ("03:25", None)] and rain[-1].time == NOW


def test_an_hour_of_rain(place) -> None:
    (rain,) = parse(place, frame(element("rain_1h", 9.5))).observations
    assert (rain.value, rain.interval_s) == (9.5, 3600)


def test_a_uniform_report_names_its_step_once(place) -> None:
    body = b"\x04\x18\x00\x00\x05" + b"\x39\x23" + b"".join(bcd(v, 4, 3) for v in (0.122, None, 10.49))
    batch = parse(place, frame(body, function=0x31, time=NOW - timedelta(minutes=10)))
    assert values(batch) == {("stage", "04:00"): 0.122, ("stage", "04:05"): None, ("stage", "04:10"): 10.49}


def test_an_eight_digit_code_and_the_shallowest_soil(place) -> None:
    batch = parse(place, frame(b"\x11\x11\x03\x05" + b"\x10\x11\x02\x83" + b"\x12\x11\x99\x99", station="0062917700"))
    assert [(o.station, o.observed_property, o.value) for o in batch.observations] == [("62917700", "soil_moisture", 0.283)]


def test_what_nobody_reads_is_told_and_costs_nothing(place) -> None:
    batch = parse(place, frame(b"\xf5\xc0" + bytes(24) + b"\xff\x85\x08\x31" + b"\x45\x20" + bytes(4) + element("stage", 1.0)))
    assert values(batch) == {("stage", "04:10"): 1.0}
    assert [r.reason.split(": ")[-1] for r in batch.rejected] == ["element F5H, element FF85H"]


@pytest.mark.parametrize(
    "bad",
    [
        frame(b"\x39"), frame(b"\x39\x23\x00"), frame(b"\x39\x23\x00\x0a\x00\x00"), frame(element("stage", 1.0), station="0099999999"),
        frame(element("stage", 1.0), function=0x36),
        frame(element("stage", 1.0), time=NOW + timedelta(hours=1)), RAIN[:-2] + "00", RAIN[:-4], "zz", "", frame(b"\x04\x18\x00\x00\x00" + element("stage", 1.0)),
        frame(b"\x04\x18\x00\x00\x05\x39\x23\x00\x00\x00\x01\x00"), write(b"\x00\x01", station="0032061401", function=0x32).hex(),
        write(b"\x00\x01" + b"\x99" * 6, station="0032061401", function=0x32).hex(), 7, None,
    ],
)
def test_one_bad_frame_costs_itself(place, bad) -> None:
    batch = parse(place, bad, TIDE)
    assert [o.observed_property for o in batch.observations] == ["tide"] and len(batch.rejected) == 1


def packets(body: bytes, *cuts: int) -> list[str]:
    parts = [body[a:b] for a, b in zip((0, *cuts), (*cuts, len(body)), strict=True)]
    return [write(p, station="0032061401", function=0x34, packet=(i, len(parts)), end=0x17 if i < len(parts) else 3).hex() for i, p in enumerate(parts, 1)]


def test_packets_are_joined_in_order_and_all_of_them(place) -> None:
    body = report("0032061401", 9, NOW, element("stage", 3.1) + element("rain_1h", 2.0))
    whole = packets(body, 20, 31)
    assert values(parse(place, whole[::-1])) == {("stage", "04:10"): 3.1, ("rain", "04:10"): 2.0}
    assert "packet is missing" in parse(place, whole[:2]).rejected[0].reason and parse(place, [whole[0], whole[0], whole[2]]).records == 0


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"messages": {}}', b"<html>"])
def test_no_spool(place, body) -> None:
    with pytest.raises(ParseError):
        sl651.parse(body, feed=place[1], county=place[0], received=NOW, raw="r")


def test_a_damaged_spool_file_is_told(place) -> None:
    batch = sl651.parse(b'{"messages": [{"damaged": "a.json"}]}', feed=place[1], county=place[0], received=NOW, raw="r")
    assert "a.json" in batch.rejected[0].reason


STREAM = bytes.fromhex(RAIN + TIDE)


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=12), st.binary(max_size=30))
def test_frames_come_whole_however_the_bytes_are_cut(cuts, noise) -> None:
    noise = noise.replace(b"~", b"")
    framer, stream, found = Framer(), noise + STREAM[: len(RAIN) // 2] + noise + STREAM[len(RAIN) // 2 :], []
    edges = sorted({0, *cuts, len(stream)})
    for a, b in pairwise(edges):
        found += framer.feed(stream[a:b])
    assert [f.raw.hex().upper() for f in found] == [RAIN, TIDE] and framer.bad == 0


@given(st.integers(0, len(RAIN) // 2 - 1), st.integers(1, 255))
def test_no_changed_byte_passes(at, change) -> None:
    raw = bytearray.fromhex(RAIN)
    raw[at] ^= change
    assert read(bytes(raw)) is None
    framer = Framer()
    assert [f.raw.hex().upper() for f in framer.feed(bytes(raw) + bytes.fromhex(TIDE) * 100)][-1:] == [TIDE]


@given(st.lists(st.binary(max_size=3000), max_size=8))
def test_garbage_is_bounded(pieces) -> None:
    framer = Framer()
    try:
        for piece in [*pieces, b"x" * 4000, b"~~" * 2000, b"\x00" * 4000]:
            framer.feed(piece)
        raise AssertionError("twelve thousand bytes of noise were taken")
    except Noise:
        pass


def test_the_answer_names_the_station_first_and_the_serial_number(place) -> None:
    got = read(bytes.fromhex(RAIN))
    assert got is not None
    back = read(answer(got, NOW, end=EOT))
    assert back is not None and (back.down, back.station, back.centre, back.end, back.body.hex()) == (True, "0032061401", 1, EOT, "0001210726121000")
    assert answer(got, NOW, end=EOT)[2:8].hex() == "003206140101"


@pytest.mark.recorded
def test_recorded_frames(elsewhere, recorded: Path) -> None:
    rows = json.loads((recorded / "sl651" / "frames.json").read_text())["frames"]
    frames = [read(bytes.fromhex(row["hex"])) for row in rows]
    assert all(frames) and [f.down for f in frames] == [row["direction"] == "down" for row in rows]
    ends = [f.end for f in frames]
    assert ends[-2:] == [0x1B, 0x04] and set(ends[:-2]) == {0x03}
    answered = read(bytes.fromhex(rows[2]["hex"]))
    assert answer(answered, datetime(2014, 6, 11, 18, 15, 25, tzinfo=UTC), end=EOT).hex().upper() == rows[6]["hex"]
    place = elsewhere("sl651", {"station": "12345678", "lat": 31.9, "lon": 121.2, "properties": ("rain",)}, STATIONS[0] | {"station": "0011223344"})
    batch = parse(place, *(row["hex"] for row in rows[1:5]), received=datetime(2026, 1, 1, tzinfo=UTC))
    counts = {name: [o.value for o in batch.observations if o.observed_property == name] for name in ("rain", "stage", "voltage", "rain_total")}
    assert counts["rain"] == [0.0] * 12 and counts["rain_total"] == [2.0, 4.0] and counts["voltage"] == [12.09, 10.99]
    # the timed report at 11:00 and the last five-minute value say the same, so that is one reading
    assert counts["stage"] == [0.122, 0.122, 0.285, 10.49, 10.49, *[None] * 5, 10.49, 10.49] and [r.where for r in batch.rejected] == ["messages[0]"]
