"""XML signatures of CAP documents (XML-DSig, enveloped): the pinned certificate of the feed row, and only what it signed is read.

Option `certificate` names a PEM file in the county folder. With it every document must carry a signature that this very key made; none, another's or
a broken one is refused. What is handed on is the tree that the signature covers, so an alert wrapped around or beside the signed one is never seen.
"""

from __future__ import annotations

from datetime import datetime

from cryptography import x509
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from connectors.reading.records import Refused
from connectors.reading.xmlstrict import local
from core.county import County, Feed
from core.errors import ConfigError

#: One signature, over one element; algorithms with SHA-1 are refused by the library.
EXPECTED = SignatureConfiguration(require_x509=True, expect_references=1)


def checked(root: etree._Element, *, feed: Feed, county: County, received: datetime) -> etree._Element:
    """`root` where the row pins no certificate, else the signed alert; Refused when the signature is absent, wrong, another's or over something else."""
    name = str(feed.options.get("certificate", ""))
    if not name:
        return root
    certificate = _pinned(name, feed, county)
    if not certificate.not_valid_before_utc <= received <= certificate.not_valid_after_utc:
        raise Refused("the pinned certificate is not valid at this time")
    try:
        found = XMLVerifier().verify(root, x509_cert=certificate, expect_config=EXPECTED)
    except (SignXMLException, ValueError, etree.LxmlError) as error:
        raise Refused(f"the signature is absent or does not hold ({type(error).__name__})") from error
    signed = found[0].signed_xml if isinstance(found, list) else found.signed_xml
    if signed is None or local(signed) != "alert":
        raise Refused("the signature does not cover an alert")
    return signed


def _pinned(name: str, feed: Feed, county: County) -> x509.Certificate:
    path = county.root / name
    if path.parent != county.root:
        raise ConfigError(f"数据源 {feed.feed} 的 certificate 应在县域文件夹里 / must lie in the county folder", path=path)
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"数据源 {feed.feed} 的证书读不到 / the certificate cannot be read", path=path, hint="放一个 PEM 证书 / put a PEM certificate there") from error
