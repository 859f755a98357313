"""Issued alerts -> messages -> receipts; one folder a channel, listed in registry.CHANNELS. Two steps: address (before the decision) and dispatch."""

from notifiers.address import address
from notifiers.dispatch import dispatch
from notifiers.report import DispatchReport
from notifiers.snapshot import AudienceReport
from notifiers.stops import resume

__all__ = ["AudienceReport", "DispatchReport", "address", "dispatch", "resume"]
