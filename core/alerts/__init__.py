"""The life of an alert: draft -> decide -> issue -> end. One thread a hazard and event, one version a material change.

Uses the ledger; the ledger does not know it. Nothing here sends: notifiers do, after `verify_authority`.
"""

from core.alerts.authority import Signature, approval_hash, sign_decision, verify_authority, whole_area
from core.alerts.deciding import Waiting, approvals, decide, delayed, put_off, record_audience, waiting, waiting_for, waits
from core.alerts.drafting import DraftReport, cancel, draft
from core.alerts.issuing import expire, issue, pending, state, unaddressed
from core.alerts.standing import decide_silence, narrow
from core.alerts.states import TRANSITIONS, VersionRef, find, issuer_key

__all__ = [
    "TRANSITIONS", "DraftReport", "Signature", "VersionRef", "Waiting", "approval_hash", "approvals", "cancel", "decide", "decide_silence", "delayed", "draft",
    "expire", "find", "issue", "issuer_key", "narrow", "pending", "put_off", "record_audience", "sign_decision", "state", "unaddressed",
    "verify_authority", "waiting", "waiting_for", "waits", "whole_area",
]
