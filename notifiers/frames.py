"""The broadcast frame and its acknowledgement: canonical JSON with an Ed25519 signature beside it. The broker is not trusted."""

from __future__ import annotations

import json
from typing import Any

from core.errors import AuthorityError
from core.model import Status
from core.signing import canonical, sign, verify


def tree(status: str) -> str:
    """The topic tree of a status: exercises and actual alerts share none."""
    return "actual" if status == Status.ACTUAL else "exercise"


def seal(content: dict[str, Any], private: str) -> str:
    """A signed frame as text."""
    return canonical({"content": content, "signature": sign(private, canonical(content))})


def open_frame(payload: bytes | str, public: str) -> dict[str, Any]:
    """The content of a frame whose signature holds under `public`; AuthorityError for everything else."""
    try:
        frame = json.loads(payload)
        content, signature = frame["content"], frame["signature"]
        verify(public, canonical(content), signature)
    except (ValueError, KeyError, TypeError) as error:
        raise AuthorityError("not a signed frame") from error
    if not isinstance(content, dict):
        raise AuthorityError("not a signed frame")
    return content
