"""The county folder: one county's data, read strictly."""

from core.county.canary import Canary
from core.county.county import County
from core.county.cover import weak_points
from core.county.departments import Department
from core.county.feeds import CONNECTOR_KINDS
from core.county.loader import load_county
from core.county.overrides import Override
from core.county.people import Reporter
from core.county.policy import ApprovalRule, Officer, Policy, QuietHours
from core.county.register import RegisterPolicy
from core.county.types import Column, Feed, Group, Loudspeaker, Station, Table, Town

__all__ = [
    "CONNECTOR_KINDS",
    "ApprovalRule",
    "Canary",
    "Column",
    "County",
    "Department",
    "Feed",
    "Group",
    "Loudspeaker",
    "Officer",
    "Override",
    "Policy",
    "QuietHours",
    "RegisterPolicy",
    "Reporter",
    "Station",
    "Table",
    "Town",
    "load_county",
    "weak_points",
]
