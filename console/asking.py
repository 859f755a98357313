"""What a command asks of the officer at the terminal. A drill and the real thing never ask alike: in Hawaii both asked "Are you sure?" on one screen.

Questions go to standard error, so that standard output holds the result alone. A passphrase is read from the terminal without echo, in a rehearsal
also from a pipe, and never from arguments or the environment.
"""

from __future__ import annotations

import getpass
import hmac
import sys
from typing import Any

import typer

from console.dossier import BANNERS, towns_word
from core.errors import AuthorityError
from core.model import Level, Status


def secret(words: str) -> str:
    """A line that is not shown; AuthorityError when there is none."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{words}: ", stream=sys.stderr)
    return _piped(words)


def line(words: str) -> str:
    """A line that is shown, without the blanks around it; AuthorityError when there is none."""
    if not sys.stdin.isatty():
        return _piped(words).strip()
    typer.echo(f"{words}: ", err=True, nl=False)
    return sys.stdin.readline().strip()


def _piped(words: str) -> str:
    typed = sys.stdin.readline()
    if not typed:
        raise AuthorityError(f"没有输入 / nothing was typed: {words}")
    return typed.rstrip("\r\n")


def passphrase(officer: str) -> str:
    """The passphrase of an officer's key."""
    return secret(f"{officer} 的口令 / passphrase of {officer}")


def new_passphrase(officer: str) -> str:
    """A new passphrase, typed twice; AuthorityError when the two differ."""
    first, again = (secret(f"{officer} {words}") for words in ("新口令 / new passphrase", "再输入一次 / once more"))
    if not hmac.compare_digest(first.encode("utf-8", "surrogatepass"), again.encode("utf-8", "surrogatepass")):
        raise AuthorityError("两次输入不同 / the two differ")
    return first


def at_the_terminal(status: str) -> None:
    """Return if this may be decided from here: the real thing by a person at a terminal alone. AuthorityError otherwise."""
    if status == Status.ACTUAL and not sys.stdin.isatty():
        raise AuthorityError("真实预警只能由本人在终端上签 / Actual is signed by a person at a terminal, nothing may be piped in")


def confirm(seen: dict[str, Any], act: str) -> str:
    """Let the officer type what is about to happen; the area code of a warning of the whole county, else ''. AuthorityError for any other text."""
    banner, level = BANNERS[Status(seen["status"])], Level[seen["level"].upper()]
    if seen["status"] == Status.ACTUAL:
        place, ascii_place = towns_word(seen)
        wanted = f"{level.zh} {place}", f"{level.en} {ascii_place}"
        ask = f"{banner}\n{act}，面向公众，对象 {seen['audience'].get('count', 0)} 个。逐字输入“{wanted[0]}”或“{wanted[1]}” / type colour and place"
    else:
        wanted = "演练", "drill"
        ask = f"{banner}\n{act}，不会发给公众。输入“演练”或 drill / type drill"
    if line(ask) not in wanted:
        raise AuthorityError(f"确认文字不符，没有{act}，什么也没有发出 / not what was asked: nothing was signed, nothing sent")
    if not seen["whole_area"]:
        return ""
    if (code := line("这是全区预警，再输入区划代码 / the whole county: type its area code")) != seen["whole_area"]:
        raise AuthorityError(f"区划代码不符，没有{act}，什么也没有发出 / not the code of this county: nothing was signed, nothing sent")
    return code
