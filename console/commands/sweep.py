"""`fengsui rules sweep`: one threshold at many values against what happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from console.commands.backtest import Cache, County, From, Home, Step, Storm, To, say
from console.commands.options import Json, emit, prepared
from core.errors import ConfigError

if TYPE_CHECKING:
    from console.storms import Ground
    from core.model import Level
    from rules.sweep import Point, Variant


def sweep(
    rule: Annotated[str, typer.Argument(help="规则编号 / rule id")],
    pack: Annotated[Path, typer.Argument(help="规则所在的包文件 / the pack file")],
    level: Annotated[str, typer.Option(help="blue | yellow | orange | red")], indicator: Annotated[str, typer.Option(help="指标，如 rain_3h / indicator")],
    values: Annotated[str, typer.Option(help="值，如 30,40,50,60，单位同包里 / values in the pack's unit")] = "",
    happened: Annotated[Path | None, typer.Option(help="实况时段 CSV / spans of what happened")] = None,
    storm: Storm = None, start: From = "", end: To = "", step: Step = "", home: Home = None, county: County = None, cache: Cache = None,
    out: Annotated[Path | None, typer.Option(help="写出 CSV 与热力图的文件夹 / folder for CSV and heat map")] = None,
    apply: Annotated[float | None, typer.Option(help="把这个值写进包文件，注释保留 / write this value into the pack, comments kept")] = None,
    as_json: Json = False,
) -> None:
    """阈值取不同值时的技巧评分；--apply 写入选定的值 / skill by threshold; --apply writes the chosen one."""
    import dataclasses

    from console import trials
    from core.model import Level as Levels
    from rules import edit
    from rules import sweep as s

    colour = Levels.of(level)
    if apply is not None and values:
        raise ConfigError("--apply 写入一个值，--values 试几个值，只能写一种 / --apply or --values, not both")
    if apply is not None:
        edit.write(pack, s.changed(pack, rule, colour, indicator, apply))
        return emit({"applied": apply, "pack": str(pack)}, as_json, f"已写入 {pack}：{s.condition(pack, rule, colour, indicator, apply)}")
    if happened is None or not values:
        raise ConfigError("请给出 --values 与 --happened，或 --apply / give --values and --happened, or --apply")
    variants = [s.variant(pack, rule, colour, indicator, value) for value in _values(values)]
    prepared(out)
    rows = []
    for ground in trials.grounds(storms=storm or [], start=start, end=end, step=step, home=home, county=county, cache=cache, say=say):
        points = _points(ground, variants, colour, happened)
        name = Path(ground.name).name
        rows.append({"name": name, "points": [dataclasses.asdict(p) for p in points]})
        if out is not None:
            (out / f"{name}.sweep.csv").write_text(s.csv_text(points), encoding="utf-8")
            (out / f"{name}.sweep.svg").write_text(s.picture(points, f"{rule} {colour.zh} {indicator}：{name}"), encoding="utf-8")
        if not as_json:
            typer.echo(f"{name}\n{s.csv_text(points)}" + "；".join(filter(None, (
                "事件太少 too few events" if points[0].skill.few else "", f"时段外的实况 {points[0].left_out} 次未计 events left out" if points[0].left_out else ""))))
    if as_json:
        emit(rows, True, "")


def _values(text: str) -> list[float]:
    """'30,40,50' as numbers, with commas of either width; ConfigError otherwise."""
    try:
        return [float(part) for part in text.replace("，", ",").split(",")]
    except ValueError:
        raise ConfigError(f"看不懂的值“{text[:40]}” / no list of numbers", hint="逐个写出，如 30,40,50，不写单位 / write each, without units") from None


def _points(ground: Ground, variants: list[Variant], colour: Level, happened: Path) -> list[Point]:
    """Read the ground once, try every variant on it, the county's own numbers kept."""
    from rules import backtest
    from rules.sweep import in_county
    from rules.sweep import sweep as run
    from rules.verify.events import read_spans

    mine = [in_county(variant, ground.county, ground.start.astimezone(ground.county.zone).date()) for variant in variants]
    ticks = backtest.steps(ground.start, ground.end, ground.step)
    sources = backtest.stored(ground.county, ground.lake, ground.ledger, tuple(v.rule for v in mine))(ticks)
    return run(mine, colour, ticks=ticks, county=ground.county, sources=sources, happened=read_spans(happened, ground.county.town_keys))
