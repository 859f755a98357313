"""The ledger: everything that is decided or done, in SQLite by default and PostgreSQL by URL."""

from core.ledger.audit import AuditReport, verify_audit
from core.ledger.codec import score_from_json, score_to_json
from core.ledger.store import FeedHealthRow, HoldRow, Ledger, scores_of

__all__ = ["AuditReport", "FeedHealthRow", "HoldRow", "Ledger", "score_from_json", "score_to_json", "scores_of", "verify_audit"]
