"""The command line: help everywhere, one exit code for one meaning, a wrong call answered in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from command_line import Call, one_line

from console.cli import app

ROOT = Path(__file__).resolve().parents[2]
RAIN = "rules/packs/cn/rainstorm.yaml"
HEAVY = ("airflow", "pandas", "pyarrow", "numpy", "scipy", "sqlalchemy", "twilio", "aiohttp", "lxml", "jinja2")


def commands(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below `node` with the words that call it."""
    if children := getattr(node, "commands", {}):
        for name, child in children.items():
            yield from commands(child, (*path, name))
    else:
        yield path, node


COMMANDS = dict(commands(typer.main.get_command(app)))
GROUPS = [(), *dict.fromkeys(path[:1] for path in COMMANDS if len(path) > 1)]


@pytest.mark.parametrize("path", [*COMMANDS, *GROUPS], ids=" ".join)
def test_every_command_helps(path: tuple[str, ...]) -> None:
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0 and "Usage" in result.output


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help and any("\u4e00" <= c <= "\u9fff" for c in command.help), path
    for parameter in command.params:
        if parameter.name != "help":
            assert getattr(parameter, "help", None), f"{' '.join(path)} {parameter.name} has no help text"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    words, readme = " ".join(path), (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"fengsui {words}" in readme or f"`{words}" in readme


def test_help_imports_nothing_heavy() -> None:
    """One fresh process asks every command for help, one after the other, and tells after which of them something heavy was there."""
    paths = [*GROUPS, *COMMANDS]
    code = f"""
import sys
from typer.testing import CliRunner
from console.cli import app
for path in {paths!r}:
    assert "Usage" in CliRunner().invoke(app, [*path, "--help"]).output, path
    found = [name for name in {HEAVY!r} if name in sys.modules]
    if found:
        sys.exit(f"{{path}}: {{found}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 0 and len(paths) > 20, done.stderr


def test_a_sound_county_is_zero_and_json_parses(fengsui: Call, tmp_path: Path) -> None:
    result = fengsui("county", "check", "--json", home=tmp_path)
    assert result.returncode == 0 and json.loads(result.stdout)["towns"] == 12


def test_a_wrong_county_is_two_and_names_every_line(fengsui: Call, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "county" / "haimen", tmp_path / "county", ignore=shutil.ignore_patterns("scenarios"))
    path = tmp_path / "county" / "policy.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("deadline_s: 1800", "deadline_s: soon").replace("on_silence: hold", "on_silence: x", 1), encoding="utf-8")
    result = fengsui("county", "check", str(tmp_path / "county"), home=tmp_path / "home")
    assert result.returncode == 2 and one_line(result).count("policy.yaml:") == 2
    assert not (tmp_path / "home").exists(), "nothing is started before the county is sound"


def test_feeds_never_pulled_are_one(fengsui: Call, tmp_path: Path) -> None:
    result = fengsui("feeds", "--json", home=tmp_path)
    assert result.returncode == 1 and {row["state"] for row in json.loads(result.stdout)} == {"unknown"}
    assert "Traceback" not in result.stderr


def test_an_empty_audit_chain_is_intact(fengsui: Call, tmp_path: Path) -> None:
    result = fengsui("audit", "verify", "--json", home=tmp_path)
    assert result.returncode == 0 and json.loads(result.stdout)["broken_at"] is None


@pytest.mark.parametrize(("words", "says"), [
    (("replay", "no-such-storm"), "no-such-storm"),
    (("summary", "--now", "yesterday"), "yesterday"),
    (("summary", "--now", "2021-07-26T17:00:00"), "zone"),
    (("explain", "--town", "天马镇", "--hazard", "flood", "--at", "2021-07-26T17:00:00+08:00"), "天马镇"),
    (("explain", "--town", "包场镇", "--hazard", "tsunami", "--at", "2021-07-26T17:00:00+08:00"), "tsunami"),
    (("explain", "--town", "包场镇", "--hazard", "flood"), "make run"),
    (("explain", "--town", "包场镇", "--hazard", "台风"), "make run"),
    (("explain", "--town", "包场镇", "--hazard", "台疯"), "台风 typhoon"),
    (("explain", "--town", "包场镇", "--at", "昨天"), "看不懂的时刻“昨天”"),
    (("explain", "--town", "包场镇", "--at", "2021-07-26 17:00"), "2021-07-26T17:00+08:00"),
    (("county", "check", "no/such/folder"), "county.yaml"),
    (("gateway", "weather"), "telemetry"),
    (("gateway", "no-such-feed"), "no-such-feed"),
    (("gateway", "push", "--host", "0.0.0.0"), "loopback"),
    (("feeds", "test", "no-such-feed"), "no-such-feed"),
    (("resume", "A.v1", "--officer", "nobody"), "nobody"),
    (("backtest",), "--storm"),
    (("backtest", "--storm", "no-such-storm"), "no-such-storm"),
    (("backtest", "--from", "2021-07-26T00:00:00Z", "--to", "2021-07-25T00:00:00Z"), "period"),
    (("backtest", "--from", "2021-07-25T00:00:00Z", "--to", "2021-07-26T00:00:00Z", "--step", "soon"), "soon"),
    (("backtest", "--from", "2021-07-25T00:00:00Z", "--to", "2021-07-26T00:00:00Z", "--packs=no-such-revision"), "no-such-revision"),
    (("backtest", "--from", "2021-07-25T00:00:00Z", "--to", "2021-07-26T00:00:00Z", "--packs=--output=x"), "nor a revision"),
    (("rules", "diff", "one-side"), "A..B"),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "pink", "--indicator", "rain_3h"), "pink"),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "red", "--indicator", "rain_3h"), "--values"),
    (("rules", "sweep", "flood.nothing", RAIN, "--level", "red", "--indicator", "rain_3h", "--apply", "9"), "flood.nothing"),
    (("rules", "sweep", "flood.rainstrom", RAIN, "--level", "红色", "--indicator", "rain_3h", "--apply", "9"), "flood.rainstorm？"),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "red", "--indicator", "rain3h", "--apply", "90"), "rain_3h？"),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "red", "--indicator", "rain_3h", "--apply", "nan"), "nan"),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "red", "--indicator", "rain_3h", "--apply", "9"), RAIN),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "red", "--indicator", "rain_3h", "--apply", "90", "--values", "9"), "只能写一种"),
    (("rules", "sweep", "flood.rainstorm", RAIN, "--level", "red", "--indicator", "rain_3h", "--values", "20-60", "--happened", "x.csv"), "逐个写出"),
    (("rules", "promote", "flood.rainstorm", RAIN, "--by", "a", "--why", " "), "who"),
    (("rules", "validate", "no/such/folder"), "no packs"),
    (("rules", "test", "no/such/pack.yaml"), "no/such/pack.yaml"),
])
def test_a_wrong_call_is_two_and_one_clear_line(fengsui: Call, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    result = fengsui(*words, home=tmp_path)
    assert result.returncode == 2, result.stderr
    assert says in one_line(result) and "\n" not in one_line(result)


@pytest.mark.parametrize(("words", "line"), [(("county", "check"), 2), (("explain", "--town", "天马镇"), None), (("summary", "--now", "昨天"), None)])
def test_who_asked_for_json_gets_the_error_as_json_too(fengsui: Call, tmp_path: Path, words: tuple[str, ...], line: int | None) -> None:
    county = tmp_path / "county"
    shutil.copytree(ROOT / "county" / "haimen", county, ignore=shutil.ignore_patterns("scenarios"))
    if line:
        head = "rule,level,parameter,town,station,value,unit,valid_from,source,verified,note\n"
        (county / "overrides.csv").write_text(f"{head}flood.rainstrom,red,rain_3h,悦来镇,,9,mm,,自定,,\n", encoding="utf-8")
    result = fengsui(*words, "--json", home=tmp_path / "home", FENGSUI_COUNTY=str(county))
    (error,) = json.loads(result.stdout)["errors"]
    assert result.returncode == 2 and error["line"] == line and error["message"] in one_line(result)
    assert (error["column"], error["hint"][:3]) == (1, "是不是") if line else error["message"]


def test_asking_why_founds_no_installation(fengsui: Call, tmp_path: Path) -> None:
    result = fengsui("explain", "--town", "包场镇", home=tmp_path / "mistyped")
    assert "mistyped: 台账里还没有研判" in one_line(result) and not (tmp_path / "mistyped").exists()


def test_a_machine_without_git_is_told_so(fengsui: Call, tmp_path: Path) -> None:
    period = ("--from", "2021-07-25T00:00:00Z", "--to", "2021-07-26T00:00:00Z")
    result = fengsui("backtest", *period, "--packs", "main", home=tmp_path, PATH=str(tmp_path))
    assert result.returncode == 2 and "git is not installed" in one_line(result)


@pytest.mark.parametrize(("rule", "says"), [("flood.rainstorm", "only a shadow rule"), ("flood.nothing", "not in the pack")])
def test_what_is_no_shadow_rule_is_not_promoted_and_the_file_stays(fengsui: Call, tmp_path: Path, rule: str, says: str) -> None:
    before = (ROOT / RAIN).read_bytes()
    result = fengsui("rules", "promote", rule, RAIN, "--by", "a", "--why", "b", home=tmp_path)
    assert result.returncode == 2 and says in one_line(result) and (ROOT / RAIN).read_bytes() == before and not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("words", [("no-such-command",), ("summary", "--no-such-option"), ("replay",)])
def test_an_unknown_word_is_two(fengsui: Call, tmp_path: Path, words: tuple[str, ...]) -> None:
    result = fengsui(*words, home=tmp_path)
    assert result.returncode == 2 and "Usage" in one_line(result)


def test_a_store_that_cannot_be_had_is_three(fengsui: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    result = fengsui("summary", home=tmp_path, FENGSUI_LEDGER_URL=f"sqlite:///{tmp_path}/file/ledger.db")
    assert result.returncode == 3 and "\n" not in one_line(result), result.stderr


def test_a_setting_that_cannot_be_used_is_two_and_shows_no_value(fengsui: Call, tmp_path: Path) -> None:
    result = fengsui("summary", home=tmp_path, FENGSUI_BROKER_PORT="hunter2")
    assert result.returncode == 2 and "FENGSUI_BROKER_PORT" in one_line(result) and "hunter2" not in result.stderr


def test_a_replay_that_is_told_to_end_takes_its_world_with_it(tmp_path: Path) -> None:
    env = os.environ | {"FENGSUI_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    run = subprocess.Popen([sys.executable, "-m", "console.cli", "replay", "in-fa-2021", "--home", str(tmp_path / "replay")], cwd=ROOT, env=env,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert run.stderr is not None and run.stderr.readline()  # the world is up when the first hour is told
    run.terminate()
    assert run.wait(60) == 143
    left = [folder.name for folder in Path("/proc").glob("[0-9]*") if belongs(folder, tmp_path)]
    assert left == []


def belongs(folder: Path, home: Path) -> bool:
    try:
        return str(home).encode() in (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
    except OSError:
        return False
