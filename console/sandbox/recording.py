"""A recording: what an installation's own feeds answered over a period, byte for byte, served again at the scenario's clock.

A county whose feeds the simulator does not speak, or whose storm was a real one, rehearses with its own documents: the bytes go through the same parsers,
whatever carried them the first time (HTTP, TCP, a database, MQTT).
"""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from connectors.recorded import AGAIN, PATH
from connectors.registry import CONNECTORS
from console.sandbox.clock import Clock
from console.sandbox.runs import Run, raw_file
from core.county import County
from core.signing import digest


class Recording:
    """Answers for every feed, at `clock.base`, what was pulled by then: a document that holds all that is in force once, at its newest, all others
    one after another, so that none is passed over between two steps."""

    def __init__(self, county: County, folder: Path, runs: tuple[Run, ...], clock: Clock) -> None:
        self._county, self._folder, self._clock = county, folder, clock
        self._runs = {feed.feed: _changes([run for run in runs if run.feed == feed.feed]) for feed in county.feeds}
        self._place = dict.fromkeys(self._runs, 0)

    def routes(self, app: web.Application) -> None:
        """Mount the page on `app`."""
        app.router.add_get(PATH + "{feed}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        feed = request.match_info["feed"]
        due = [run for run in self._runs.get(feed, ()) if run.at <= self._clock.base]
        place = self._place.get(feed, 0)
        fresh = place < len(due)
        if not due:
            return web.Response(status=503, text="nothing was pulled by then")
        if fresh and not CONNECTORS[self._county.feed(feed).connector].listing:
            # a failure that another pull made good by now is passed over
            place = next((n for n in range(place, len(due)) if due[n].outcome != "failed"), len(due) - 1)
        else:
            place = len(due) - 1
        self._place[feed] = place + 1
        run = due[place]
        if not run.raw:
            return web.Response(status=503, text="this pull had failed")
        etag = f'"{run.raw[:16]}"'
        if not fresh and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        content = f"application/octet-stream; {AGAIN}" if place + 1 < len(due) else "application/octet-stream"
        return web.Response(body=self._bytes(run.raw), headers={"ETag": etag, "Content-Type": content})

    def _bytes(self, sha: str) -> bytes:
        import pyarrow as pa

        with pa.input_stream(str(raw_file(self._folder, sha)), compression="zstd") as stream:
            body = bytes(stream.read())
        if digest(body) != sha:
            raise web.HTTPInternalServerError(text="damaged recording")
        return body


def _changes(runs: list[Run]) -> list[Run]:
    """The pulls that brought something else than the one before."""
    return [run for n, run in enumerate(runs) if not n or run.raw != runs[n - 1].raw]
