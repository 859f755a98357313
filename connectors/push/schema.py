"""The JSON Schema of what may be pushed to a feed, made from what the reader itself asks: properties and units of the feed's stations, kinds of reports.

The reader is a little kinder (a number may be written as text, an unknown field is told and skipped); what holds to the schema is read.
"""

from __future__ import annotations

from typing import Any

from connectors.push.pushed import MAX_RECORDS, MAX_TEXT
from core.county import County, Feed
from core.reporting import KINDS, UNIT_WORDS
from core.units import PROPERTIES, accepted

#: ISO 8601 with a zone; anything that only looks like one is refused by the reader.
TIME = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$", "examples": ["2021-07-26T15:30:00+08:00"]}
TEXT = {"type": "string", "pattern": r"\S", "maxLength": MAX_TEXT}
MARK = {"type": "boolean", "description": "演练或合成的数据 / made up"}


def schema(feed: Feed, county: County) -> dict[str, Any]:
    """Schema of the JSON body of POST /push/<feed>, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{county.name} {feed.title}",
        "description": "一份推送：读数、官方信号、灾情报告，至少一种 / one push: readings, official signals, field reports",
        "type": "object", "minProperties": 1, "additionalProperties": False,
        "properties": {name: {"type": "array", "maxItems": MAX_RECORDS, "items": items}
                       for name, items in (("observations", _observation(feed, county)), ("signals", _signal()), ("reports", _report(county)))},
    }


def _object(required: dict[str, Any], optional: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "additionalProperties": False, "properties": {**required, **optional}, **more}


def _observation(feed: Feed, county: County) -> dict[str, Any]:
    names = sorted({name for station in county.stations_of(feed.feed) for name in station.properties}) or sorted(PROPERTIES)
    return _object(
        {"station": TEXT | {"description": "stations.csv 里登记在本数据源名下的站号 / a station of this feed"}, "property": {"enum": names}, "time": TIME,
         "value": {"type": ["number", "null"], "description": "没有值写 null / null for no value"}, "unit": TEXT},
        {"interval_s": {"type": "integer", "minimum": 0, "maximum": 31 * 86_400, "description": "累计时段，秒 / the interval that a sum is over"}, "synthetic": MARK},
        allOf=[{"if": {"properties": {"property": {"const": name}}}, "then": {"properties": {"unit": {"enum": list(accepted(name))}}}} for name in names],
    )


def _signal() -> dict[str, Any]:
    codes = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"^(\d{6}|\d{12})$"}}
    return _object(
        {"identifier": TEXT, "event": TEXT, "level": {"enum": ["blue", "yellow", "orange", "red"]}, "areas": codes, "issued": TIME,
         "expires": TIME | {"description": "晚于 issued / later than issued"}},
        {"title": TEXT, "msg_type": {"enum": ["Alert", "Update", "Cancel"]}, "references": {"type": "array", "items": TEXT}, "synthetic": MARK},
    )


def _report(county: County) -> dict[str, Any]:
    units = sorted(UNIT_WORDS)
    measured = [key for key, kind in KINDS.items() if kind.unit]
    return _object(
        {"reporter": TEXT | {"description": "登记的灾害信息员编号，从不是手机号 / a registered reporter, never a telephone number"},
         "town": {"enum": [name for town in county.towns for name in (town.key, town.name)]},
         "kind": {"enum": [name for key, kind in KINDS.items() for name in (key, kind.title)]}, "time": TIME},
        {"village": TEXT | {"maxLength": 40}, "value": {"type": "number", "minimum": 0}, "unit": {"enum": units},
         "lat": {"type": "number", "minimum": -90, "maximum": 90}, "lon": {"type": "number", "minimum": -180, "maximum": 180},
         "note": {"type": "string", "maxLength": 140}, "synthetic": MARK},
        dependentRequired={"value": ["unit"], "lat": ["lon"], "lon": ["lat"]},
        allOf=[{"if": {"required": ["value"]}, "then": {"properties": {"kind": {"enum": [n for key in measured for n in (key, KINDS[key].title)]}}}}],
    )
