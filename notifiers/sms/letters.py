"""The text and the number of one item: the text is rendered once a version and town, the number opened for one call."""

from __future__ import annotations

from core.errors import DeliveryError
from core.model import Status
from core.pii import Number, Vault
from notifiers import render
from notifiers.job import Job
from notifiers.outbox import Item


class Letters:
    """DeliveryError or StoreError where there is nothing to say or nobody to say it to."""

    def __init__(self, job: Job) -> None:
        self._job, self._vault = job, Vault(job.settings.sealing_key())
        self._texts: dict[tuple[tuple[str, int], str], str] = {}

    def number(self, item: Item) -> Number:
        """The number, opened."""
        if item.phone is None:
            raise DeliveryError("收件人已不在 / the recipient is gone", code="gone")
        return self._vault.open(item.phone, item.recipient)

    def text(self, item: Item) -> str:
        """The approved text of the item's town with signature, drill mark and version mark."""
        if (key := (item.ref, item.town)) not in self._texts:
            version = self._job.any_version(item.ref)
            words = version.body["texts"].get(item.town, {})
            self._texts[key] = render.sms(words.get("sms", ""), signature=self._job.county.signature, status=version.status,
                                          alert_id=item.ref[0], version=item.ref[1], words=self._job.county.words)
        return self._texts[key]

    def sender(self, item: Item) -> str:
        """Drills and tests have a sender of their own."""
        s = self._job.settings
        return s.twilio_sender if self._job.any_version(item.ref).status is Status.ACTUAL else s.drill_sender
