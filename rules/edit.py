"""One word of a pack changed where it stands; comments, order and everything else stay as the analyst wrote them (ruamel's round trip)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from core.errors import ConfigError
from core.yamlfile import read_text
from rules.packs import load_pack


def with_value(path: Path, rule: str, keys: tuple[str, ...], value: str) -> str:
    """The pack's text with rules[rule][keys...] = value; ConfigError when there is no such rule."""
    yaml = YAML(typ="rt")
    yaml.width, yaml.preserve_quotes = 4096, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    data: Any = yaml.load(read_text(path))
    node = next((r for r in data["rules"] if r["id"] == rule), None)
    if node is None:
        raise ConfigError(f"包里没有规则 {rule} / no such rule in the pack", path=path)
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = value
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


def write(path: Path, text: str) -> None:
    """Replace a pack by a text that loads, in one step: a text that does not load leaves the file as it was (ConfigErrors)."""
    trial = path.with_name(f".{path.stem}.trial.yaml")
    try:
        trial.write_text(text, encoding="utf-8")
        load_pack(trial)
        trial.replace(path)
    finally:
        trial.unlink(missing_ok=True)
