"""Read `register` of policy.yaml, which may be absent: how fresh the register of residents must be, and how long personal data are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from core.county.tree import ABSENT, Node

#: A message may be asked about with the provider for some days after it was sent (notifiers.sms.polling); what is erased sooner could not be.
MIN_DELIVERY_DAYS, MAX_DAYS = 7, 3650
_DAY = r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPolicy:
    """When the register counts as ready, and how long it keeps whom; shares are 0..1 of the people in it.

    `renew_by` is (month, day): by that day of each year the list must have been gone through in that year. `removed_share` is how much of the register one
    list may take away without a second word. Kept for `departed_days` is who left the list, for `deliveries_days` after an alert ended who was told;
    `unknown_days` after that end, what became of a message is no longer waited for: then it is kept like the others.
    """

    renew_by: tuple[int, int]
    overdue_share: float
    dead_share: float
    removed_share: float
    departed_days: int
    deliveries_days: int
    unknown_days: int

    def renewed_since(self, today: date) -> date:
        """The earliest day (Beijing) of renewal with which a row still counts as renewed on `today`."""
        return date(today.year if (today.month, today.day) > self.renew_by else today.year - 1, 1, 1)


def read_register(node: Node) -> RegisterPolicy | None:
    """The section; None where there is none. Each part says where its numbers come from."""
    if node.value is ABSENT:
        return None
    top = node.fields(("renewal", "ready", "retention"))
    renewal, ready, kept = (top[name].fields((*names, "source", "verified")) for name, names in (
        ("renewal", ("by",)), ("ready", ("overdue_share", "dead_share", "removed_share")), ("retention", ("departed_days", "deliveries_days", "unknown_days"))))
    for part in (renewal, ready, kept):
        part["source"].text()
        part["verified"].yes()
    return RegisterPolicy(
        renew_by=_day(renewal["by"]), overdue_share=ready["overdue_share"].number(0, 1), dead_share=ready["dead_share"].number(0, 1),
        removed_share=ready["removed_share"].number(0, 1), departed_days=kept["departed_days"].whole(0, MAX_DAYS, " 天"),
        deliveries_days=kept["deliveries_days"].whole(MIN_DELIVERY_DAYS, MAX_DAYS, " 天"), unknown_days=kept["unknown_days"].whole(MIN_DELIVERY_DAYS, MAX_DAYS, " 天"))


def _day(node: Node) -> tuple[int, int]:
    text = node.text(_DAY, "写 \"04-20\" 这样的月日 / month and day such as \"04-20\"", default="12-31") or "12-31"
    month, day = int(text[:2]), int(text[3:])
    try:
        date(2001, month, day)
    except ValueError:  # 29 February is not there every year either
        node.refuse("不是每年都有的一天 / not a day of every year", "写 \"04-20\" 这样的月日 / month and day such as \"04-20\"")
    return month, day
