"""A ledger restored from a backup: nobody hears twice what went out after it, and nobody is lost."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sqlalchemy import select, update

sys.path.insert(0, str(Path(__file__).parent))
import notify_world as nw

from core.ledger import Ledger
from core.ledger import tables as t
from core.times import iso

d = t.delivery.c


def swap(place: nw.Place, source: Path, target: Path) -> None:
    """Close the ledger, copy one file over another, open it again."""
    place.ledger.close()
    target.unlink(missing_ok=True)
    shutil.copy(source, target)
    place.ledger = Ledger.open(place.settings.ledger_address)


def test_what_went_out_since_the_backup_is_not_sent_again_and_what_did_not_is(tmp_path: Path) -> None:
    gateway = nw.Gateway(tmp_path, send_delay=0.0, deliver_delay=60.0)
    try:
        place = nw.make(tmp_path, sms_url=gateway.url, people=200)
        ref = place.publish(haimen=3)
        assert place.dispatch(deadline_s=0.0).sent == 0
        ledger, backup = tmp_path / "ledger.db", tmp_path / "backup.db"
        swap(place, ledger, backup)
        with place.ledger.begin() as tx:  # a slow provider: half of them only are sent before the disk dies
            late = tx.execute(select(d.delivery_id).order_by(d.delivery_id)).scalars().all()[::2]
            tx.execute(update(t.delivery).where(d.delivery_id.in_(late)).values(not_before=iso(place.now.replace(year=2022))))
        half = place.dispatch().sent
        swap(place, backup, ledger)
        place.later(minutes=10)
        everybody = len(place.recipients(ref))
        assert 0 < half < everybody
        place.dispatch()
        assert gateway.verdict(everybody) == (0, 0) and set(place.states()) == {"accepted"}
        with place.ledger.read() as tx:
            assert tx.execute(select(t.duty_log.c.kind)).scalars().all() == ["restored"]
        assert place.dispatch().sent == 0
    finally:
        gateway.stop()
