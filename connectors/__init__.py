"""Connectors: a feed -> Observations. One file a source, all of one shape, named in `connectors.registry`."""

from connectors.health import health
from connectors.ingest import ingest
from connectors.work import IngestReport

__all__ = ["IngestReport", "health", "ingest"]
