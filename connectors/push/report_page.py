"""The reporters' page: a plain form for disaster-information officers, kept through the same door as a department's push, as the channel `web`.

The officer's id must stand in reporters.csv and the code must be theirs: who is not registered is not heard here, as in every other channel. The form carries a
token, which is its Idempotency-Key: pressed twice, or sent again on a bad line, it is one report and shows the same receipt.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import parse_qsl

from connectors.field_reports import MAX_NOTE
from connectors.push.door import Door, Entry, Turned
from connectors.push.rendering import Reply, draw
from connectors.push.take import Taker
from core.county import Feed, Reporter
from core.reporting import KINDS, UNIT_WORDS
from core.signing import canonical
from core.times import SHANGHAI, parse_iso

FIELDS = ("token", "reporter", "code", "town", "village", "kind", "value", "unit", "time", "note")
#: Bytes of a filled form; reports a minute and at once of one person, who types with a thumb.
FORM_BYTES, PER_MIN, BURST = 8192, 20.0, 10.0
MAX_VILLAGE = 40
ANOTHER = "刚才的一份已经收到；这一份内容不同，是另一件事就再按一次报送 / kept before; press again for another report"
UNITS = tuple(word for word in UNIT_WORDS if not word.isascii())
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_TIMES = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


@dataclass(frozen=True, slots=True)
class ReportPage:
    """The page over a door and what takes a body."""

    door: Door
    taker: Taker

    @property
    def feed(self) -> Feed:
        """Where the page's reports go: the inbox whose option `page` is true."""
        for feed in self.door.county.feeds:
            if feed.connector == "inbox" and feed.options.get("page"):
                return feed
        raise Turned(404, "本县没有开放报送页 / this county has no reporters' page")

    def empty(self) -> Reply:
        """The form, dated now."""
        return self._form(200, "", {}, {"time": self.taker.clock().astimezone(self.door.county.zone).strftime(_TIMES[0])}, secrets.token_urlsafe(16))

    def submit(self, body: bytes, peer: str, tick: float) -> Reply:
        """Keep what the form says and show its receipt, or show the form again with what is wrong with it."""
        said = _fields(body)
        token, feed = said.pop("token"), self.feed
        try:
            who = self._who(said, peer, tick)
            record = _record(said, self.door.county.zone)
            entry = Entry(sender=f"reporter-{who.reporter}", by=who.reporter, feed=feed, lists=("reports",), kind="json", key=token)
            answer, before = self.taker.take(entry, canonical({"reports": [record]}).encode())
        except Turned as turned:
            fresh, text = (secrets.token_urlsafe(16), ANOTHER) if turned.status == 409 else (token, turned.told["error"])
            return self._form(turned.status, text, _wrong(turned), said, fresh, turned.headers)
        return 200, "text/html", self._kept(answer, before, said), {}

    def _who(self, said: dict[str, str], peer: str, tick: float) -> Reporter:
        """The reporter whose code this is; nobody is told which of the two was wrong."""
        who = self.door.county.reporter(said["reporter"].strip())
        if who is None or not self.door.access.holds("reporter", who.reporter, said["code"]):
            self.door.wrong(peer, tick)
            raise Turned(401, "编号或报送码不对；没有报送码，向区应急管理局领取 / wrong id or code")
        if wait := self.door.buckets.wait(f"reporter-{who.reporter}", PER_MIN, BURST, tick):
            raise Turned(429, f"报得太快，{wait} 秒后再按 / too fast", headers={"Retry-After": str(wait)})
        return who

    def _form(self, status: int, told: str, wrong: dict[str, str], said: dict[str, str], token: str, headers: dict[str, str] | None = None) -> Reply:
        shown = dict.fromkeys(FIELDS, "") | {name: value for name, value in said.items() if name != "code"}
        page = draw("report.html.j2", self.door.county, self.door.settings, told=told, wrong=wrong, said=shown, token=token, kinds=KINDS, units=UNITS,
                    most=MAX_NOTE, feed=self.feed, beijing=self.door.county.zone == SHANGHAI)
        return status, "text/html", page, headers or {}

    def _kept(self, answer: dict[str, Any], before: bool, said: dict[str, str]) -> str:
        county = self.door.county
        value = f"{said['value']} {said['unit']}" if said["value"].strip() else ""
        rows = (("灾情 What", f"{KINDS[said['kind']].title} {value}"), ("地点 Where", f"{county.town(said['town']).name} {said['village']}"),
                ("看到 Seen", said["time"].replace("T", " ")), ("收到 Received", parse_iso(answer["at"]).astimezone(county.zone).strftime("%Y-%m-%d %H:%M:%S")))
        return draw("kept.html.j2", county, self.door.settings, report=answer["reports"][0], before=before, rows=rows)


def _fields(body: bytes) -> dict[str, str]:
    """The form's fields, each once; Turned for anything that is not this form."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=len(FIELDS))
    except ValueError:
        pairs = []
    if sorted(name for name, _ in pairs) != sorted(FIELDS) or not _TOKEN.fullmatch(dict(pairs)["token"]) or any("\0" in value for _, value in pairs):
        raise Turned(400, "不是本页的表单，请重新打开 / not this page's form, open it anew")
    return dict(pairs)


def _record(said: dict[str, str], zone: tzinfo) -> dict[str, Any]:
    """The report as the web form's JSON; Turned for what is too long or no time."""
    said["note"] = re.sub(r"\s+", " ", said["note"])
    wrong = {name: f"超过 {most} 字" for name, most in (("village", MAX_VILLAGE), ("note", MAX_NOTE)) if len(said[name].strip()) > most}
    at = None
    for pattern in _TIMES:
        try:
            at = at or datetime.strptime(said["time"].strip(), pattern).replace(tzinfo=zone)
        except ValueError:
            continue
    if at is None:
        wrong["time"] = "写成 2021-07-26 15:30"
    if at is None or wrong:
        raise Turned(422, "有几处要改 / some fields must be changed", more={"wrong": wrong})
    record = {"reporter": said["reporter"].strip(), "town": said["town"], "kind": said["kind"], "time": at.isoformat(), "village": said["village"].strip(),
              "note": said["note"].strip()}
    return record | ({"value": said["value"].strip(), "unit": said["unit"]} if said["value"].strip() else {})


def _wrong(turned: Turned) -> dict[str, str]:
    """What is wrong by field: the reader's own reasons in their Chinese half."""
    found: dict[str, str] = dict(turned.told.get("wrong", {}))
    for one in turned.told.get("refused", []):
        field = one["pointer"].rpartition("/")[2]
        found[field if field in FIELDS else "time" if one["reason"].startswith("时间") else "kind"] = one["reason"].partition(" / ")[0]
    return found
