"""`fengsui rules docs`: one page with every rule."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.options import Json, Now, emit, prepared
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.ledger import Ledger
    from core.settings import Settings

FORMS = {".html": "html", ".md": "md"}


def docs(
    county: Annotated[Path | None, typer.Option(help="县域文件夹，缺省为本机所用的 / county folder, default: the one in use")] = None,
    out: Annotated[Path | None, typer.Option(help="写到哪个 .html 或 .md 文件，缺省把 Markdown 打印出来 / file to write, default: print Markdown")] = None,
    now: Now = "", as_json: Json = False,
) -> None:
    """规则手册：每条规则的条件、各镇街数值、出处、是否核实、测试、最近改动与评分 / one page with every rule."""
    from console.context import edge_now
    from console.rulebook import book, page
    from core.county import load_county
    from core.settings import Settings

    if out is not None and out.suffix not in FORMS:
        raise ConfigError("文件名应以 .html 或 .md 结尾 / .html or .md is expected", path=out)
    prepared(out.parent if out else None)
    settings = Settings.load()
    found = load_county(county or settings.county)
    data = book(found, edge_now(now or None).astimezone(found.zone).date(), _ledger(settings))
    if out is not None:
        part = out.with_name(out.name + ".part")
        part.write_text(page(data, FORMS[out.suffix]), encoding="utf-8")
        part.replace(out)
    emit(data, as_json, str(out) if out is not None else page(data, "md"))


def _ledger(settings: Settings) -> Ledger | None:
    """The ledger where there is one already: reading a page must not found an installation."""
    from core.ledger import Ledger

    return Ledger.open(settings.ledger_address) if settings.founded else None
