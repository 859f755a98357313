"""The commands, one file a group; each has `add(app)`, and nothing here imports Airflow or pandas at the top."""

from __future__ import annotations

from console.commands import (
    alerts,
    audit,
    backtest,
    broker,
    canary,
    county,
    departments,
    duty,
    feeds,
    gateway,
    officers,
    register,
    replay,
    rules,
    sources,
    verify,
)

#: In the order in which `fengsui --help` shows them.
GROUPS = (duty, alerts, canary, feeds, sources, gateway, broker, departments, officers, register, replay, rules, backtest, verify, county, audit)
