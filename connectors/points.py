"""Sources that are asked point by point: the points of a feed row, one request for each, and the answers kept together as they came.

Option `points` lists them as 'STATION@lat,lon STATION@lat,lon' (degrees); STATION is a row of the county's stations.csv.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.reading import http
from connectors.reading.jsonstrict import loads
from connectors.reading.records import Gather
from connectors.types import Payload
from core.county import Feed
from core.errors import ConfigError, ParseError
from core.settings import Settings
from core.signing import canonical

MAX_POINTS = 60


def points(feed: Feed) -> dict[str, tuple[float, float]]:
    """Station -> (lat, lon) in degrees, in order; ConfigError for none, too many or one that cannot be read."""
    found: dict[str, tuple[float, float]] = {}
    for part in str(feed.options.get("points", "")).split():
        station, _, place = part.partition("@")
        try:
            lat, lon = (float(text) for text in place.split(","))
        except ValueError as error:
            raise _wrong(feed, f"{part[:40]!r} 不是 站号@纬度,经度 / is not STATION@lat,lon") from error
        if not station or station in found or not (-90 <= lat <= 90 and -180 <= lon <= 180):
            raise _wrong(feed, f"{part[:40]!r} 重复或超出范围 / stands twice or is out of range")
        found[station] = (lat, lon)
    if not 0 < len(found) <= MAX_POINTS:
        raise _wrong(feed, f"应有 1 到 {MAX_POINTS} 个点 / 1 to {MAX_POINTS} points are needed")
    return found


def _wrong(feed: Feed, why: str) -> ConfigError:
    return ConfigError(f"数据源 {feed.feed} 的 points：{why}", hint="写成 / write: {points: \"M9001@31.8962,121.1727\"}")


def pull(
    feed: Feed, asked: Mapping[str, Mapping[str, str]], *, settings: Settings, headers: Mapping[str, str] | None = None,
    paths: Mapping[str, str] | None = None,
) -> Payload:
    """One GET for each key of `asked` with its parameters (and with `paths[key]` behind the address); FetchError when one of them fails."""
    texts: dict[str, str] = {}
    for key, params in asked.items():
        answer = http.get(feed, feed.url(settings) + (paths or {}).get(key, ""), settings=settings, params=params, headers=headers)
        texts[key] = answer.body.decode(errors="replace") if answer else ""
    return Payload(body=canonical({"answers": texts}).encode(), content_type="application/json")


def answers(body: bytes, gather: Gather) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each key with its document; an answer that is no JSON object is set aside and the others are read. Whoever cannot use a document refuses its key;
    ParseError when no answer at all could be used, be it a login page or a key that has run out, at every point."""
    document = loads(body, feed=gather.feed.feed)
    texts = document.get("answers") if isinstance(document, dict) else None
    if not isinstance(texts, dict) or not texts:
        raise ParseError("no answers", where=gather.feed.feed)
    for key, text in texts.items():
        where = f"{gather.feed.feed}/{key}"
        try:
            if not isinstance(text, str):
                raise ParseError("the answer is no text", where=where)
            found = loads(text.encode(), feed=where)
            if not isinstance(found, dict):
                raise ParseError("the answer is no JSON object", where=where)
        except ParseError as error:
            gather.refuse(key, str(error), text)
        else:
            yield key, found
    refused = {rejected.where: rejected.reason for rejected in gather.rejected}
    if refused.keys() >= texts.keys():
        raise ParseError(f"none of {len(texts)} answers can be used: {refused[next(iter(texts))]}", where=gather.feed.feed)


def wrap(**texts: str | bytes) -> bytes:
    """Answers joined as `pull` keeps them; for replays of recorded bytes."""
    return json.dumps({"answers": {k: t.decode() if isinstance(t, bytes) else t for k, t in texts.items()}}, ensure_ascii=False).encode()
