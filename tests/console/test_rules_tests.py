"""`fengsui rules test` and `county check` as the analyst calls them: exit codes, places, what the survivors are told as."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import caller

from core.county.overrides import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
PACKS = ROOT / "rules" / "packs" / "cn"
Call = Callable[..., tuple[int, str]]


@pytest.fixture
def fengsui(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    ask = caller(monkeypatch, capfd)

    def call(*words: str) -> tuple[int, str]:
        got = ask(*words, home=tmp_path / "home")
        return got.returncode, got.stdout + ("" if "--json" in words else got.stderr)
    return call


def copied(folder: Path, name: str, old: str, new: str, file: str = "test.yaml") -> Path:
    for suffix in ("yaml", "test.yaml"):
        text = (PACKS / f"{name}.{suffix}").read_text(encoding="utf-8")
        (folder / f"{name}.{suffix}").write_text(text.replace(old, new) if suffix == file else text, encoding="utf-8")
    return folder / f"{name}.yaml"


def test_mutants_are_counted_and_the_floor_is_the_exit_code(fengsui: Call, tmp_path: Path) -> None:
    code, out = fengsui("rules", "test", str(PACKS / "bank_sections.yaml"), "--mutate", "--json")
    told = json.loads(out)
    assert (code, told["survived"], told["equivalent"], told["weak"]) == (0, 0, 4, []) and told["share"] == 1.0 and told["floor"] == 0.9
    assert {m["fate"] for m in told["mutants"]} == {"killed", "equivalent"} and all(m["path"] and m["line"] and m["column"] for m in told["mutants"])
    weak = copied(tmp_path, "waves", "held:", "level: none, kept:")  # unreadable first: told with its line, exit 2
    assert fengsui("rules", "test", str(weak), "--mutate")[0] == 2
    lines = (PACKS / "waves.test.yaml").read_text(encoding="utf-8").split("  - name: ")
    weak.with_name("waves.test.yaml").write_text("  - name: ".join([lines[0], *(part for part in lines[1:] if part[:2] in ("四级", "不临", "浮标"))]), encoding="utf-8")
    code, text = fengsui("rules", "test", str(weak), "--mutate")
    assert code == 1 and f"漏 {weak}:14:" in text and "typhoon.waves 阈值 黄色 3.5 m → 3.15 m" in text and "抓住 caught" in text
    assert "漏 survived 5" in text and "保持 hold.keep_for" in text


def test_a_wrong_reason_is_a_difference_with_its_line(fengsui: Call, tmp_path: Path) -> None:
    path = copied(tmp_path, "waves", "近岸浪高 5.9 m", "近岸浪高 6.9 m")
    code, text = fengsui("rules", "test", str(path))
    line = next(n for n, row in enumerate(path.with_name("waves.test.yaml").read_text(encoding="utf-8").splitlines(), start=1) if "6.9 m" in row)
    assert code == 1 and f"waves.test.yaml:{line}: 2 h reason" in text and "应有 expected “近岸浪高 6.9 m”" in text and "近岸浪高 5.9 m（typhoon.waves 橙色）" in text
    assert fengsui("rules", "test", str(PACKS / "waves.yaml"))[0] == 0


def test_a_county_s_own_numbers_are_checked_with_the_county(fengsui: Call, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "county" / "haimen", tmp_path / "c", ignore=shutil.ignore_patterns("scenarios"))
    row = "flood.stage,,near_margin,yuelai,,0.2,m,,自定,,"
    (tmp_path / "c" / "overrides.csv").write_text(f"{','.join(COLUMNS)}\n{row}\n", encoding="utf-8")
    code, out = fengsui("county", "check", str(tmp_path / "c"), "--json")
    assert code == 0 and json.loads(out)["overrides"] == 1
    (tmp_path / "c" / "overrides.csv").write_text(f"{','.join(COLUMNS)}\n{row.replace('near_margin', 'near_margn')}\n", encoding="utf-8")
    code, text = fengsui("county", "check", str(tmp_path / "c"))
    assert code == 2 and "overrides.csv:2:14: " in text and "near_margin" in text
