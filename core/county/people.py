"""Read reporters.csv, which may be absent: the disaster-information officers (灾害信息员) of district, towns and villages, by id, never by number."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast

from core.county.cells import read_csv
from core.county.problems import Problems, shown

TIERS = ("district", "town", "village")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """One officer. `town` is the key of the town that they report from ('' for the district tier: any town); `trust` 0 unknown standing, 1 registered,
    2 trained."""

    reporter: str
    tier: Literal["district", "town", "village"]
    town: str
    village: str
    trust: int
    synthetic: bool


def read_reporters(problems: Problems, towns: Collection[str]) -> tuple[Reporter, ...]:
    """The officers; a number that looks like a telephone's is refused, because numbers belong into the sealed register."""
    name = "reporters.csv"
    if not (problems.root / name).is_file():
        return ()
    reporters: dict[str, Reporter] = {}
    for row in read_csv(problems, name, ("reporter", "tier", "town", "village", "trust", "synthetic")):
        row.key("reporter", reporters)
        if not re.fullmatch(r"[a-z][a-z0-9-]{1,11}", row["reporter"]):
            row.refuse(f"编号 {shown(row['reporter'])} 应为 2 到 12 个小写字母、数字、连字符，以字母开头 / an id of letters, digits and hyphens",
                       "不要写手机号 / never a telephone number")
        tier = cast(Literal["district", "town", "village"], row.one_of("tier", TIERS))
        if tier != "district" or row["town"]:
            row.refer("town", towns, "towns.csv")
        reporters[row["reporter"]] = Reporter(
            reporter=row["reporter"], tier=tier, town=row["town"], village=row["village"], trust=row.whole("trust", 0, 2), synthetic=row.yes("synthetic"),
        )
    return tuple(reporters.values())
