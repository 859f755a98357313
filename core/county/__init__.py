"""The county folder: one county's data, read strictly."""

from core.county.loader import CONNECTOR_KINDS, load_county
from core.county.types import ApprovalRule, County, Feed, Group, Loudspeaker, Officer, Policy, Station, Town

__all__ = ["CONNECTOR_KINDS", "ApprovalRule", "County", "Feed", "Group", "Loudspeaker", "Officer", "Policy", "Station", "Town", "load_county"]
