"""The records of a document as the columns that they were written in, before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from connectors.reading.records import Fields, Refused, set_aside
from connectors.reading.stations import Stations
from core.checks import Floats, Ints
from core.model import Rejected


@dataclass(frozen=True, slots=True)
class Plain:
    """`around`: the document with a mark where its `size` records were; by field `numbers` (size,), NaN for no value, and `texts`; `written`: the numbers
    as they stood there, None where that was not kept; `record` gives one record as the strict way reads it."""

    around: Any
    size: int
    numbers: Mapping[str, Floats]
    texts: Mapping[str, list[str]]
    written: Mapping[str, list[Any]] | None
    record: Callable[[int], Any]

    def beside(self, names: Sequence[str]) -> Floats:
        """(size, len(names)): those numbers, NaN for a field that is not there."""
        out = np.full((self.size, len(names)), np.nan)
        for place, name in enumerate(names):
            if name in self.numbers:
                out[:, place] = self.numbers[name]
        return out

    def of_known(self, stations: Stations, field: str, where: str) -> tuple[Plain, Ints, tuple[Rejected, ...]]:
        """The records of stations (`field`) that the county knows, the number of each one's station, and the other records set aside; ValueError for a
        known one in another spelling."""
        number = stations.numbers(self.texts[field])
        strange, aside = number < 0, []
        if not strange.any():
            return self, number, ()
        for at in np.flatnonzero(strange).tolist():
            record = self.record(at)
            try:
                stations.known(Fields(record).text(field))
            except Refused as error:
                aside.append(set_aside(f"{where}[{at}]", str(error), record))
            else:
                raise ValueError("a station in another spelling")
        numbers = {name: values[~strange] for name, values in self.numbers.items()}
        texts, written = ({name: list(compress(values, ~strange)) for name, values in held.items()} for held in (self.texts, self.written or {}))
        kept = replace(self, size=int((~strange).sum()), numbers=numbers, texts=texts, written=None if self.written is None else written)
        return kept, number[~strange], tuple(aside)
