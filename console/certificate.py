"""A broker's own authority and certificate, for a county that runs its broker itself; whoever has certificates from elsewhere needs none of this."""

from __future__ import annotations

import ipaddress
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, ExtensionType, GeneralName, KeyUsage

VALID = timedelta(days=3650)
#: What is written: the authority for those who connect, the other two for the broker. The authority's own key is not kept: nobody can sign with it again.
FILES = ("ca.crt", "broker.crt", "broker.key")


def make_certificate(hosts: list[str], folder: Path, now: datetime, owner: int = -1) -> list[Path]:
    """Write FILES (the key its owner's only) for these host names or addresses into `folder`; ConfigError where one is there already.
    `now` aware; valid from a day before it for VALID. `owner`: the user by number who is to own them (-1: who writes)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    paths = [folder / name for name in FILES]
    for path in paths:
        if path.exists():
            raise ConfigError("文件已在，不覆盖 / is there already, not overwritten", path=path, hint="换一个文件夹，或先移走 / another folder, or move it away")
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Fengsui broker authority")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0][:64])])

    def certificate(name: x509.Name, key: EllipticCurvePrivateKey) -> CertificateBuilder:
        """What both have in common."""
        return (x509.CertificateBuilder().issuer_name(issuer).subject_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - timedelta(days=1)).not_valid_after(now + VALID))

    signer, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    of_signer = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    root = _with(certificate(issuer, signer), {x509.BasicConstraints(ca=True, path_length=0): True, _uses("key_cert_sign", "crl_sign"): True, of_signer: False})
    leaf = _with(certificate(subject, key), {
        x509.BasicConstraints(ca=False, path_length=None): True, _uses("digital_signature"): True,
        x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]): False, x509.SubjectAlternativeName([_name(host) for host in hosts]): False,
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()): False, x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(of_signer): False,
    })
    signed: list[Certificate] = [builder.sign(signer, hashes.SHA256()) for builder in (root, leaf)]
    folder.mkdir(parents=True, exist_ok=True)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for path, data, mode in zip(paths, [*(one.public_bytes(Encoding.PEM) for one in signed), secret], (0o644, 0o644, 0o600), strict=True):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(data)
            os.fchown(out.fileno(), owner, -1)
    return paths


def _with(builder: CertificateBuilder, extensions: dict[ExtensionType, bool]) -> CertificateBuilder:
    """With extensions, and whether whoever does not know one must refuse the whole."""
    for extension, critical in extensions.items():
        builder = builder.add_extension(extension, critical)
    return builder


def _uses(*uses: str) -> KeyUsage:
    """What a key is for, and nothing else: strict readers, Python from 3.13 on among them, take no authority that does not say so."""
    from cryptography import x509

    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
             "decipher_only")
    return x509.KeyUsage(**{name: name in uses for name in every})


def _name(host: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
