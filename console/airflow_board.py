"""The board inside Airflow's UI. A mounted application is open to everybody unless it asks; every page here asks for Airflow's own login."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from console.board import as_of, render
from console.context import Context

app = FastAPI(title="烽燧值守看板", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/board", response_class=HTMLResponse)
def board(user: GetUserDep) -> str:
    """The duty board as of now."""
    ctx = Context.load()
    return render(ctx, as_of(ctx))
