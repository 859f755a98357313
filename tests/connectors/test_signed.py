"""Signed CAP documents: only what the pinned certificate's key signed is read, whatever is wrapped around it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import XMLSigner, methods
from signxml.algorithms import SignatureMethod

from connectors import cap_feed
from core.errors import ConfigError
from core.model import Level

NOW = datetime(2026, 7, 26, tzinfo=UTC)
NS = "urn:oasis:names:tc:emergency:cap:1.2"
CAP = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>{id}</identifier><sender>s</sender><sent>2026-07-25T21:08:00+08:00</sent><status>Actual</status>
<msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language><event>台风</event><severity>{severity}</severity><headline>台风预警</headline>
<area><areaDesc>x</areaDesc><geocode><valueName>CN-GBT2260</valueName><value>320614000000</value></geocode></area></info></alert>"""


def authority(name: str, start: datetime = NOW - timedelta(days=1), days: int = 3650):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
    cert = made.not_valid_before(start).not_valid_after(start + timedelta(days=days)).sign(key, hashes.SHA256())
    return key, cert


OFFICE, STRANGER = authority("office", start=datetime(2020, 1, 1, tzinfo=UTC)), authority("stranger", start=datetime(2020, 1, 1, tzinfo=UTC))


def cap(identifier: str = "A", severity: str = "Severe") -> etree._Element:
    return etree.fromstring(CAP.format(id=identifier, severity=severity))


def signed(who=OFFICE, **what: str) -> etree._Element:
    signer = XMLSigner(method=methods.enveloped, signature_algorithm=SignatureMethod.ECDSA_SHA256)
    return signer.sign(cap(**what), key=who[0], cert=[who[1]])


@pytest.fixture
def place(county, tmp_path, with_options):
    (tmp_path / "office.pem").write_bytes(OFFICE[1].public_bytes(serialization.Encoding.PEM))
    return replace(county, root=tmp_path), with_options(county.feed("warnings_cap"), certificate="office.pem")


def parse(place, *documents: etree._Element, now: datetime = NOW):
    index = '<feed xmlns="http://www.w3.org/2005/Atom"/>'
    body = json.dumps({"index": index, "documents": {f"/{i}": etree.tostring(d).decode() for i, d in enumerate(documents)}})
    return cap_feed.parse(body.encode(), feed=place[1], county=place[0], received=now, raw="r")


def test_a_document_signed_by_the_pinned_key_is_read(place) -> None:
    batch = parse(place, signed())
    assert [(s.identifier, s.level, s.areas) for s in batch.signals] == [("A", Level.ORANGE, ("320614",))] and batch.rejected == ()


def _changed() -> etree._Element:
    root = signed()
    root.find(f".//{{{NS}}}severity").text = "Minor"
    return root


def _wrapped_around() -> etree._Element:
    """A forged alert that carries the signed one inside itself."""
    forged = cap("EVIL", "Extreme")
    forged.append(signed())
    return forged


def _signature_moved() -> etree._Element:
    """The signature of one alert under another."""
    forged = cap("EVIL", "Extreme")
    forged.append(copy.deepcopy(signed().find("{http://www.w3.org/2000/09/xmldsig#}Signature")))
    return forged


def _info_added() -> etree._Element:
    root = signed()
    root.append(copy.deepcopy(cap("EVIL", "Extreme").find(f"{{{NS}}}info")))
    return root


def _in_an_object() -> etree._Element:
    """The true alert hidden inside the signature of a forged one."""
    true, forged = signed(), cap("EVIL", "Extreme")
    signature = copy.deepcopy(true.find("{http://www.w3.org/2000/09/xmldsig#}Signature"))
    etree.SubElement(signature, "{http://www.w3.org/2000/09/xmldsig#}Object").append(true)
    forged.append(signature)
    return forged


def test_of_an_alert_signed_by_its_id_only_that_alert_is_read_whatever_stands_around_it(place) -> None:
    inner = cap()
    inner.set("Id", "a")
    signer = XMLSigner(method=methods.enveloped, signature_algorithm=SignatureMethod.ECDSA_SHA256)
    true = signer.sign(inner, key=OFFICE[0], cert=[OFFICE[1]], reference_uri="a")
    assert [s.identifier for s in parse(place, true).signals] == ["A"]
    signature = true.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    forged = cap("EVIL", "Extreme")
    forged.append(signature)  # moved from the true alert, which then stands inside the forged one
    forged.append(true)
    batch = parse(place, forged)
    assert {s.identifier for s in batch.signals} <= {"A"} and len(batch.signals) + len(batch.rejected) == 1


@pytest.mark.parametrize("forge", [cap, lambda: signed(STRANGER), _changed, _wrapped_around, _signature_moved, _info_added, _in_an_object])
def test_absent_foreign_broken_and_wrapped_signatures_are_refused(place, forge) -> None:
    batch = parse(place, forge(), signed(identifier="B"))
    assert all(s.identifier in ("A", "B") and s.level is Level.ORANGE for s in batch.signals) and "EVIL" not in {s.identifier for s in batch.signals}
    assert "B" in {s.identifier for s in batch.signals} and len(batch.rejected) == 1


def test_a_certificate_out_of_its_time_signs_nothing(place) -> None:
    assert "not valid" in parse(place, signed(), now=NOW + timedelta(days=4000)).rejected[0].reason


def test_without_a_pinned_certificate_signed_and_unsigned_are_read(county) -> None:
    place = (county, county.feed("warnings_cap"))
    assert {s.identifier for s in parse(place, signed(), cap("B")).signals} == {"A", "B"}


@pytest.mark.parametrize("name", ["none.pem", "../office.pem", "/etc/hostname"])
def test_a_certificate_that_cannot_be_read_or_lies_elsewhere(place, with_options, name) -> None:
    with pytest.raises(ConfigError, match=r"certificate|证书"):
        parse((place[0], with_options(place[1], certificate=name)), signed())
