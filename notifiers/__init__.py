"""Issued alerts -> messages -> receipts; one file a channel, listed in registry.CHANNELS. Two steps: address (before the decision) and dispatch."""

from notifiers.audience import AudienceReport, address
from notifiers.dispatch import DispatchReport, dispatch

__all__ = ["AudienceReport", "DispatchReport", "address", "dispatch"]
