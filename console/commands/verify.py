"""`fengsui verify`: were the warnings right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.options import Json, emit


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(verify)


def verify(
    warned: Annotated[Path, typer.Argument(help="预警时段 CSV：town,hazard,level,start,end / spans of warnings")],
    happened: Annotated[Path, typer.Argument(help="实况时段 CSV，同样的列 / spans of what happened")],
    out: Annotated[Path | None, typer.Option("--html", help="写出单个 HTML 报告 / write one HTML report")] = None,
    seed: Annotated[int, typer.Option(help="自助法的种子，同一种子结果相同 / seed of the bootstrap")] = 1,
    as_json: Json = False,
) -> None:
    """检验预警：命中、漏报、空报、提前量与置信区间 / POD, FAR, CSI, bias, lead time with intervals."""
    from rules.verify.events import read_spans
    from rules.verify.report import html, lines
    from rules.verify.report import verify as run

    found = run(read_spans(warned), read_spans(happened), seed=seed)
    if out is not None:
        out.write_text(html(found, f"检验：{warned.stem} 对 {happened.stem}"), encoding="utf-8")
    emit(found.as_json(), as_json, "\n".join([*lines(found), *([f"报告 report: {out}"] if out else [])]))
