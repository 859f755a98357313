"""One word of a pack changed where it stands; every other byte stays as the analyst wrote it, comments and line breaks included."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from core.errors import ConfigError, ConfigErrors
from core.yamlfile import read_text
from rules.language import RuleError
from rules.packs import Pack, load_pack


def with_value(path: Path, rule: str, keys: tuple[str, ...], value: str) -> str:
    """The pack's text with rules[rule][keys...], which stands there as a text, replaced by `value` on one line; ConfigError where it does not stand."""
    text = read_text(path)
    rules = _value(YAML(typ="rt").compose(text), "rules")
    node = next((each for each in rules.value if _value(each, "id").value == rule), None)
    if node is None:
        raise ConfigError(f"包里没有规则 {rule} / no such rule in the pack", path=path)
    for key in keys:
        node = _value(node, key)
    if not isinstance(node, ScalarNode):
        raise ConfigError(f"规则 {rule} 里没有 {'.'.join(keys)} / it does not stand in the rule", path=path)
    start, after = node.start_mark.index, node.end_mark.index
    end = start + len(text[start:after].rstrip())  # a folded block ends where the next line begins
    return text[:start] + (value if _plain(value) else json.dumps(value, ensure_ascii=False)) + text[end:]


def _value(node: Any, key: str) -> Any:
    """The node under a key of a mapping; None where there is none."""
    return next((value for name, value in node.value if name.value == key), None) if isinstance(node, MappingNode) else None


def _plain(value: str) -> bool:
    """Whether YAML reads the text without quotes as that text, wherever it stands."""
    try:
        return bool(YAML(typ="safe", pure=True).load(f"a: {value} # b\nc: {{a: {value}, b: 1}}\n") == {"a": value, "c": {"a": value, "b": 1}})
    except YAMLError:
        return False


def loaded(path: Path, text: str) -> Pack:
    """The pack as it would be with another text; ConfigErrors that name the pack's own file, for that is the one people know."""
    with TemporaryDirectory(prefix="fengsui-edit-") as folder:
        trial = Path(folder) / path.name
        trial.write_text(text, encoding="utf-8")
        try:
            return load_pack(trial)
        except ConfigErrors as wrong:
            raise ConfigErrors([_of(path, error) for error in wrong.errors]) from wrong
        except ConfigError as error:
            raise _of(path, error) from error


def _of(path: Path, error: ConfigError) -> ConfigError:
    if isinstance(error, RuleError):
        return RuleError(*error.told, replace(error.place, path=path), hint=error.hint)
    return ConfigError(error.message, path=path, line=error.line, column=error.column, hint=error.hint)


def write(path: Path, text: str) -> None:
    """Replace a pack by a text that loads, in one step: a text that does not load leaves the file as it was (ConfigErrors)."""
    loaded(path, text)
    trial = path.with_name(f".{path.stem}.trial.yaml")
    try:
        trial.write_text(text, encoding="utf-8")
        trial.replace(path)
    finally:
        trial.unlink(missing_ok=True)
