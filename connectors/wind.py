"""What the typhoon feeds have in common: names of directions, and which wind circles can be true."""

from __future__ import annotations

from connectors.reading.records import Fields, Refused
from core.model import Circle
from core.units import BEAUFORT_EDGES

#: The largest 7-force circle on record was about 1,100 km (Tip, 1979); more is a unit error.
MAX_RADIUS_KM = 1500.0

_POINTS = ("N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW")
#: The Zhejiang site writes the ordinals both ways round (西北, 北西) and the half winds as 西北西 or 西西北.
_CHINESE = (
    ("北",), ("北北东", "北东北"), ("东北", "北东"), ("东东北", "东北东"),
    ("东",), ("东东南", "东南东"), ("东南", "南东"), ("南南东", "南东南"),
    ("南",), ("南南西", "南西南"), ("西南", "南西"), ("西西南", "西南西"),
    ("西",), ("西西北", "西北西"), ("西北", "北西"), ("北北西", "北西北"),
)
_BEARINGS = {name: i * 22.5 for i, names in enumerate(_CHINESE) for name in names} | {name: i * 22.5 for i, name in enumerate(_POINTS)}


def bearing(name: object) -> float | None:
    """Degrees clockwise from north for a Chinese or English name; None for none, stationary or 'no'; Refused for an unknown one."""
    if name is None:
        return None
    text = str(name).strip().removeprefix("向").removesuffix("方向").removeprefix("偏")
    if text.lower() in ("no", "0", "停滞", "少动", "原地", "回旋", "停"):
        return None
    if text.upper() in _BEARINGS:
        return _BEARINGS[text.upper()]
    raise Refused(f"direction {text[:20]!r} is not known")


def circle_in_force(circle: Circle | None, force: int, wind: float | None) -> Circle | None:
    """The circle, or None where the maximum wind (m/s) is under the lower edge of its force (GB/T 28591-2012): it cannot be true then."""
    if circle is None or (wind is not None and wind < BEAUFORT_EDGES[force - 1]):
        return None
    return circle


def degrees(fields: Fields, key: str, limit: float) -> float:
    """A latitude or longitude within +-`limit` degrees; Refused otherwise."""
    value = fields.number(key)
    if value is None or abs(value) > limit:
        raise Refused(f"field {key} is no coordinate: {value}")
    return value
