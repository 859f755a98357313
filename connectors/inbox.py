"""The inbox: what officers and neighbouring departments have sent, as an ordinary feed.

Whoever receives messages answers for one when it is durable in the spool; this drains the spool through the same stages as every feed, so that raw bytes, flags and
health hold. Where the feed has an http address, one CSV list of field reports is pulled from there once the spool is empty. A message is
{at, kind, by, body}: kind json, csv, cap, sms or beidou; `by` the department, or for sms and beidou the reporter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from connectors.field_reports import in_unit, make
from connectors.push import pushed
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import FUTURE_TOLERANCE, Fields, Gather, Refused
from connectors.report_beidou import decode
from connectors.report_sms import read_sms
from connectors.spool import Spool
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import FetchError, ParseError
from core.model import Batch, FieldReport
from core.settings import Settings
from core.signing import canonical
from core.times import iso

KINDS = ("json", "csv", "cap", "sms", "beidou")
#: The kind of the list that is pulled: a message that is a document of its own, which is no list or the feed is ill.
LIST = "list"


def spool_of(feed: Feed, settings: Settings) -> Spool:
    """Where the receiving service leaves what it has answered for."""
    return Spool(Path(settings.home) / "inbox" / feed.feed)


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """What waits in the spool; its files go when the lake has them. Then the list, where the feed has one; None when nothing waits."""
    listed = bool(settings.sandbox_url and feed.sandbox) if settings.mode == "sandbox" else bool(feed.address)
    spool = spool_of(feed, settings)
    messages, files = spool.read()
    if messages:
        body = canonical({"messages": messages}).encode()
        more = listed or len(spool.waiting()) > len(files)
        return Payload(body=body, content_type="application/json", again=more, acknowledge=lambda: Spool.forget(files))
    if listed:
        answer = http.get(feed, feed.url(settings), settings=settings, conditional=conditional)
        if answer is None:
            return None
        message = {"at": iso(now), "by": "", "kind": LIST, "body": answer.body.decode(errors="replace")}
        return replace(answer, body=canonical({"messages": [message]}).encode())
    if not spool.folder.is_dir():
        raise FetchError(f"{feed.feed}: 还没有接收服务写入 / no receiver has written here yet", layer="source")
    return None


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """All messages; one that cannot be read is set aside whole, a list that cannot be read is a ParseError. What a message says counts as received when it arrived."""
    document = loads(body, feed=feed.feed)
    messages = document.get("messages") if isinstance(document, dict) else None
    if not isinstance(messages, list):
        raise ParseError("no messages", where=feed.feed)
    whole = Gather(feed=feed, received=received, raw=raw)
    for number, message in enumerate(messages):
        try:
            fields = Fields(message)
            at = min(fields.zoned("at"), received)
            batch = read(fields.text("kind"), str(fields.take("body")), str(fields.maybe("by") or ""), Gather(feed=feed, received=at, raw=raw), county)
        except (ParseError, ValueError) as error:
            if isinstance(message, dict) and message.get("kind") == LIST:
                raise ParseError(str(error), where=feed.feed) from error
            whole.refuse(f"messages[{number}]", str(error), "")
            continue
        whole.items += [*batch.observations, *batch.signals, *batch.reports]
        whole.rejected += [replace(r, where=f"messages[{number}]{r.where}") for r in batch.rejected]
    return whole.batch()


def read(kind: str, text: str, by: str, gather: Gather, county: County) -> Batch:
    """One message, as a receiver may read it before it answers and the feed reads it again; ParseError or Refused when it cannot be read."""
    match kind:
        case "json":
            return pushed.read_json(text.encode(), gather, county)
        case "csv" | "list":
            return pushed.read_csv(text, gather, county)
        case "cap":
            return pushed.read_xml(text.encode(), gather, county)
        case "sms" | "beidou":
            gather.each([{"text": text, "by": by}], kind, lambda fields: _short(kind, gather, county, fields))
            return gather.batch()
    raise Refused(f"field kind is none of {', '.join(KINDS)}")


def _short(kind: str, gather: Gather, county: County, fields: Fields) -> Iterator[FieldReport]:
    text, by = fields.text("text"), fields.text("by")
    if kind == "sms":
        said = read_sms(text, county, gather.received)
        who = county.reporter(by)
        town = said.town or (who.town if who else "")
        if not town:
            raise Refused("没有写镇街")
        time = said.time or gather.received
        value = in_unit(said.kind, said.value, said.unit or None)
        yield make(gather, county, "sms", reporter=by, town=town, kind=said.kind, value=value, time=time, village=said.village, note=said.note)
        return
    code = decode(_bytes(text))
    if code.reporter != by:
        raise Refused("报告人与终端登记的不符 / the reporter is not the terminal's")
    if code.time > gather.received + FUTURE_TOLERANCE:
        raise Refused("时间还没有到 / dated later than its receipt")
    yield make(gather, county, "beidou", reporter=by, town=code.town, kind=code.kind, value=code.value, time=code.time, village=code.village,
               note=code.note, point=code.point)


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refused("应为十六进制 / hexadecimal is expected") from None
