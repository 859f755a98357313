"""JSON Schema of packs, of their tests and of the indicator file, for editors (completion, red lines under wrong words). Made from what the loaders know.

`fengsui rules schema` writes the files; a pack names its schema in its first line: `# yaml-language-server: $schema=...`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.model import Hazard
from core.reporting import KINDS as REPORTS
from core.units import PROPERTIES
from rules import testcases
from rules.catalogue import load_catalogue
from rules.packfile import CAUSE_KEYS, PACK_KEYS, REQUIRED, RULE_KEYS
from rules.packs import COLOURS
from rules.row import CHOICES, EVERY, FIELDS, KEY, KNOWN_KEYS, LENGTHS, MAX_PROPERTIES, MAX_WORDS, NAME, RANGES

FOLDER = Path(__file__).with_name("schema")
_SPAN = {"type": "string", "pattern": r"^\d{1,5}\s*(s|min|h)$", "examples": ["0 min", "60 min"]}
_TEXT = {"type": "string", "minLength": 1}
_HEIGHT = {"type": "string", "pattern": r"^\d{1,9}(\.\d{1,9})?\s*(m|cm|mm)$", "examples": ["0.30 m"]}


def pack_schema() -> dict[str, Any]:
    """Schema of one pack file."""
    names = sorted(load_catalogue().indicators)
    hazard = {"enum": [str(h) for h in Hazard]}
    colour = {"enum": [level.en for level in COLOURS]}
    rule: dict[str, Any] = {
        "id": {"type": "string", "pattern": r"^[a-z][a-z0-9_.]{0,63}$"}, "title": _TEXT, "hazard": {"anyOf": [hazard, {"type": "array", "items": hazard}]},
        "levels": _object({level.en: _TEXT | {"description": f"{level.zh}：可用的指标 / indicators: {', '.join(names)}"} for level in COLOURS}),
        "hold": _object({"for": _SPAN, "keep_for": _SPAN}), "role": {"enum": ["hazard", "impact"]}, "stage": {"enum": ["live", "shadow", "off"]},
        "explained_by": _object({"condition": _TEXT, "question": _TEXT, "source": _TEXT, "verified": {"type": "boolean"}, "tide_margin": _HEIGHT,
                                 "sudden": {"type": "boolean"}}, CAUSE_KEYS)
        | {"description": "一路独报时什么能解释它；已知全无则只列入不能排除 / what would explain one path's claim; known to be absent, it is not proved"},
        "optional": {"type": "array", "items": {"anyOf": [{"enum": names}, {"pattern": f"^{NAME.pattern}$"}]}}, "corroborate": colour,
        "source": _TEXT, "verified": {"type": "boolean"}, "note": _TEXT,
    }
    day = {"anyOf": [{"type": "string", "format": "date"}, _TEXT]}
    pack: dict[str, Any] = {
        "pack": _TEXT, "title": _TEXT, "jurisdiction": _TEXT, "valid_from": day, "valid_to": day, "verified": {"type": "boolean"}, "note": _TEXT,
        "source": _object({"document": _TEXT, "clause": _TEXT}, ("document", "clause")), "parameters": {"type": "object"},
        KEY: _words() | {"description": "本包自带的指标，写法同 indicators.yaml，只在本包里用 / indicators of the pack's own, of the shape of indicators.yaml"},
        "rules": {"type": "array", "minItems": 1, "items": _object({k: rule[k] for k in sorted(RULE_KEYS)}, ("id", "title", "hazard", "levels"))},
    }
    return _head("规则包 / rule pack") | _object({k: pack[k] for k in sorted(PACK_KEYS)}, REQUIRED)


def test_schema() -> dict[str, Any]:
    """Schema of the test file beside a pack."""
    span, text = {"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(min|h|d)\s*$", "examples": ["1 h", "30 min"]}, {"type": "string", "minLength": 1}
    pieces = {"anyOf": [{"type": "string"}, {"type": "array", "items": text}]}
    level, number = {"enum": list(testcases.COLOURS)}, {"type": "number"}
    series = {"type": "object", "propertyNames": {"pattern": f"^({'|'.join(sorted(PROPERTIES))})@.+$"}, "additionalProperties": {"type": ["string", "number"]}}
    radii = {"anyOf": [number, {"type": "array", "items": number, "minItems": 4, "maxItems": 4}]}
    words = {
        **dict.fromkeys(sorted(testcases.TIMES), span), "level": level, "hazard": {"enum": [str(h) for h in Hazard]}, "kind": {"enum": sorted(REPORTS)},
        "series": series, **dict.fromkeys(("r7", "r10", "r12"), radii), "areas": {"type": "array", "items": text},
        **dict.fromkeys(("event", "by", "agency"), text), **dict.fromkeys(("lat", "lon", "value", "trust"), number),
        **{key: {"anyOf": [number, {"const": testcases.UNTOLD}]} for key in sorted(testcases.MAY_BE_UNTOLD)},
    }
    parts = {name: {"type": "array", "items": _object({k: words[k] for k in (*needed, *also)}, needed)} for name, (needed, also) in testcases.PARTS.items()}
    station = {key: text if key in ("path", "datum") else number for key in sorted(testcases.STATION_KEYS)}
    town = {key: {"type": ["boolean", "number"]} for key in FIELDS}
    expected = {"at": span, **dict.fromkeys(testcases.LEVELS, level), **dict.fromkeys(testcases.WORDS, pieces)}
    case: dict[str, Any] = {
        "name": text, "rule": text, "kind": {"enum": list(testcases.KINDS)}, "interval": span, "series": series, "town": _object(town), **parts,
        "stations": {"type": "object", "additionalProperties": _object(station)}, "silent": {"type": "array", "items": {"enum": list(testcases.FEEDS)}},
        "expect": {"type": "array", "minItems": 1, "items": _object(expected, ("at",))},
    }
    cases = {"type": "array", "minItems": 1, "items": _object({k: case[k] for k in sorted(testcases.CASE_KEYS)}, ("name", "rule", "kind", "expect"))}
    return _head("规则包的测试 / tests of a rule pack") | _object({"interval": span, "tests": cases}, ("tests",))


def _word() -> dict[str, Any]:
    """Schema of one row that declares an indicator."""
    one = {"enum": sorted(PROPERTIES)}
    fields: dict[str, Any] = {key: {"enum": list(known)} for key, known in CHOICES.items()}
    fields |= {key: {"type": "number", "minimum": low, "maximum": high} for key, (low, high) in RANGES.items()}
    fields |= {key: _TEXT | {"maxLength": most} for key, most in LENGTHS.items()}
    fields |= {
        "property": {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_PROPERTIES}]}, "local": {"type": "boolean"},
        "curve": _object({"a": {"type": "number"}, "b": {"type": "number"}}, ("a", "b")), "map": {"type": "object", "additionalProperties": {"type": "number"}},
        "events": {"type": "array", "items": _TEXT, "minItems": 1},
    }
    return _object({key: fields[key] for key in sorted(KNOWN_KEYS)}, EVERY[0])


def _words() -> dict[str, Any]:
    """Schema of the rows under `indicators:`."""
    return {"type": "object", "minProperties": 1, "maxProperties": MAX_WORDS, "propertyNames": {"pattern": f"^{NAME.pattern}$"}, "additionalProperties": _word()}


def indicator_schema() -> dict[str, Any]:
    """Schema of indicators.yaml."""
    return _head("指标 / indicators") | {"type": "object", "properties": {KEY: _words(), "official": {"type": "array"}}}


def files() -> dict[str, str]:
    """File name -> text, as it should stand in rules/schema/."""
    made = {"pack.schema.json": pack_schema(), "test.schema.json": test_schema(), "indicators.schema.json": indicator_schema()}
    return {name: json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n" for name, value in made.items()}


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files()]


def _head(title: str) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False} | ({"required": list(required)} if required else {})
