"""Who may say yes, and how a yes is proved.

An approval is an Ed25519 signature over the officer, the role, the decision, the time and the approval hash of the version. The
hash covers the body (with areas, texts, channels, status and times), the audience snapshot and the row's own identity, so any
changed byte ends the authority. No state, Airflow's least of all, stands in for it: notifiers verify before every send.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from core.county import County
from core.errors import AreaError, AuthorityError
from core.keyring import Keyring
from core.model import Level, MsgType, Status
from core.signing import canonical, digest, sign, verify
from core.times import iso, parse_iso

#: The county's standing order (policy.yaml, on_silence: issue) signs with its own key; who made the key gave the order beforehand.
STANDING_ORDER = "standing-order"
#: Signs as author where no person touched the machine's draft; worth nothing without the standing order beside it.
DUTY_SYSTEM = "duty-system"
MACHINES = {DUTY_SYSTEM: "author", STANDING_ORDER: "approver"}
ROLES = ("author", "approver")
DECISIONS = ("approve", "refuse", "put_off")
#: Reasons of a version that the standing order may issue: it may warn, never soothe (a downgrade needs a person; a town that leaves is "down" too).
RAISING = frozenset({"open", "up", "towns", "renew"})

Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One officer's decision; `at` is ISO UTC text, `hash` the approval hash that was seen, `signature` base64, `area` the code that
    whoever says yes to a warning of the whole county has to name."""

    officer: str
    role: str
    decision: str
    hash: str
    at: str
    signature: str
    area: str = ""

    def line(self) -> str:
        """The signature as one line, to be carried to the page's field or to `fengsui alerts hand-in`."""
        return canonical(asdict(self))

    @classmethod
    def read(cls, line: str) -> Self:
        """The signature that a line carries, not verified yet; AuthorityError for any other text."""
        try:
            found = cls(**json.loads(line))
            if all(isinstance(value, str) for value in asdict(found).values()) and iso(parse_iso(found.at)) == found.at:
                return found
        except (ValueError, TypeError, RecursionError):
            pass
        raise AuthorityError("不是 fengsui alerts sign 打印的一行 / not a line that `fengsui alerts sign` printed")


def approval_hash(version_row: Row) -> str:
    """SHA-256 over everything an officer says yes to: body, areas, audience snapshot, channels, status, expires, and which version it is.

    Areas, channels, their reserve and status stand inside the body and are named again so that a later body without one of them cannot pass as equal.
    """
    body = json.loads(version_row["body"])
    return digest(canonical({
        **{column: version_row[column] for column in ("alert_id", "version", "msg_type", "level", "expires")},
        "body": digest(version_row["body"]), "audience": digest(version_row["audience"]),
        "areas": sorted(f"{town['code']}/{town['key']}" for town in body["towns"]), "channels": body["channels"], "status": body["status"],
        **({"reserve": body["reserve_by_level"]} if "reserve_by_level" in body else {}),
    }))


def whole_area(version_row: Row, county: County) -> str:
    """The county's code if the version warns every town, '' otherwise (R3): a lost area must not become the whole county, so each yes to such
    a version names the code, and is void without it. A Cancel only follows what was said and needs none."""
    levels = json.loads(version_row["body"])["levels"]
    everywhere = version_row["msg_type"] != MsgType.CANCEL and all(levels.get(town.key) for town in county.towns)
    return county.code if everywhere else ""


def _statement(officer: str, role: str, decision: str, hashed: str, at: str, area: str) -> str:
    said = {"officer": officer, "role": role, "decision": decision, "hash": hashed, "at": at}
    return canonical({**said, "area": area} if area else said)


def sign_decision(private: str, officer: str, role: str, decision: str, hash: str, at: datetime, area: str = "") -> Signature:
    """Sign one of DECISIONS as 'author' or 'approver' with a base64 private key; `at` is aware, `area` as whole_area wants it."""
    if role not in ROLES or decision not in DECISIONS:
        raise AuthorityError(f"no such role or decision: {role} {decision}")
    when = iso(at)
    return Signature(officer=officer, role=role, decision=decision, hash=hash, at=when, area=area,
                     signature=sign(private, _statement(officer, role, decision, hash, when, area)))


def check_signature(signature: Signature, keyring: Keyring) -> None:
    """Return if the signature is the officer's own; AuthorityError otherwise."""
    s = signature
    verify(keyring.public(s.officer), _statement(s.officer, s.role, s.decision, s.hash, s.at, s.area), s.signature)


def check_area(signature: Signature, version_row: Row, county: County) -> None:
    """Return if a yes names the area that it has to name; AreaError otherwise."""
    if signature.decision == "approve" and signature.area != whole_area(version_row, county):
        raise AreaError("全区预警须另写区划代码确认，其余不写 / a warning of the whole county needs its area code, no other one has any")


def _check_kept(row: Row, areas: tuple[str, ...], keyring: Keyring) -> None:
    """Return if a stored signature holds with one of the areas; AuthorityError otherwise, and for a key that is no longer there."""
    public = keyring.public(row["officer"])
    for area in areas:
        with suppress(AuthorityError):
            return verify(public, _statement(row["officer"], row["role"], row["decision"], row["signed_hash"], row["at"], area), row["signature"])
    raise AuthorityError(f"{row['officer']} 的签名不成立，或全区预警没有写区划代码 / signature does not hold, or names no area for the whole county")


def check_role(county: County, officer: str, role: str, level: Level) -> None:
    """Return if the county's policy lets the officer take this role for this colour; AuthorityError otherwise."""
    rule = county.policy.approvals.get(level)
    person = county.policy.officer(officer)
    if rule is None or person is None:
        raise AuthorityError(f"{officer}: 不在本县值班名单或级别无规定 / not an officer of this county, or no rule for {level.en}")
    if person.role not in (rule.author_roles if role == "author" else rule.approver_roles):
        raise AuthorityError(f"{officer} ({person.role}): {level.zh}预警不能任 {role} / may not be {role} for {level.en}")


def verify_authority(version_row: Row, approvals: Iterable[Row], county: County, keyring: Keyring) -> None:
    """Return if this very row may be sent; AuthorityError with the reason otherwise. Call before every hand-over.

    Holds: body and columns are as they were when signed, an author and a different approver with different keys said yes to the
    same hash, and policy lets each of them. A standing order counts as approver only where the policy and the body both allow it.
    """
    check_frozen(version_row, county)
    hashed, level, area = approval_hash(version_row), Level(version_row["level"]), whole_area(version_row, county)
    areas = (area,) if area else ("", county.code)  # more was confirmed than is needed where the county has a new town since
    yes: dict[str, Row] = {}
    for row in approvals:
        if (row["alert_id"], row["version"]) != (version_row["alert_id"], version_row["version"]):
            raise AuthorityError("an approval of another version")
        if row["decision"] != "approve":
            raise AuthorityError(f"{row['officer']} 已拒绝 / refused it")
        _check_kept(row, areas, keyring)
        if row["signed_hash"] != hashed:
            raise AuthorityError(f"{row['officer']} 签的不是这份内容 / signed something else")
        if row["officer"] in MACHINES:
            if MACHINES[row["officer"]] != row["role"]:
                raise AuthorityError(f"{row['officer']} 不能任 {row['role']} / may not take this role")
            check_standing_order(version_row, county)
        else:
            check_role(county, row["officer"], row["role"], level)
        yes[row["role"]] = row
    if set(yes) != set(ROLES):
        missing = "、".join(role for role in ROLES if role not in yes)
        raise AuthorityError(f"缺少签名 / a signature is missing: {missing}")
    _different(yes["author"], yes["approver"], keyring)


def _different(author: Row, approver: Row, keyring: Keyring) -> None:
    if author["officer"] == approver["officer"] or keyring.public(author["officer"]) == keyring.public(approver["officer"]):
        raise AuthorityError("拟稿人不能审批自己的稿 / the author cannot approve")
    if author["officer"] == DUTY_SYSTEM and approver["officer"] != STANDING_ORDER:
        raise AuthorityError("机器拟稿须有一人署名为拟稿人 / a person must sign the machine's draft as its author")


def check_frozen(version_row: Row, county: County) -> None:
    """Return if body, hash and columns of a version agree with each other and with the house's worlds; AuthorityError otherwise."""
    if digest(version_row["body"]) != version_row["body_hash"]:
        raise AuthorityError("正文已被改动 / the body was changed")
    body = json.loads(version_row["body"])
    for column in ("alert_id", "version", "msg_type", "level", "expires"):
        if body[column] != version_row[column]:
            raise AuthorityError(f"{column}: 台账与正文不一致 / ledger and body disagree")
    if "hash" not in json.loads(version_row["audience"] or "{}"):
        raise AuthorityError("没有受众快照 / no audience snapshot")
    if body["status"] == Status.ACTUAL and county.policy.signing == "demonstration":
        raise AuthorityError("演示签名不能用于真实预警 / demonstration signatures are void for Actual")


def check_standing_order(version_row: Row, county: County) -> None:
    """Return if the standing order may decide this version: policy says issue, it raises, and sources agree (R10, R21)."""
    rule = county.policy.approvals.get(Level(version_row["level"]))
    body = json.loads(version_row["body"])
    if rule is None or rule.on_silence != "issue":
        raise AuthorityError("政策不许无人应答时自动发布 / policy holds on silence")
    if version_row["msg_type"] == MsgType.CANCEL or not set(body["why"]) <= RAISING:
        raise AuthorityError("解除和降级须有人决定 / a person must decide what lowers a level")
    if not body["corroboration"]["holds"]:
        raise AuthorityError("只有一个来源，须有人决定 / one source alone, a person must decide")
