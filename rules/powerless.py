"""Towns without power: sensors, phones and loudspeakers there may be dead, so silence from there says nothing and somebody should call or go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from core.county import Town
from core.model import Level
from rules.catalogue import Catalogue
from rules.findings import Finding

#: Counts of what has no power; a rule about the impact of an outage asks for one of them.
OUT = frozenset({"customers_out", "areas_out"})
#: From this level of an outage's impact on, a town's silence is put down to the outage (own choice, unverified).
FROM = Level.ORANGE


def powerless(findings: Iterable[Finding], towns: Sequence[Town], catalogue: Catalogue) -> tuple[str, ...]:
    """Keys of the towns whose outage is proved to be that large at the last tick, in the county's order."""
    about = [f for f in findings if f.rule.role == "impact" and any(OUT & set(catalogue.indicators[name].properties) for name in f.rule.indicators)]
    found = {int(n) for f in about for n in np.flatnonzero(f.proved[-1] >= FROM)}
    return tuple(towns[n].key for n in sorted(found))
