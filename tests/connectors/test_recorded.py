"""Every recorded file that a connector can read, through that connector's parse, with counts; the table stands in recorded_files.py, with a reason for the rest."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from recorded_feeds import Row, content
from recorded_files import NAMED, NOT_READ, NOT_RECORDED, ROWS

from connectors.reading.jsonstrict import unwrap
from connectors.reading.syndication import links
from connectors.reading.xmlstrict import loads
from connectors.registry import CONNECTORS
from core.errors import ParseError
from core.model import Rejected


def reason(rejected: Rejected) -> str:
    """Why, without what differs from record to record."""
    return re.sub(r"'[^']*'|[-+]?\d[\d.:T+-]*", "#", rejected.reason).partition(": ")[0]


@pytest.mark.recorded
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.connector}:{row.file}")
def test_a_recorded_file_holds_what_the_table_says(row: Row, recorded: Path, elsewhere) -> None:
    bodies = list(islice(row.bodies(recorded / row.file), 0, None, row.every))
    county, feed = elsewhere(row.connector, *row.stations(bodies), **row.options)
    county, feed = replace(county, prefecture=row.prefecture), replace(feed, table=row.table)
    if row.cell:
        west, south, east, north = row.cell
        around = ((west, south), (east, south), (east, north), (west, north), (west, south))
        county = replace(county, towns=(replace(county.towns[0], cell=around),))
    parse, batches, errors = CONNECTORS[row.connector].parse, [], set()
    for body in bodies:
        try:
            batches.append(parse(body, feed=feed, county=county, received=row.received, raw="r"))
        except ParseError as error:
            errors.add(str(error))
    found = [sum(len(getattr(batch, name)) for batch in batches) for name in ("observations", "tracks", "signals", "reports")]
    assert bodies and found == [row.observations, row.tracks, row.signals, 0]
    assert Counter(reason(one) for batch in batches for one in batch.rejected) == row.rejected
    assert all(row.error in error for error in errors) and bool(errors) == bool(row.error) and (not errors or not batches)
    values = [(o.observed_property, o.value or 0.0) for batch in batches for o in batch.observations]
    assert {name: round(sum(value for own, value in values if own == name), 2) for name in row.sums} == row.sums


@pytest.mark.recorded
@pytest.mark.parametrize("file", NAMED)
def test_a_recorded_index_names_its_documents(file: str, recorded: Path, county) -> None:
    body = content(recorded / file)
    found = unwrap(body, feed="f")["typhoonList"] if file.endswith(".jsonp") else links(loads(body, feed="f"), "", county.feed("warnings_cap"))
    assert len(found) == NAMED[file]


@pytest.mark.recorded
def test_every_recorded_file_is_read_or_has_a_reason(recorded: Path) -> None:
    files = {str(path.relative_to(recorded)) for path in recorded.rglob("*") if path.is_file()}
    read = {row.file for row in ROWS}
    said = {file for file in files for name in NOT_READ if file == name or (name.endswith("/") and file.startswith(name))}
    assert read <= files and files - read - said == set() and read & said == set()
    assert all(name.endswith("/") or name in files for name in NOT_READ) and all(len(why) > 8 for why in NOT_READ.values())


def test_every_connector_has_a_recording_or_a_reason() -> None:
    read = {row.connector for row in ROWS}
    assert read | set(NOT_RECORDED) == set(CONNECTORS) and read & set(NOT_RECORDED) == set()
