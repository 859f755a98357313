"""limits.csv, elevation and site: read strictly, every fault told with file:line; and no wider limit without rules that hold a lying station."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from mountain_world import FILES, HEAD, LIMITS, write

from core.county import load_county
from core.county.limits import FILE
from core.county.places import UPLAND_COLUMNS
from core.errors import ConfigErrors
from core.limits import SETTABLE
from rules import widened
from rules.packs import find, load_packs

README = Path(__file__).resolve().parents[2] / "county" / "README.md"


def check(folder: Path) -> None:
    """As `fengsui county check` does."""
    county = load_county(folder)
    widened.check((rule for pack in load_packs(find(county.packs, county.root)) for rule in pack.rules), county)


def refused(folder: Path) -> str:
    with pytest.raises(ConfigErrors) as caught:
        check(folder)
    return str(caught.value)


def test_the_mountain_county_passes_and_its_rows_are_read(tmp_path: Path) -> None:
    check(write(tmp_path))
    county = load_county(tmp_path)
    assert [row.place for row in county.limits] == [f"limits.csv:{n}" for n in range(2, 7)]
    assert county.station("U1").elevation == 842 and county.station("P1").site == ""


STATION_EDITS = [
    (",2400,ridge", ",,ridge", "stations.csv:5", "needs its elevation"),
    (",2400,", ",24000,", "stations.csv:5", "elevation"),
    (",842,stream", ",84.2,stream", "stations.csv:2", "相差 759 米"),
    (",842,stream", ",842,steam", "stations.csv:2", "did you mean: stream"),
    ("synthetic,elevation,site", "synthetic,elevation,sites", "stations.csv:1", "sites"),
    ("synthetic,elevation,site", "synthetic,elevation,elevation", "stations.csv:1", "elevation"),
]
EDITS = [
    ("station,site", "stations,site", "limits.csv:1", "stations"),
    (",stream,stage,leap,5", "U9,,stage,leap,5", "limits.csv:2", "unknown"),
    (",stream,stage,leap,5", "P01,,stage,leap,5", "limits.csv:2", "did you mean: P1"),
    (",stream,stage,leap,5", "U1,stream,stage,leap,5", "limits.csv:2", "one of station and site"),
    (",stream,stage,leap,5", ",streams,stage,leap,5", "limits.csv:2", "did you mean: stream"),
    (",stream,stage,leap,5", ",stream,stages,leap,5", "limits.csv:2", "stages"),
    (",stream,stage,leap,5", ",stream,stage,leep,5", "limits.csv:2", "did you mean: leap"),
    (",stream,stage,leap,5", ",stream,stage,alone,5", "limits.csv:2", "没有限值 alone"),
    (",stream,stage,leap,5", ",stream,rain,leap,5", "limits.csv:2", "没有限值 leap"),
    (",stream,stage,leap,5", ",stream,rain,alone,50", "limits.csv:2", "不测 rain"),
    (",stream,stage,leap,5", "P1,,stage,leap,5", "limits.csv:2", "不测 stage"),
    (",stream,stage,leap,5", ",,tide,leap,5", "limits.csv:2", "全县没有测站"),
    (",stream,stage,leap,5", ",stream,stage,leap,0", "limits.csv:2", "more than 0"),
    (",stream,stage,leap,5", ",stream,stage,leap,-1", "limits.csv:2", "value"),
    (",stream,stage,leap,5", ",stream,stage,leap,5m", "limits.csv:2", "value"),
    (",stream,stage,leap,5", ",stream,stage,stands_h,5400", "limits.csv:2", "value"),
    (",stream,stage,leap,5,虚构", ",stream,stage,leap,5,", "limits.csv:2", "source"),
    (",stream,stage,leap,5,虚构,false", ",stream,stage,leap,5,虚构,no", "limits.csv:2", "verified"),
    (",stream,stage,step", ",stream,stage,leap", "limits.csv:3", "与第 2 行重复"),
    (",stream,stage,leap,5", ",,temperature,low,90", "limits.csv:2", "value"),
    (",stream,stage,leap,5", ",,temperature,low,46", "limits.csv:2", "不低于上限 45"),
]


@pytest.mark.parametrize(("old", "new", "where", "says"), STATION_EDITS, ids=[edit[1] for edit in STATION_EDITS])
def test_a_slip_in_the_stations_is_told(tmp_path: Path, old: str, new: str, where: str, says: str) -> None:
    assert old in FILES["stations.csv"]
    told = refused(write(tmp_path, stations=FILES["stations.csv"].replace(old, new, 1)))
    assert where in told and says in told and told.count("->") == 1, told


@pytest.mark.parametrize(("old", "new", "where", "says"), EDITS, ids=[edit[1] for edit in EDITS])
def test_a_slip_in_the_limits_is_told(tmp_path: Path, old: str, new: str, where: str, says: str) -> None:
    assert old in LIMITS
    told = refused(write(tmp_path, limits=LIMITS.replace(old, new, 1)))
    assert where in told and says in told and told.count("->") == 1, told


def test_a_site_without_limits_is_told(tmp_path: Path) -> None:
    told = refused(write(tmp_path, limits=""))
    assert "stations.csv:2" in told and "没有限值" in told


def test_the_columns_may_be_left_out(tmp_path: Path) -> None:
    rows = [line.rsplit(",", 2)[0] for line in FILES["stations.csv"].splitlines()]
    check(write(tmp_path, stations="\n".join(rows) + "\n", limits=""))
    assert HEAD.startswith(rows[0])


UNSAFE = [
    ({"county": FILES["county.yaml"].replace("mountain_stream", "stage"), "stations": FILES["stations.csv"].replace("30.33,100.12,shang,stage", "30.05,100.3,xia,stage")},
     "limits.csv:2", "U1 一站就能抬高 上虚镇 的级别：规则 flood.stage 问的是一日的成因"),
    ({"towns": FILES["towns.csv"].replace("30.22,100.18", "30.04,100.3"), "stations": FILES["stations.csv"].replace("30.26,100.15", "30.05,100.3")},
     "limits.csv:5", "R3 一站就能抬高 下虚镇 的级别：规则 flood.rainstorm 不问成因"),
]


@pytest.mark.parametrize(("changed", "where", "says"), UNSAFE, ids=["a day's causes", "no second path"])
def test_a_wider_limit_that_no_rule_holds_is_refused(tmp_path: Path, changed: dict[str, str], where: str, says: str) -> None:
    told = refused(write(tmp_path, **changed))
    assert where in told and says in told, told


def test_a_stricter_limit_needs_nobody(tmp_path: Path) -> None:
    rows = LIMITS.replace("leap,5", "leap,0.3").replace("step,8", "step,2").replace("spike,3", "spike,0.5")
    check(write(tmp_path, limits=rows, county=FILES["county.yaml"].replace("mountain_stream", "stage")))


def test_the_page_tells_every_limit_and_the_columns() -> None:
    page = README.read_text(encoding="utf-8")
    assert all(f"`{word}`" in page for word in (*SETTABLE, FILE, *UPLAND_COLUMNS))
