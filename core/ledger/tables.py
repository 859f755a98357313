"""The ledger's tables: everything that is decided or done. Times are ISO 8601 UTC text, so that SQLite and PostgreSQL
sort and compare them alike and two runs with one clock are equal byte for byte. JSON columns hold canonical JSON text
(core.signing.canonical)."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    or_,
    select,
)

metadata = MetaData()


def _time(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, String(32), nullable=nullable)


#: One row a feed: its health now and what conditional GET needs.
feed_health = Table(
    "feed_health", metadata,
    Column("feed", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("layer", String(16), nullable=False, default=""),
    Column("headline", Text, nullable=False, default=""),
    _time("checked_at"), _time("success_at", nullable=True), _time("newest_reading", nullable=True),
    _time("changed_at", nullable=True),
    Column("failures", Integer, nullable=False, default=0),
    Column("etag", Text, nullable=False, default=""), Column("last_modified", Text, nullable=False, default=""),
    Column("raw", String(64), nullable=False, default=""),
)

#: One row an ingest of a feed.
feed_run = Table(
    "feed_run", metadata,
    Column("feed", String(64), primary_key=True), Column("at", String(32), primary_key=True),
    Column("outcome", String(16), nullable=False),
    Column("records", Integer, nullable=False), Column("set_aside", Integer, nullable=False),
    Column("raw", String(64), nullable=False, default=""), Column("error", Text, nullable=False, default=""),
)

#: A consumer's own position in what it reads; an asset event is only a bell.
watermark = Table(
    "watermark", metadata,
    Column("consumer", String(64), primary_key=True), Column("source", String(64), primary_key=True),
    Column("position", Text, nullable=False),
)

#: One row a town, hazard and assessment: what is looked for; the whole RiskScores lie in `evidence`.
assessment = Table(
    "assessment", metadata,
    Column("at", String(32), primary_key=True), Column("town", String(16), primary_key=True),
    Column("hazard", String(16), primary_key=True),
    Column("level", Integer, nullable=False), Column("ceiling", Integer, nullable=False),
    Column("proved", Integer, nullable=False), Column("floor", Integer, nullable=False),
    Column("score", Float, nullable=False), Column("silent", Text, nullable=False),
    Column("newest_reading", String(32), nullable=True),
)

#: The RiskScores of one assessment by town and hazard, some hundreds a part, packed (codec.packed): what a county says of itself every ten minutes is
#: nearly the same again and again.
evidence = Table(
    "evidence", metadata,
    Column("at", String(32), primary_key=True), Column("part", Integer, primary_key=True, autoincrement=False), Column("body", LargeBinary, nullable=False),
)

#: Hysteresis memory of one rule in one town.
hold = Table(
    "hold", metadata,
    Column("town", String(16), primary_key=True), Column("rule", String(64), primary_key=True),
    Column("level", Integer, nullable=False), Column("pending", Integer, nullable=False),
    _time("pending_since", nullable=True), Column("excluded", String(160), nullable=False), _time("updated_at"),
)

#: One thread: one hazard and one county event.
alert = Table(
    "alert", metadata,
    Column("alert_id", String(64), primary_key=True),
    Column("hazard", String(16), nullable=False), Column("status", String(16), nullable=False),
    _time("opened_at"), _time("closed_at", nullable=True),
)

#: One version of an alert; `body` is frozen once issued and complete without a join.
alert_version = Table(
    "alert_version", metadata,
    Column("alert_id", String(64), primary_key=True), Column("version", Integer, primary_key=True),
    Column("msg_type", String(16), nullable=False), Column("state", String(16), nullable=False),
    Column("level", Integer, nullable=False),
    Column("body", Text, nullable=False), Column("body_hash", String(64), nullable=False),
    Column("audience", Text, nullable=False, default="{}"),
    _time("reading_at", nullable=True), _time("assessed_at"), _time("drafted_at"),
    _time("decided_at", nullable=True), _time("issued_at", nullable=True),
    _time("first_handed_at", nullable=True), _time("last_handed_at", nullable=True),
    _time("acknowledged_at", nullable=True), _time("expires"),
    Column("cap_path", Text, nullable=False, default=""),
    ForeignKeyConstraint(["alert_id"], ["alert.alert_id"]),
)

#: A signature of one officer over the approval hash of one version.
approval = Table(
    "approval", metadata,
    Column("alert_id", String(64), primary_key=True), Column("version", Integer, primary_key=True),
    Column("officer", String(64), primary_key=True),
    Column("role", String(16), nullable=False), Column("decision", String(16), nullable=False),
    _time("at"), Column("signed_hash", String(64), nullable=False), Column("signature", Text, nullable=False),
    Column("note", Text, nullable=False, default=""),
)

#: The outbox: one row a recipient; the unique key is what makes twice impossible. `number` is the keyed index of the telephone number that it went to,
#: written with the claim: a family shares one, and a resident may get another one.
delivery = Table(
    "delivery", metadata,
    Column("delivery_id", Integer, primary_key=True, autoincrement=True),
    Column("alert_id", String(64), nullable=False), Column("version", Integer, nullable=False),
    Column("channel", String(16), nullable=False), Column("recipient", String(64), nullable=False),
    Column("town", String(16), nullable=False), Column("groups", Text, nullable=False, default="[]"),
    Column("state", String(16), nullable=False), Column("attempt", Integer, nullable=False, default=0),
    Column("priority", Integer, nullable=False, default=0),
    _time("claimed_at", nullable=True), _time("handed_at", nullable=True), _time("finished_at", nullable=True),
    _time("not_before", nullable=True),
    Column("provider_id", String(64), nullable=False, default=""), Column("code", String(32), nullable=False, default=""),
    Column("possible_duplicate", Boolean, nullable=False, default=False), Column("number", String(64), nullable=True),
    UniqueConstraint("alert_id", "version", "channel", "recipient", name="uq_delivery_once"),
    Index("ix_delivery_work", "state", "channel", "priority"),
    Index("ix_delivery_provider", "provider_id"),
)

#: What a channel told us, append-only, once per (delivery, kind).
receipt = Table(
    "receipt", metadata,
    Column("receipt_id", Integer, primary_key=True, autoincrement=True),
    Column("delivery_id", Integer, nullable=False), Column("kind", String(32), nullable=False),
    _time("at"), Column("detail", Text, nullable=False, default=""),
    UniqueConstraint("delivery_id", "kind", name="uq_receipt_once"),
)

#: Issuer's sequence numbers for signed broadcast frames; loudspeakers refuse what does not grow.
sequence = Table(
    "sequence", metadata,
    Column("name", String(64), primary_key=True), Column("value", Integer, nullable=False),
)

#: Residents and duty staff; the number is sealed, the index is keyed (HMAC), neither is ever logged. A family may share a number. `renewed` is the day
#: (ISO, Beijing) on which the row was last known to be right, `phone_at` when this number came in, `erase_at` from when a row is no longer part of the
#: list and may be erased. A row is part of the editions of the register from `since` until before `until` (None: no end yet): a list is written beside what is
#: in force, and comes into force whole, with one number (sequence, name REGISTER). Whoever asks for residents asks `resident`, below.
resident_row = Table(
    "resident", metadata,
    Column("resident_id", String(64), primary_key=True), Column("since", Integer, primary_key=True, autoincrement=False, default=0, server_default="0"),
    Column("until", Integer, nullable=True),
    Column("town", String(16), nullable=False), Column("groups", Text, nullable=False),
    Column("phone", LargeBinary, nullable=False), Column("phone_index", String(64), nullable=False),
    Column("language", String(16), nullable=False, default="", server_default=""),
    Column("opted_out", Boolean, nullable=False, default=False), Column("synthetic", Boolean, nullable=False),
    Column("renewed", String(10), nullable=True), _time("phone_at", nullable=True), _time("erase_at", nullable=True),
    Index("ix_resident_town", "town"), Index("ix_resident_phone", "phone_index"),
)
_row = resident_row.c
#: Name in `sequence` of the edition of the register that is in force.
REGISTER = "register"
edition = func.coalesce(select(sequence.c.value).where(sequence.c.name == REGISTER).scalar_subquery(), 0)
in_force = (_row.since <= edition) & or_(_row.until.is_(None), _row.until > edition)
#: The register that is in force, one row a resident.
resident = select(*(column for column in _row if column.name not in ("since", "until"))).where(in_force).subquery("resident")

#: Who asked not to be told any more, by the keyed index of a number or of a resident's id: it outlives the row, so that no later list undoes it.
opt_out = Table(
    "opt_out", metadata,
    Column("who", String(64), primary_key=True), _time("at"),
)

#: What the duty desk must see, in order.
duty_log = Table(
    "duty_log", metadata,
    Column("entry", Integer, primary_key=True, autoincrement=True),
    _time("at"), Column("kind", String(32), nullable=False), Column("text", Text, nullable=False),
    Column("ref", Text, nullable=False, default=""),
    UniqueConstraint("kind", "ref", name="uq_duty_once"),
)

#: Hash chain over everything decided or done.
audit = Table(
    "audit", metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _time("at"), Column("actor", String(64), nullable=False), Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False), Column("payload", Text, nullable=False),
    Column("prev", String(64), nullable=False), Column("hash", String(64), nullable=False),
)
