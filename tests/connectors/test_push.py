"""Pushing over real HTTP: who may, what is answered, what is kept; a promise survives a crash at every step and is kept once."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import push_world as pw

from connectors.push import receipts as push_receipts
from connectors.push import take as push_take
from connectors.push.door import Turned
from connectors.push.receipts import HALF, REMEMBERED
from connectors.push.rendering import STATUSES
from connectors.spool import Spool
from core.access import Access

CAP = """<?xml version="1.0" encoding="UTF-8"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>c-1</identifier><sender>x</sender>
<sent>2021-07-26T15:00:00+08:00</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope><info><language>zh-CN</language><category>Met</category>
<event>暴雨橙色预警</event><urgency>Expected</urgency><severity>Severe</severity><certainty>Likely</certainty><expires>2021-07-26T21:00:00+08:00</expires>
<area><areaDesc>海门</areaDesc><geocode><valueName>CPEAS</valueName><value>320614000000</value></geocode></area></info></alert>""".encode()


@pytest.fixture
def gateway(county, settings, lake, ledger) -> pw.Gateway:
    return pw.Gateway(pw.with_feed(county), settings.model_copy(update={"sandbox_url": ""}), lake, ledger)


def one(gateway: pw.Gateway, *args, **headers):
    return gateway.talk(lambda client: client.push(*args, **headers))


def test_readings_signals_and_reports_are_kept_and_reach_the_lake(gateway) -> None:
    document = {"observations": [pw.reading(1.5), pw.reading(2.5, 10, station="D2")], "signals": [pw.signal()], "reports": [pw.seen()]}
    status, told, _ = one(gateway, document)
    assert status == 202 and told["kept"] == {"observations": 2, "signals": 1, "reports": 1} and told["refused"] == [] and len(gateway.waiting()) == 1
    assert gateway.drain().outcome == "ok" and gateway.waiting() == []
    assert sorted(gateway.rows()["value"]) == [1.5, 2.5] and list(gateway.reports()["report"]) == told["reports"]
    assert list(gateway.lake.signals(as_of=gateway.now.replace(hour=9), feed=pw.FEED)["identifier"]) == ["s-1"]
    assert set(gateway.rows()["received"]) == {gateway.now}  # when we answered, not when it was drained


@pytest.mark.parametrize(("kind", "body", "kept"), [
    ("application/cap+xml", CAP, "signals"), ("application/xml; charset=utf-8", CAP, "signals"),
    ("text/csv", b"\xef\xbb\xbfstation,property,time,value,unit\nD1,stage,2021-07-26T07:00:00Z,1.25,m\n", "observations"),
    ("text/csv; charset=UTF-8", "reporter,town,kind,time\nhm-bc-t1,包场镇,倒树,2021-07-26T15:30:00+08:00\n".encode(), "reports"),
])
def test_the_other_forms_go_the_same_way(gateway, kind, body, kept) -> None:
    status, told, _ = one(gateway, body, kind=kind)
    assert status == 202 and told["kept"][kept] == 1
    assert gateway.drain().records == 1 and gateway.waiting() == []


def test_good_records_are_kept_and_the_bad_ones_listed_in_both_languages(gateway) -> None:
    bad = [pw.reading(unit="furlong"), pw.reading(station="OTHER"), pw.reading(property="rain"), pw.reading(time="2021-07-26 15:30"), {"station": "D1"}, 7,
           pw.reading(time="0001-01-01T00:00:00Z"), pw.reading(1e308, unit="1e6 m3"), pw.reading(time="2099-01-01T00:00:00Z")]
    status, told, _ = one(gateway, {"observations": [*bad, pw.reading(4.5)]})
    assert status == 202 and told["kept"]["observations"] == 1
    pointers = [row["pointer"] for row in told["refused"]]
    assert pointers[:4] == ["/observations/0/unit", "/observations/1/station", "/observations/2/property", "/observations/3/time"]
    assert [p.split("/")[2] for p in pointers] == [str(n) for n in range(len(bad))]
    assert all(" / " in row["reason"] and "\u4e00" <= row["reason"][0] <= "\u9fff" and "无法使用" not in row["reason"] for row in told["refused"]), told["refused"]
    report = gateway.drain()
    assert (report.outcome, report.records, report.set_aside) == ("partial", 1, len(bad)) and list(gateway.rows()["value"]) == [4.5]


@pytest.mark.parametrize(("document", "status"), [
    ({"observations": [pw.reading(unit="furlong")]}, 422), ({"observations": []}, 422), ({}, 400), ([], 400), (b"", 400), (b"{", 400), (b"\xff\xfe{}", 400),
    ({"things": []}, 400), (b'{"observations": [NaN]}', 400), (b'{"observations": [], "observations": []}', 400), (b"[" * 100_000, 400),
    (b'{"observations": ' + b"9" * 5000 + b"}", 400), (b'{"reports": [{"note": "\\ud800"}]}', 400), (b"<html>login</html>", 400), ({"observations": {}}, 400),
    ({"observations": [{}] * 10_001}, 400), (json.dumps({"observations": [pw.reading()]}).encode("utf-16"), 400), (b"\x00" * 100, 400),
])
def test_what_as_a_whole_cannot_be_used_is_refused_and_nothing_is_kept(gateway, document, status) -> None:
    got, told, _ = one(gateway, document)
    assert got == status and "/" in told["error"] and gateway.waiting() == []
    assert got == 422 or told["refused"][0]["reason"]
    assert one(gateway, {"observations": [pw.reading()]})[0] == 202  # mended and sent again under the same key


@pytest.mark.parametrize(("kind", "body"), [
    ("application/xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><alert>&x;</alert>'), ("application/xml", b"<a>" * 50_000), ("application/xml", b"<a/>"),
    ("application/xml", '<?xml version="1.0" encoding="GBK"?><alert/>'.encode("gbk")),
    ("application/cap+xml", CAP.replace(b"<expires>2021-07-26T21:00:00+08:00</expires>", b"")),
    ("text/csv", b"a,b\n1,2\n"), ("text/csv", "站,值\n".encode("gbk")), ("text/csv", b"station,property,time,value,unit\nD1,stage,2021-07-26T07:00:00Z,\x00,m\n"),
])
def test_hostile_xml_and_csv_are_refused(gateway, kind, body) -> None:
    status, told, _ = one(gateway, body, kind=kind)
    assert status in (400, 422) and gateway.waiting() == [] and told["error"]


@pytest.mark.parametrize(("headers", "status"), [
    ({"Authorization": None}, 401), ({"Authorization": "Bearer water-bureau.wrong"}, 401), ({"Authorization": "Basic eDp5"}, 401),
    ({"Authorization": "Bearer ../../etc.x"}, 401), ({"Authorization": "Bearer rain-bureau.x"}, 401), ({"Authorization": "Bearer nobody.x"}, 401),
    ({"Idempotency_Key": None}, 400), ({"Idempotency_Key": "x" * 129}, 400), ({"Idempotency_Key": "a b"}, 400),
    ({"Content_Type": None}, 415), ({"Content_Type": "text/html"}, 415), ({"Content_Type": "application/json; charset=gbk"}, 415), ({"Content_Encoding": "gzip"}, 415),
    ({"Content_Encoding": "br"}, 415),
])
def test_headers_that_are_not_right(gateway, headers, status) -> None:
    body = gzip.compress(b"0" * 50_000_000) if "Content_Encoding" in headers else {"observations": [pw.reading()]}
    got, told, more = one(gateway, body, **headers)
    assert got == status and gateway.waiting() == [] and "\u4e00" <= told["error"][0] <= "\u9fff"
    assert (status == 401) == ("WWW-Authenticate" in more) and "default-src 'self'" in more["Content-Security-Policy"]


def test_a_department_speaks_for_its_own_feed_and_lists_only(gateway) -> None:
    assert one(gateway, {"reports": [pw.seen()]}, feed="reports")[0] == 403
    assert one(gateway, {"observations": [pw.reading()]}, feed="weather")[0] == 403
    assert one(gateway, {"observations": [pw.reading()]}, feed="nowhere")[0] == 403
    narrow = replace(gateway, county=pw.with_feed(gateway.county, feeds={pw.FEED: ("observations",)}))
    for document in ({"signals": [pw.signal()]}, {"observations": [pw.reading()], "reports": [pw.seen()]}):
        status, told, _ = one(narrow, document)
        assert status == 403 and ("signals" in told["error"] or "reports" in told["error"]) and narrow.waiting() == []


def test_the_same_key_gives_the_same_answer_once_kept_and_another_body_is_a_conflict(gateway) -> None:
    document = {"observations": [pw.reading(1.0), pw.reading(unit="x")]}
    first = one(gateway, document)
    gateway.now = gateway.now.replace(minute=55)
    again = one(gateway, document)  # another process: nothing of it lives in memory
    assert again[:2] == first[:2] and again[2]["Idempotent-Replayed"] == "true" and len(gateway.waiting()) == 1
    gateway.drain()
    assert one(gateway, document)[1] == first[1] and gateway.waiting() == []
    assert one(gateway, {"observations": [pw.reading(2.0)]})[0] == 409
    assert one(gateway, document, kind="text/csv")[0] == 409 and one(gateway, document, "k2")[0] == 202
    assert one(gateway, document, '"k1"')[1] == first[1]  # as the draft standard writes it
    assert len(gateway.rows()) == 1


def test_the_same_request_many_times_at_once_is_kept_once(gateway) -> None:
    async def conversation(client: pw.Client) -> list[int]:
        return [status for status, _, _ in await asyncio.gather(*(client.push({"observations": [pw.reading()]}) for _ in range(12)))]

    assert gateway.talk(conversation) == [202] * 12 and len(gateway.waiting()) == 1


class Died(Exception):
    """The process is gone."""


STEPS = ("promised", "kept", "marked")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("drained", [False, True])
def test_a_death_at_each_step_loses_nothing_and_doubles_nothing(gateway, monkeypatch, step, drained) -> None:
    """promised: the receipt is there and the message is not; kept: both, unmarked; marked: all but the answer. The sender then tries again, or sends another body."""
    document = json.dumps({"reports": [pw.seen()], "observations": [pw.reading()]}).encode()
    entry = push_take.Entry(sender=f"department-{pw.NAME}", by=pw.NAME, feed=gateway.county.feed(pw.FEED), lists=("reports", "observations"), kind="json", key="k")
    write, writes = push_receipts.Receipts._write, []

    def dying(self, *args) -> None:
        writes.append(args)
        if (step, len(writes)) == ("kept", 2):
            raise Died
        write(self, *args)
        if (step, len(writes)) in (("promised", 1), ("marked", 2)):
            raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(push_receipts.Receipts, "_write", dying)
        gateway.taker.take(entry, document)
    assert len(gateway.waiting()) == (step != "promised")
    if drained:
        gateway.drain()
    with pytest.raises(Turned) as other:
        gateway.taker.take(entry, document.replace(b"1.0", b"2.0"))
    assert other.value.status == 409
    gateway.now = gateway.now.replace(minute=50)
    told, before = gateway.taker.take(entry, document)
    assert before == (step == "marked") and gateway.taker.take(entry, document) == (told, True)
    assert len(gateway.waiting()) == (step == "promised" or not drained or step == "kept")
    gateway.drain()
    assert list(gateway.rows()["value"]) == [1.0] and list(gateway.reports()["report"]) == told["reports"] and gateway.waiting() == []


def test_a_full_disk_is_told_and_the_same_key_works_later(gateway, monkeypatch) -> None:
    document = {"observations": [pw.reading()]}
    with monkeypatch.context() as patch:
        patch.setattr(push_take.inbox, "spool_of", lambda feed, settings: Spool(settings.home / "inbox" / feed.feed, max_bytes=10))
        status, told, headers = one(gateway, document)
    assert status == 503 and int(headers["Retry-After"]) > 0 and "暂存已满" in told["error"] and gateway.waiting() == []
    assert one(gateway, document)[0] == 202 and len(gateway.waiting()) == 1


def test_a_damaged_receipt_is_no_promise_and_no_second_copy(gateway) -> None:
    document = {"observations": [pw.reading()]}
    one(gateway, document)
    [path] = (gateway.settings.home / "push" / "receipts").glob("*/*.json")
    path.write_bytes(path.read_bytes()[:-5])
    assert one(gateway, document)[0] == 503 and len(gateway.waiting()) == 1


def test_receipts_are_forgotten_after_their_time_and_half_files_at_the_start(gateway) -> None:
    one(gateway, {"observations": [pw.reading()]})
    receipts = gateway.taker.receipts
    half = receipts.folder / f"department-{pw.NAME}" / "x.part"
    half.write_bytes(b"{")
    os.utime(half, (gateway.now.timestamp(),) * 2)
    assert receipts.sweep(gateway.now) == 0  # somebody may be writing it
    assert receipts.sweep(gateway.now + 2 * HALF) == 1 and not half.exists()
    assert receipts.sweep(gateway.now + REMEMBERED) == 0 and receipts.sweep(gateway.now + 2 * REMEMBERED) == 1


def test_too_fast_is_told_when_to_come_back(gateway) -> None:
    slow = replace(gateway, county=pw.with_feed(gateway.county, rate_per_min=2, burst=3))

    async def conversation(client: pw.Client):
        return [await client.push({"observations": [pw.reading()]}, f"k{n}") for n in range(5)]

    answers = slow.talk(conversation)
    assert [status for status, _, _ in answers] == [202, 202, 202, 429, 429] and int(answers[3][2]["Retry-After"]) == 30
    assert len(slow.waiting()) == 1  # three keys, one body, one moment: one file


def test_who_knocks_with_wrong_keys_is_slowed_down_and_the_right_key_is_not(gateway) -> None:
    async def conversation(client: pw.Client):
        wrong = [(await client.push({}, Authorization=f"Bearer {pw.NAME}.{n}"))[0] for n in range(40)]
        return wrong, (await client.push({"observations": [pw.reading()]}))[0]

    wrong, right = gateway.talk(conversation)
    assert set(wrong) == {401, 429} and wrong[0] == 401 and wrong[-1] == 429 and right == 202


def test_a_new_key_ends_the_former_and_a_revoked_one_holds_no_more(gateway) -> None:
    access, document = Access(gateway.settings.home), {"observations": [pw.reading()]}
    fresh = access.issue("department", pw.NAME, pw.NOW)
    assert one(gateway, document)[0] == 401
    gateway.key = f"{pw.NAME}.{fresh}"
    assert one(gateway, document)[0] == 202
    access.revoke("department", pw.NAME)
    assert one(gateway, document)[0] == 401


async def raw(port: int, sent: bytes, *, slowly: bytes = b"") -> bytes:
    """Bytes as they are, then one every 10 ms; what comes back before the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(sent)
        for at in range(len(slowly)):
            writer.write(slowly[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0.01)

    sending = asyncio.create_task(send())
    heard = b""
    try:
        async with asyncio.timeout(8):
            while piece := await reader.read(4096):
                heard += piece
    except ConnectionError:  # what was heard before the reset counts
        pass
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.close()
    return heard


def test_slow_silent_and_too_many_connections_are_closed(gateway) -> None:
    gateway.change = {"body_s": 0.3, "head_s": 2.0, "most": 6}
    head = (f"POST /push/{pw.FEED} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\nIdempotency-Key: k\r\n"
            "Content-Type: application/json\r\nContent-Length: 9000\r\n\r\n").encode()

    async def conversation(client: pw.Client) -> None:
        body, header, silent = await asyncio.gather(
            raw(client.port, head, slowly=b"[" * 999), raw(client.port, b"GET / HTTP/1.1\r\n", slowly=b"x" * 999), raw(client.port, b""))
        assert b" 408 " in body.split(b"\r\n")[0] and header == b"" and silent == b""
        held = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(6)]
        await asyncio.sleep(0.05)
        assert await raw(client.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in held:
            writer.close()
        for _ in range(50):  # their ends are seen one after another
            await asyncio.sleep(0.1)
            try:
                assert (await client.push({"observations": [pw.reading()]}))[0] == 202
                break
            except aiohttp.ClientError:
                continue
        else:
            raise AssertionError("nobody is let in again")

    gateway.talk(conversation)


def test_too_large_is_told_before_and_while_it_comes(gateway) -> None:
    async def conversation(client: pw.Client) -> None:
        large = b"[" + b" " * (2 * 1024 * 1024) + b"]"

        async def pieces():
            for at in range(0, len(large), 65536):
                yield large[at : at + 65536]

        headers = {"Authorization": f"Bearer {client.key}", "Idempotency-Key": "k", "Content-Type": "application/json"}
        async with client.session.post(f"/push/{pw.FEED}", data=large, headers=headers) as answer:
            assert answer.status == 413
        async with client.session.post(f"/push/{pw.FEED}", data=pieces(), headers=headers) as answer:  # chunked: no length is told
            assert answer.status == 413
        lines = b"station,property,time,value,unit\n" + b"\n" * 20_000
        assert (await client.push(lines, kind="text/csv"))[0] == 413
        async with client.session.post(f"/push/{pw.FEED}", json={"observations": [pw.reading()]}, headers=headers, expect100=True) as answer:
            assert answer.status == 202

    gateway.talk(conversation)


def test_pages_and_addresses(gateway) -> None:
    async def conversation(client: pw.Client) -> None:
        async with client.session.get("/") as page:
            text = await page.text()
        assert page.status == 200 and "数据推送" in text and f"POST /push/{pw.FEED}" in text and "http://" not in text and "<script" not in text
        assert all(str(status) in text for status, _, _ in STATUSES)
        async with client.session.get(f"/push/{pw.FEED}/schema") as answer:
            assert answer.status == 200 and json.loads(await answer.text())["type"] == "object"
        for method, path, status in (("GET", "/push/weather/schema", 404), ("GET", "/nothing", 404), ("GET", f"/push/{pw.FEED}", 405), ("PUT", "/report", 405),
                                     ("POST", "/push/../../etc/passwd", 404), ("HEAD", "/", 200)):
            async with client.session.request(method, path) as answer:
                assert answer.status == status, (method, path)

    gateway.talk(conversation)


def test_the_readme_and_the_page_tell_the_same_answers() -> None:
    text = (Path(__file__).parents[2] / "connectors" / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- statuses -->")[2].partition("<!-- end of statuses -->")[0].splitlines()
    assert table[3:] == [f"| {status} | {chinese} | {english} |" for status, chinese, english in STATUSES]


def test_no_key_and_no_number_in_log_or_answer(gateway, caplog) -> None:
    number = "13812345678"
    with caplog.at_level(logging.DEBUG):
        answers = [one(gateway, {"reports": [pw.seen(reporter=number)]}),
                   one(gateway, {"reports": [pw.seen(note=f"电话{number}"), pw.seen(town=number, village=number)]}),
                   one(gateway, {"observations": [pw.reading(unit=number)]}), one(gateway, b"{" + number.encode()),
                   one(gateway, {}, Authorization=f"Bearer {pw.NAME}.{number}")]
    gateway.drain()
    secret = gateway.key.partition(".")[2]
    said = caplog.text + repr(answers) + repr(gateway.reports().to_dict())
    assert number not in said and secret not in said and "push.kept" in caplog.text
    stored = b"".join(path.read_bytes() for folder in ("access", "push") for path in (gateway.settings.home / folder).rglob("*") if path.is_file())
    assert secret.encode() not in stored
