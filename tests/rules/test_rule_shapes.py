"""Whatever an analyst writes in a place of a pack or of its tests, what is wrong is told with the file's name, never by a crash; and what the
published schema of a test file refuses in form, its reader refuses too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.errors import ConfigError, ConfigErrors
from rules import schema
from rules.catalogue import load_catalogue
from rules.packs import load_pack
from rules.packtest import laid_out
from rules.validate import validate

PACK = """\
pack: x.y
title: 雨
jurisdiction: cn
valid_from: 2007-06-12
source: {document: 文件, clause: 第一条}
verified: false
parameters: {near: 800 km}
indicators:
  rain_2h: {title: 两小时雨量, title_en: rain in two hours, unit: mm, property: rain, statistic: sum, window_h: 2, reach: within, km: 10}
  fall: {title: 落潮, title_en: fall, unit: m, property: [tide], statistic: fall, window_h: 1}
rules:
  - id: flood.x
    title: 暴雨
    hazard: [flood]
    levels: {blue: rain_12h >= 50 mm or rain_2h >= 30 mm and fall > 1 cm, yellow: rain_6h >= 50 mm and typhoon_distance <= near}
    hold: {for: 10 min, keep_for: 2 h}
    optional: [rain_6h]
    corroborate: yellow
    explained_by: {condition: rain_3h >= 5 mm, question: 下雨了吗, source: 文件, verified: false}
"""
CASES = """\
interval: 1 h
tests:
  - name: 一
    rule: flood.x
    kind: firing
    interval: 1 h
    series: {rain@M1: 0x11 4.5x11}
    stations: {M1: {path: a, km: 1, datum: 吴淞, warning_stage: 2.5}}
    town: {river_front: true, over60_share: 0.3}
    tracks: [{at: 0 h, lat: 30, lon: 122, wind: 35, r7: [300, 200, 200, 300], r10: 90, agency: 中国}]
    signals: [{event: 暴雨, level: blue, from: 1 h, until: 2 h, areas: ["3206"], hazard: flood}]
    reports: [{at: 1 h, by: a, kind: ponding, value: 0.4, trust: 2}]
    forecasts: [{issued: 0 h, series: {rain@M1: 5x9}}]
    silent: [signals]
    expect: [{at: 23 h, level: blue, reason: [12小时雨量], flags: []}]
"""
INDICATORS = """\
indicators:
  rain_1h: {title: a, title_en: b, unit: mm, property: rain, statistic: sum, window_h: 1, reach: within, km: 15, witness_km: 20}
  dry: {title: c, title_en: c, unit: "1", property: soil_moisture, statistic: mean, window_h: 24, worse: low}
  eta: {title: a, title_en: b, unit: h, property: [stage], statistic: hours_to, above: warning_stage, baseline: 3, local: true}
  wind: {title: a, title_en: b, unit: m/s, kind: track, quantity: wind, lead_h: 6}
  off: {title: a, title_en: b, unit: level, kind: official, events: [暴雨]}
  low: {title: a, title_en: b, unit: "1", kind: town, field: bank_section, map: {1: 2}}
  caine: {title: a, title_en: b, unit: "1", property: rain, statistic: intensity_duration, window_h: 24, curve: {a: 1, b: 0.5}}
official: [{event: 暴雨, hazard: flood, towns: [a]}]
"""
WRONG = [None, True, 1, -1.5, "x", "", "9" * 40, [], {}, [1], [[]], {"a": 1}, {"a": {}}, {1: "x"}, [{}], "12 h", "blue", "a@b@c", {"rain@M1@x": "1"}]


FORM, WORDS = (jsonschema.Draft202012Validator(json.loads(schema.files()[f"{name}.schema.json"])) for name in ("test", "indicators"))


def loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def dumped(data: Any) -> str:
    """As JSON, which is YAML too and written sooner."""
    return json.dumps(data, ensure_ascii=False, default=str)


def places(data: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value below."""
    if at:
        yield at
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield from places(data[key], (*at, key))


def put(text: str, at: tuple[Any, ...], value: Any) -> Any:
    data = deepcopy(loaded(text))
    node = data
    for key in at[:-1]:
        node = node[key]
    node[at[-1]] = value
    return data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shapes")
    (path / "x.yaml").write_text(PACK, encoding="utf-8")
    return path


def told(wrong: ConfigError, name: str) -> bool:
    """Whether every error names the file and speaks both languages."""
    errors = wrong.errors if isinstance(wrong, ConfigErrors) else [wrong]
    return bool(errors) and all(name in str(error) and " / " in str(error) for error in errors)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.sampled_from(list(places(loaded(PACK)))), value=st.sampled_from(WRONG))
def test_a_pack_of_any_shape_is_read_or_refused_by_name(tmp_path: Path, at: tuple[Any, ...], value: Any) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(dumped(put(PACK, at, value)), encoding="utf-8")
    found = validate([path])
    try:
        assert load_pack(path).rules and not found.errors
    except ConfigError as wrong:
        assert told(wrong, "x.yaml") and found.errors


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.sampled_from(list(places(loaded(CASES)))), value=st.sampled_from(WRONG))
@example(at=("tests", 0, "forecasts"), value=True)
def test_tests_of_any_shape_are_laid_out_or_refused_by_name_and_in_form_as_the_schema_says(folder: Path, at: tuple[Any, ...], value: Any) -> None:
    data = put(CASES, at, value)
    (folder / "x.test.yaml").write_text(dumped(data), encoding="utf-8")
    try:
        laid = laid_out(folder / "x.yaml")
    except ConfigError as wrong:
        assert told(wrong, "x.test.yaml")
    else:
        assert len(laid) == 1 and (at[-1] == "name" or not list(FORM.iter_errors(data))), "a case may go without a name, in the schema it should not"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.sampled_from(list(places(loaded(INDICATORS)))), value=st.sampled_from(WRONG))
def test_a_catalogue_of_any_shape_is_read_or_refused_by_name(tmp_path: Path, at: tuple[Any, ...], value: Any) -> None:
    path = tmp_path / "indicators.yaml"
    data = put(INDICATORS, at, value)
    path.write_text(dumped(data), encoding="utf-8")
    try:
        load_catalogue.__wrapped__(path)
    except ConfigError as wrong:
        assert told(wrong, "indicators.yaml")
    else:
        assert not list(WORDS.iter_errors(json.loads(dumped(data)))), "what the schema refuses the reader refuses too"


def test_the_unspoiled_documents_are_good(folder: Path) -> None:
    (folder / "indicators.yaml").write_text(INDICATORS, encoding="utf-8")
    assert len(load_catalogue.__wrapped__(folder / "indicators.yaml").indicators) == 7
    (folder / "x.test.yaml").write_text(CASES, encoding="utf-8")
    assert len(laid_out(folder / "x.yaml")) == 1 and not list(FORM.iter_errors(loaded(CASES))) and not validate([folder / "x.yaml"]).errors
