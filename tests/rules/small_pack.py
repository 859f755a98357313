"""A small pack that is right in every place; the tests spoil it in one."""

from __future__ import annotations

GOOD = """\
pack: x.rain
title: 雨
jurisdiction: cn
valid_from: 2007-06-12
source: {document: 文件, clause: 第一条}
verified: false
parameters: {near: 800 km}
rules:
  - id: flood.x
    title: 暴雨
    hazard: flood
    levels:
      blue: rain_12h >= 50 mm
      yellow: rain_6h >= 50 mm and typhoon_distance <= near
    hold: {for: 10 min, keep_for: 2 h}
"""
