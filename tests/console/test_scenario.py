"""Scenarios: facts with sources, synthetic series that are what their recipe gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from console.sandbox.scenario import Scenario, load_scenario
from console.sandbox.synthesise import build, main
from core.county import load_county
from core.errors import ConfigError, ConfigErrors

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"
FOLDERS = sorted(path.parent for path in (HAIMEN / "scenarios").glob("*/scenario.yaml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_committed_series_are_what_the_recipe_gives(folder: Path) -> None:
    for name, text in build(folder, load_county(HAIMEN)).items():
        assert (folder / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_built_series_are_marked_synthetic_and_facts_name_their_source(folder: Path) -> None:
    scenario = load_scenario(folder)
    for name in ("weather", "water", "power", "sensors"):
        assert scenario.rows[name] and all(row["synthetic"] == "true" for _, row in scenario.rows[name]), name
    assert scenario.sources and all(scenario.sources.values())
    assert all(scenario.start <= moment.at <= scenario.end for moment in scenario.moments)


def test_in_fa_is_the_reported_track() -> None:
    scenario = load_scenario(HAIMEN / "scenarios" / "in-fa-2021")
    fixes = {row["time"]: row for _, row in scenario.rows["track"] if not row["landfall"]}
    assert (fixes["2021-07-25 12:00"]["lat"], fixes["2021-07-25 12:00"]["pressure"], fixes["2021-07-25 12:00"]["wind"]) == ("30.0", "965", "38")
    assert fixes["2021-07-27 06:00"]["r12"] == "40|40|40|40"  # the feed kept it although the wind was 20 m/s
    assert [row["landfall"] for _, row in scenario.rows["track"] if row["landfall"]] == ["舟山普陀", "平湖"]
    assert len(scenario.moments) == 6


def test_the_plum_rain_missed_haimen() -> None:
    scenario = load_scenario(HAIMEN / "scenarios" / "plum-rain-2023")
    total = {s: sum(float(row["rain_1h"]) for _, row in scenario.rows["weather"] if row["station"] == s) for s in ("M9001", "58254", "58255")}
    assert total["M9001"] == pytest.approx(33.1, abs=0.2)
    assert total["58254"] == pytest.approx(339.7, abs=0.5) and total["58255"] == pytest.approx(337.4, abs=0.5)


def test_a_bad_row_is_refused_with_its_line(tmp_path: Path) -> None:
    copy = tmp_path / "in-fa-2021"
    shutil.copytree(HAIMEN / "scenarios" / "in-fa-2021", copy)
    text = (copy / "track.csv").read_text(encoding="utf-8").replace("2021-07-25 09:00", "25/07/2021 9am", 1)
    (copy / "track.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(copy)
    assert "track.csv:3" in str(caught.value)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A scenario in a county of its own, to be spoiled."""
    shutil.copytree(HAIMEN, tmp_path / "haimen")
    return tmp_path / "haimen" / "scenarios" / "in-fa-2021"


@pytest.mark.parametrize(("file", "line", "old", "new"), [
    ("track.csv", 2, "300|200|200|250", "300|200|250"),
    ("track.csv", 2, "西北", "西北偏"),
    ("track.csv", 2, ",965,", ",low,"),
    ("track.csv", 3, "2021-07-25 09:00", "2021-07-25 06:00"),  # twice
    ("signals.csv", 2, ",orange,", ",amber,"),
    ("signals.csv", 2, "320600,", "3206,"),
    ("signals.csv", 2, "2021-07-28 02:00", "2021-07-25 02:00"),  # lifted before issued
    ("weather.csv", 2, ",true", ",yes"),
    ("weather.csv", 2, ",0.0,", ",nan,"),
    ("weather.csv", 2, ",true", ",true,9"),
    ("water.csv", 2, ",true", ""),
    ("power.csv", 2, ",0,", ",-1,"),
    ("power.csv", 2, ",0,", ",9999999,"),
    ("sensors.csv", 1, "unit", "units"),
    ("scenario.yaml", 1, "title: ", "titel: "),
    ("scenario.yaml", 6, "21600", "soon"),
    ("scenario.yaml", 5, "2021-07-28 08:00", "2021-07-24 08:00"),
    ("scenario.yaml", 9, "2021-07-25 06:00", "2021-08-25 06:00"),
    ("scenario.yaml", 9, "title: 远海", "name: 远海"),
    ("scenario.yaml", 10, "id: circle", "id: far"),
    ("scenario.yaml", 7, "nmc: ", "cma: "),
])
def test_what_is_wrong_is_told_with_file_and_line(copy: Path, file: str, line: int, old: str, new: str) -> None:
    lines = (copy / file).read_text(encoding="utf-8").splitlines()
    at = next(i for i, text in enumerate(lines) if old in text and i + 1 >= line)
    lines[at] = lines[at].replace(old, new, 1)
    (copy / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(copy)
    assert f"{file}:{line}: " in str(caught.value)


def test_all_errors_are_told_at_once(copy: Path) -> None:
    (copy / "water.csv").unlink()
    for file in ("power.csv", "weather.csv"):
        (copy / file).write_text((copy / file).read_text(encoding="utf-8").replace(",true", ",?", 2), encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(copy)
    assert len(caught.value.errors) == 5
    (copy / "scenario.yaml").write_text("name: [", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"scenario\.yaml:"):
        load_scenario(copy)


def test_check_notices_one_changed_number_and_the_recipe_mends_it(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(copy), "--check"]) == 0
    text = (copy / "weather.csv").read_text(encoding="utf-8")
    (copy / "weather.csv").write_text(text[:-8] + "9,true\n", encoding="utf-8")
    assert main([str(copy), "--check"]) == 1 and "weather.csv" in capsys.readouterr().out
    assert main([str(copy)]) == 0 and main([str(copy), "--check"]) == 0


def series(scenario: Scenario, file: str, column: str, **wanted: str) -> dict[str, list[float]]:
    """Values in time order by station (or town)."""
    out: dict[str, list[float]] = {}
    for _, row in scenario.rows[file]:
        if all(row[key] == value for key, value in wanted.items()):
            out.setdefault(row.get("station") or row["town"], []).append(float(row[column]))
    return out


def most(values: list[float], hours: int) -> float:
    return max(sum(values[i:i + hours]) for i in range(len(values) - hours + 1))


def test_in_fa_agrees_with_what_was_reported_and_ends_calm() -> None:
    scenario, county = load_scenario(HAIMEN / "scenarios" / "in-fa-2021"), load_county(HAIMEN)
    rain, gust = series(scenario, "weather", "rain_1h"), series(scenario, "weather", "gust")
    coast = {s.station for s in county.stations_of("weather") if county.town(s.town).sea_front}
    assert all(20.0 <= max(rain[s]) <= 30.5 for s in coast)  # 30.5 mm at Qidong was the most in the prefecture
    assert all(21.2 <= max(gust[s]) <= 25.5 for s in coast) and all(17.2 <= max(v) <= 24.5 for s, v in gust.items() if s not in coast)
    assert any(most(v, 6) >= 50 for v in rain.values()) and any(most(v, 6) < 50 for v in rain.values())
    assert all(most(v, 3) < 50 for v in rain.values())  # no orange rain was reported
    days = {day: sum(float(r["rain_1h"]) for t, r in scenario.rows["weather"] if r["time"].startswith(day)) / len(rain) for day in ("2021-07-26", "2021-07-27")}
    assert days["2021-07-27"] == pytest.approx(56.9, rel=0.2)
    outages = series(scenario, "power", "customers_out")
    assert any(max(v) > 0 for v in outages.values()) and all(v[-1] == 0 for v in outages.values())
    assert all(sum(v[-12:]) == 0 for v in rain.values()) and all(v[-1] < 10.8 for v in gust.values())
    assert all(v[-1] < v[len(v) // 2] for v in series(scenario, "water", "value", property="stage").values())


def test_one_point_tilts_to_blue_and_no_further() -> None:
    tilt = series(load_scenario(HAIMEN / "scenarios" / "in-fa-2021"), "sensors", "value", property="tilt")
    change = {station: max(abs(v[i + 24] - v[i]) for i in range(len(v) - 24)) for station, v in tilt.items()}
    assert {station for station, value in change.items() if value >= 0.1} == {"DZ-01"} and max(change.values()) < 0.3
    assert abs(tilt["DZ-01"][-1] - tilt["DZ-01"][-25]) < 0.1  # at rest again by the last moment


def test_motion_is_worked_out_from_the_positions() -> None:
    rows = {row["time"]: row for _, row in load_scenario(HAIMEN / "scenarios" / "in-fa-2021").rows["track"]}
    moved = {time: (rows[time]["move_speed"], rows[time]["move_direction"]) for time in ("2021-07-25 09:00", "2021-07-26 06:00", "2021-07-27 10:54")}
    assert moved == {"2021-07-25 09:00": ("15", "西北"), "2021-07-26 06:00": ("0", ""), "2021-07-27 10:54": ("8", "西")}
