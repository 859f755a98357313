"""A person sets a reading right, with trace: who, why, from what to what. The original stays in the lake; the correction is what is read from then on.

The audit chain knows first, so that no correction can stand without its trace; the command may be given again when the lake was not reached.
"""

from __future__ import annotations

from datetime import datetime
from math import isnan

from core.county import County
from core.errors import ConfigError
from core.lake import CORRECTED, Lake, record_id
from core.ledger import Ledger
from core.model import Batch, Flag, Observation
from core.signing import canonical
from core.times import iso
from core.units import PROPERTIES


def correct(
    *, feed: str, station: str, observed_property: str, time: datetime, value: float | None, by: str, reason: str, now: datetime,
    county: County, lake: Lake, ledger: Ledger,
) -> Observation:
    """Write the corrected reading (`value` None: there is no usable one) received at `now`; ConfigError for what nobody may correct."""
    county.feed(feed)
    if county.policy.officer(by) is None:
        raise ConfigError(f"policy.yaml 里没有人员 {by} / no such officer", hint=f"现有 / known: {', '.join(o.officer for o in county.policy.officers)}")
    if observed_property not in PROPERTIES or not reason.strip() or ";" in reason:
        raise ConfigError("要素不认识，或没有写明理由（不含分号） / unknown property, or no reason (without semicolons)")
    frame = lake.observations(start=time, end=time, as_of=now, feeds=[feed], properties=[observed_property], stations=[station])
    if frame.empty:
        raise ConfigError(f"湖里没有 {record_id(feed, station, observed_property, time)} / no such reading", hint="只能订正已有的读数")
    was = frame.iloc[0]
    former = None if isnan(was["value"]) else float(was["value"])
    record = record_id(feed, station, observed_property, time)
    payload = {"record": record, "from": former, "flag": int(was["flag"]), "to": value, "by": by,
               "reason": reason.strip(), "at": iso(now), "raw": str(was["raw"])}
    with ledger.begin() as tx:
        ledger.audit(tx, now, by, "correct", record, payload)
        ledger.duty(tx, now, "correction", f"{record} 由 {by} 由 {former} 订正为 {value}：{reason.strip()} / corrected")
    made = Observation(
        feed=feed, station=station, observed_property=observed_property, time=time, value=value, received=now,
        raw=lake.keep_raw(canonical(payload).encode()), flag=Flag.MISSING if value is None else Flag.GOOD,
        reasons=(f"{CORRECTED} by {by}: {reason.strip()}",), interval_s=int(was["interval_s"]), datum=str(was["datum"]), synthetic=bool(was["synthetic"]),
    )
    lake.append(feed, Batch(observations=(made,)), now)
    return made
