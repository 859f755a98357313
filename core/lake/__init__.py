"""The lake: raw payloads by content, readings, tracks and signals as Parquet; importing it imports no pandas."""

from core.lake.shapes import CORRECTED
from core.lake.store import Lake, record_id

__all__ = ["CORRECTED", "Lake", "record_id"]
