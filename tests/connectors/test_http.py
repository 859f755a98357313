from __future__ import annotations

import gzip
import time
from dataclasses import replace

import pytest

from connectors.reading import http
from connectors.types import Conditional
from core.errors import FetchError


@pytest.fixture
def feed(county):
    return replace(county.feed("power"), sandbox="/x")


def pull(feed, settings, base, **kwargs):
    settings = settings.model_copy(update={"sandbox_url": base})
    return http.get(feed, f"{base}/x?key=SECRET", settings=settings, **kwargs)


def test_a_whole_answer_with_its_validators(feed, settings, serve, reply) -> None:
    base = serve(lambda r: reply(r, b"{}", ETag='"a"', Last_Modified="Mon, 26 Jul 2021 00:00:00 GMT", Content_Type="application/json"))
    payload = pull(feed, settings, base)
    assert (payload.body, payload.etag, payload.last_modified) == (b"{}", '"a"', "Mon, 26 Jul 2021 00:00:00 GMT")


def test_not_modified_is_none(feed, settings, serve, reply) -> None:
    seen = []

    def handle(request):
        seen.append((request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")))
        reply(request, b"", 304)

    assert pull(feed, settings, serve(handle), conditional=Conditional(etag='"a"', last_modified="then")) is None
    assert seen == [('"a"', "then")]


def test_a_dripping_body_ends_at_the_total_deadline(feed, settings, serve) -> None:
    def drip(request):
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        for _ in range(40):
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.05)

    start = time.monotonic()
    with pytest.raises(FetchError, match="no whole answer within"):
        pull(feed, settings.model_copy(update={"http_deadline_s": 0.4}), serve(drip))
    assert time.monotonic() - start < 1.4


def test_dripping_headers_end_at_the_total_deadline(feed, settings, serve) -> None:
    def drip(request):
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 40:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            time.sleep(0.05)

    start = time.monotonic()
    with pytest.raises(FetchError):
        pull(feed, settings.model_copy(update={"http_deadline_s": 0.4}), serve(drip))
    assert time.monotonic() - start < 1.4


def test_a_bomb_stops_at_the_cap(feed, settings, serve, reply) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(FetchError, match="over 1000000 bytes"):
        pull(feed, settings.model_copy(update={"http_max_bytes": 1_000_000}), serve(lambda r: reply(r, bomb, Content_Encoding="gzip")))


def test_gzip_is_read_and_half_of_it_is_not(feed, settings, serve, reply) -> None:
    packed = gzip.compress(b'{"a": 1}' * 100)
    assert pull(feed, settings, serve(lambda r: reply(r, packed, Content_Encoding="gzip"))).body == b'{"a": 1}' * 100
    with pytest.raises(FetchError, match="broke off"):
        pull(feed, settings, serve(lambda r: reply(r, packed[:-9], Content_Encoding="gzip")))
    with pytest.raises(FetchError, match="encoding"):
        pull(feed, settings, serve(lambda r: reply(r, b"x", Content_Encoding="br")))


def test_a_body_shorter_than_announced_is_no_answer(feed, settings, serve) -> None:
    def cut(request):
        request.send_response(200)
        request.send_header("Content-Length", "100")
        request.end_headers()
        request.wfile.write(b"half")
        request.close_connection = True

    with pytest.raises(FetchError, match="broke off"):
        pull(feed, settings, serve(cut))


@pytest.mark.parametrize(
    ("status", "retryable"), [(301, False), (302, False), (403, False), (404, False), (429, True), (500, True), (503, True)]
)
def test_every_other_status_is_an_error_of_the_source(feed, settings, serve, reply, status, retryable) -> None:
    base = serve(lambda r: reply(r, b"", status, Location="http://127.0.0.1:1/token=abc"))
    with pytest.raises(FetchError) as caught:
        pull(feed, settings, base)
    assert (caught.value.layer, caught.value.retryable) == ("source", retryable)
    assert "SECRET" not in str(caught.value) and "token" not in str(caught.value)


def test_nobody_there_names_host_but_no_secret(feed, settings) -> None:
    with pytest.raises(FetchError) as caught:
        pull(feed, settings, "http://127.0.0.1:9")
    assert caught.value.layer == "network" and "127.0.0.1" in str(caught.value)
    assert "SECRET" not in repr(caught.value)


LIVE = {"mode": "live", "sandbox_url": ""}


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://100.100.100.200/",
        "https://feed.example.org.evil.com/",
        "http://feed.example.org/",
        "file:///etc/passwd",
        "https://user@feed.example.org/",
        "https://feed.example.org:8443/",
        "https://2130706433/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "ftp://feed.example.org/",
        "https://feed.example.org\\@evil.com/",
        "https://evil.com#feed.example.org",
        "//evil.com/",
        "https://localhost/",
        "https://[::ffff:127.0.0.1]/",
        "https://feed.example.org:99999/",
        "gopher://feed.example.org/",
        "https:///x",
        "",
    ],
)
def test_a_live_feed_goes_to_its_own_host_only(feed, settings, url) -> None:
    live = settings.model_copy(update=LIVE)
    with pytest.raises(FetchError):
        http.allowed(replace(feed, address="https://feed.example.org/x"), url, live)
    assert http.allowed(replace(feed, address="https://feed.example.org/x"), "https://feed.example.org/y", live) == "feed.example.org"


def test_sandbox_never_leaves_loopback(feed, settings) -> None:
    with pytest.raises(FetchError, match="own host"):
        http.allowed(feed, "http://example.org/", settings)
    with pytest.raises(FetchError, match="loopback is for the sandbox"):
        http.allowed(replace(feed, address="https://127.0.0.1/x"), "https://127.0.0.1/x", settings.model_copy(update=LIVE))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.100.100.200", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("2001:4860:4860::8888", True),
    ],
)
def test_which_addresses_are_public(address, public) -> None:
    assert http.is_public(address) is public
