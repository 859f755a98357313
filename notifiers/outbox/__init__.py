"""The outbox: one row a recipient, every change a compare-and-swap, in batches (one fsync for hundreds).

planned -> pending -> sending -> accepted -> sent -> delivered | undelivered; aside: refused, expired, cancelled, unknown. `sending` is
committed before the call. A row leaves it only with proof: the provider's answer, its list, or its callback.
"""

from notifiers.outbox.box import Outbox
from notifiers.outbox.items import Again, Item, Outcome, Ticker

__all__ = ["Again", "Item", "Outbox", "Outcome", "Ticker"]
