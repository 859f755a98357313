"""YAML 1.2 with line numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import yamlfile
from core.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_times_words_and_codes_stay_what_they_are(tmp_path: Path) -> None:
    data, _ = yamlfile.load(write(tmp_path, 'start: 22:30\ncountry: NO\nenabled: no\ncode: "007"\nn: 3\nx: 1.5\nyes: true\nnone: null\n'))
    assert data == {"start": "22:30", "country": "NO", "enabled": "no", "code": "007", "n": 3, "x": 1.5, "yes": True, "none": None}
    assert type(data["n"]) is int and type(data["x"]) is float and type(data["start"]) is str


def test_lines_of_nested_keys(tmp_path: Path) -> None:
    _, where = yamlfile.load(write(tmp_path, "a:\n  b:\n    - 1\n    - c: 2\n"))
    assert (where("a"), where("a", "b"), where("a", "b", 1), where("a", "b", 1, "c"), where("zzz")) == (1, 2, 4, 4, 1)


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: [1\n", "a: b: c\n", "- 1\n", "\t- x: 1\n"])
def test_broken_documents_name_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        yamlfile.load(write(tmp_path, text))
    assert "x.yaml" in str(caught.value)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="1000000"):
        yamlfile.load(write(tmp_path, "a: " + "x" * 1_000_001))
