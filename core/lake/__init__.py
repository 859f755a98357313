"""The lake: raw payloads by content, readings, tracks and signals as Parquet; importing it imports no pandas."""

from core.lake.store import Lake, record_id

__all__ = ["Lake", "record_id"]
