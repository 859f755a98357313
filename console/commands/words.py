"""`fengsui rules words`: the indicators that an analyst may use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.commands.options import Json, emit

if TYPE_CHECKING:
    from rules.wordbook import Word


def words(
    sought: Annotated[str, typer.Argument(help="找什么：名、中英文标题或要素里的字，缺省全部 / part of a name, a title or a property; default: all")] = "",
    county: Annotated[Path | None, typer.Option(help="县域文件夹，缺省为本机所用的 / county folder, default: the one in use")] = None,
    packs: Annotated[Path | None, typer.Option(help="看这个包（或文件夹）自带的，代替县里选用的 / a pack or folder, in place of those the county uses")] = None,
    as_json: Json = False,
) -> None:
    """规则里能用的指标：单位、含义、在哪里声明、谁在用；没有的给出最相近的，退出码 1 / indicators, or the nearest ones and exit 1."""
    from core.county import load_county
    from core.settings import Settings
    from rules.packs import find, load_packs
    from rules.validate import files_of
    from rules.wordbook import nearest
    from rules.wordbook import words as collect

    place = load_county(county or Settings.load().county)
    known = collect(place, load_packs(files_of(packs) if packs else find(place.packs, place.root)))
    found = [word for word in known if word.holds(sought)]
    near = () if found else nearest(sought, known)
    lines = [_line(word) for word in found] or [f"没有“{sought}” / no such word" + ("，相近的 nearest：" if near else ""), *map(_line, near)]
    emit({"sought": sought, "words": [_row(word) for word in found], "nearest": [word.meaning.name for word in near]}, as_json, "\n".join(lines))
    raise typer.Exit(0 if found else 1)


def _line(word: Word) -> str:
    m = word.meaning
    there = f"；{sum(map(bool, m.feeds.values()))} / {len(m.feeds)} 镇街有站" if m.feeds else ""
    own = f"；只在 {'、'.join(word.packs)} 里用" if word.packs else ""
    used = f"；{len(word.rules)} 条规则在用" if word.rules else ""
    return f"{m.name}  {m.title}（{m.title_en}，{m.unit}）：{m.definition}{there}{own}{used}  {word.path.name}:{word.line}"


def _row(word: Word) -> dict[str, Any]:
    m = word.meaning
    return {"name": m.name, "title": m.title, "title_en": m.title_en, "unit": m.unit, "definition": m.definition, "path": str(word.path), "line": word.line,
            "packs": list(word.packs), "rules": list(word.rules), "towns": sum(map(bool, m.feeds.values()))}
