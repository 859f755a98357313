"""Quality flags at ingest: the batch is judged together with what the lake holds around it, and what it sheds new light on is judged again.

A reading's flags are a function of the readings around it (core.checks.REACH_S), not of the order in which they came: a late reading that
turns its neighbour into a spike, or fills a gap, rewrites the neighbour's flags with the time of its own receipt, so that a read as of an
earlier time still sees what was known then. Our own reasons begin with `qc<flag>/<flag that the source gave>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from connectors.quality.doubts import doubts
from connectors.quality.sheet import REACH, Sheet, around, is_corrected, lay, same
from core.checks import Bools
from core.county import County, Feed
from core.lake import Lake
from core.model import Batch, Flag
from core.quality import Doubt
from core.readings import Readings, Words, stamps

_RANK = {Flag.GOOD: 0, Flag.UNKNOWN: 1, Flag.SUSPECT: 2, Flag.FAIL: 3, Flag.MISSING: 4}
#: What we say of one reading: how bad, and why.
Told = tuple[tuple[Flag, str], ...]
_OURS = re.compile(r"qc(\d)/(\d) ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """`batch` with flags; `news`: readings that the lake does not hold in this form yet, those judged again among them."""

    batch: Batch
    news: Readings


def judge(batch: Batch, *, feed: Feed, county: County, lake: Lake, now: datetime) -> Judgement:
    """Flags with reasons; no value is dropped or changed, and the source's own worse flag stays. A forecast is nobody's past."""
    everything = Readings.of(batch.observations)
    measured, ahead = (everything.take(np.flatnonzero(which)) for which in (everything.measured, ~everything.measured))
    if not len(measured):
        return Judgement(batch=batch, news=ahead)
    first, last = (at.item().replace(tzinfo=UTC) for at in (measured.time.min(), measured.time.max()))
    held = around(lake, feed.feed, first, last, now)
    sheet = lay(measured, held)
    told = _told(sheet, doubts(sheet, feed, county), len(measured) + len(held))
    judged, of_held = _flagged(measured, told.take(slice(len(measured)))), told.take(slice(len(measured), None))
    repeated = np.flatnonzero(sheet.twin >= 0)
    new = np.ones(len(measured), dtype=bool)
    new[repeated] = ~_stands(judged.take(repeated), held.take(sheet.twin[repeated]))
    spoken = np.flatnonzero(_marked(held) | (of_held.codes > 0))  # the others stay what they are
    near = (held.time[spoken] >= stamps([first - REACH])) & (held.time[spoken] <= stamps([last + REACH]))
    touched = spoken[near & ~np.isin(spoken, sheet.twin)]
    former = held.take(touched)
    later = replace(_flagged(former, of_held.take(touched)), received=np.repeat(stamps([now]), len(former)))
    news = Readings.join(judged.take(np.flatnonzero(new)), later.take(np.flatnonzero(~_stands(later, former))), ahead)
    return Judgement(batch=replace(batch, observations=Readings.join(judged, ahead)), news=news)


def _stands(readings: Readings, held: Readings) -> Bools:
    """(N,): whether what the lake holds of a reading needs no new row: it says the same, or a person has set it right."""
    out: Bools = is_corrected(held) | same(readings, held)
    return out


def _told(sheet: Sheet, found: dict[str, list[Doubt]], count: int) -> Words[Told]:
    """(`count`,) what is said of each reading; the first word is nothing."""
    codes, number = np.zeros(count, dtype=np.int32), dict[Told, int]({(): 0})
    for name, doubt in ((name, doubt) for name, several in found.items() for doubt in several):
        rows = sheet.origin[name][doubt.where]
        rows = rows[rows >= 0]
        then, words = np.zeros(len(number), dtype=np.int32), tuple(number)
        for before in np.flatnonzero(np.bincount(codes[rows])):
            then[before] = number.setdefault((*words[before], (doubt.flag, doubt.reason)), len(number))
        codes[rows] = then[codes[rows]]
    return Words(codes, tuple(number))


def _marked(readings: Readings) -> Bools:
    """(N,): whether we have said something of the reading before."""
    return readings.reasons.where(lambda reasons: any(map(_OURS.match, reasons)))


def _flagged(readings: Readings, told: Words[Told]) -> Readings:
    """The readings with what the source said of each and what we say now; what we said before is taken back."""
    rows = np.flatnonzero(_marked(readings) | (told.codes > 0))
    if not len(rows):
        return readings
    cases = Words.of(zip(readings.flag[rows].tolist(), readings.reasons.codes[rows].tolist(), told.codes[rows].tolist(), strict=True))
    judged = [_judged(Flag(flag), readings.reasons.words[reasons], told.words[news]) for flag, reasons, news in cases.words]
    number: dict[tuple[str, ...], int] = {}
    flag, codes = readings.flag.copy(), readings.reasons.among(number)
    flag[rows] = np.array([flag for flag, _ in judged], dtype=np.int8)[cases.codes]
    codes[rows] = Words(cases.codes, tuple(reasons for _, reasons in judged)).among(number)
    return replace(readings, flag=flag, reasons=Words(codes, tuple(number)))


def _judged(flag: Flag, reasons: tuple[str, ...], told: Told) -> tuple[Flag, tuple[str, ...]]:
    """Flag and reasons of a reading that came with these."""
    ours = [match for reason in reasons if (match := _OURS.match(reason))]
    source = Flag(int(ours[0][2])) if ours else flag
    worst = max([source, *(flag for flag, _ in told)], key=_RANK.__getitem__)
    kept = tuple(reason for reason in reasons if not _OURS.match(reason))
    return worst, (*kept, *(f"qc{int(flag)}/{int(source)} {reason}" for flag, reason in told))
