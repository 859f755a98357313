"""The desk's pages as a web application: the board that draws itself anew, its script, the shift handover. Whoever mounts it gives the login.

Nothing comes from elsewhere and nothing is kept by a browser: the policy stands in a header, and only our own script runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Response
from fastapi.responses import HTMLResponse

from console.board import as_of, render
from console.context import Context
from console.handover import HOURS, page

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; connect-src 'self'; base-uri 'none'; "
                               "form-action 'none'; frame-ancestors 'self'",
    "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
}


def application(login: Callable[..., Any]) -> FastAPI:
    """The pages behind `login`, a FastAPI dependency that refuses whom it does not know."""
    app = FastAPI(title="烽燧值守", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(login)])

    @app.get("/board")
    def board() -> HTMLResponse:
        """The duty board as of now."""
        ctx = Context.load()
        return HTMLResponse(render(ctx, as_of(ctx), live=True), headers=HEADERS)

    @app.get("/handover")
    def handover(hours: Annotated[float, Query(gt=0, le=168)] = HOURS) -> HTMLResponse:
        """The last hours for the next officer."""
        ctx = Context.load()
        return HTMLResponse(page(ctx, as_of(ctx), hours), headers=HEADERS)

    @app.get("/board.js")
    def script() -> Response:
        """What draws the board anew."""
        return Response(Path(__file__).with_name("board.js").read_bytes(), media_type="text/javascript", headers=HEADERS)

    return app
