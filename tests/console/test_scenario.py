"""Scenarios: facts with sources, synthetic series that are what their recipe gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.sandbox.scenario import load_scenario
from console.sandbox.synthesise import build
from core.county import load_county
from core.errors import ConfigErrors

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
    import shutil

    copy = tmp_path / "in-fa-2021"
    shutil.copytree(HAIMEN / "scenarios" / "in-fa-2021", copy)
    text = (copy / "track.csv").read_text(encoding="utf-8").replace("2021-07-25 09:00", "25/07/2021 9am", 1)
    (copy / "track.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(copy)
    assert "track.csv:3" in str(caught.value)
