"""A secret under a passphrase: it opens for its owner alone, and not when a byte was changed. And the keyring that keeps such keys."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import sealing
from core.errors import AuthorityError
from core.keyring import Keyring
from core.sealing import LEAST, seal, unseal
from core.signing import sign, verify

PHRASE = "烽火连三月，家书抵万金。"


@pytest.fixture(scope="module", autouse=True)
def cheap():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "COST", 4)
        yield


@given(secret=st.text(max_size=60), phrase=st.text(min_size=LEAST, max_size=40), other=st.text(min_size=LEAST, max_size=40))
def test_only_the_passphrase_opens_it(secret: str, phrase: str, other: str) -> None:
    secret = secret.encode("utf-8", "replace").decode()
    closed = seal(secret, phrase, "duty-1")
    assert unseal(closed, phrase, "duty-1") == secret and closed != seal(secret, phrase, "duty-1"), "a fresh salt each time"
    for wrong in ({"passphrase": other} if other != phrase else {"owner": "x"}, {"owner": "chief-1"}):
        with pytest.raises(AuthorityError):
            unseal(closed, **{"passphrase": phrase, "owner": "duty-1"} | wrong)


@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_byte_opens_nothing(data: st.DataObject) -> None:
    raw = bytearray(base64.b64decode(seal("secret", PHRASE, "duty-1")))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 15))
    with pytest.raises(AuthorityError):
        unseal(base64.b64encode(raw).decode(), PHRASE, "duty-1")


@pytest.mark.parametrize("text", ["", "AA==", "not base64", "\u00e9", "AAAA" * 20])
def test_what_is_no_seal_is_refused_in_words(text: str) -> None:
    with pytest.raises(AuthorityError, match="passphrase"):
        unseal(text, PHRASE, "duty-1")


def test_a_short_passphrase_makes_no_key(tmp_path: Path) -> None:
    with pytest.raises(AuthorityError, match="12"):
        Keyring(tmp_path).enrol("duty-1", "short")
    assert Keyring(tmp_path).names() == []


def test_a_persons_key_is_made_once_and_signs_only_when_it_is_opened(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    public = ring.enrol("duty-1", PHRASE)
    verify(public, "yes", sign(ring.unlock("duty-1", PHRASE), "yes"))
    path = tmp_path / "duty-1.json"
    assert path.stat().st_mode & 0o077 == 0 and PHRASE not in path.read_text(encoding="utf-8") and set(json.loads(path.read_text())) == {"sealed", "public"}
    with pytest.raises(AuthorityError, match="revoke it first"):
        ring.enrol("duty-1", PHRASE)
    for broken in (lambda: ring.private("duty-1"), lambda: ring.unlock("duty-1", PHRASE + "x")):
        with pytest.raises(AuthorityError):
            broken()
    ring.ensure("duty-1")
    assert ring.public("duty-1") == public, "the machine makes no other one in its place"
    assert ring.retire("duty-1") and not ring.retire("duty-1")
    with pytest.raises(AuthorityError, match="no public key"):
        ring.public("duty-1")


def test_a_key_that_no_passphrase_keeps_is_nobodys(tmp_path: Path) -> None:
    Keyring(tmp_path).ensure("duty-1")
    with pytest.raises(AuthorityError, match="no sealed key"):
        Keyring(tmp_path).unlock("duty-1", PHRASE)


def test_a_file_copied_onto_another_name_opens_nothing(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    ring.enrol("duty-1", PHRASE)
    (tmp_path / "chief-1.json").write_bytes((tmp_path / "duty-1.json").read_bytes())
    with pytest.raises(AuthorityError):
        ring.unlock("chief-1", PHRASE)
