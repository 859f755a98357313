"""`fengsui rules`: what the analyst does with the packs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from console.commands.backtest import diff, say
from console.commands.docs import docs
from console.commands.explain import explain
from console.commands.options import Json, emit, group, prepared
from console.commands.promote import promote
from console.commands.sweep import sweep
from console.commands.words import words


def add(app: typer.Typer) -> None:
    """Hang the group and `explain` onto `app`."""
    commands = group("规则 / the rules.")
    commands.command("validate")(validate)
    commands.command("schema")(schema)
    commands.command("test")(test)
    commands.command("diff")(diff)
    commands.command("sweep")(sweep)
    commands.command("promote")(promote)
    commands.command("explain")(explain)
    commands.command("docs")(docs)
    commands.command("words")(words)
    app.command()(explain)
    app.add_typer(commands, name="rules")


Packs = Annotated[Path | None, typer.Argument(help="规则包文件夹或一个文件，默认随附的 / folder of packs or one file, default: the shipped ones")]


def validate(
    packs: Packs = None, strict: Annotated[bool, typer.Option("--strict", help="提醒也算不通过 / remarks fail too")] = False, as_json: Json = False,
) -> None:
    """检查规则包，一次报出全部错误（文件:行:列）/ check packs, all errors at once; exit 1 if any."""
    from rules.packs import FOLDER
    from rules.validate import files_of, unread
    from rules.validate import validate as run

    found = run(files_of(packs or FOLDER))
    errors = (*unread(packs or FOLDER), *found.errors)
    rows = [{"kind": kind, "path": str(e.path), "line": e.line, "column": getattr(e, "column", None), "message": e.message, "hint": e.hint}
            for kind, group_ in (("error", errors), ("remark", found.remarks)) for e in group_]
    text = [*(f"✗ {e}" for e in errors), *(f"? {e}" for e in found.remarks),
            f"{found.packs} 包 packs，{found.rules} 条规则 rules，{len(errors)} 错 errors，{len(found.remarks)} 提醒 remarks"]
    emit({"packs": found.packs, "rules": found.rules, "problems": rows}, as_json, "\n".join(text))
    raise typer.Exit(1 if errors or (strict and found.remarks) else 0)


def schema(out: Annotated[Path | None, typer.Option(help="写到哪个文件夹 / folder")] = None, as_json: Json = False) -> None:
    """写出规则包与指标的 JSON Schema，供编辑器补全 / JSON Schema of packs and indicators for editors."""
    from rules.schema import FOLDER, write

    prepared(out)
    paths = [str(p) for p in write(out or FOLDER)]
    emit(paths, as_json, "\n".join(paths))


def test(
    packs: Packs = None, mutants: Annotated[bool, typer.Option("--mutate", help="弄坏规则，看测试抓住几成 / spoil the rules, see what the tests catch")] = False,
    as_json: Json = False,
) -> None:
    """运行规则包旁的测试 / run the tests beside each pack."""
    from rules.packs import FOLDER
    from rules.packtest import run_all

    if mutants:
        return mutate(packs or FOLDER, as_json)
    results = run_all(packs or FOLDER, say)
    bad = [r for r in results if not r.passed]
    emit([{"pack": r.pack, "case": r.case, "passed": r.passed, "message": r.message, "place": str(r.place.path) if r.place else "",
           "line": r.place.line if r.place else 0} for r in results], as_json,
         "\n".join([*(f"✗ {r.pack}: {r.case}: {r.message}" for r in bad), f"{len(results) - len(bad)} 通过 passed, {len(bad)} 未过 failed"]))
    raise typer.Exit(1 if bad else 0)


def mutate(packs: Path, as_json: bool) -> None:
    """Spoil every rule and tell the share that the tests catch; exit 1 under nine in ten, or eight in ten of any pack."""
    from rules import mutate as m
    from rules.validate import files_of

    found = [m.run(path, say) for path in files_of(packs)]
    rows = [{"pack": one.pack, "rule": one.rule, "kind": one.kind, "level": one.level.en if one.level else "", "text": one.text, "fate": one.fate,
             "path": str(one.place.path), "line": one.place.line, "column": one.place.column} for pack in found for one in pack]
    weak = [pack[0].pack for pack in found if pack and m.share(pack) < m.PACK_FLOOR]
    whole = m.share([one for pack in found for one in pack])
    count = {fate: sum(row["fate"] == fate for row in rows) for fate in (m.KILLED, m.SURVIVED, m.EQUIVALENT)}
    text = [*(f"{mark} {r['path']}:{r['line']}:{r['column']}: {r['rule']} {r['kind']} {r['text']}" for mark, fate in (("＝ 等价", m.EQUIVALENT), ("漏", m.SURVIVED))
              for r in rows if r["fate"] == fate),
            *(f"✗ {name} 不到 {m.PACK_FLOOR:.0%} / under the floor of a pack" for name in weak),
            f"{len(rows)} 个变异 mutants：抓住 killed {count[m.KILLED]}，漏 survived {count[m.SURVIVED]}，等价 equivalent {count[m.EQUIVALENT]}；抓住 caught {whole:.1%}"]
    emit({"share": whole, "floor": m.FLOOR, "pack_floor": m.PACK_FLOOR, "weak": weak, **count, "mutants": rows}, as_json, "\n".join(text))
    raise typer.Exit(0 if whole >= m.FLOOR and not weak else 1)
