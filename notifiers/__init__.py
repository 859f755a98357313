"""Issued alerts -> messages -> receipts; one folder a channel, listed in registry.CHANNELS. Three steps: address (before the decision), dispatch, and erase
(retention). Whom they know is in the register; `readiness` says how well."""

from notifiers.address import address
from notifiers.dispatch import dispatch
from notifiers.erase import ErasureReport, erase
from notifiers.readiness import Readiness, readiness
from notifiers.report import DispatchReport
from notifiers.snapshot import AudienceReport
from notifiers.stops import resume

__all__ = ["AudienceReport", "DispatchReport", "ErasureReport", "Readiness", "address", "dispatch", "erase", "readiness", "resume"]
