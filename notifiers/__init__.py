"""Issued alerts -> messages -> receipts; one file a channel. Two steps: address (whom a draft reaches) and dispatch (hand it over)."""

from notifiers.audience import AudienceReport, address
from notifiers.dispatch import DispatchReport, dispatch

__all__ = ["AudienceReport", "DispatchReport", "address", "dispatch"]
