"""`fengsui rules promote`: a shadow rule goes live only through the gate, and the gate's findings go into the audit chain."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.commands.backtest import Cache, County, From, Home, Step, Storm, To, say
from console.commands.options import Json, Now, emit
from core.errors import ConfigError, LifeCycleError

if TYPE_CHECKING:
    from console.storms import Ground


def promote(
    rule: Annotated[str, typer.Argument(help="影子规则的编号 / id of a shadow rule")],
    pack: Annotated[Path, typer.Argument(help="规则所在的包文件，位于 文件夹/辖区/名.yaml / the pack file, in folder/jurisdiction/name.yaml")],
    by: Annotated[str, typer.Option(help="谁 / who")], why: Annotated[str, typer.Option(help="为什么 / why")],
    storm: Storm = None, start: From = "", end: To = "", step: Step = "", home: Home = None, county: County = None, cache: Cache = None, now: Now = "",
    as_json: Json = False,
) -> None:
    """影子规则转正：检查、测试、对比、回测都过才改，并记入审计链；不过则不改文件，退出码 2 / shadow to live through the gate; refused: exit 2."""
    from console import trials
    from console.context import edge_now
    from core.ledger import Ledger
    from core.settings import Settings

    if not by.strip() or not why.strip():
        raise ConfigError("须写明谁与为什么 / say who and why")
    settings, at = Settings.load(), edge_now(now or None)
    before, text = _sound(rule, pack)
    grounds = trials.grounds(storms=storm or [], usual=["all"], start=start, end=end, step=step, home=home, county=county, cache=cache, say=say)
    payload = before | {"why": why, "tried": [_tried(rule, pack, text, ground) for ground in grounds]}
    (home or settings.home).mkdir(parents=True, exist_ok=True)
    ledger = Ledger.open(f"sqlite:///{home.resolve()}/ledger.db" if home else settings.ledger_address)
    from rules import edit

    with ledger.begin() as tx:  # the file is replaced inside: no change without its row, no row without its change
        ledger.audit(tx, at, by, "promote_rule", rule, payload)
        edit.write(pack, text)
    emit(payload, as_json, "\n".join([f"{rule} 已转正，已记入审计链 / live now, in the audit chain", *(_line(t) for t in payload["tried"])]))


def _line(tried: dict[str, Any]) -> str:
    return f"  {tried['name']}：变化 {tried['changes']} 处，涉及 {tried['people']} 人，回测 {tried['after'][:16]}"


def _sound(rule: str, pack: Path) -> tuple[dict[str, Any], str]:
    """What validation and the tests say, and the pack's text with the rule live; LifeCycleError when the gate stays shut."""
    from rules import edit
    from rules.packs import load_pack
    from rules.packtest import run_pack
    from rules.validate import validate

    found = validate([pack])
    if found.errors:
        raise _shut("检查未过 / validation fails", [str(e) for e in found.errors])
    loaded = load_pack(pack)
    stage = next((r.stage for r in loaded.rules if r.id == rule), None)
    if stage != "shadow":
        raise _shut("只有影子规则可以转正 / only a shadow rule can be promoted", [f"{rule}: {stage or '包里没有 / not in the pack'}"])
    results = run_pack(pack)
    if bad := [f"{r.case}: {r.message}" for r in results if not r.passed]:
        raise _shut("测试未过 / tests fail", bad)
    return {"pack": loaded.pack, "pack_hash": loaded.hash, "rules": found.rules, "remarks": [str(r) for r in found.remarks], "tests": len(results)}, \
        edit.with_value(pack, rule, ("stage",), "live")


def _tried(rule: str, pack: Path, text: str, ground: Ground) -> dict[str, Any]:
    """The change over one ground: both back-tests and what differs; LifeCycleError when the county does not use the rule, for then nothing was tried."""
    from console import trials
    from rules.compare import compare

    with TemporaryDirectory(prefix="fengsui-promote-") as folder:
        trial = Path(folder) / "packs"
        shutil.copytree(pack.parents[1], trial)
        before = trials.play(ground, pack.parents[1], say)
        (trial / pack.relative_to(pack.parents[1])).write_text(text, encoding="utf-8")
        after = trials.play(ground, trial, say)
    if rule not in {r.id for r in after.rules}:
        raise _shut("回测没有用到这条规则：县里没有选用这个包，或不在有效期 / the back-test did not use the rule", [ground.name])
    changes = compare(before, after, ground.county)
    heads = {c.town: c.people for c in changes}
    kinds = {kind: sum(c.kind == kind for c in changes) for kind in sorted({c.kind for c in changes})}
    return {"name": Path(ground.name).name, "before": before.hash(), "after": after.hash(), "changes": len(changes), "kinds": kinds,
            "towns": sorted(heads), "people": sum(heads.values())}


def _shut(reason: str, lines: list[str]) -> LifeCycleError:
    return LifeCycleError("不能转正：" + reason + "".join(f"\n  {line}" for line in lines[:20]))
