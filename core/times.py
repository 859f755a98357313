"""Time: aware and UTC inside, to people the clock of their county (Beijing's where it names none). Nothing here reads a clock."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def utc(value: datetime) -> datetime:
    """Return `value` in UTC; a naive time is refused with ValueError, because eight hours are a night's sleep."""
    if value.tzinfo is None:
        raise ValueError(f"time without a zone: {value.isoformat()}")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"no calendar has the time {value.isoformat()}") from None


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 time that carries a zone; ValueError, which says how it is written, otherwise."""
    try:
        value = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"看不懂的时刻“{text[:40]}”，写成 2021-07-26T17:00+08:00 / not an ISO 8601 time") from None
    if value.tzinfo is None:
        raise ValueError(f"时刻“{text[:40]}”没有时区，写上时区，例如 {value.isoformat(timespec='minutes')}+08:00 / time without a zone")
    return utc(value)


def parse_local(text: str, pattern: str) -> datetime:
    """Read a Beijing-clock time such as '2021-07-25 06:00:00' by a strptime `pattern`, as UTC."""
    return utc(datetime.strptime(text.strip(), pattern).replace(tzinfo=SHANGHAI))


def iso(value: datetime) -> str:
    """Canonical text of a time in stores and hashes: UTC, whole seconds, '+00:00'."""
    return utc(value).isoformat(timespec="seconds")


def clock_name(zone: ZoneInfo) -> str:
    """What people call the clock of a county: 北京时间, elsewhere by its IANA name."""
    return "北京时间" if zone.key == SHANGHAI.key else f"{zone.key} 时间"


def people(value: datetime, zone: tzinfo = SHANGHAI) -> str:
    """What people read, on the clock of their county: '07-25 21:08'."""
    return utc(value).astimezone(zone).strftime("%m-%d %H:%M")
