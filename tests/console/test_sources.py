from __future__ import annotations

import json

from typer.testing import CliRunner

from connectors.registry import CONNECTORS
from console.cli import app


def test_every_connector_says_what_it_reads_and_needs() -> None:
    result = CliRunner().invoke(app, ["sources", "--json"])
    rows = {row["connector"]: row for row in json.loads(result.output)}
    assert result.exit_code == 0 and set(rows) == set(CONNECTORS)
    assert all(row["title"] and row["needs"] and row["about"] for row in rows.values())
    assert rows["noaa_coops"]["options"]["stations"] == "str" and rows["sl323"]["address"] == ["secret"]


def test_the_table_is_for_people() -> None:
    text = CliRunner().invoke(app, ["sources"]).output
    assert "sl651" in text and "需要 needs" in text and "keep_online" in text
