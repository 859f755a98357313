"""Whether every town can still be told when something fails (R19): two channels that share neither line nor power nor broker."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from core.county.county import County
from core.county.types import Town

TITLES = {"sms": "短信 SMS", "broadcast": "大喇叭 loudspeakers"}


def channels_of(county: County, town: Town) -> tuple[str, ...]:
    """The channels that reach a town: SMS everywhere, loudspeakers where one is on."""
    on = any(speaker.town == town.key and speaker.state == "on" for speaker in county.loudspeakers)
    return ("sms", "broadcast") if on else ("sms",)


def weak_points(county: County) -> list[str]:
    """In words: towns without two independent channels, and colours for which the failure of one channel leaves none."""
    found: dict[str, list[str]] = {}
    for town in county.towns:
        if why := _why_not(county, channels_of(county, town)):
            found.setdefault(why, []).append(town.name)
    told = [f"{'、'.join(names)}：{why}" for why, names in found.items()]
    alone: dict[str, list[str]] = {}
    for level, channels in county.policy.channels.items():
        if len({*channels, *county.policy.reserve.get(level, ())}) < 2:
            alone.setdefault(channels[0], []).append(level.zh)
    return told + [f"{'、'.join(levels)}：只用{TITLES[channel]}，没有备用 / one channel and no reserve" for channel, levels in alone.items()]


def _why_not(county: County, channels: Sequence[str]) -> str:
    """Why no two of these channels are independent; '' where two are."""
    needs, shared = county.policy.needs, set[str]()
    for one, other in combinations(channels, 2):
        if one in needs and other in needs:
            if not (common := needs[one].shared(needs[other])):
                return ""
            shared.update(common)
    if shared:
        return f"各渠道共用 {'、'.join(sorted(shared))} / the channels share it"
    if len(channels) < 2:
        return f"只有{TITLES[channels[0]]} / one channel only"
    return "没有写明各渠道靠什么（policy.yaml 的 needs），当作不独立 / nobody has said what the channels live on"
