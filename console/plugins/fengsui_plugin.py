"""Puts the duty board into Airflow's navigation. Every task process loads plugins, so nothing heavy is imported here."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class LazyApp:
    """Imports the board's application when its first page is asked for."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            from console.airflow_board import app

            self._app = app
        await self._app(scope, receive, send)


class FengsuiPlugin(AirflowPlugin):  # type: ignore[misc]
    """The board under /fengsui/board."""

    name = "fengsui"
    fastapi_apps: ClassVar[list[Any]] = [{"app": LazyApp(), "url_prefix": "/fengsui", "name": "烽燧"}]
    external_views: ClassVar[list[Any]] = [
        {"name": "预警看板", "href": "/fengsui/board", "destination": "nav", "url_route": "fengsui-board", "nav_top_level": True}]
