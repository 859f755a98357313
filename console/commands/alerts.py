"""`fengsui alerts`: what waits for officers, and every decision of theirs, without Airflow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.commands.options import Json, Now, emit
from console.plain import terminal

if TYPE_CHECKING:
    from datetime import datetime

    from console.context import Context
    from console.desk import Hand
    from core.alerts import Signature

Version = Annotated[str, typer.Argument(help="预警版本，如 320614FS-flood-20210725040000.v1 / the version")]
Who = Annotated[str, typer.Option("--officer", help="值班名单上的代号，用本人的口令 / an officer of the county's list, with that person's passphrase")]
Reason = Annotated[str, typer.Option("--reason", help="理由，记入台账 / why, kept in the ledger")]


def add(app: typer.Typer) -> None:
    """Hang the group onto `app`."""
    group = typer.Typer(help="预警：等谁签、复核、签发、退回、延后、解除，不经 Airflow / alerts: what waits, and every decision, without Airflow.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(alerts)
    for command in (show, review, approve, refuse, delay, cancel, paper, sign, hand_in):
        group.command()(command)
    app.add_typer(group, name="alerts")


def alerts(context: typer.Context, now: Now = "", as_json: Json = False) -> None:
    """等人签的、已签待发的、生效中的；有逾时的退出码为 1 / what waits, what is approved, what is in force; 1 when something is overdue."""
    if context.invoked_subcommand is not None:
        return
    from console.context import Context, edge_now
    from console.desk import overview
    from console.dossier import text

    found = overview(Context.load(), edge_now(now or None))
    parts = [text(f, every=False) for f in found["waiting"]] or ["没有等人签的预警 / nothing waits"]
    parts += [f"已签发，待发布：{ref}（再执行一次 approve 或 tick）" for ref in found["approved"]]
    parts += [f"生效中：{f['ref']}  {f['headline']}（解除：fengsui alerts cancel {f['alert_id']}）" for f in found["in_force"]]
    emit(found, as_json, "\n\n".join(parts))
    raise typer.Exit(1 if any(f["clock"]["overdue"] for f in found["waiting"]) else 0)


def show(version: Version, now: Now = "", as_json: Json = False) -> None:
    """一版的全部内容：每个镇街的原文、段数、对象、时钟、签名、对照 / one version wholly, with every town's words."""
    from console.context import Context, edge_now
    from console.dossier import facts, text

    found = facts(Context.load(), version, edge_now(now or None))
    emit(found, as_json, text(found, every=True))


def review(version: Version, officer: Who, now: Now = "", as_json: Json = False) -> None:
    """送审：拟稿人复核后签名，交另一位签发 / sign as the author, so that another officer can approve."""
    ctx, seen = _see(version, now, "draft")
    state = _sign(ctx, seen, officer, "approve", "送审", now)
    emit({"ref": seen["ref"], "state": state}, as_json, f"{seen['ref']} 已送审，等另一位签发 / waits for a second officer")


def approve(version: Version, officer: Who, now: Now = "", as_json: Json = False) -> None:
    """签发：第二位签名，随即发布、送达；已签而未发完的接着办 / approve, issue and send; what was approved before goes on."""
    ctx, seen = _see(version, now, "review", "approved", "issued")
    if seen["state"] == "review":
        _sign(ctx, seen, officer, "approve", "签发", now)
    _out(ctx, seen, now, as_json)


def refuse(version: Version, officer: Who, reason: Reason, now: Now = "", as_json: Json = False) -> None:
    """退回、驳回：不发，风险不变时不再拟 / refuse a draft or what waits for approval; unchanged it is not drafted again."""
    ctx, seen = _see(version, now, "draft", "review")
    state = _sign(ctx, seen, officer, "refuse", "退回", now, note=_said(reason))
    emit({"ref": seen["ref"], "state": state}, as_json, f"{seen['ref']} 已退回：{reason} / refused")


def delay(version: Version, officer: Who, reason: Reason, now: Now = "", as_json: Json = False) -> None:
    """延后：时钟重新开始，一版只一次；延后不等于退回，时限一到仍按政策 / let the decision clock start anew, once; then policy acts."""
    from console.desk import open_key, role_of, signature

    ctx, seen = _see(version, now, "draft", "review")
    role = role_of(ctx, officer, seen, "put_off")
    hand = open_key(ctx, officer, _passphrase)
    _put_off(ctx, seen, signature(_moment(ctx, now), hand, seen, role, "put_off"), _said(reason), now, as_json)


def cancel(
    alert: Annotated[str, typer.Argument(help="预警编号（不带版本）/ the alert, without its version")], officer: Who, reason: Reason,
    second: Annotated[str, typer.Option(help="同在终端前的第二位，两人一次办完 / the second officer at the same terminal")] = "",
    mistake: Annotated[bool, typer.Option("--mistake", help="更正：此前有误，请人们不必行动 / a correction: it was wrong")] = False,
    now: Now = "", as_json: Json = False,
) -> None:
    """解除或更正：用事先写好的文字，发给已收到与可能收到的人；两位都在时一次办完 / all-clear or correction, pre-made text, to whoever holds it."""
    from console.context import Context
    from console.desk import open_key, pair, recall, sign, standing
    from console.dossier import text

    ctx = Context.load()
    held = standing(ctx, alert)
    _at_the_terminal(held)
    hands = [open_key(ctx, name, _passphrase) for name in pair(ctx, held, officer, second)]
    seen = recall(_moment(ctx, now), ctx, alert, officer, _said(reason), mistaken=mistake)
    typer.echo(terminal(text(seen, every=False)), err=True)
    _confirm_recall(ctx, seen, hands[0], "更正" if mistake else "解除", now)
    for hand, role in zip(hands, ("author", "approver"), strict=False):
        if role == "approver" or seen["state"] == "draft":
            sign(_moment(ctx, now), ctx, hand, seen, role, "approve", note=reason)
    if len(hands) == 2:
        return _out(ctx, seen, now, as_json)
    emit({"ref": seen["ref"], "state": "review"}, as_json, f"{seen['ref']} 已送审，请第二位 fengsui alerts approve {seen['ref']} / waits for a second officer")


def _confirm_recall(ctx: Context, seen: dict[str, Any], author: Hand, act: str, now: str) -> None:
    """Let the officers confirm; a recall that is not confirmed is taken back by its author, so that the machine may speak again."""
    from console.asking import confirm
    from console.desk import sign
    from core.errors import AuthorityError

    try:
        confirm(seen, act)
    except AuthorityError:
        if seen["state"] == "draft":
            sign(_moment(ctx, now), ctx, author, seen, "author", "refuse", note="未确认 / not confirmed")
        raise


def paper(
    version: Version, out: Annotated[Path | None, typer.Option("--out", help="写到哪个文件，不写则打印 / the file to write; default: print it")] = None, now: Now = "",
) -> None:
    """写出签批单：签字要看的一切，一个文件，不含号码；在本人的机器上 sign --paper / all that is to be signed as one file, for the officer's own machine."""
    import json

    from console.context import Context
    from console.paper import make

    ctx = Context.load()
    made = make(ctx, version, _moment(ctx, now))
    text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    if out is None:
        return typer.echo(text, nl=False)
    out.write_text(text, encoding="utf-8")
    typer.echo(f"{out}  哈希 / hash {made['hash']}", err=True)


def sign(
    officer: Who, version: Annotated[str, typer.Argument(help="预警版本；签批单不用写 / the version; none with a paper")] = "",
    paper: Annotated[Path | None, typer.Option("--paper", help="签批单，密钥在本机时用，不连服务器 / a paper, where the key is on this machine; no server")] = None,
    refuse: Annotated[bool, typer.Option("--refuse", help="签“退回、驳回” / sign a refusal")] = False,
    delay: Annotated[bool, typer.Option("--delay", help="签“延后” / sign a putting off")] = False, now: Now = "",
) -> None:
    """打印一行签名，贴进 Airflow 页面的“签名”栏或交 hand-in；不改变任何状态 / print a signature for the page's field or for hand-in; changes nothing."""
    from console.asking import confirm
    from console.desk import open_key, role_of, signature

    if refuse and delay:
        raise ValueError("--refuse 与 --delay 只能选一个 / one of the two")
    if bool(version) == bool(paper):
        raise ValueError("写版本或 --paper 签批单，二者之一 / a version or --paper, one of the two")
    decision = "refuse" if refuse else "put_off" if delay else "approve"
    if paper is not None:
        return typer.echo(_sign_paper(paper, officer, decision, now))
    ctx, seen = _see(version, now, "draft", "review")
    role = role_of(ctx, officer, seen, decision)
    hand = open_key(ctx, officer, _passphrase)
    area = confirm(seen, "签名") if decision == "approve" else ""
    typer.echo(signature(_moment(ctx, now), hand, seen, role, decision, area).line())


def hand_in(
    version: Version, line: Annotated[str, typer.Argument(help="sign 打印的一行，不写则在提示后粘贴 / the line that `sign` printed; else it is asked for")] = "",
    reason: Annotated[str, typer.Option("--reason", help="退回、延后的理由，记入台账 / why it is refused or put off")] = "", now: Now = "", as_json: Json = False,
) -> None:
    """交回在别处签好的一行：与 review、approve、refuse、delay 同办 / hand in what was signed elsewhere; it does what those four do."""
    from console.asking import line as ask
    from console.desk import hand_in as take
    from core.alerts import Signature

    ctx, seen = _look(version, now, "draft", "review", "approved", "issued")
    given = Signature.read(line or ask("签名 / signature"))
    why = reason.strip() if given.decision == "approve" else _said(reason)
    if given.decision == "put_off":
        return _put_off(ctx, seen, given, why, now, as_json)
    state = str(take(_moment(ctx, now), ctx, seen, given, why))
    if (given.role, given.decision) == ("approver", "approve"):
        return _out(ctx, seen, now, as_json)
    emit({"ref": seen["ref"], "state": state}, as_json, f"{seen['ref']} {'已退回' if state == 'refused' else '已送审，等另一位签发'} / {state}")


def _sign_paper(file: Path, officer: str, decision: str, now: str) -> str:
    """The line for a paper: by the key on this machine, over what the paper says and no more."""
    from console.asking import confirm
    from console.desk import own_key, signature
    from console.dossier import DECISION_ZH, ROLE_ZH
    from console.paper import read
    from core.keyring import Keyring
    from core.settings import Settings

    found = read(file)
    _at_the_terminal(found.seen)
    typer.echo(found.text, err=True)
    at = _clock(found.seen["status"], now)
    role = found.role(officer, decision, at)
    act = f"{officer} 以{ROLE_ZH[role]}身份签“{DECISION_ZH[decision]}”"
    typer.echo(act, err=True)
    hand = own_key(Keyring(Settings.load().home / "keys"), officer, _passphrase)
    area = confirm(found.seen, act) if decision == "approve" else ""
    return signature(at, hand, found.seen, role, decision, area).line()


def _put_off(ctx: Context, seen: dict[str, Any], given: Signature, reason: str, now: str, as_json: bool) -> None:
    """Let the clock start anew, and tell until when."""
    from console.desk import put_off
    from core.times import people

    deadline = put_off(_moment(ctx, now), ctx, seen, given, reason)
    emit({"ref": seen["ref"], "deadline": deadline.isoformat()}, as_json, f"{seen['ref']} 延后到 {people(deadline, ctx.county.zone)} / put off")


def _see(version: str, now: str, *states: str) -> tuple[Context, dict[str, Any]]:
    """The version, shown to whoever is about to sign it; refused where it may not be decided from here."""
    ctx, seen = _look(version, now, *states)
    _at_the_terminal(seen)
    return ctx, seen


def _look(version: str, now: str, *states: str) -> tuple[Context, dict[str, Any]]:
    """The version, shown; refused where it does not wait for this."""
    from console.context import Context
    from console.desk import in_this_world
    from console.dossier import facts, text
    from core.model import AlertState

    ctx = Context.load()
    seen = facts(ctx, version, _moment(ctx, now))
    in_this_world(ctx, seen, *map(AlertState, states))
    typer.echo(terminal(text(seen, every=False)), err=True)
    return ctx, seen


def _sign(ctx: Context, seen: dict[str, Any], officer: str, decision: str, act: str, now: str, note: str = "") -> str:
    """One signed decision: role, key, confirmation, in this order; then it is handed in."""
    from console.asking import confirm
    from console.desk import open_key, role_of, sign

    role = role_of(ctx, officer, seen, decision)
    hand = open_key(ctx, officer, _passphrase)
    area = confirm(seen, act) if decision == "approve" else ""
    return str(sign(_moment(ctx, now), ctx, hand, seen, role, decision, area=area, note=note))


def _out(ctx: Context, seen: dict[str, Any], now: str, as_json: bool) -> None:
    """Issue and send, and tell what became of it; exit code 1 when it is not wholly out."""
    from console.decide import finish
    from console.desk import rows_of

    done = finish(_moment(ctx, now), ctx, seen["ref"])
    rows, refused = rows_of(ctx, seen), done.dispatch.refused.get(seen["ref"], "")
    told = "；".join(f"{channel} " + "、".join(f"{state} {n}" for state, n in states.items()) for channel, states in rows.items())
    late = "（另一进程正在发送，由它接着发）" if done.dispatch.busy else ""
    emit({"ref": seen["ref"], "state": done.state, "messages": rows, "busy": done.dispatch.busy, "refused": refused}, as_json,
         f"{seen['ref']} 已发布{late}：{told or '没有收件人'}{'；停发：' + refused if refused else ''} / {done.state}")
    raise typer.Exit(0 if done.state == "issued" and not done.dispatch.busy and not refused else 1)


def _moment(ctx: Context, now: str) -> datetime:
    """The time of a decision in this installation."""
    return _clock(ctx.settings.status, now)


def _clock(status: str, now: str) -> datetime:
    """The time of a decision: the wall clock; another one only where nothing is real."""
    from console.context import edge_now
    from core.model import Status

    if now and status == Status.ACTUAL:
        raise ValueError("--now 不能用于真实预警 / Actual has the wall clock alone")
    return edge_now(now or None)


def _at_the_terminal(seen: dict[str, Any]) -> None:
    from console.asking import at_the_terminal

    at_the_terminal(seen["status"])


def _passphrase(officer: str) -> str:
    from console.asking import passphrase

    return passphrase(officer)


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("请写理由 / say why: --reason")
    return reason.strip()

