"""`fengsui backtest` and `fengsui rules diff`: rules tried on the past."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from console.commands.options import Json, emit, prepared
from core.errors import ConfigError

Storm = Annotated[list[str] | None, typer.Option("--storm", help="记录的过程，可重复；all 为全部 / a recorded storm, may be repeated; all")]
From = Annotated[str, typer.Option("--from", help="起（ISO 带时区）/ start with zone")]
To = Annotated[str, typer.Option("--to", help="止 / end")]
Step = Annotated[str, typer.Option(help="步长，如 30 min / step")]
Home = Annotated[Path | None, typer.Option(help="数据所在的状态文件夹 / state folder with the readings")]
County = Annotated[Path | None, typer.Option(help="县域文件夹 / county folder")]
Cache = Annotated[Path | None, typer.Option(help="情景取数后的存放处，缺省在状态文件夹的 storms 里 / where fetched storms are kept; default: storms in the state folder")]
Add = Annotated[list[str] | None, typer.Option("--add", help="试着加用本县还没有选用的规则包，如 cn/ponding，可重复；diff 只加在 B 边 / "
                                                             "a pack the county does not select yet, may be repeated; diff adds it to side B")]


def say(line: str) -> None:
    """Progress, beside the result."""
    typer.echo(line, err=True)


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(backtest)


def backtest(
    storm: Storm = None, start: From = "", end: To = "", step: Step = "", home: Home = None, county: County = None, cache: Cache = None,
    packs: Annotated[str, typer.Option(help="试用的规则包文件夹或 git 版本 / folder or git revision of packs on trial")] = "",
    block: Annotated[str, typer.Option(help="一次读入多长，如 7 d；越长越快，迟到数据与静默按块末所知；缺省一步，时段超过 7 天则 28 天，大县更短 / "
                                            "read this much at once: faster, late data as known at its end; one step by default, 28 d at most over 7 d")] = "",
    add: Add = None,
    out: Annotated[Path | None, typer.Option(help="写出 CSV 与摘要的文件夹 / folder for CSV files and the summary")] = None,
    as_json: Json = False,
) -> None:
    """用实时代码重算一段时间的预警，逐字节可重现 / the live code over a period, reproducible byte for byte."""
    from console import trials
    from rules.backtest import csv_text, public

    prepared(out)
    with trials.packs_of(packs) as folder:
        places = trials.grounds(storms=storm or [], start=start, end=end, step=step, home=home, county=county, cache=cache, say=say)
        results = [(ground, trials.play(ground, folder, say, trials.span(block) if block else None, add or ())) for ground in places]
    facts = [_facts(ground, run) for ground, run in results]
    for (_, run), fact in zip(results, facts, strict=True):
        if out is not None:
            write(out, fact, csv_text(public(run)), run)
    emit(facts, as_json, "\n".join(_line(fact, ground.county.zone) for (ground, _), fact in zip(results, facts, strict=True)))


def _facts(ground: Any, run: Any) -> dict[str, Any]:
    from core.times import iso
    from rules.backtest import period, public

    found = public(run)
    return {
        "name": Path(ground.name).name, "start": iso(run.ticks[0]), "end": iso(run.ticks[-1]),
        "period": period(run.ticks).as_json(), "steps": len(run.ticks), "towns": len(run.towns),
        "rules": len(run.rules), "block_s": run.block_s, "county": run.county, "packs": dict(sorted({r.pack: r.pack_hash for r in run.rules}.items())),
        "spans": len(found), "highest": max((w.level.en for w in found), key=("none", "blue", "yellow", "orange", "red").index, default="none"), "hash": run.hash(),
    }


def _line(fact: dict[str, Any], zone: ZoneInfo) -> str:
    from core.model import Level
    from core.times import clock_name, parse_iso, people

    start, end = (people(parse_iso(fact[side]), zone) for side in ("start", "end"))
    return (f"{fact['name']}：{start} 至 {end}（{clock_name(zone)}），{fact['steps']} 步 × {fact['towns']} 镇街 × {fact['rules']} 条规则，"
            f"{fact['spans']} 段预警，最高 {Level[fact['highest'].upper()].zh}，结果 {fact['hash'][:16]}")


def write(out: Path, fact: dict[str, Any], warned: str, run: Any) -> None:
    """`<name>.csv` (for `fengsui verify`), `<name>.rules.csv` (every rule, shadow ones too) and `<name>.json`, which tells it the period of both."""
    from rules.backtest import csv_text, spans

    for suffix, text in ((".csv", warned), (".rules.csv", csv_text(list(spans(run.ticks, run.towns, run.held))).replace("town,hazard", "town,rule", 1)),
                         (".json", json.dumps(fact, ensure_ascii=False, indent=1) + "\n")):
        (out / f"{fact['name']}{suffix}").write_text(text, encoding="utf-8")


def diff(
    sides: Annotated[str, typer.Argument(help="A..B：规则包文件夹或 git 版本，B 空为现在的 / two folders or git revisions, B empty: the present packs")],
    storm: Storm = None, start: From = "", end: To = "", step: Step = "", home: Home = None, county: County = None, cache: Cache = None,
    add: Add = None, as_json: Json = False,
) -> None:
    """改规则会多出、少掉、改变哪些预警，涉及多少人；有变化时退出码 1 / which warnings a change of rules makes, takes or alters; exit 1 if any."""
    import dataclasses

    from console import trials
    from core.model import Level
    from rules.compare import KINDS, compare, reworded

    first, second = _split(sides)
    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    with trials.packs_of(first) as a, trials.packs_of(second) as b:
        for ground in trials.grounds(storms=storm or [], usual=["all"], start=start, end=end, step=step, home=home, county=county, cache=cache, say=say):
            before, after = trials.play(ground, a, say), trials.play(ground, b, say, add=add or ())
            changes = compare(before, after, ground.county)
            label = Path(ground.name).name
            rows += [{"storm": label, **dataclasses.asdict(c)} for c in changes]
            tally = "，".join(f"{zh} {sum(c.kind == kind for c in changes)}" for kind, zh in KINDS.items())
            heads = {c.town: c.people for c in changes}
            lines += [f"{label}：{tally}；涉及 {len(heads)} 镇街 {sum(heads.values())} 人", *(f"  {line}" for line in reworded(before, after)),
                      *(f"  {c.text(ground.county.town(c.town).name, ground.county.zone)}" for c in changes)]
    emit(_plain(rows, Level), as_json, "\n".join(lines))
    raise typer.Exit(1 if rows else 0)


def _split(sides: str) -> tuple[str, str]:
    """'A..B' at the first '..' that leaves a folder, a revision or nothing on either side ('../x' is part of a path); ConfigError otherwise."""
    cuts = [(sides[:n], sides[n + 2 :]) for n in range(len(sides) - 1) if sides[n : n + 2] == ".."]
    for first, second in cuts:
        if all(not side or Path(side).is_dir() or (not side.startswith(("/", ".")) and not side.endswith("/")) for side in (first, second)):
            return first, second
    raise ConfigError("应写作 A..B，各为规则包文件夹或 git 版本 / write A..B, each a folder of packs or a git revision",
                      hint="如 / e.g. main..  或 rules/packs..my-packs")


def _plain(rows: list[dict[str, Any]], level: Any) -> list[dict[str, Any]]:
    for row in rows:
        for side in ("before", "after"):
            if row[side]:
                row[side]["peak"] = level(row[side]["peak"]).en
    return rows
