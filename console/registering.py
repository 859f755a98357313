"""The register in words: what a list did or would do, and how ready the register is. Counts and line numbers only, never a cell of the list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError, ConfigErrors

if TYPE_CHECKING:
    from pathlib import Path

    from core.county import County
    from notifiers import Readiness
    from notifiers.register import ImportReport

KINDS = {"added": "新增 added", "changed": "变更 changed", "removed": "移除 removed", "unchanged": "不变 unchanged"}
#: Line numbers shown of one kind of error; --json has all.
SHOWN = 20


def import_facts(report: ImportReport, county: County) -> dict[str, Any]:
    """The report as plain values, names in place of keys."""
    changes = report.changes
    return {
        "sha256": report.sha256, "dry_run": report.trial, "refusal": report.refusal, "synthetic_retired": report.synthetic, "sharing": report.sharing,
        **{kind: changes.counts[kind] for kind in KINDS}, "refused": len({fault.line for fault in report.faults}),
        "by_town": {name: dict(changes.by_town[key]) for key, name in _towns(county) if key in changes.by_town},
        "by_group": {title: dict(changes.by_group[key]) for key, title in _groups(county) if key in changes.by_group},
        "faults": [{"line": fault.line, "message": fault.message} for fault in report.faults],
    }


def import_lines(report: ImportReport, county: County) -> list[str]:
    """The same for people."""
    facts = import_facts(report, county)
    head = "试算，什么都没有写 / a trial, nothing is written" if report.trial else "已导入 / imported"
    lines = [f"{head}：" + "，".join(f"{title} {facts[kind]}" for kind, title in KINDS.items())]
    if report.synthetic:
        lines.append(f"合成的 {report.synthetic} 人已退出登记册 / synthetic residents made way")
    if report.sharing:
        lines.append(f"{report.sharing} 人与别人合用号码，同一条只发一遍 / share a number and are told once")
    for title, table in (("镇街 town", facts["by_town"]), ("人群 group", facts["by_group"])):
        lines += _table(title, table, KINDS)
    if report.faults:
        lines.append(f"没有收的 {facts['refused']} 行 / lines not taken")
        lines += [f"  {message}：第 {_shown(numbers)} 行 / lines" for message, numbers in _by_message(report)]
    return lines


def import_error(report: ImportReport, path: Path | str) -> ConfigError:
    """Why a list was refused, and every kind of error with its lines."""
    errors = [ConfigError(f"{message}（共 {len(numbers)} 行：{_shown(numbers)} / lines）", path=path, line=numbers[0]) for message, numbers in _by_message(report)]
    hint = "改好再导入；或加 --accept-good 只收无误的行 / mend it, or --accept-good" if report.faults else ""
    return ConfigErrors([*errors, ConfigError(report.refusal, path=path, hint=hint)])


def status_facts(found: Readiness, county: County) -> dict[str, Any]:
    """Readiness as plain values, names in place of keys."""
    return asdict(found) | {
        "ready": not found.reasons, "reachable_share": round(found.reachable / found.people, 4) if found.people else 0.0,
        "by_town": {name: found.by_town[key] for key, name in _towns(county) if key in found.by_town},
        "by_group": {title: found.by_group[key] for key, title in _groups(county) if key in found.by_group},
    }


def status_lines(found: Readiness, county: County) -> list[str]:
    """The same for people."""
    facts, share = status_facts(found, county), f"{found.reachable / found.people:.1%}" if found.people else "-"
    made = f"，其中合成 synthetic {found.synthetic}" if found.synthetic else ""
    words = {"people": "人数 people", "reachable": "可达 reachable"}
    return [
        f"登记册 register：{'就绪 ready' if facts['ready'] else '未就绪 not ready'}；{found.people} 人{made}，可达 reachable {found.reachable}（{share}），"
        f"退订 opted out {found.opted_out}，空号 dead {found.dead}，待擦除 leaving {found.leaving}",
        f"最早的更新日期 oldest renewal {found.oldest or '-'}；自 {found.renewed_since or '-'} 以来没有更新的 overdue {found.overdue} 人",
        *(f"  ! {reason}" for reason in found.reasons), *_table("镇街 town", facts["by_town"], words), *_table("人群 group", facts["by_group"], words),
    ]


def _towns(county: County) -> Iterable[tuple[str, str]]:
    return ((town.key, town.name) for town in county.towns)


def _groups(county: County) -> Iterable[tuple[str, str]]:
    return ((group.group, group.title) for group in county.groups)


def _table(title: str, rows: dict[str, dict[str, int]], words: dict[str, str]) -> list[str]:
    return [f"{title:10} {'  '.join(words.values())}", *(f"  {name}  " + "  ".join(str(row.get(key, 0)) for key in words) for name, row in rows.items())]


def _by_message(report: ImportReport) -> list[tuple[str, list[int]]]:
    """Errors that many lines share, once, in the order of their first lines."""
    lines: dict[str, list[int]] = {}
    for fault in report.faults:
        lines.setdefault(fault.message, []).append(fault.line)
    return list(lines.items())


def _shown(numbers: list[int]) -> str:
    return "、".join(map(str, numbers[:SHOWN])) + ("…" if len(numbers) > SHOWN else "")
