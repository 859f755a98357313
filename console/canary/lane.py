"""The place that a beat flies in: a county of one town in which nobody lives, with its own stores and keys, beside the real one.

The steps are the real ones and so are the gateway and the broker. What keeps everybody else out of it is that nobody else is in it: its
register holds the test phones, its list the test loudspeakers, its keys are obeyed by no other loudspeaker, and it says Test. Each beat has
fresh stores, so that none remembers another; the real ledger and lake are never written.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, insert

from console.canary.ends import said
from console.canary.log import folder
from console.context import Context
from core.alerts import issuer_key
from core.alerts.authority import DUTY_SYSTEM, STANDING_ORDER
from core.county import ApprovalRule, Canary, County, Feed, Group, Loudspeaker, Station, Town
from core.county.canary import TOWN
from core.keyring import Keyring
from core.lake import Lake
from core.ledger import Ledger
from core.ledger import tables as t
from core.model import Hazard, Level, Sector, Status
from core.pii import Vault
from core.settings import Settings, secret
from core.signing import canonical
from notifiers.beats import NAME, address
from notifiers.register.synthetic import number

#: The feed, its station and what it measures: one property a rule of packs/beat.yaml.
FEED, STATION, PROPERTIES = "canary", "CANARY", ("tide_residual", "wave_height")
#: The level of a beat for the loudspeakers alone, and of one that goes out by SMS too; the reading is the level's number.
QUIET, LOUD = Level.BLUE, Level.YELLOW
#: Serials of the register's numbers, which nobody can have, for the test phones of a sandbox.
SERIALS = 999_000


def numbers(plan: Canary, settings: Settings) -> dict[str, str]:
    """Each test phone's number: by environment in a live installation (ConfigError where it is not set), in a sandbox one that nobody has."""
    return {phone: secret(phone) if settings.mode == "live" else number(SERIALS + n) for n, phone in enumerate(plan.phones)}


def open_lane(ctx: Context, plan: Canary, beat: datetime) -> Context:
    """The context of one beat, made where it is not there; those of beats long over are removed."""
    root, home = folder(ctx.settings), folder(ctx.settings) / beat.strftime(NAME)
    for old in sorted(path for path in root.glob("2*Z") if path.is_dir())[: -plan.window]:
        shutil.rmtree(old, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    keys = Keyring(root / "keys")
    for name in (DUTY_SYSTEM, STANDING_ORDER, issuer_key(Status.TEST), *plan.speakers):
        keys.ensure(name)
    if not (home / "keys").exists():
        (home / "keys").symlink_to("../keys")
    # the receipts go to the real receiver, and name the beat there and no delivery; no recording holds a beat
    apart = {"home": home, "status": Status.TEST, "ledger_url": "", "lake_url": "", "sandbox_recorded": False,
             "sms_callback_url": address(ctx.settings.sms_callback_url, beat)}
    settings = ctx.settings.model_copy(update=apart)
    lane = Context(settings=settings, county=county_of(ctx.county, plan, beat), lake=Lake(settings.lake_root), ledger=Ledger.open(settings.ledger_address),
                   keyring=keys)
    _register(lane, plan)
    return lane


def _register(lane: Context, plan: Canary) -> None:
    """The test phones and nobody else."""
    vault = Vault(lane.settings.sealing_key())
    rows = [{"resident_id": phone, "town": TOWN, "groups": canonical([TOWN]), "phone": vault.seal(given, phone), "phone_index": vault.index(given),
             "opted_out": False, "synthetic": lane.settings.mode != "live"} for phone, given in numbers(plan, lane.settings).items()]
    with lane.ledger.begin() as tx:
        tx.execute(delete(t.resident_row))
        if rows:
            tx.execute(insert(t.resident_row), rows)


def county_of(county: County, plan: Canary, beat: datetime) -> County:
    """A county with the same issuer and signature, in which there is nothing but the canary."""
    town = Town(key=TOWN, code=f"{county.code}999999", code_shared=False, name="链路自检", name_en="Canary", lat=county.towns[0].lat, lon=county.towns[0].lon,
                 point_verified=False, population=1, over60_share=0.0, villages=0, river_front=False, sea_front=False, low_ground=False, bank_section=0,
                 synthetic=())
    feed = Feed(feed=FEED, title="链路自检", sector=Sector.WEATHER, connector="file_drop", address="", sandbox="", secret="", cron="*/5 * * * *",
                interval_s=plan.every_s, max_age_s=plan.every_s + plan.late_after_s, expected=1, age_from="reading", options={})
    station = Station(station=STATION, name="链路自检", feed=FEED, lat=town.lat, lon=town.lon, town=TOWN, properties=PROPERTIES, datum=county.datum,
                      warning_stage=None, guaranteed_stage=None, levels_verified=False, path=FEED, synthetic=True)
    rule = ApprovalRule(author_roles=(), approver_roles=(), deadline_s=1, on_silence="issue")  # nobody is asked: the standing order of these keys signs
    text = said(beat, county.zone)
    levels = (QUIET, LOUD)
    policy = replace(
        county.policy, reserve={}, approvals=dict.fromkeys(levels, rule), validity_s=dict.fromkeys(levels, plan.every_s + plan.late_after_s), quiet=None,
        channels={QUIET: ("broadcast",), LOUD: ("sms", "broadcast")}, audience=dict.fromkeys(levels, (TOWN,)), min_update_s=0, renew_before_s=0)
    return replace(
        county, code=f"{county.code}C", root=Path(__file__).parent, packs=("beat",), towns=(town,), stations=(station,), feeds=(feed,), policy=policy,
        groups=(Group(group=TOWN, title="测试手机", title_en="test phones", share=1.0, exposure="all", on_duty=True),),
        loudspeakers=tuple(Loudspeaker(speaker=name, town=TOWN, name="测试喇叭", state="on", synthetic=True) for name in plan.speakers),
        templates={Hazard.FLOOD: dict.fromkeys(county.templates[next(iter(county.templates))], text)}, maintenance=(), climate=(), links=(), things=(),
        reporters=(), departments=(), overrides=())
