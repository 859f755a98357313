"""The other end of a recording: whatever a feed's connector is, its bytes are asked of the sandbox, as they were pulled once."""

from __future__ import annotations

from connectors.reading import http
from connectors.types import Conditional, Connector, Payload
from core.county import Feed
from core.settings import Settings

PATH = "/recorded/"
#: Behind the content type where more was pulled by now.
AGAIN = "again=1"


def fetch(connector: Connector, feed: Feed, *, conditional: Conditional, settings: Settings) -> Payload | None:
    """One recorded payload of a feed; None for 304. FetchError where its pull had failed, or nothing was pulled by then."""
    found = http.get(feed, settings.sandbox_url + PATH + feed.feed, settings=settings, conditional=conditional)
    if found is None:
        return None
    return Payload(body=found.body, etag=found.etag, again=AGAIN in found.content_type, acknowledge=(lambda: None) if connector.queue else None)
