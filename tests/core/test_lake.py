"""The lake: what is kept, what a read at a time sees, and what order, repetition and compaction cannot change."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StoreError
from core.lake import Lake, record_id
from core.model import Batch, Circle, Flag, Hazard, Level, Observation, OfficialSignal, Rejected, TrackPoint

T0 = datetime(2021, 7, 25, tzinfo=UTC)
FAR = T0 + timedelta(days=365)
HOUR = timedelta(hours=1)


def reading(time: datetime = T0, received: datetime | None = None, **change: object) -> Observation:
    base: dict[str, object] = {"feed": "weather", "station": "58360", "observed_property": "rain", "value": 1.0, "raw": "a" * 64,
                               "time": time, "received": received or time + timedelta(minutes=5)}
    return Observation(**(base | change))  # type: ignore[arg-type]


def point(time: datetime = T0, **change: object) -> TrackPoint:
    base: dict[str, object] = {"feed": "typhoon_zj", "storm": "202106", "name": "烟花", "agency": "BABJ", "time": time, "lat": 30.0,
                               "lon": 122.0, "received": T0, "raw": "b" * 64}
    return TrackPoint(**(base | change))  # type: ignore[arg-type]


def signal(identifier: str = "32068441600000_1", received: datetime = T0, **change: object) -> OfficialSignal:
    base: dict[str, object] = {"feed": "warnings_nmc", "identifier": identifier, "event": "台风", "hazard": Hazard.TYPHOON,
                               "level": Level.ORANGE, "areas": ("320614",), "title": "台风橙色预警", "issued": T0, "received": received,
                               "raw": "c" * 64}
    return OfficialSignal(**(base | change))  # type: ignore[arg-type]


def put(lake: Lake, *rows: Observation, received: datetime | None = None) -> None:
    lake.append(rows[0].feed, Batch(observations=rows), received or rows[0].received)


def everything(lake: Lake, as_of: datetime = FAR, **how: object) -> pd.DataFrame:
    return lake.observations(start=T0 - timedelta(days=30), end=FAR, as_of=as_of, **how)  # type: ignore[arg-type]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_an_empty_lake_has_all_columns_and_no_rows(lake: Lake) -> None:
    frame = everything(lake)
    assert list(frame.columns) == ["feed", "station", "observed_property", "time", "value", "received", "raw", "flag", "reasons",
                                   "interval_s", "issued", "datum", "synthetic"]
    assert len(frame) == 0 and str(frame["time"].dtype) == "datetime64[us, UTC]"
    assert len(lake.tracks(start=T0, end=FAR, as_of=FAR)) == 0 and len(lake.signals(as_of=FAR)) == 0 and lake.newest(as_of=FAR) == {}


def test_a_reading_comes_back_as_it_was(lake: Lake) -> None:
    put(lake, reading(value=33.1, flag=Flag.SUSPECT, reasons=("step", "neighbour"), interval_s=3600, datum="吴淞", synthetic=True))
    row = everything(lake).iloc[0]
    assert (row["value"], row["flag"], row["reasons"], row["interval_s"], row["datum"], row["synthetic"]) == (
        33.1, 3, "step;neighbour", 3600, "吴淞", True)
    assert row["time"] == T0 and row["received"] == T0 + timedelta(minutes=5) and pd.isna(row["issued"])


def test_readings_come_back_as_the_same_objects_in_the_order_of_the_rows(lake: Lake) -> None:
    whole = reading(value=33.1, flag=Flag.SUSPECT, reasons=("step", "neighbour"), interval_s=3600, datum="吴淞", synthetic=True)
    missing = reading(T0 + HOUR, station="1", value=None, flag=Flag.MISSING)
    assert lake.readings(start=T0, end=FAR, as_of=FAR) == []
    put(lake, whole, missing, reading(T0 + HOUR, issued=T0))
    put(lake, reading(feed="water", station="2"))
    later = reading(T0, received=T0 + HOUR, value=34.0)
    put(lake, later)
    assert lake.readings(start=T0, end=FAR, as_of=FAR, feeds=["weather"]) == [missing, later]
    assert lake.readings(start=T0, end=T0, as_of=T0 + HOUR / 2) == [reading(feed="water", station="2"), whole]


def test_missing_is_nan_and_stays_a_row(lake: Lake) -> None:
    put(lake, reading(value=None, flag=Flag.MISSING))
    frame = everything(lake)
    assert frame["value"].dtype == "float64" and frame["value"].isna().tolist() == [True] and frame["flag"].tolist() == [9]


def test_the_newest_receipt_wins_also_when_it_says_missing(lake: Lake) -> None:
    put(lake, reading(value=5.0, received=T0 + 2 * HOUR))
    put(lake, reading(value=1.0, received=T0 + HOUR))
    assert everything(lake)["value"].tolist() == [5.0]
    put(lake, reading(value=None, received=T0 + 3 * HOUR))
    assert everything(lake)["value"].isna().all() and everything(lake, as_of=T0 + 2 * HOUR)["value"].tolist() == [5.0]


def test_one_payload_that_says_two_things_counts_with_the_larger_one(lake: Lake) -> None:
    put(lake, reading(value=7.0), reading(value=None), reading(value=3.0))
    assert everything(lake)["value"].tolist() == [7.0]


def test_window_properties_and_feeds_choose(lake: Lake) -> None:
    put(lake, *(reading(T0 + n * HOUR, value=float(n)) for n in range(5)), reading(observed_property="wind_gust", value=17.2))
    put(lake, reading(feed="water", station="62000100", observed_property="stage", value=2.1))
    assert lake.observations(start=T0 + HOUR, end=T0 + 3 * HOUR, as_of=FAR)["value"].tolist() == [1.0, 2.0, 3.0], "both ends belong to it"
    assert everything(lake, properties=["wind_gust", "stage"])["value"].tolist() == [17.2, 2.1]
    assert everything(lake, feeds=["water"])["station"].tolist() == everything(lake, stations=["62000100", "none"])["station"].tolist() == ["62000100"]
    assert len(everything(lake, feeds=[])) == len(everything(lake, properties=[])) == len(everything(lake, stations=[])) == 0


def test_rows_come_sorted_by_station_property_and_time(lake: Lake) -> None:
    put(lake, *(reading(T0 - n * HOUR, station=s, received=T0) for n in range(3) for s in ("b", "a")))
    frame = everything(lake)
    assert frame.equals(frame.sort_values(["station", "observed_property", "time"], ignore_index=True))
    assert frame.index.tolist() == list(range(6))


def test_forecasts_are_apart_and_reach_back_to_their_receipt(lake: Lake) -> None:
    put(lake, reading(T0 + timedelta(days=5), issued=T0, received=T0, value=60.0), reading(T0 + timedelta(days=5), received=T0, value=1.0))
    at = {"start": T0 + timedelta(days=5), "end": FAR, "as_of": FAR}
    assert lake.observations(**at, forecasts=True)["value"].tolist() == [60.0]
    assert everything(lake)["value"].tolist() == [1.0]


def test_a_station_clock_that_runs_ahead_is_still_read(lake: Lake) -> None:
    put(lake, reading(T0 + 5 * HOUR, received=T0))
    assert len(lake.observations(start=T0 + 4 * HOUR, end=T0 + 6 * HOUR, as_of=T0)) == 1


def test_newest_reading_by_series_skips_what_is_missing(lake: Lake) -> None:
    put(lake, reading(T0), reading(T0 + HOUR), reading(T0 + 2 * HOUR, value=None), received=T0 + 2 * HOUR)
    assert lake.newest(as_of=FAR, since=timedelta(days=400)) == {("weather", "58360", "rain"): T0 + HOUR}


@pytest.mark.parametrize("feed", ["", "../x", "a/b", "Weather", "a=b"])
def test_a_feed_name_is_a_folder_name(lake: Lake, feed: str) -> None:
    with pytest.raises(StoreError, match="not a feed name"):
        lake.append(feed, Batch(), T0)


def test_a_record_of_another_feed_and_a_time_without_a_zone_are_refused(lake: Lake) -> None:
    with pytest.raises(StoreError, match="water"):
        lake.append("weather", Batch(observations=(reading(feed="water"),)), T0)
    with pytest.raises(ValueError, match="zone"):
        put(lake, reading(datetime(2021, 7, 25), received=T0))
    assert len(everything(lake)) == 0


def test_record_id_names_one_reading() -> None:
    local = datetime.fromisoformat("2021-07-26T08:00:00+08:00")
    assert record_id("water", "62000100", "stage", local) == "water/62000100/stage/2021-07-26T00:00:00+00:00"


# --- order, repetition, compaction -----------------------------------------------------------------------------------

cells = st.builds(
    lambda station, hour, late, value, issued: reading(
        T0 + hour * HOUR, received=T0 + (hour + late) * HOUR, station=station, value=value, raw=f"{late:064d}",
        issued=T0 if issued else None),
    st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 30), st.none() | st.integers(0, 9).map(float), st.booleans(),
)
batches = st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=6)


def reads(lake: Lake, as_of: datetime) -> list[str]:
    return [everything(lake, as_of, forecasts=forecasts).to_csv() for forecasts in (False, True)]


@settings(max_examples=15)
@given(made=batches, data=st.data())
def test_order_repetition_and_compaction_give_the_same_read_at_any_time(made: list[list[Observation]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*made, *made[:2]]))
    cut, times = data.draw(st.integers(0, len(shuffled))), [T0 + hours * HOUR for hours in (0, 7, 20, 60)]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        straight, other = Lake(one), Lake(two)
        for batch in made:
            put(straight, *batch)
        for number, batch in enumerate(shuffled):
            if number == cut:
                other.compact(date(2021, 7, 26))
            put(other, *batch)
        warm = [reads(other, at) for at in times]
        assert [reads(straight, at) for at in reversed(times)] == warm[::-1]
        other.compact(date.max)
        assert [reads(other, at) for at in times] == warm == [reads(Lake(two), at) for at in times]


@settings(max_examples=25)
@given(made=batches, hours=st.integers(0, 62))
def test_a_read_never_sees_what_was_received_later(made: list[list[Observation]], hours: int) -> None:
    as_of = T0 + hours * HOUR
    with tempfile.TemporaryDirectory() as all_of_it, tempfile.TemporaryDirectory() as until_then:
        whole, past = Lake(all_of_it), Lake(until_then)
        for batch in made:
            put(whole, *batch)
            known = [row for row in batch if row.received <= as_of]
            if known:
                put(past, *known)
        everything(whole)  # also when later files are in memory already
        assert reads(whole, as_of) == reads(past, FAR)
        assert (everything(whole, as_of)["received"] <= as_of).all()


def test_compaction_leaves_today_alone_and_one_file_for_each_day_before(lake: Lake, tmp_path: Path) -> None:
    for n in range(48):
        put(lake, reading(T0 + n * HOUR, received=T0 + n * HOUR, value=float(n)))
    before = everything(lake)
    assert lake.compact(date(2021, 7, 26)) == 24 and lake.compact(date(2021, 7, 26)) == 0
    count = [len(list(day.iterdir())) for day in sorted((tmp_path / "lake/observations/feed=weather").iterdir())]
    assert count == [1, 24] and everything(lake).equals(before) and everything(Lake(tmp_path / "lake")).equals(before)


ROWS = st.lists(st.fixed_dictionaries({
    "station": st.sampled_from(["甲", "b", "a"]), "observed_property": st.sampled_from(["rain", "stage"]), "time": st.integers(0, 3).map(lambda h: T0 + h * HOUR),
    "received": st.integers(4, 6).map(lambda h: T0 + h * HOUR), "value": st.sampled_from([None, 1.0, 2.0, -3.0]), "raw": st.sampled_from(["a" * 64, "b" * 64]),
    "feed": st.sampled_from(["weather", "water"]), "issued": st.sampled_from([None, None, None, T0]),
    "reasons": st.sampled_from([(), ("corrected by x: y",), ("qc3/1 z",)]),
}), max_size=30)


@settings(max_examples=60)
@given(ROWS)
def test_the_newest_of_each_reading_is_the_one_that_sorting_by_every_rule_leaves(rows: list[dict[str, object]]) -> None:
    """Against the plain statement of the rule in pandas: correction, receipt, payload, value; the last of the sorted rows stands."""
    from core.lake.newest import newest
    from core.lake.rows import to_table
    from core.lake.shapes import CORRECTED, KEYS, fit, spelled

    table = fit(to_table("observations", [reading(**row) for row in rows]), "observations")  # type: ignore[arg-type]
    frame = spelled("observations", table).to_pandas(ignore_metadata=True)
    plain = frame.assign(corrected=frame["reasons"].str.startswith(CORRECTED)).sort_values(
        ["corrected", "received", "raw", "value"], kind="stable", na_position="first").drop_duplicates(KEYS["observations"], keep="last")
    plain = plain.drop(columns="corrected").sort_values(["station", "observed_property", "time", "feed", "issued"], ignore_index=True)
    pd.testing.assert_frame_equal(spelled("observations", newest(table)).to_pandas(ignore_metadata=True), plain)


# --- tracks and signals ----------------------------------------------------------------------------------------------

def test_tracks_come_flat_with_analysis_and_forecast_apart(lake: Lake) -> None:
    circle = Circle(ne=300, se=200, sw=200, nw=250)
    rows = (point(r7=circle, wind=38.0), point(T0 + timedelta(days=4), issued=T0), point(T0 + HOUR, received=T0 + HOUR))
    lake.append("typhoon_zj", Batch(tracks=rows), T0)
    frame = lake.tracks(start=T0, end=FAR, as_of=FAR)
    assert frame["issued"].isna().tolist() == [True, True, False] and frame["time"].is_monotonic_increasing
    assert frame.loc[0, ["r7_ne", "r7_se", "r7_sw", "r7_nw"]].tolist() == [300, 200, 200, 250] and frame["r10_ne"].isna().all()
    assert len(lake.tracks(start=T0, end=FAR, as_of=T0)) == 2
    assert len(lake.tracks(start=T0 + timedelta(days=4), end=FAR, as_of=FAR)) == 1, "a forecast is found by its valid time"


def test_a_corrected_position_replaces_the_first_one(lake: Lake) -> None:
    for hours, lat in ((1, 31.0), (0, 30.0)):
        lake.append("typhoon_zj", Batch(tracks=(point(lat=lat, received=T0 + hours * HOUR),)), T0 + hours * HOUR)
    assert lake.tracks(start=T0, end=FAR, as_of=FAR)["lat"].tolist() == [31.0]


def test_tracks_say_when_their_feed_first_listed_others_or_none_instead(lake: Lake) -> None:
    later = T0 + 3 * HOUR
    lake.append("typhoon_zj", Batch(tracks=(point(storm="a"), point(storm="b"))), T0)
    lake.append("typhoon_zj", Batch(tracks=(point(storm="b", received=later),)), later)
    lake.append("typhoon_nmc", Batch(tracks=(point(feed="typhoon_nmc", storm="a"),)), T0)

    def shown(as_of: datetime) -> dict[tuple[str, str], bool]:
        frame = lake.tracks(start=T0, end=FAR, as_of=as_of)
        return {(row.feed, row.storm): pd.isna(row.ended_at) for row in frame.itertuples()}

    assert set(shown(T0).values()) == {True}
    assert shown(later) == {("typhoon_zj", "a"): False, ("typhoon_zj", "b"): True, ("typhoon_nmc", "a"): True}
    lake.append("typhoon_nmc", Batch(), later + HOUR)
    assert shown(later + HOUR)["typhoon_nmc", "a"] is False and shown(later)["typhoon_nmc", "a"] is True
    assert shown(later + HOUR)["typhoon_zj", "b"] is True


def listing(lake: Lake, hours: int, *identifiers: str, rejected: bool = False) -> None:
    at = T0 + hours * HOUR
    aside = (Rejected(where="$[0]", reason="no level"),) if rejected else ()
    lake.append("warnings_nmc", Batch(signals=tuple(signal(name, at) for name in identifiers), rejected=aside), at)


def in_force(lake: Lake, hours: int) -> list[str]:
    frame = lake.signals(as_of=T0 + hours * HOUR)
    return frame[frame["listed_at"] == frame["snapshot_at"]]["identifier"].tolist()


def test_a_signal_is_in_force_while_the_feed_lists_it(lake: Lake) -> None:
    listing(lake, 0, "a", "b")
    listing(lake, 1, "b")
    listing(lake, 2)
    listing(lake, 4, "c")
    assert [in_force(lake, hours) for hours in range(5)] == [["a", "b"], ["b"], [], [], ["c"]]
    assert len(lake.signals(as_of=FAR, since=timedelta(days=400))) == 3
    lake.compact(date.max)
    assert [in_force(lake, hours) for hours in range(5)] == [["a", "b"], ["b"], [], [], ["c"]]


def test_a_listing_whose_only_record_could_not_be_read_ends_nothing(lake: Lake) -> None:
    listing(lake, 0, "a")
    listing(lake, 1, rejected=True)
    assert in_force(lake, 2) == ["a"]


def test_all_listings_of_a_period_tell_what_was_listed_when(lake: Lake) -> None:
    listing(lake, 0, "a", "b")
    listing(lake, 1, "b")
    listing(lake, 2)
    listing(lake, 3)
    listing(lake, 4, "b")
    frame, blanks = lake.listings(first=T0, as_of=T0 + 3 * HOUR)
    assert list(zip(frame["identifier"], frame["received"], strict=True)) == [("a", T0), ("b", T0), ("b", T0 + HOUR)]
    assert blanks == {"warnings_nmc": [T0 + 2 * HOUR, T0 + 3 * HOUR]}
    assert len(lake.listings(first=T0, as_of=FAR)[0]) == 4


def test_one_feed_does_not_end_the_signals_of_another(lake: Lake) -> None:
    listing(lake, 0, "a")
    lake.append("warnings_cap", Batch(signals=(signal("x", T0 + HOUR, feed="warnings_cap"),)), T0 + HOUR)
    assert in_force(lake, 2) == ["x", "a"]
    assert lake.signals(as_of=FAR, since=timedelta(days=400), feed="warnings_cap")["identifier"].tolist() == ["x"]


def test_a_signal_comes_back_with_codes_and_levels(lake: Lake) -> None:
    lake.append("warnings_nmc", Batch(signals=(signal(areas=("320614", "320684"), hazard=None, expires=T0 + HOUR),)), T0)
    row = lake.signals(as_of=T0).iloc[0]
    assert (row["areas"], row["hazard"], row["level"], row["msg_type"], row["expires"]) == ("320614;320684", "", 3, "Alert", T0 + HOUR)


def test_any_fsspec_address_is_a_lake() -> None:
    lake = Lake("memory://fengsui-test-lake")
    put(lake, reading(value=33.1))
    put(lake, reading(T0 + HOUR, value=2.0))
    assert lake.raw(lake.keep_raw(b"x" * 999)) == b"x" * 999 and everything(lake)["value"].tolist() == [33.1, 2.0]
    assert lake.compact(date.max) == 2 and everything(Lake("memory://fengsui-test-lake"))["value"].tolist() == [33.1, 2.0]
    with pytest.raises(StoreError):
        Lake("nothing://x")


def test_columns_and_objects_are_the_same_file(tmp_path: Path) -> None:
    """Whoever appends them, and whichever way: the same bytes under the same name, in the lake's own columns, and no times, value or text is lost."""
    import pyarrow.parquet as pq

    from core.lake.shapes import schema
    from core.readings import Readings

    rows = (
        reading(value=None, flag=Flag.MISSING, reasons=("qc9/1 a", "b")), reading(T0 + HOUR, issued=T0, interval_s=3600, datum="吴淞", synthetic=True),
        reading(received=T0 + timedelta(days=1), station="海门", value=-0.125),
    )
    part = Readings.of([reading(raw="z", reasons=("z",), station="A"), *rows])[1:]  # words that no longer occur
    for name, readings in (("objects", rows), ("columns", part)):
        Lake(tmp_path / name).append("weather", Batch(observations=readings), T0)
    files = [{str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*.parquet")} for name in ("objects", "columns")]
    assert files[0] == files[1] and len(files[0]) == 2
    assert all(pq.read_schema(path).equals(schema("observations")) for path in tmp_path.rglob("*.parquet"))
    frame = pd.concat([everything(Lake(tmp_path / "columns")), everything(Lake(tmp_path / "columns"), forecasts=True)])
    found = {(row.station, row.time.to_pydatetime()): row for row in frame.itertuples()}
    late, ahead = found["海门", T0], found["58360", T0 + HOUR]
    assert late.value == -0.125 and pd.isna(found["58360", T0].value) and found["58360", T0].reasons == "qc9/1 a;b" and found["58360", T0].flag == 9
    assert (ahead.issued.to_pydatetime(), ahead.interval_s, ahead.datum, ahead.synthetic) == (T0, 3600, "吴淞", True)
    assert late.received.to_pydatetime() == T0 + timedelta(days=1)


def test_readings_of_another_feed_are_refused_from_columns_too(lake: Lake) -> None:
    from core.readings import Readings

    both = Readings.of([reading(), reading(feed="other")])
    with pytest.raises(StoreError, match="other"):
        lake.append("weather", Batch(observations=both), T0)
    assert everything(lake).empty
    lake.append("weather", Batch(observations=both[:1]), T0)  # the other feed's name is still in the vocabulary
    assert len(everything(lake)) == 1
