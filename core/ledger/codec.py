"""RiskScore and Evidence as canonical JSON and back, byte for byte the same for the same score.

Numbers are rounded to 6 decimals, so that the last bits of a vectorised sum do not make two texts of one finding. What is not
finite (a missing reading, an open interval) has no number: it is written as null, because one NaN must not cost a whole assessment.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from core.model import Evidence, Fusion, Hazard, Level, RiskScore
from core.signing import canonical
from core.times import iso, parse_iso

#: Scores in one packed part.
PART = 512


def packed(texts: Sequence[str]) -> Iterator[bytes]:
    """Texts of score_to_json as compressed parts of PART lines: the same texts give the same bytes."""
    for first in range(0, len(texts), PART):
        yield zlib.compress("\n".join(texts[first : first + PART]).encode(), 6)


def unpacked(parts: Iterable[bytes]) -> Iterator[str]:
    """The texts of `packed`, in their order; ValueError for what is none."""
    for part in parts:
        try:
            yield from zlib.decompress(part).decode().split("\n")
        except zlib.error as error:
            raise ValueError(f"packed evidence cannot be read: {error}") from None


def score_to_json(score: RiskScore) -> str:
    """Canonical JSON of a score with its evidence; a second pass through text and back gives the same text."""
    return canonical({
        "town": score.town, "hazard": str(score.hazard), "time": iso(score.time), "level": int(score.level), "ceiling": int(score.ceiling),
        "proved": int(score.proved), "floor": int(score.floor), "score": finite(score.score) or 0.0, "silent": list(score.silent),
        "reason": score.reason, "basis": score.basis, "counterfactual": score.counterfactual, "outlook": score.outlook,
        "chances": {level: list(pair) for level, pair in score.chances.items()}, "evidence": [_evidence(e) for e in score.evidence],
    })


def score_from_json(text: str) -> RiskScore:
    """The score of a text written by score_to_json; ValueError or KeyError for any other text."""
    raw = json.loads(text)
    return RiskScore(
        town=raw["town"], hazard=Hazard(raw["hazard"]), time=parse_iso(raw["time"]),
        level=Level(raw["level"]), ceiling=Level(raw["ceiling"]), proved=Level(raw["proved"]), floor=Level(raw["floor"]),
        score=raw["score"], silent=tuple(raw["silent"]), reason=raw["reason"],
        evidence=tuple(_read_evidence(e) for e in raw["evidence"]), **_since(raw),
    )


def _since(raw: dict[str, Any]) -> dict[str, Any]:
    """What scores hold since their sentences are stored; scores of before have none."""
    sentences = {name: str(raw.get(name, "")) for name in ("basis", "counterfactual", "outlook")}
    return sentences | {"chances": {level: (int(n), int(of)) for level, (n, of) in raw.get("chances", {}).items()}}


def finite(value: float | None) -> float | None:
    """`value` with 6 decimals (never -0.0); None for None, NaN and infinities."""
    return None if value is None or not math.isfinite(value) else round(float(value), 6) + 0.0


def _evidence(e: Evidence) -> dict[str, Any]:
    return {
        "rule": e.rule, "title": e.title, "pack": e.pack, "pack_hash": e.pack_hash, "level": int(e.level), "ceiling": int(e.ceiling),
        "score": finite(e.score) or 0.0, "values": {k: finite(v) for k, v in e.values.items()}, "units": e.units,
        "conditions": {k: [text, None if held is None else bool(held)] for k, (text, held) in e.conditions.items()}, "flags": list(e.flags),
        "records": {k: list(v) for k, v in e.records.items()}, "raws": list(e.raws), "counterfactual": e.counterfactual,
        "role": e.role, "verified": e.verified, "source": e.source, "synthetic": e.synthetic,
        **({"fusion": {k: _fusion(f) for k, f in e.fusion.items()}} if e.fusion else {}),
    }


def _fusion(f: Fusion) -> dict[str, Any]:
    return {
        "thing": f.thing, "value": finite(f.value), "members": {k: finite(v) for k, v in f.members.items()},
        "weights": {k: finite(v) or 0.0 for k, v in f.weights.items()}, "agreement": finite(f.agreement) or 0.0, "preferred": f.preferred,
    }


def _read_evidence(raw: dict[str, Any]) -> Evidence:
    return Evidence(**{
        **raw, "level": Level(raw["level"]), "ceiling": Level(raw["ceiling"]), "flags": tuple(raw["flags"]), "raws": tuple(raw["raws"]),
        "conditions": {k: (v[0], v[1]) for k, v in raw["conditions"].items()},
        "records": {k: tuple(v) for k, v in raw["records"].items()}, "fusion": {k: Fusion(**f) for k, f in raw.get("fusion", {}).items()},
    })
