"""The desk's pages inside Airflow's UI. A mounted application is open to everybody unless it asks; every page asks for Airflow's own login."""

from __future__ import annotations

from airflow.api_fastapi.core_api.security import get_user

from console.pages import application

app = application(get_user)
