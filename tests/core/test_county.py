"""A county folder is read whole or refused with file:line, before anything starts."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.county import CONNECTOR_KINDS, County, load_county
from core.errors import ConfigError, ConfigErrors
from core.model import Level, Status

HAIMEN = Path(__file__).resolve().parents[2] / "county" / "haimen"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of Haimen to break."""
    copy = tmp_path / "county"
    shutil.copytree(HAIMEN, copy, ignore=shutil.ignore_patterns("scenarios"))
    return copy


@pytest.fixture
def haimen() -> County:
    return load_county(HAIMEN)


def change(path: Path, old: str, new: str) -> int:
    """Replace the first `old` and return the line on which it stood."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def refusal(folder: Path) -> list[ConfigError]:
    with pytest.raises(ConfigErrors) as caught:
        load_county(folder)
    return caught.value.errors


def test_haimen_has_its_towns_and_feeds(haimen: County) -> None:
    assert (haimen.code, len(haimen.towns), len(haimen.feeds)) == ("320614", 12, 9)
    assert sum(town.population for town in haimen.towns) == 991_782  # census 2020, shared by village count
    assert all("population" in town.synthetic for town in haimen.towns)
    assert {s.datum for s in haimen.stations if "stage" in s.properties} == {"废黄河"}
    assert haimen.station("TSG").warning_stage == 5.20 and haimen.station("TSG").levels_verified


def test_cells_tile_the_outline_and_hold_their_points(haimen: County) -> None:
    from shapely.geometry import Point, Polygon
    from shapely.ops import unary_union

    cells = {town.key: Polygon(town.cell) for town in haimen.towns}
    for town in haimen.towns:
        assert cells[town.key].buffer(1e-6).contains(Point(town.lon, town.lat)), town.key
    union = unary_union(list(cells.values()))
    assert abs(union.area - sum(cell.area for cell in cells.values())) < 1e-5


def test_a_town_is_found_by_name_key_and_unshared_code(haimen: County) -> None:
    assert haimen.town("包场镇") is haimen.town("baochang") is haimen.town("320614415000")
    with pytest.raises(ConfigError, match="共用"):
        haimen.town("320614400000")
    with pytest.raises(ConfigError, match="海门街道"):
        haimen.town("天马镇")


@pytest.mark.parametrize(("areas", "yes"), [
    (("320600",), True), (("3206",), True), (("32",), True), (("320614",), True), (("320000",), True), (("320614415000",), True), (("320614415",), True),
    (("320700",), False), (("320612",), False), (("3207",), False), (("320614104000",), False), ((), False), (("",), False), (("x",), False),
])
def test_area_codes_concern_a_town_or_nobody(haimen: County, areas: tuple[str, ...], yes: bool) -> None:
    assert haimen.concerns(haimen.town("baochang"), areas) is yes


@pytest.mark.parametrize(("name", "old", "new", "says"), [
    ("towns.csv", "320614415000", "320613415000", "12 位"),
    ("towns.csv", "320614415000", "32061441500", "12 位"),
    ("towns.csv", "32.0581,121.4166", "121.4166,32.0581", "lat"),
    ("towns.csv", "32.0581,121.4166", "32.5,121.4166", "轮廓外"),
    ("towns.csv", "baochang,320614415000", "yuelai,320614415000", "重复"),
    ("stations.csv", "stage,m,废黄河", "stage,ft,废黄河", "单位"),
    ("stations.csv", "stage,m,废黄河", "stage,m,", "基面"),
    ("stations.csv", "rain;wind_speed", "rian;wind_speed", "rian"),
    ("stations.csv", "M9001,海门街道自动站,weather", "M9001,海门街道自动站,wether", "wether"),
    ("stations.csv", "M9002", "M9001", "重复"),
    ("feeds.yaml", "connector: sl323", "connector: sl999", "sl999"),
    ("feeds.yaml", "max_age_s: 7800", "max_age: 7800", "max_age"),
    ("feeds.yaml", 'cron: "5 * * * *"', 'cron: "hourly"', "cron"),
    ("feeds.yaml", "interval_s: 3600", "interval_s: -1", "interval_s"),
    ("policy.yaml", "audience: [residents]", "audience: [resident]", "resident"),
    ("policy.yaml", "approver_roles: [chief]", "approver_roles: [mayor]", "mayor"),
    ("policy.yaml", "on_silence: hold", "on_silence: maybe", "on_silence"),
    ("groups.yaml", "share: 0.004", "share: 4", "share"),
    ("templates.yaml", "{town}台风{level}", "{twon}台风{level}", "twon"),
    ("loudspeakers.csv", "spk-haimen-01,haimen", "spk-haimen-01,hamen", "hamen"),
    ("county.yaml", 'code: "320614"', "code: 32061", "6 位"),
])
def test_a_wrong_entry_is_refused_with_its_line(folder: Path, name: str, old: str, new: str, says: str) -> None:
    line = change(folder / name, old, new)
    told = [e for e in refusal(folder) if says in str(e)]
    assert told, f"nothing said about {says}"
    assert Path(str(told[0].path)).name == name
    assert told[0].line is not None and abs(told[0].line - line) <= 1, (told[0].line, line)


def test_a_missing_column_names_the_header_it_wants(folder: Path) -> None:
    change(folder / "towns.csv", "villages", "villges")
    told = refusal(folder)
    assert any("villages" in str(e) and e.line == 1 and "river_front" in e.hint for e in told)


def test_a_town_may_say_how_much_its_ground_sinks(folder: Path, haimen: County) -> None:
    assert {town.subsidence_mm for town in haimen.towns} == {0.0}
    rows = (folder / "towns.csv").read_text(encoding="utf-8").splitlines()
    (folder / "towns.csv").write_text("\n".join(f"{row},{told}" for row, told in zip(rows, ("subsidence_mm", "12.5", *[""] * 11), strict=True)), encoding="utf-8")
    assert [town.subsidence_mm for town in load_county(folder).towns] == [12.5, *[0.0] * 11]
    change(folder / "towns.csv", ",12.5", ",0.0125 m")
    assert "subsidence_mm" in str(refusal(folder)[0])


def test_broken_yaml_says_where(folder: Path) -> None:
    line = change(folder / "feeds.yaml", "water:\n  title: 水情库（SL 323）", "water:\n  title: [水情库")
    assert any("YAML" in str(e) and e.line and line <= e.line <= line + 30 for e in refusal(folder))


def test_a_duplicate_key_is_an_error(folder: Path) -> None:
    change(folder / "groups.yaml", "informers:", "duty:")
    assert any("groups.yaml" in str(e) and "YAML" in str(e) for e in refusal(folder))


def test_all_errors_are_told_at_once(folder: Path) -> None:
    change(folder / "towns.csv", "320614415000", "320613415000")
    change(folder / "policy.yaml", "on_silence: hold", "on_silence: maybe")
    change(folder / "groups.yaml", "share: 0.004", "share: 4")
    assert {Path(str(e.path)).name for e in refusal(folder)} >= {"towns.csv", "policy.yaml", "groups.yaml"}


@pytest.mark.parametrize("name", ["county.yaml", "towns.csv", "stations.csv", "feeds.yaml", "policy.yaml", "groups.yaml", "templates.yaml", "outline.csv"])
@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbfa: 1\n", b"\xff\xfe\x00", b"\n\n"])
def test_an_unreadable_file_is_refused_by_name(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert any(Path(str(e.path)).name == name for e in refusal(folder))


def test_a_formula_is_not_data(folder: Path) -> None:
    change(folder / "loudspeakers.csv", "海门街道1号广播", "=HYPERLINK(1)")
    assert any("公式" in str(e) for e in refusal(folder))


def test_not_a_county_folder(tmp_path: Path) -> None:
    assert "county.yaml" in str(refusal(tmp_path)[0])


def test_the_version_changes_with_any_file(folder: Path) -> None:
    before = load_county(folder).version
    change(folder / "policy.yaml", "min_update_s: 1800", "min_update_s: 1801")
    assert load_county(folder).version != before


def test_policy_covers_every_colour(haimen: County) -> None:
    for level in (Level.BLUE, Level.YELLOW, Level.ORANGE, Level.RED):
        rule = haimen.policy.approvals[level]
        assert rule.deadline_s <= 600 or level < Level.ORANGE  # orange and red leave within ten minutes
        assert set(haimen.policy.audience[level]) <= {g.group for g in haimen.groups}
        assert haimen.policy.channels[level]


def test_officers_are_asked_in_the_order_that_the_policy_gives(folder: Path) -> None:
    change(folder / "policy.yaml", "chief: [chief-1, deputy-1]", "chief: [deputy-1, chief-1]")
    policy = load_county(folder).policy
    assert [o.officer for o in policy.asked(["chief"])] == ["deputy-1", "chief-1"]
    assert [o.officer for o in policy.asked(["duty_officer"])] == ["duty-1", "duty-2"] and policy.asked(["mayor"]) == ()


@pytest.mark.parametrize(("clock", "level", "status", "refused"), [
    ("22:00", Level.BLUE, Status.ACTUAL, True), ("05:59", Level.YELLOW, Status.ACTUAL, True), ("06:00", Level.BLUE, Status.ACTUAL, False),
    ("03:00", Level.ORANGE, Status.ACTUAL, False), ("03:00", Level.RED, Status.EXERCISE, True), ("21:59", Level.RED, Status.TEST, False),
])
def test_quiet_hours_refuse_what_may_wait(haimen: County, clock: str, level: Level, status: Status, refused: bool) -> None:
    at = datetime.fromisoformat(f"2021-07-26T{clock}:00+08:00")
    assert haimen.policy.quiet is not None and not haimen.policy.quiet.verified
    assert haimen.policy.quiet.refuses(at.astimezone(UTC), level, status) is refused


def test_a_station_says_real_only_with_a_source(haimen: County) -> None:
    assert all(s.source for s in haimen.stations if s.levels_verified or not s.synthetic)
    assert haimen.station("TSG").datum_offset == -1.763  # 吴淞 = 废黄河 + 1.763


def test_every_connector_may_be_named_and_every_name_has_a_connector() -> None:
    from connectors.registry import CONNECTORS

    assert set(CONNECTOR_KINDS) == set(CONNECTORS)
