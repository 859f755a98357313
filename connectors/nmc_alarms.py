"""Official warning signals in force as nmc.cn lists them (rest/findAlarm): what the weather and water offices published, by area code.

The list is all that is in force; what is no longer on it has been lifted. The code of the area is the head of the alert's own id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from connectors.official import area, hazard_of, read_title
from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Fields, Gather, Refused
from connectors.types import Conditional, Payload
from core.county import County, Feed
from core.errors import ParseError
from core.model import Batch, OfficialSignal
from core.settings import Settings

CLOCK = ("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S")
IGNORE = ("url", "pic")
PAGE_SIZE, MAX_PAGES = 200, 20
#: <6 digits area><8 digits organisation>_<issue time>; 41600000 is the weather office, 33200000 water.
_ID = re.compile(r"(?P<area>\d{6})(?P<office>\d{8})_(?P<issued>\d{14})\Z")


def fetch(feed: Feed, *, conditional: Conditional, now: datetime, settings: Settings) -> Payload | None:
    """All pages of the list, joined as one JSON array of answers when there is more than one."""
    bodies: list[bytes] = []
    for page in range(1, MAX_PAGES + 1):
        params = {
            "pageNo": str(page), "pageSize": str(PAGE_SIZE), "signaltype": "", "signallevel": "",
            "province": str(feed.options.get("province", "")),
        }
        answer = http.get(feed, feed.url(settings), settings=settings, params=params)
        if answer is None:
            break
        bodies.append(answer.body)
        rows, count = _page(loads(answer.body, feed=feed.feed), feed)
        if page * PAGE_SIZE >= count or not rows:
            break
    return Payload(body=bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]", content_type="application/json")


def _page(document: Any, feed: Feed) -> tuple[list[Any], int]:
    """Rows of one page and how many the whole list has."""
    try:
        head = Fields(document)
        if head.take("code") != 0:
            raise Refused("the answer is not code 0")
        page = Fields(Fields(head.take("data")).take("page"))
        rows, count = page.take("list"), page.number("count")
    except Refused as error:
        raise ParseError(str(error), where=feed.feed) from error
    if not isinstance(rows, list) or count is None:
        raise ParseError("data.page has no list or no count", where=feed.feed)
    return rows, int(count)


def parse(body: bytes, *, feed: Feed, county: County, received: datetime, raw: str) -> Batch:
    """Signals of the county's own province (a nation's list is long); the others are read past, not set aside."""
    document = loads(body, feed=feed.feed)
    pages = [_page(page, feed) for page in (document if isinstance(document, list) else [document])]
    rows = [row for page, _ in pages for row in page]
    gather = Gather(feed=feed, received=received, raw=raw)
    if pages and len(rows) < pages[0][1]:
        gather.refuse("data.page", f"{pages[0][1]} warnings announced, {len(rows)} came")

    def read(fields: Fields) -> Iterator[OfficialSignal]:
        """One alarm of the county's own province; those of others are known and passed over."""
        identifier = fields.text("alertid")
        match = _ID.match(identifier)
        if match is None:
            raise Refused(f"alertid {identifier[:40]!r} is not of the agreed form")
        if not match["area"].startswith(county.prefecture[:2]):
            fields.drop()
            return
        title, issued = fields.text("title"), fields.beijing("issuetime", *CLOCK)
        event, level, kind = read_title(title)
        yield OfficialSignal(
            feed=feed.feed, identifier=identifier, event=event, hazard=hazard_of(event, feed), level=level, areas=(area(match["area"], feed),),
            title=title, issued=issued, received=received, raw=raw, msg_type=kind, synthetic=fields.yes("synthetic"),
        )

    gather.each(rows, "data.page.list", read, ignore=IGNORE)
    return gather.batch()
