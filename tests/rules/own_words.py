"""A county's own pack with indicators of its own and its tests: what an analyst writes into the county folder, and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from rules_world import ROOT

PACK = """\
# 本县的规则包，只在本县的文件夹里
pack: hm.creek
title: 河港急雨与急落潮
jurisdiction: hm
valid_from: 2020-01-01
source: {document: 本县试行办法, clause: 第二条}
verified: false
note: 数值自定，先作影子。
indicators:
  # 两小时雨量：随附的只有 1、3、6 小时
  rain_2h: {title: 两小时雨量, title_en: rain in two hours, unit: mm, property: rain, statistic: sum, window_h: 2, reach: within, km: 10, witness_km: 15}
  tide_fall_1h: {title: 1小时落潮, title_en: fall of the tide in 1 h, unit: m, property: tide, statistic: fall, window_h: 1, reach: within, km: 20}
rules:
  - id: hm.rain_2h
    title: 两小时急雨
    hazard: flood
    stage: shadow
    levels:
      blue: rain_2h >= 5 mm
      yellow: rain_2h >= 20 mm
    hold: {for: 0 min, keep_for: 2 h}
  - id: hm.tide_fall
    title: 落潮过快
    hazard: geological
    stage: shadow
    levels:
      blue: tide_fall_1h >= 90 cm
    hold: {for: 0 min, keep_for: 0 min}
"""
TESTS = """\
interval: 1 h
tests:
  - name: 两小时 5 与 20 毫米
    rule: hm.rain_2h
    kind: firing
    series: {"rain@M1": "0x12 5 15 0x5"}
    expect:
      - {at: 12 h, level: none, ceiling: none, held: none}
      - {at: 13 h, level: blue, ceiling: blue, held: blue, reason: [两小时雨量 5 mm, hm.rain_2h 蓝色], counterfactual: 黄色需 rain_2h 达 20 mm（现 5 mm）}
      - {at: 14 h, level: yellow, ceiling: yellow, held: yellow, reason: 两小时雨量 20 mm}
      - {at: 15 h, level: blue, ceiling: blue, held: yellow}
      - {at: 16 h, level: none, ceiling: none, held: yellow}
      - {at: 17 h, level: none, ceiling: none, held: blue}
      - {at: 18 h, level: none, ceiling: none, held: none}
  - name: 4.9 毫米不报
    rule: hm.rain_2h
    kind: quiet
    series: {"rain@M1": "0x12 4.9"}
    expect: [{at: 13 h, level: none, ceiling: none, held: none}]
  - name: 19.9 毫米是蓝色
    rule: hm.rain_2h
    kind: firing
    series: {"rain@M1": "0x12 19.9"}
    expect: [{at: 13 h, level: blue, ceiling: blue}]
  - name: 缺一小时，什么都不能排除
    rule: hm.rain_2h
    kind: missing
    series: {"rain@M1": "0x12 _x6"}
    expect: [{at: 18 h, level: none, ceiling: yellow}]
  - name: 1 小时落 90 厘米
    rule: hm.tide_fall
    kind: firing
    series: {"tide@T1": "3x6 2.1 2.1x6"}
    stations: {T1: {datum: 吴淞}}
    expect:
      - {at: 7 h, level: blue, ceiling: blue, held: blue, reason: 1小时落潮 0.9 m}
      - {at: 8 h, level: none, ceiling: none, held: none}
  - name: 落 89 厘米不报
    rule: hm.tide_fall
    kind: quiet
    series: {"tide@T1": "3x6 2.11"}
    expect: [{at: 7 h, level: none, ceiling: none}]
  - name: 潮位缺测
    rule: hm.tide_fall
    kind: missing
    series: {"tide@T1": "3x6 _x6"}
    expect: [{at: 12 h, level: none, ceiling: blue}]
"""


def county(folder: Path, pack: str = PACK, tests: str = TESTS) -> Path:
    """Haimen with a pack of its own in its folder, selected in county.yaml; returns the pack's path."""
    shutil.copytree(ROOT / "county" / "haimen", folder, ignore=shutil.ignore_patterns("scenarios"))
    head = folder / "county.yaml"
    head.write_text(head.read_text(encoding="utf-8") + "  - hm/creek\n", encoding="utf-8")
    path = folder / "packs" / "hm" / "creek.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(pack, encoding="utf-8")
    path.with_name("creek.test.yaml").write_text(tests, encoding="utf-8")
    return path
