"""One form for what is signed, whatever order it was made in; the published vector; and nothing but the very message under the very key."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import AuthorityError
from core.signing import canonical, digest, new_key, sign, verify

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12)
KEY, OTHER = new_key(), new_key()


def shuffled(value: Any, by: random.Random) -> Any:
    """The same value, its mappings made in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], by) for key in by.sample(list(value), len(value))}
    return [shuffled(item, by) for item in value] if isinstance(value, list) else value


@given(JSON, st.randoms(use_true_random=False))
def test_equal_values_have_one_text_and_it_says_them(value: Any, by: random.Random) -> None:
    text = canonical(value)
    assert canonical(shuffled(value, by)) == text and json.loads(text) == value and digest(text) == digest(text.encode())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_is_no_number_is_signed_by_nobody(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_published_vectors() -> None:
    """SHA-256 of FIPS 180-2, Ed25519 of RFC 8032 (7.1, test 1)."""
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    private, public = (base64.b64encode(bytes.fromhex(text)).decode() for text in (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    signature = sign(private, "")
    assert base64.b64decode(signature).hex() == ("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
                                                 "25bf5f0595bbe24655141438e7a100b")
    verify(public, "", signature)


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(0, 63), st.integers(1, 255))
def test_a_signature_holds_for_its_own_message_and_key_alone(message: str, place: int, flip: int) -> None:
    signature = sign(KEY[0], message)
    verify(KEY[1], message, signature)
    raw = bytearray(base64.b64decode(signature))
    raw[place] ^= flip
    for public, said, paper in ((KEY[1], message, base64.b64encode(raw).decode()), (KEY[1], message + " ", signature), (OTHER[1], message, signature),
                                (KEY[1], message, signature[:-4]), (KEY[1], message, signature + "AAAA")):
        with pytest.raises(AuthorityError):
            verify(public, said, paper)


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=90))
def test_what_is_no_key_or_no_signature_is_refused_and_nothing_else_happens(public: str, message: str, signature: str) -> None:
    for key, paper in ((public, sign(KEY[0], "x")), (KEY[1], signature)):
        with pytest.raises(AuthorityError):
            verify(key, message, paper)
