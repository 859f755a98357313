"""An edit of a pack touches the one value: every other byte stays, whatever is written, and a text that does not load replaces nothing."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.errors import ConfigError, ConfigErrors
from core.model import Level
from rules import edit
from rules.packs import load_pack, shipped
from rules.sweep import changed

PLACES = [(path, rule.id, level) for path in shipped() for rule in load_pack(path).rules for level in rule.conditions]
PACK = """\
# the county's own
pack: a  # never rename
rules:
  - id: one
    levels: {blue: rain_1h >= 1 mm, red: "rain_1h >= 9 mm"}  # agreed in May
    stage: 'shadow' # until autumn
  - id: two   # the second
    levels:
      blue: >-
        rain_1h >= 1 mm
        and coastal

      # above all
      red: rain_1h >= 9 mm
    optional: [rain_1h,
               rain_3h]
"""
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Zl", "Zp"), exclude_characters="\ufeff"), max_size=30)
AWKWARD = st.sampled_from(["", "no", "null", "12", "1:30", "2021-07-25", "a: b", "a #b", "- a", "a, b", "min(a, b) >= 1 mm", "'", '"', "*a", "&a", "!a", "%a", "@a",
                           "{a}", "[", "| a", " a ", "a\nb", "风力 >= 8 级", "~", "0x1f", "1e3", "<<", "---", "?", ":"])


def data(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.mark.parametrize(("path", "rule", "level"), PLACES, ids=lambda value: getattr(value, "stem", None) or str(value))
def test_in_every_shipped_pack_only_the_condition_changes(path: Path, rule: str, level: Level) -> None:
    before = path.read_text(encoding="utf-8")
    after = edit.with_value(path, rule, ("levels", level.en), "rain_1h >= 77 mm")
    wanted = data(before)
    next(r for r in wanted["rules"] if r["id"] == rule)["levels"][level.en] = "rain_1h >= 77 mm"
    assert data(after) == wanted
    head, tail = after.split("rain_1h >= 77 mm", 1)
    assert before.startswith(head) and before.endswith(tail) and len(head) > 20


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS | AWKWARD, st.sampled_from([("one", "levels", "blue"), ("one", "levels", "red"), ("one", "stage"), ("two", "levels", "blue"), ("two", "levels", "red")]))
def test_any_text_is_read_back_as_written_and_the_comments_stay(tmp_path: Path, value: str, where: tuple[str, ...]) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(PACK, encoding="utf-8")
    rule, *keys = where
    after = edit.with_value(path, rule, tuple(keys), value)
    wanted: Any = deepcopy(data(PACK))
    node = next(r for r in wanted["rules"] if r["id"] == rule)
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    assert data(after) == wanted
    for kept in ("# the county's own\n", "# never rename\n", "# agreed in May\n",
                 " # until autumn\n", "# the second\n", "      # above all\n", "[rain_1h,\n               rain_3h]"):
        assert kept in after


@pytest.mark.parametrize("where", [("three", "stage"), ("one", "levels", "orange"), ("one", "levels"), ("two", "stage"), ("two", "levels", "blue", "x")])
def test_what_does_not_stand_there_is_not_made_up(tmp_path: Path, where: tuple[str, ...]) -> None:
    path = tmp_path / "pack.yaml"
    path.write_text(PACK, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"pack\.yaml"):
        edit.with_value(path, where[0], where[1:], "live")


def test_a_text_that_does_not_load_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cn" / "rainstorm.yaml"
    path.parent.mkdir()
    text = next(p for p in shipped() if p.name == path.name).read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors) as told:
        edit.write(path, text.replace(">= 50 mm", ">= 50 kg", 1))
    assert str(told.value).startswith(f"{path}:13:"), "the error names the file that people know, not a copy on trial"
    assert path.read_text(encoding="utf-8") == text and list(path.parent.iterdir()) == [path]
    edit.write(path, text.replace(">= 50 mm", ">= 40 mm", 1))
    assert ">= 40 mm" in path.read_text(encoding="utf-8") and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("value", [0.1, 28.5, 0.1234567, 12345678.0, -0.3, 1 / 3])
def test_a_swept_number_is_written_as_it_was_tried(value: float) -> None:
    path = next(p for p in shipped() if p.name == "rainstorm.yaml")
    text = data(changed(path, "flood.rainstorm", Level.RED, "rain_3h", value))["rules"][0]["levels"]["red"]
    assert float(text.split(">=")[1].split()[0]) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(("rule", "level", "indicator"), [("flood.nothing", Level.RED, "rain_3h"), ("flood.rainstorm", Level.RED, "rain_1h")])
def test_a_number_that_is_not_compared_is_refused(rule: str, level: Level, indicator: str) -> None:
    path = next(p for p in shipped() if p.name == "rainstorm.yaml")
    with pytest.raises(ConfigError, match=r"rainstorm\.yaml"):
        changed(path, rule, level, indicator, 1.0)
