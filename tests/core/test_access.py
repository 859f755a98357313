"""Access keys: shown once, kept as a keyed hash that opens nothing by itself, gone when they are taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.access import LETTERS, Access
from core.errors import AuthorityError

NOW = datetime(2021, 7, 26, tzinfo=UTC)


@pytest.mark.parametrize("owner", ["department", "reporter"])
def test_a_key_holds_for_its_owner_alone_until_the_next_one(tmp_path: Path, owner) -> None:
    access = Access(tmp_path)
    key = access.issue(owner, "one", NOW)
    assert access.holds(owner, "one", key) and Access(tmp_path).holds(owner, "one", key)
    other = "reporter" if owner == "department" else "department"
    assert not any(access.holds(*asked) for asked in ((owner, "two", key), (other, "one", key), (owner, "one", key[:-1]), (owner, "one", ""), (owner, "../one", key)))
    fresh = access.issue(owner, "one", NOW)
    assert fresh != key and access.holds(owner, "one", fresh) and not access.holds(owner, "one", key)
    assert access.revoke(owner, "one") and not access.holds(owner, "one", fresh) and not access.revoke(owner, "one")


def test_what_lies_on_the_disk_opens_nothing(tmp_path: Path) -> None:
    access = Access(tmp_path)
    key = access.issue("department", "one", NOW)
    path = tmp_path / "access" / "department" / "one.json"
    assert key not in path.read_text() and path.stat().st_mode & 0o077 == 0 and not list(path.parent.glob("*.part"))
    assert not access.holds("department", "one", json.loads(path.read_text())["hash"])
    (path.parent / "two.json").write_bytes(path.read_bytes())  # a file copied onto another name
    assert not access.holds("department", "two", key)
    elsewhere = Access(tmp_path / "other")  # the hash without the ring
    (tmp_path / "other" / "access" / "department").mkdir(parents=True)
    (tmp_path / "other" / "access" / "department" / "one.json").write_bytes(path.read_bytes())
    assert not elsewhere.holds("department", "one", key)
    elsewhere.issue("department", "three", NOW)
    assert not elsewhere.holds("department", "one", key)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"hash": 7}', b'{"at": ""}', b"\xff"])
def test_a_damaged_file_holds_nothing(tmp_path: Path, body) -> None:
    access = Access(tmp_path)
    key = access.issue("department", "one", NOW)
    (tmp_path / "access" / "department" / "one.json").write_bytes(body)
    assert not access.holds("department", "one", key) and not access.holds("department", "one", "7")


def test_a_code_is_typed_as_people_type(tmp_path: Path) -> None:
    access = Access(tmp_path)
    code = access.issue("reporter", "hm-bc-t1", NOW)
    assert len(code) == 14 and set(code) <= set(LETTERS) | {"-"}
    assert all(access.holds("reporter", "hm-bc-t1", said) for said in (code, code.lower(), code.replace("-", " "), f" {code.replace('-', '')} "))
    assert len({access.issue("reporter", "hm-bc-t1", NOW) for _ in range(50)}) == 50
    assert not access.holds("reporter", "hm-bc-t1", "\ud800")


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a" * 33, "1a"])
def test_what_is_no_name_gets_no_key(tmp_path: Path, name) -> None:
    with pytest.raises(AuthorityError):
        Access(tmp_path).issue("department", name, NOW)
