"""`fengsui verify`: were the warnings right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.commands.backtest import County
from console.commands.options import Json, Now, emit, prepared
from core.errors import ConfigError

if TYPE_CHECKING:
    from core.county import County as Place
    from rules.verify.events import Span
    from rules.verify.period import Period
    from rules.verify.report import Verification


def add(app: typer.Typer) -> None:
    """Hang the command onto `app`."""
    app.command()(verify)


def verify(
    warned: Annotated[Path, typer.Argument(help="预警时段 CSV：town,hazard,level,start,end[,chance]；或回测的 .rules.csv / spans of warnings, or of rules")],
    happened: Annotated[Path, typer.Argument(help="实况时段 CSV，同样的列 / spans of what happened")],
    out: Annotated[Path | None, typer.Option("--html", help="写出单个 HTML 报告 / write one HTML report")] = None,
    seed: Annotated[int, typer.Option(help="自助法的种子，同一种子结果相同 / seed of the bootstrap")] = 1,
    record: Annotated[str, typer.Option("--record", help="记入审计链，写上谁（只用于 .rules.csv）/ keep each rule's skill in the audit chain, by whom")] = "",
    county: County = None, now: Now = "", as_json: Json = False,
) -> None:
    """检验预警：命中、险中、漏报、空报、提前量与置信区间；旁有同名 .json 说明时段的只检验该时段 / POD, FAR, CSI, bias, lead time, within the period told beside."""
    from core.times import SHANGHAI
    from rules.verify.by_rule import is_by_rule
    from rules.verify.events import read_spans
    from rules.verify.period import covered
    from rules.verify.report import html, lines, named
    from rules.verify.report import verify as run

    if is_by_rule(warned):
        if out is not None:
            raise ConfigError("逐规则的检验没有 HTML 报告 / no HTML report by rule", path=warned, hint="给出 hazard 列的 CSV / give the CSV with hazards")
        return _by_rule(warned, happened, seed, record, county, now, as_json)
    prepared(out.parent if out else None)
    if record:
        raise ConfigError("--record 要逐规则的时段 / --record needs spans by rule", path=warned, hint="fengsui backtest --out 写出的 .rules.csv")
    place = _county(county)
    towns, zone = _towns(place, warned, happened), place.zone if place else SHANGHAI
    said, seen = read_spans(warned, towns), read_spans(happened, towns)
    found = run(said, seen, seed=seed, period=_period((warned, said), (happened, seen)))
    if out is not None:
        names = {town.key: town.name for town in place.towns} if place and towns else {}
        out.write_text(html(named(found, names), f"检验：{warned.stem} 对 {happened.stem}", zone), encoding="utf-8")
    emit(found.as_json(), as_json, "\n".join([covered(found.period, zone), *lines(found), *([f"报告 report: {out}"] if out else [])]))


def _county(folder: Path | None) -> Place | None:
    """The county named, else the installation's own; None where there is none: spans of any towns can be verified anywhere."""
    from core.county import load_county
    from core.settings import Settings

    own = Settings.load().county
    return load_county(folder or own) if folder or (own / "county.yaml").is_file() else None


def _towns(county: Place | None, *files: Path) -> dict[str, str] | None:
    """The county's towns by name, where the files speak of any of them."""
    from rules.verify.events import towns_in

    known = county.town_keys if county else {}
    return known if any(towns_in(path) & set(known) for path in files) else None


def _period(*files: tuple[Path, list[Span]]) -> Period | None:
    """What both files cover."""
    from rules.verify.period import common, period_of

    return common(*(period_of(path, [(s.start, s.end) for s in spans]) for path, spans in files))


def _by_rule(warned: Path, happened: Path, seed: int, who: str, folder: Path | None, now: str, as_json: bool) -> None:
    """The skill of every rule in the file; with `who` it goes into the audit chain, a row a rule."""
    from core.county import load_county
    from core.settings import Settings
    from rules.packs import find, load_pack, shipped
    from rules.verify.by_rule import verify_rules
    from rules.verify.events import read_rule_spans, read_spans
    from rules.verify.period import covered
    from rules.verify.report import lines

    county = load_county(folder or Settings.load().county)
    towns = _towns(county, warned, happened)
    rules = {rule.id: rule for path in (*shipped(), *find(county.packs, county.root)) for rule in load_pack(path).rules}  # the county's own go last
    hazards = {name: rule.hazards for name, rule in rules.items()}
    spans, seen = read_rule_spans(warned, hazards, towns), read_spans(happened, towns)
    period = _period((warned, [s for several in spans.values() for s in several]), (happened, seen))
    found = verify_rules(spans, seen, hazards, seed=seed, period=period)
    if who:
        _keep(found, {name: rules[name].pack_hash for name in found}, (warned, happened), period, who, now)
    text = [line for name, one in found.items() for line in (f"■ {name} {rules[name].title}", *lines(one))]
    kept = ["已记入审计链 / in the audit chain"] if who else []
    emit({name: one.as_json() for name, one in found.items()}, as_json, "\n".join([covered(period, county.zone), *text, *kept]))


def _keep(found: dict[str, Verification], hashes: dict[str, str], files: tuple[Path, Path], period: Period | None, who: str, now: str) -> None:
    from console.context import Context, edge_now
    from core.signing import digest
    from rules.verify.by_rule import record

    at, ledger = edge_now(now or None), Context.load().ledger
    origin: dict[str, Any] = {name: {"file": path.name, "sha256": digest(path.read_bytes())} for name, path in zip(("warned", "happened"), files, strict=True)}
    origin["period"] = period.as_json() if period else None
    with ledger.begin() as tx:
        for name, one in found.items():
            ledger.audit(tx, at, who, "rule_skill", name, origin | {"pack_hash": hashes[name], "skill": record(one)})
