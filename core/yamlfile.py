"""YAML 1.2 with line numbers: `22:30` stays text, duplicate keys and broken lines are ConfigErrors that name file:line."""

from __future__ import annotations

import functools
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import DocumentStartEvent, MappingEndEvent, MappingStartEvent, NodeEvent, ScalarEvent, SequenceEndEvent, SequenceStartEvent
from ruamel.yaml.parser import RoundTripParser

from core.errors import ConfigError

MAX_BYTES = 1_000_000
#: Control, zero-width and bidirectional characters: they hide what a line says. Tab and line ends are not among them.
_HIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


_OPEN = "quoted scalar"
_CHECK = "检查缩进、冒号和引号，直接写出值 / check indentation, colons and quotes, write values out"
#: How the parser begins to say it, what that is in Chinese, what to do. Of a quote that is never closed the beginning is told, not the end of the file.
_FAULTS = (
    (_OPEN, "：引号没有闭合", "补上后一个引号 / close the quote"),
    ("duplicate key", "：同一个键写了两次", "删去一个 / drop one of the two"),
    ("'\\t'", "：用了 Tab", "用空格，不用 Tab / use spaces, not tabs"),
    ("mapping values", "：这里不能再有冒号", "检查本行与上一行的缩进；值里有“: ”的加引号 / check the indentation here and above; quote a value that holds ': '"),
    ("expected <block end>", "：缩进没有对齐，或括号不成对", "与同级的行对齐 / align it with its neighbours"),
    ("could not find expected ':'", "：这一行不是 键: 值", "冒号后空一格 / a colon and a space after the key"),
)


class Where:
    """Where the values of a file stand (of no file: in its first line); called with a key path it says the line."""

    def __init__(self, data: CommentedMap | None) -> None:
        self._data = data

    def __call__(self, *keys: str | int) -> int:
        """The line (from 1) of the key or item that `keys` lead to; where the path ends early, of the last that is there."""
        return self._marks(keys)[0][0] + 1

    def key(self, *keys: str | int) -> tuple[int, int]:
        """Line and column (from 1) of the key or item itself."""
        line, column = self._marks(keys)[0]
        return line + 1, column + 1

    def value(self, *keys: str | int) -> tuple[int, int]:
        """Line and column (from 1) of the first character of its value."""
        line, column = self._marks(keys)[1]
        return line + 1, column + 1

    def _marks(self, keys: tuple[str | int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of the key and of its value, from 0."""
        node: Any = self._data
        found = (0, 0), (0, 0)
        for key in keys:
            if isinstance(node, CommentedMap) and key in node:
                found = node.lc.key(key), node.lc.value(key)
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                found = node.lc.item(key), node.lc.item(key)
            else:
                break
            node = node[key]
        return found


def read_text(path: Path) -> str:
    """The file as UTF-8 text, with a byte order mark or without (Excel's "CSV UTF-8" writes one); ConfigError when it is missing, empty, too large or
    not UTF-8. Another encoding is never guessed: a wrong guess would put a wrong name into a warning."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError("文件读不到 / the file cannot be read", path=path, hint="补上这个文件 / add the file") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"文件超过 {MAX_BYTES} 字节 / too large", path=path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, raw, error.start) from error
    if not text.strip():
        raise ConfigError("文件是空的 / the file is empty", path=path, line=1, hint="补上内容 / fill it in")
    if hidden := _HIDDEN.search(text):
        raise ConfigError(f"含不可见字符 U+{ord(hidden.group()):04X} / an invisible character", path=path, line=text[: hidden.start()].count("\n") + 1,
                          hint="重新输入这一行 / type the line anew")
    return text


def _not_utf8(path: Path, raw: bytes, start: int) -> ConfigError:
    """What the file seems to be instead, and how it is saved anew: in the words of the program that wrote it."""
    seems = ""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        seems = "，像 UTF-16（Excel 的“Unicode 文本”）"
    else:
        with suppress(UnicodeDecodeError):
            raw.decode("gb18030")
            seems = "，像 GBK/GB18030（中文 Excel 的“CSV（逗号分隔）”）"
    if path.suffix == ".csv":
        hint = "Excel：另存为“CSV UTF-8（逗号分隔）”；WPS、记事本：另存为时编码选 UTF-8 / in Excel save as \"CSV UTF-8 (Comma delimited)\""
    else:
        hint = "记事本：另存为时编码选 UTF-8 / in the editor save as UTF-8"
    return ConfigError(f"不是 UTF-8 编码{seems} / not UTF-8", path=path, line=raw[:start].count(b"\n") + 1, hint=hint)


def load(path: Path) -> tuple[dict[str, Any], Where]:
    """Read a YAML mapping: (data, where), where(*keys) being the 1-based line of a key path. Aliases are refused (they hide and multiply)."""
    text = read_text(path)
    try:
        data = _parse(text)
        values = plain(data)
    except MarkedYAMLError as error:
        raise _broken(error, text, path) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"YAML 有误 / broken YAML: {type(error).__name__}", path=path, line=1,
                          hint="检查数字、日期和嵌套 / check numbers, dates and nesting") from error
    if not isinstance(data, CommentedMap):
        raise ConfigError("应为 键: 值 的映射 / a mapping is expected", path=path, line=1, hint="每行写 键: 值 / write key: value lines")

    return values, Where(data)


def _broken(error: MarkedYAMLError, text: str, path: Path) -> ConfigError:
    """What is wrong in Chinese beside the parser's own words, where it began, and what to do."""
    said = str(error.problem or error.context).split(" with value ")[0]  # of a key that is there twice ruamel tells the whole of both values
    known = next((row for row in _FAULTS if row[0] in f"{error.context} {said}"), ("", "", _CHECK))
    mark = error.context_mark if known[0] == _OPEN else error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines, hint = text.split("\n"), known[2]
    for near in range(line, max(0, line - 3), -1):  # the parser often stops a line or two after a full-width colon
        if colon := re.match(r"\s*(- )?[\w.-]+(?=：)", lines[near - 1]):
            line, column = near, colon.end() + 1
            hint = "冒号要用半角 : 并空一格，写成了全角 ： / a plain colon and a space, not a full-width one"
            break
    return ConfigError(f"YAML 有误{known[1]} / broken YAML: {said}", path=path, line=line, column=column, hint=hint)


class _Plain(RoundTripParser):
    """Refuses an alias, an anchor, a tag, a directive, a complex key or a second document as it comes by: none has a place in a data file."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._documents, self._inside = 0, list[int]()  # per open collection: -1 for a list, else how many keys and values of the mapping were seen

    def get_event(self) -> Any:
        """The next event; MarkedYAMLError for what is refused."""
        event, inside = super().get_event(), self._inside
        self._documents += isinstance(event, DocumentStartEvent)
        if isinstance(event, NodeEvent):
            is_key = bool(inside) and inside[-1] >= 0 and inside[-1] % 2 == 0
            odd = event.anchor or getattr(event, "ctag", None) or (is_key and not isinstance(event, ScalarEvent))
            inside[-1:] = [n + (n >= 0) for n in inside[-1:]]
        else:
            odd = self._documents > 1 or getattr(event, "version", None) or getattr(event, "tags", None)
        if odd:
            raise MarkedYAMLError(problem="不能用锚点、别名、标签、指令、复合键或第二个文档 / no anchors, aliases, tags, directives, complex keys or second documents",
                                  problem_mark=event.start_mark)
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            inside.append(0 if isinstance(event, MappingStartEvent) else -1)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            inside.pop()
        return event


@functools.lru_cache(maxsize=256)  # a county's files, all packs and their tests
def _parse(text: str) -> Any:
    """The document, kept by its text: the tree is never handed out, and a county's files are asked for again by every test and every reload."""
    yaml = YAML(typ="rt")
    yaml.Parser = _Plain
    return yaml.load(text)


def plain(node: Any) -> Any:
    """Ordinary dicts and lists instead of the round-trip types."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    return type(node).__mro__[-2](node) if isinstance(node, int | float | str) else node
