"""The broadcast stage: one signed frame a version and town, its answers gathered, read back and counted; who did not answer is listed.

Loudspeakers know (alert, version), so a frame sent again after a crash or a silence is answered and not played twice.
"""

from __future__ import annotations

from core.errors import AuthorityError, DeliveryError
from core.model import DeliveryState as D
from core.times import iso
from notifiers import frames
from notifiers.broadcast.compose import Fields, compose
from notifiers.broadcast.publisher import TAKEN, Publisher
from notifiers.broadcast.unreached import tell_desk
from notifiers.history import BROKER
from notifiers.job import Job
from notifiers.outbox import Again, Item, Outcome
from notifiers.quiet import quiet_there
from notifiers.reserve import blame
from notifiers.versions import Ref

LIMIT = 10_000
#: Silent loudspeakers, and what the broker refused (MQTT 5: unspecified, implementation, not authorised, quota), are tried again; ours, unverified.
AGAIN = {code: Again(5, 60.0) for code in ("no_ack", "broker_128", "broker_131", "broker_135", "broker_151")}

Target = tuple[Ref, str]


def run_broadcast(job: Job) -> None:
    """Serve what is pending. Without a broker the rows stay pending and the desk is rung."""
    outbox = job.parts.outbox(job.ledger, job.ticker, "broadcast", job.shard)
    left = outbox.sending(job.versions)
    if not (left or outbox.waiting(job.versions)):
        return
    publisher = Publisher(job)
    try:
        publisher.open()
        again = [item for item in left if job.serves(item.ref, item.town) and job.versions[item.ref].name not in outbox.sight.barred]
        outbox.settle([Outcome(delivery_id=i.delivery_id, state=D.UNDELIVERED, code="no_ack") for i in left if i not in again])
        items = again + outbox.claim(job.versions, LIMIT)
        sent, refused = _publish(job, publisher, sorted({(i.ref, i.town) for i in items}))
        publisher.await_acks({(i.recipient, *i.ref) for i in items if (i.ref, i.town) in sent}, job.settings.ack_wait_s)
        pairs = [(i, _outcome(job, i, sent, refused, publisher.acks.get((i.recipient, *i.ref)))) for i in items]
        outbox.settle([outcome for _, outcome in pairs])
        tell_desk(job, pairs)
    except DeliveryError as error:
        blame(job, "broadcast", error.code)
        job.alarm("broadcast", str(error), f"broadcast.{iso(job.ticker.now())[:13]}")
    finally:
        publisher.close()


def _publish(job: Job, publisher: Publisher, targets: list[Target]) -> tuple[dict[Target, Fields], dict[Target, str]]:
    """All frames on their way, then the broker's words: (what was sent, why the rest was not). No word is no refusal: it may have been taken."""
    sent, refused, numbers = dict[Target, Fields](), dict[Target, str](), dict[int, Target]()
    for ref, town in targets:
        version = job.versions[ref]
        valid = int((version.expires - job.ticker.now()).total_seconds())
        try:
            sent[ref, town], payload = compose(job, version, town)
        except (DeliveryError, AuthorityError) as error:
            refused[ref, town] = getattr(error, "code", "") or "no_key"
            job.alarm("broadcast", f"{version.name} {town} {error}", f"{version.name}.{town}.frame")
            continue
        numbers[publisher.publish(f"{frames.tree(version.status)}/broadcast/{town}", payload, valid)] = (ref, town)
    publisher.await_codes(set(numbers))
    for number, (ref, town) in numbers.items():
        code = publisher.codes.get(number, 0)
        if code not in TAKEN:
            name = job.versions[ref].name
            refused[ref, town] = f"{BROKER}{code}"
            sent.pop((ref, town))
            job.alarm("broadcast", f"{name} {town} 消息代理拒收 {code} / broker refused", f"{name}.{town}.{code}")
    return sent, refused


def _outcome(job: Job, item: Item, sent: dict[Target, Fields], refused: dict[Target, str], ack: Fields | None) -> Outcome:
    target = (item.ref, item.town)
    if target in refused:
        return Outcome(delivery_id=item.delivery_id, state=D.REFUSED, code=refused[target][:32])
    if ack is None:
        return Outcome(delivery_id=item.delivery_id, state=D.UNDELIVERED, code="no_ack")
    if ack["content"] != frames.content(sent[target]):
        job.stop(job.versions[item.ref], "broadcast", f"{item.recipient} 收到的与签发的不同 / it holds something else")
        return Outcome(delivery_id=item.delivery_id, state=D.UNDELIVERED, code="read_back")
    if ack["reason"] == "quiet_hours":
        return quiet_there(job, item)
    if ack["verified"] and ack["played_to"]:
        return Outcome(delivery_id=item.delivery_id, state=D.DELIVERED, provider_id=f"seq-{ack['seq']}")
    return Outcome(delivery_id=item.delivery_id, state=D.UNDELIVERED, code=ack["reason"][:32])
