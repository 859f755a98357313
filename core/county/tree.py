"""Strict reading of the county's YAML files: each value knows its line, what does not fit is noted and replaced by a harmless value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any

from core import yamlfile
from core.county.problems import Problems, shown

ABSENT = object()
KEY = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Node:
    """One value of a YAML file. A value that is absent was noted by its parent: reading it says nothing more."""

    def __init__(self, problems: Problems, name: str, where: yamlfile.Where, keys: tuple[str | int, ...], value: Any) -> None:
        self.problems, self.name, self.where, self.keys, self.value = problems, name, where, keys, value

    @classmethod
    def read(cls, problems: Problems, name: str) -> Node:
        """The root of file `name`; an unreadable or broken file is noted and reads as absent."""
        data, where = problems.guard(name, lambda: yamlfile.load(problems.root / name), (ABSENT, yamlfile.Where(None)))
        return cls(problems, name, where, (), data)

    @property
    def label(self) -> str:
        """The key path, for errors."""
        return ".".join(map(str, self.keys)) or self.name

    def refuse(self, message: str, hint: str) -> None:
        """Note an error at this value's line."""
        self.problems.add(self.name, self.where(*self.keys), f"{self.label} {message}", hint)

    def child(self, key: str | int, value: Any) -> Node:
        """A value below this one."""
        return Node(self.problems, self.name, self.where, (*self.keys, key), value)

    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of a mapping with free keys (ids in lower case); noted when it is something else or empty."""
        if self.value is ABSENT:
            return
        if not isinstance(self.value, dict) or not self.value:
            self.refuse("应为 键: 值 的映射 / must be a mapping", "照 county/haimen 的写法缩进 / indent as county/haimen does")
            return
        for key, value in self.value.items():
            if not KEY.fullmatch(key):
                self.child(key, value).refuse("编号只能用小写字母、数字、- 和 _ / an id is lower-case letters, digits, - and _", "换一个编号 / choose another id")
            yield key, self.child(key, value)

    def fields(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, Node]:
        """The entries of a mapping with set keys; a missing or unknown key is noted."""
        known = [*required, *optional]
        if self.value is ABSENT or not isinstance(self.value, dict):
            if self.value is not ABSENT:
                self.refuse(f"应为映射，写成了 {shown(self.value)} / must be a mapping", f"需要 / needs: {', '.join(required)}")
            return {key: self.child(key, ABSENT) for key in known}
        meant = set()
        for key in (key for key in self.value if key not in known):
            near = get_close_matches(key, [k for k in known if k not in self.value], 1, 0.7)
            meant.update(near)
            self.child(key, None).refuse("不认识的键 / unknown key", f"是否 / did you mean: {near[0]}" if near else f"可用 / use: {', '.join(known)}")
        for key in required:
            if key not in self.value and key not in meant:
                self.refuse(f"缺少 {key} / missing key", f"补上 {key}: 一行 / add the line")
        return {key: self.child(key, self.value.get(key, ABSENT)) for key in known}

    def text(self, pattern: str = r"(?s)\s*\S.*", hint: str = "写一段文字，必要时加引号 / write a text, in quotes if need be", default: str = "") -> str:
        """A text that matches `pattern` wholly."""
        if self.value is ABSENT:
            return default
        if not isinstance(self.value, str) or not re.fullmatch(pattern, self.value):
            self.refuse(f"写成了 {shown(self.value)}，不是所要的文字 / not the text wanted", hint)
            return default
        return self.value

    def number(self, low: float, high: float) -> float:
        """A number within [low, high]."""
        if self.value is ABSENT:
            return low
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not low <= self.value <= high:
            self.refuse(f"应在 {low:g} 到 {high:g} 之间，写成了 {shown(self.value)} / not a number in this range", f"改成数字，例如 {low:g} / write a number")
            return low
        return float(self.value)

    def whole(self, low: int, high: int, what: str = "") -> int:
        """A whole number within [low, high]; `what` names the unit."""
        if self.value is ABSENT:
            return low
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not low <= self.value <= high:
            self.refuse(f"应为 {low} 到 {high} 的整数{what}，写成了 {shown(self.value)} / a whole number is expected",
                        f"改成整数，例如 {max(low, 60)} / write a whole number" if not what else "写秒数：半小时写 1800，一天写 86400 / in seconds: half an hour is 1800")
            return low
        return int(self.value)

    def yes(self, default: bool = False) -> bool:
        """true or false, nothing else: `no` and `off` are words in YAML 1.2."""
        if self.value is ABSENT:
            return default
        if not isinstance(self.value, bool):
            self.refuse(f"应为 true 或 false，写成了 {shown(self.value)} / must be true or false", "写 true 或 false / write true or false")
            return default
        return self.value

    def word(self, known: Collection[str], default: str = "") -> str:
        """A word out of `known`."""
        if self.value is ABSENT:
            return default
        if not isinstance(self.value, str) or self.value not in known:
            near = get_close_matches(str(self.value), list(known), 1, 0.7)
            meant = f"是否 / did you mean: {near[0]}；" if near else ""
            self.refuse(f"不认识 {shown(self.value)} / unknown", f"{meant}可用 / use: {', '.join(known)}")
            return default
        return self.value

    def words(self, known: Collection[str] | None = None, home: str = "") -> tuple[str, ...]:
        """A list of texts, at least one, none twice; each out of `known` (declared by file `home`, if given)."""
        if self.value is ABSENT:
            return ()
        if not isinstance(self.value, list) or not self.value or not all(isinstance(word, str) and word for word in self.value):
            self.refuse(f"应为一串词，写成了 {shown(self.value)} / must be a list of words", "写成 [a, b] / write [a, b]")
            return ()
        for n, word in enumerate(self.value):
            if word in self.value[:n]:
                self.child(n, word).refuse(f"{shown(word)} 重复 / there twice", "删去一个 / drop one")
            elif known is not None and home and word not in known:
                self.problems.refer(self.name, self.where(*self.keys, n), self.label, word, known, home)
            elif known is not None and word not in known:
                self.child(n, word).refuse(f"不认识 {shown(word)} / unknown", f"可用 / use: {', '.join(known)}")
        return tuple(self.value)
