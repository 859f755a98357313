"""Connectors: a feed -> Observations. One file a source, all of one shape, named in `connectors.registry`."""

from connectors.health import health
from connectors.ingest import ingest
from connectors.quality.correct import correct
from connectors.stationwatch import station_states
from connectors.trial import trial
from connectors.work import IngestReport

__all__ = ["IngestReport", "correct", "health", "ingest", "station_states", "trial"]
