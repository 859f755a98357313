"""The desk's pages as a web application: the board that draws itself anew, its script, the shift handover. Whoever mounts it gives the login.

Nothing comes from elsewhere and nothing is kept by a browser: the policy stands in a header, and only our own script runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse

from console.board import as_of, render
from console.context import Context
from console.handover import HOURS, page

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
}


@contextmanager
def _opened() -> Iterator[Context]:
    """The installation for one answer. Its connections are given back at once: every desk asks three times a minute, for months."""
    ctx = Context.load()
    try:
        yield ctx
    finally:
        ctx.ledger.close()


def application(login: Callable[..., Any]) -> FastAPI:
    """The pages behind `login`, a FastAPI dependency that refuses whom it does not know."""
    app = FastAPI(title="烽燧值守", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(login)])

    @app.middleware("http")
    async def guarded(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        """Every answer has the policy, also a refusal."""
        answer = await go_on(request)
        answer.headers.update(HEADERS)
        return answer

    @app.get("/board")
    def board() -> HTMLResponse:
        """The duty board as of now."""
        with _opened() as ctx:
            return HTMLResponse(render(ctx, as_of(ctx), live=True))

    @app.get("/handover")
    def handover(hours: Annotated[float, Query(gt=0, le=168)] = HOURS) -> HTMLResponse:
        """The last hours for the next officer."""
        with _opened() as ctx:
            return HTMLResponse(page(ctx, as_of(ctx), hours))

    @app.get("/board.js")
    def script() -> Response:
        """What draws the board anew."""
        return Response(Path(__file__).with_name("board.js").read_bytes(), media_type="text/javascript")

    return app
