"""Reports add and widen; they never take anything away, and one voice confirms nothing alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.lake.rows import to_table
from core.model import FieldReport
from core.reporting import KINDS
from rules.catalogue import load_catalogue
from rules.reports import FILE, interval, policy

T0 = datetime(2021, 7, 26, tzinfo=UTC)
BOTH = [load_catalogue().indicators[name] for name in ("reported_flood", "reported_flood_by_one")]


def frame(reports):
    return to_table("reports", reports).to_pandas(ignore_metadata=True)


def one(n, by, trust, kind, value, hours, delay):
    seen = T0 + timedelta(hours=hours)
    value = value if KINDS[kind].unit else None
    return FieldReport(feed="f", report=str(n), reporter=by, trust=trust, town="a", kind=kind, time=seen, received=seen + timedelta(hours=delay), raw="r", value=value)


told = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.sampled_from(sorted(KINDS)), st.none() | st.floats(0, 2),
                         st.integers(-9, 9), st.integers(0, 3)), max_size=8)


@settings(max_examples=20)
@given(told, st.data())
def test_one_more_report_lowers_nothing_and_one_voice_confirms_nothing(rows, data) -> None:
    reports = [one(n, *row) for n, row in enumerate(rows)]
    ticks = [T0 + timedelta(hours=h) for h in range(4)]
    less = reports[:-1] if reports else []
    shuffled = data.draw(st.permutations(reports))
    for indicator in BOTH:
        more, before, other = (interval(indicator, frame(r), ticks, ("a", "b")) for r in (reports, less, shuffled))
        assert (more.lo >= before.lo).all() and (more.hi >= before.hi).all() and (more.hi >= more.lo).all()
        assert (more.lo == other.lo).all() and (more.hi == other.hi).all() and (more.lo[:, 1] == 0).all() and (more.hi[:, 1] == 0).all()
    if len({r.reporter for r in reports if r.trust == 2}) < 2:
        assert (interval(BOTH[0], frame(reports), ticks, ("a",)).lo == 0).all()


def test_the_numbers_are_checked(tmp_path) -> None:
    text = FILE.read_text(encoding="utf-8")
    for old, new in (("confirm_reporters: 2", "confirm_reporters: 1"), ("seepage:", "seapage:"), ("orange: 0.80", "orange: 0.20"), ("hazard: flood", "hazard: fload")):
        path = tmp_path / f"{len(old)}{new[:4].strip()}.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ConfigError, match=path.name):
            policy(path)
