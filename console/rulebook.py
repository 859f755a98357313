"""The rule book: rules.handbook with what only the ledger knows (last change, last skill), as one page, as Markdown or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy import select

from core.ledger import tables as t
from core.times import SHANGHAI, parse_iso
from rules.handbook import KINDS, Condition, Entry, collect

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from core.county import County
    from core.ledger import Ledger

STAGES = {"live": "生效", "shadow": "影子（只比较，不改级别）", "off": "停用"}
ROLES = {"hazard": "致灾", "impact": "影响（只加分、作依据）"}
KIND_ZH = {"firing": "触发", "quiet": "不触发", "missing": "缺测"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the audit chain says of a rule: when and by whom it last changed (or only how old its file is), and its newest recorded skill."""

    change: str
    skill: dict[str, Any] | None = None
    skill_at: str = ""


def past(ledger: Ledger | None, entries: Iterable[Entry], zone: tzinfo = SHANGHAI) -> dict[str, Past]:
    """The past by rule id, on the clock `zone`; without a ledger only the files speak, and that is said."""
    if ledger is None:
        return {e.rule.id: Past(change=_file(e, zone)) for e in entries}
    with ledger.read() as tx:
        used = {pack: _first_used(tx, pack, text, zone) for pack, text in {(e.pack.pack, e.pack.hash) for e in entries}}  # once a pack: each looks through years
        return {e.rule.id: _past(tx, e, used[e.pack.pack], zone) for e in entries}


def _past(tx: Connection, entry: Entry, used: str, zone: tzinfo) -> Past:
    promoted, skilled = (_newest(tx, action, entry.rule.id) for action in ("promote_rule", "rule_skill"))
    change = f"{_when(promoted, zone)} 由 {promoted.actor} 转正：{json.loads(promoted.payload).get('why', '')}" if promoted else ""
    text = "；".join(part for part in (change, used) if part)
    return Past(change=text or _file(entry, zone), skill=json.loads(skilled.payload) if skilled else None, skill_at=_when(skilled, zone) if skilled else "")


def _newest(tx: Connection, action: str, subject: str) -> Any:
    a = t.audit.c
    return tx.execute(select(t.audit).where(a.action == action, a.subject == subject).order_by(a.seq.desc()).limit(1)).first()


def _first_used(tx: Connection, pack: str, text: str, zone: tzinfo) -> str:
    """When a pack's present text (by its hash) was first used for an assessment, and whether another text was used before; "" when never."""
    a = t.audit.c
    used = select(t.audit).where(a.action == "assess", a.payload.contains(f'"{pack}":"{text}"', autoescape=True)).order_by(a.seq).limit(1)
    first = tx.execute(used).first()
    if first is None:
        return ""
    before = tx.execute(select(a.payload).where(a.action == "assess", a.seq < first.seq, a.payload.contains(f'"{pack}":"', autoescape=True))
                        .order_by(a.seq.desc()).limit(1)).scalar()
    former = json.loads(before)["packs"].get(pack, "") if before else ""
    return f"现文本 {_when(first, zone)} 起用于研判" + (f"，此前为 sha256:{former[:12]}" if former else "，此前没有用过别的文本")


def _file(entry: Entry, zone: tzinfo) -> str:
    at = datetime.fromtimestamp(int(entry.pack.path.stat().st_mtime), UTC)
    return f"台账没有记录；包文件的时间 {_day(at, zone)}（可能只是安装的时刻）"


def _when(row: Any, zone: tzinfo) -> str:
    return _day(parse_iso(row.at), zone)


def _day(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def book(county: County, day: date, ledger: Ledger | None) -> dict[str, Any]:
    """The whole rule book as data: what --json prints and both pages show."""
    entries = collect(county, day)
    known = past(ledger, entries, county.zone)
    return {"county": county.name, "county_en": county.name_en, "version": county.version, "day": day.isoformat(),
            "rules": [_row(entry, known[entry.rule.id]) for entry in entries]}


def _row(e: Entry, known: Past) -> dict[str, Any]:
    rule, pack = e.rule, e.pack
    return {
        "id": rule.id, "title": rule.title, "hazards": [str(h) for h in rule.hazards], "hazards_zh": [h.zh for h in rule.hazards], "stage": rule.stage,
        "role": rule.role, "selected": e.selected, "in_force": e.in_force, "verified": rule.verified, "source": rule.source, "note": e.note,
        "pack": {"id": pack.pack, "title": pack.title, "hash": pack.hash, "jurisdiction": pack.jurisdiction, "valid_from": pack.valid_from.isoformat(),
                 "valid_to": pack.valid_to.isoformat() if pack.valid_to else None, "file": pack.path.name},
        "parameters": e.parameters, "levels": [_condition(c) for c in e.conditions], "own": list(e.own),
        "towns": {town: [_condition(c) for c in own] for town, own in e.towns.items()},
        "hold": {"for_s": rule.hold.rise_s, "keep_for_s": rule.hold.keep_s}, "corroborate": rule.corroborate.en if rule.corroborate else None,
        "explained_by": asdict(e.explained_by) if e.explained_by else None,
        "corroborate_zh": rule.corroborate.zh if rule.corroborate else "", "optional": sorted(rule.optional), "indicators": [asdict(m) for m in e.indicators],
        "cases": e.cases, "last_change": known.change, "last_skill": known.skill, "last_skill_at": known.skill_at,
    }


def _condition(c: Condition) -> dict[str, Any]:
    return {"level": c.level.en, "level_zh": c.level.zh, "rank": int(c.level), "text": c.text, "numbers": list(c.numbers), "zh": c.zh, "en": c.en}


def page(data: dict[str, Any], form: str) -> str:
    """The page as `html` (one file, no script, nothing from outside) or `md`."""
    env = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(("html.j2",)), undefined=StrictUndefined,
                      trim_blocks=True, lstrip_blocks=True)
    selected = [r for r in data["rules"] if r["selected"]]
    hazards = list(dict.fromkeys(h for r in data["rules"] for h in r["hazards_zh"]))
    contents = {h: [r for r in data["rules"] if r["hazards_zh"][0] == h] for h in hazards}
    text = env.get_template(f"rulebook.{form}.j2").render(
        d=data, contents={h: rows for h, rows in contents.items() if rows}, selected=selected, unverified=sum(not r["verified"] for r in selected),
        stages=STAGES, roles=ROLES, kinds=KINDS, kind_zh=KIND_ZH)
    return text.rstrip() + "\n"
