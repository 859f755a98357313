"""A county begun by a stranger: a folder from a few answers, its trial feed over a real socket, a draft, and no way into live operation."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from command_line import Call, caller, one_line

from console.starting import places
from core.county import load_county
from core.county.gcj02 import restored, shifted
from core.county.unready import unready
from core.errors import ConfigError
from core.model import Hazard

CELLS = {"罗阳镇": (119.6, 27.5), "百丈镇": (119.7, 27.5), "筱村镇": (119.6, 27.6)}
HEAD = ("--name", "泰顺县", "--name-en", "Taishun", "--code", "330329")
SEAL = base64.b64encode(bytes(range(32))).decode()
LIVE = {"FENGSUI_MODE": "live", "FENGSUI_STATUS": "Actual", "FENGSUI_SMS_URL": "https://sms.example.org", "FENGSUI_BROKER_HOST": "broker.example.org",
        "FENGSUI_BROKER_USER": "fengsui", "FENGSUI_TWILIO_ACCOUNT": "AC1", "FENGSUI_TWILIO_SENDER": "WARN", "FENGSUI_TWILIO_TOKEN": "synthetic-token-1",
        "FENGSUI_BROKER_PASSWORD": "synthetic-word-2", "FENGSUI_SEAL_KEY": SEAL}


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(monkeypatch, capfd)


def geojson(path: Path, by=lambda x, y: (x, y), **more: object) -> Path:
    """Three square towns, each corner taken through `by`."""
    def ring(x: float, y: float) -> list[list[float]]:
        return [list(by(x + dx, y + dy)) for dx, dy in ((0, 0), (0.1, 0), (0.1, 0.1), (0, 0.1), (0, 0))]

    features = [{"type": "Feature", "properties": {"XZQMC": name, "人口": "１２,３４５"}, "geometry": {"type": "MultiPolygon", "coordinates": [[ring(*at)]]}}
                for name, at in CELLS.items()]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **more}), encoding="utf-8")
    return path


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("told", "headline", "sms", "clock"), [
    ((*HEAD, "--centre", "27.56,119.72"), "【演练】泰顺县应急管理局发布洪涝", "【演练】【泰顺县预警】示例镇洪涝", "+08:00"),
    (("--name", "Sitka", "--code", "002220", "--centre", "57.05,-135.33", "--zone", "America/Sitka", "--language", "en"),
     "[EXERCISE] Sitka Emergency Management: ", "[EXERCISE] Sitka: Example town: ", "-08:00"),
])
def test_from_an_empty_folder_to_a_draft(tmp_path: Path, call: Call, told: tuple[str, ...], headline: str, sms: str, clock: str) -> None:
    folder, at = tmp_path / "new", "2026-08-07T04:00:00+00:00"
    made = call("county", "new", folder, *told, "--now", at, home=tmp_path / "home")
    assert made.returncode == 0 and "草稿" in made.stdout, made.stderr
    assert call("county", "check", folder, home=tmp_path / "home").returncode == 0
    with served(folder / "try") as address:
        state = {"FENGSUI_COUNTY": str(folder), "FENGSUI_SANDBOX_URL": address, "FENGSUI_SEAL_KEY": SEAL, "FENGSUI_STATUS": "Exercise"}
        ticked = call("tick", "--json", "--now", at, home=tmp_path / "home", **state)
        assert ticked.returncode == 0 and json.loads(ticked.stdout)["drafted"], ticked.stderr
        waits = json.loads(call("alerts", "--json", "--now", at, home=tmp_path / "home", **state).stdout)
    (draft,) = waits["waiting"]
    assert draft["headline"].startswith(headline) and draft["towns"][0]["sms"].startswith(sms) and draft["towns"][0]["segments"] == 1
    assert clock in (folder / "try" / "rain.csv").read_text(encoding="utf-8")
    told_en = headline.startswith("[")
    assert any("\u4e00" <= c <= "\u9fff" for c in draft["towns"][0]["sms"]) is not told_en
    assert "synthetic" in (folder / "stations.csv").read_text(encoding="utf-8") and load_county(folder).stations[0].synthetic


def test_a_draft_is_never_live(tmp_path: Path, call: Call) -> None:
    call("county", "new", tmp_path / "new", *HEAD, "--centre", "27.56,119.72", home=tmp_path / "home")
    for command in ("tick", "summary", "alerts"):
        refused = call(command, home=tmp_path / "home", FENGSUI_COUNTY=str(tmp_path / "new"), **LIVE)
        assert refused.returncode == 2 and "草稿县不能正式运行" in one_line(refused)
    assert not (tmp_path / "home" / "ledger.db").exists()


def test_nothing_of_anybodys_is_overwritten_and_what_is_missing_is_named(tmp_path: Path, call: Call) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "towns.csv").write_text("mine", encoding="utf-8")
    refused = call("county", "new", tmp_path / "full", *HEAD, "--centre", "27.56,119.72", home=tmp_path)
    assert refused.returncode == 2 and "不是空的" in one_line(refused) and (tmp_path / "full" / "towns.csv").read_text(encoding="utf-8") == "mine"
    assert "--name" in one_line(call("county", "new", tmp_path / "x", home=tmp_path))
    assert "纬度" in one_line(call("county", "new", tmp_path / "x", *HEAD, "--centre", "119.72,27.56", home=tmp_path))
    wrong = call("county", "new", tmp_path / "x", *HEAD, "--centre", "27.56,119.72", "--zone", "Asia/Beijing", home=tmp_path)
    assert "不认识时区" in one_line(wrong) and not (tmp_path / "x").exists()


def test_towns_come_from_their_outlines(tmp_path: Path, call: Call) -> None:
    file = geojson(tmp_path / "t.geojson", crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}})
    call("county", "new", tmp_path / "new", *HEAD, "--towns", file, home=tmp_path)
    county = load_county(tmp_path / "new")
    assert [(town.name, town.population) for town in county.towns] == [(name, 12345) for name in CELLS]
    assert [town.key for town in county.towns] == ["t01", "t02", "t03"] and all(town.cell for town in county.towns)


@pytest.mark.parametrize(("by", "more", "says"), [
    (lambda x, y: (x * 4000, y * 110000), {}, "是米，不是度"), (lambda x, y: (y, x), {}, "经纬度颠倒了"),
    (lambda x, y: (x, y), {"crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::4549"}}}, "ogr2ogr"),
])
def test_a_file_that_is_not_in_degrees_is_refused_with_what_to_do(tmp_path: Path, by, more: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        places.read(geojson(tmp_path / "t.geojson", by, **more))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_table_is_read_as_a_spreadsheet_saves_it(tmp_path: Path, encoding: str) -> None:
    text = "泰顺县一览表,,,,\r\n名称 ,代码,经度,纬度,人口\r\n罗阳镇　,330329100000,１１９．６５,27.55　,１２３４５\r\n合计,,,,12345\r\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    (town,) = places.read(tmp_path / "t.csv")
    assert (town.name, town.lon, town.lat, town.code, town.population) == ("罗阳镇", 119.65, 27.55, "330329100000", 12345)


@pytest.mark.parametrize(("rows", "says"), [("罗阳镇,119°39′,27.55", r":2: .*十进制度"), ("罗阳镇,,", ":2: .*十进制度"), ("甲,119.6,27.5\n甲,119.7,27.6", "有 2 个")])
def test_a_town_without_degrees_or_there_twice_is_never_passed_over(tmp_path: Path, rows: str, says: str) -> None:
    (tmp_path / "t.csv").write_text(f"名称,经度,纬度\n{rows}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        places.read(tmp_path / "t.csv")


def test_gcj02_is_what_public_converters_give_and_comes_back() -> None:
    assert shifted(116.404, 39.915) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-9)  # the value in eviltransform's tests
    assert restored(*shifted(119.7, 27.56)) == pytest.approx((119.7, 27.56), abs=1e-6)
    assert shifted(-135.3, 57.05) == (-135.3, 57.05)


@pytest.mark.parametrize(("convert", "suspected"), [((), True), (("--gcj02",), False)])
def test_an_outline_of_a_web_map_is_known_by_the_stations_at_its_edge(tmp_path: Path, call: Call, convert: tuple[str, ...], suspected: bool) -> None:
    folder = tmp_path / "new"
    call("county", "new", folder, *HEAD, "--towns", geojson(tmp_path / "t.geojson", shifted), *convert, home=tmp_path)
    head = (folder / "stations.csv").read_text(encoding="utf-8").split("TRY-1")[0]
    rows = "".join(f"E{n},{n}站,rain,{lat},119.6015,罗阳镇,rain,mm,,,,,,false,,p,,true\n" for n, lat in enumerate((27.52, 27.55, 27.62)))
    (folder / "stations.csv").write_text(head + rows, encoding="utf-8")
    told = "\n".join(unready(load_county(folder), [Hazard.FLOOD]))
    assert ("轮廓像是网络地图的坐标" in told) is suspected and ("在各镇街之外" in told) is suspected


def test_what_would_stay_silent_is_told(tmp_path: Path, call: Call) -> None:
    folder = tmp_path / "new"
    call("county", "new", folder, *HEAD, "--centre", "27.56,119.72", "--packs", "cn/rainstorm,cn/geological_rain", home=tmp_path)
    stations = (folder / "stations.csv").read_text(encoding="utf-8")
    feeds = (folder / "feeds.yaml").read_text(encoding="utf-8")
    (folder / "feeds.yaml").write_text(feeds + feeds[feeds.index("rain:"):].replace("rain:", "deaf:", 1).replace("雨量（", "别的雨量（"), encoding="utf-8")
    (folder / "stations.csv").write_text(stations, encoding="utf-8")
    told = call("county", "check", folder, home=tmp_path).stdout
    for words in ("地质灾害：有规则，没有文案，不研判", "数据源 deaf 在 stations.csv 里没有测站", "没有正式地址 / no live address：rain、deaf", "draft: true"):
        assert words in told
