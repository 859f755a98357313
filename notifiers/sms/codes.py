"""What the provider's statuses and error codes mean for us. Never again (not in AGAIN): 21211, 21614, 30005, 30006, 21610; stopped and rung: 30007."""

from __future__ import annotations

from typing import NamedTuple

from core.model import DeliveryState as D
from notifiers.outbox.items import Again, Item, Outcome


class Rule(NamedTuple):
    """At hand-over: the state to go to, seconds to wait before another try, whether the duty desk is rung."""

    state: D
    wait_s: float = 0.0
    alarm: bool = False


#: At hand-over. 20429 too many requests (never processed, safe), 21611 the sender's queue is full, 21211 not a number, 21610 opted out,
#: 21614 not a mobile, 21617 too long. A 4xx that is neither here nor our fault is refused and rings the desk; a 5xx is not known.
AT_HANDOVER = {
    20429: Rule(D.PENDING, 1.0), 21611: Rule(D.PENDING, 30.0),
    21211: Rule(D.REFUSED), 21610: Rule(D.REFUSED), 21614: Rule(D.REFUSED), 21617: Rule(D.REFUSED, alarm=True),
}
#: About our account or sender, so that everybody would be refused alike: nothing was processed, the desk is rung, the rows wait for the mending.
#: 20003 wrong credentials, 20005 account not active, 20404 no such account, 21212, 21603 and 21606 no such sender (general knowledge, unverified).
OUR_CODES, OUR_STATUSES, OUR_FAULT = {20003, 20005, 20404, 21212, 21603, 21606}, {401, 403, 404}, Rule(D.PENDING, 30.0, alarm=True)
#: Afterwards, by callback or poll: 30001 queue overflow, 30003 handset unreachable, 30008 unknown. The tries and waits are ours, unverified.
AGAIN = {"30001": Again(0, 60.0), "30003": Again(3, 180.0), "30008": Again(3, 60.0)}
#: The number itself takes no message and never will: 21211 not a number, 21614 not a mobile, 30005 unknown subscriber, 30006 a landline (30005 unverified).
DEAD = ("21211", "21614", "30005", "30006")
#: The carrier filters the text: more of the same helps nobody.
FILTERED = "30007"
#: Status of a message -> our state; a status that is not here is kept as a receipt and moves nothing.
STATES = {"accepted": D.ACCEPTED, "scheduled": D.ACCEPTED, "queued": D.ACCEPTED, "sending": D.ACCEPTED, "sent": D.SENT, "delivered": D.DELIVERED,
          "read": D.DELIVERED, "undelivered": D.UNDELIVERED, "failed": D.UNDELIVERED}
#: Statuses of a message that did not arrive.
FAILED = ("failed", "undelivered", "canceled")


def outcome(item: Item, status: int, code: int) -> Outcome:
    """What an HTTP answer other than 2xx means."""
    rule = AT_HANDOVER.get(code) or (AT_HANDOVER[20429] if status == 429 else OUR_FAULT if code in OUR_CODES or status in OUR_STATUSES else None)
    if rule is None:
        sure = 400 <= status < 500 and status != 408
        rule = Rule(D.REFUSED, alarm=True) if sure else Rule(D.SENDING)
    return Outcome(delivery_id=item.delivery_id, state=rule.state, code=str(code or status), wait_s=rule.wait_s, alarm=rule.alarm)
