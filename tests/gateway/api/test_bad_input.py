"""Whatever is sent, the answer is a clear 4xx in one format: nothing is stored, nothing internal is told."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson

from gateway.api import answers
from gateway.api.errors import KINDS
from tests.gateway.api.conftest import INVOICE, Api

RON = "RON"


def body(**changes: Any) -> bytes:
    return orjson.dumps(INVOICE | changes)


def amount(value: Any, currency: Any = RON) -> bytes:
    return body(amount={"value": value, "currency": currency})


def payer(**changes: Any) -> bytes:
    return body(payer=INVOICE["payer"] | changes)


def without(name: str) -> bytes:
    return orjson.dumps({key: value for key, value in INVOICE.items() if key != name})


NOT_JSON = {
    "empty": b"",
    "a space": b" ",
    "cut short": body()[:-1],
    "two values": body() + body(),
    "bytes that are no UTF-8": b'{"number": "\xff\xfe"}',
    "an overlong encoding": b'{"number": "\xc0\x80"}',
    "half a surrogate pair": b'{"number": "\\ud800"}',
    "an encoded surrogate": b'{"number": "\xed\xa0\x80"}',
    "another encoding": body().decode().encode("utf-16"),
    "single quotes": b"{'number': 'x'}",
    "a comment": b"{} // x",
    "a form": b"number=1",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "deep inside a known field": b'{"metadata":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
    "control characters": b'{"number": "a\nb"}',
}


async def test_what_is_not_json_is_400(edge: Api) -> None:
    answered = {}
    for what, raw in NOT_JSON.items():
        answer, problem = await edge.call("POST", "/v1/invoices", raw=raw)
        answered[what] = (answer.status, problem["type"])
    assert answered == dict.fromkeys(NOT_JSON, (400, "/problems/invalid-json"))
    assert await nothing_was_stored(edge)


async def nothing_was_stored(edge: Api) -> bool:
    return (await edge.ok("GET", "/v1/invoices"))["items"] == [] and (await edge.ok("GET", "/v1/events"))["items"] == []


NOT_VALID: dict[str, tuple[bytes, str]] = {
    "a list": (b"[]", ""),
    "null": (b"null", ""),
    "a string": (b'"x"', ""),
    "a number": (b"1", ""),
    "no number": (without("number"), "number"),
    "no payer": (without("payer"), "payer"),
    "an unknown field": (body(nmuber="x"), "nmuber"),
    "an unknown field inside": (payer(fone="1"), "payer.fone"),
    "an empty number": (body(number=""), "number"),
    "a long number": (body(number="x" * 65), "number"),
    "a number of spaces": (body(number="   "), "number"),
    "a number with a line break": (body(number="a\nb"), "number"),
    "a number with a NUL": (body(number="a\0b"), "number"),
    "a number that is a number": (body(number=7), "number"),
    "a float": (amount(123.45), "amount.value"),
    "an integer": (amount(123), "amount.value"),
    "no decimals": (amount("123"), "amount.value"),
    "one decimal": (amount("123.4"), "amount.value"),
    "three decimals": (amount("123.450"), "amount.value"),
    "decimals of yen": (amount("123.45", "JPY"), "amount.value"),
    "two decimals of dinars": (amount("1.25", "KWD"), "amount.value"),
    "below zero": (amount("-1.00"), "amount.value"),
    "zero": (amount("0.00"), "amount.value"),
    "too large": (amount("10000000000000.01"), "amount.value"),
    "far too large": (amount("9" * 100_000 + ".00"), "amount.value"),
    "an exponent": (amount("1e5"), "amount.value"),
    "a comma": (amount("123,45"), "amount.value"),
    "a plus": (amount("+1.00"), "amount.value"),
    "a leading zero": (amount("01.00"), "amount.value"),
    "spaces": (amount(" 1.00"), "amount.value"),
    "other digits": (amount("١.٠٠"), "amount.value"),
    "not a number": (amount("NaN"), "amount.value"),
    "an unknown currency": (amount("1.00", "XXX"), "amount.currency"),
    "small letters": (amount("1.00", "ron"), "amount.currency"),
    "no currency": (body(amount={"value": "1.00"}), "amount.currency"),
    "an amount that is a string": (body(amount="1.00 RON"), "amount"),
    "a day that is none": (body(due_on="2026-02-30"), "due_on"),
    "a day with a time": (body(due_on="2026-12-08T00:00:00Z"), "due_on"),
    "a Unix day": (body(due_on="1796688000"), "due_on"),
    "a number of a day": (body(due_on=20261208), "due_on"),
    "due before it is issued": (body(due_on="2026-11-19"), "due_on"),
    "the year 9999": (body(due_on="9999-12-31"), "due_on"),
    "an instant without a zone": (body(deliver_at="2026-12-08T10:00:00"), "deliver_at"),
    "a phone that is none": (payer(phone="call me"), "payer.phone"),
    "a phone that cannot be": (payer(phone="0700"), "payer.phone"),
    "a phone with a line break": (payer(phone="0722\r\n123456"), "payer.phone"),
    "a premium number": (payer(phone="0900 123 456"), "payer.phone"),
    "another WhatsApp that is none": (payer(whatsapp="x1234"), "payer.whatsapp"),
    "an email that is none": (payer(email="ana"), "payer.email"),
    "an email with a header": (payer(email="a@b.ro\r\nBcc: c@d.ro"), "payer.email"),
    "two emails": (payer(email="a@b.ro,c@d.ro"), "payer.email"),
    "a name with a NUL": (payer(name="Ana\0"), "payer.name"),
    "no name": (payer(name=""), "payer.name"),
    "a chat that is a name": (payer(telegram="@ana"), "payer.telegram"),
    "a locale that is none": (payer(locale="română"), "payer.locale"),
    "a time zone that is none": (payer(time_zone="Europe/Cluj"), "payer.time_zone"),
    "a time zone that is a path": (payer(time_zone="../../etc/passwd"), "payer.time_zone"),
    "a time zone that is a folder": (payer(time_zone="Europe"), "payer.time_zone"),
    "a script for a document": (body(document_url="javascript:alert(1)"), "document_url"),
    "a file for a document": (body(document_url="file:///etc/passwd"), "document_url"),
    "a document with a password": (body(document_url="https://a:b@example.ro/"), "document_url"),
    "a document with quotes": (body(document_url='https://example.ro/" onload="'), "document_url"),
    "a document at no address": (body(document_url="https://[.1:2]/"), "document_url"),
    "a document at an empty name": (body(document_url="https://example..ro/"), "document_url"),
    "a document at a long name": (body(document_url=f"https://{'a' * 64}.ro/"), "document_url"),
    "a document at no port": (body(document_url="https://example.ro:65536/"), "document_url"),
    "51 pairs": (body(metadata={str(n): "x" for n in range(51)}), "metadata"),
    "a long key": (body(metadata={"k" * 41: "x"}), "metadata." + "k" * 41),
    "a long value": (body(metadata={"k": "x" * 501}), "metadata.k"),
    "a value that is a number": (body(metadata={"k": 1}), "metadata.k"),
    "a value with a NUL": (body(metadata={"k": "\0"}), "metadata.k"),
    "a line without words": (body(lines=[{}]), "lines[0].description"),
    "a quantity that is a number": (body(lines=[{"description": "x", "quantity": 1}]), "lines[0].quantity"),
    "a huge row": (
        body(lines=[{"description": "x", "quantity": "999999999999", "unit_price": "999999999999"}]), "lines[0].amount",
    ),
    "a row in other decimals": (body(lines=[{"description": "x"}, {"description": "x", "amount": "1.234"}]), "lines[1].amount"),
    "501 lines": (body(lines=[{"description": "x"}] * 501), "lines"),
    "a channel that is a path": (body(deliver=[{"channel": "../sms"}]), "deliver[0].channel"),
    "a wait without a unit": (body(deliver=[{"channel": "sms", "wait": "30"}]), "deliver[0].wait"),
    "a wait that is too long": (body(deliver=[{"channel": "sms", "wait": "31d"}]), "deliver[0].wait"),
    "eleven steps": (body(deliver=[{"channel": "sms"}] * 11), "deliver"),
}  # fmt: skip


async def test_what_is_not_valid_is_422_and_names_the_path(edge: Api) -> None:
    answered = {}
    for what, (raw, path) in NOT_VALID.items():
        answer, problem = await edge.call("POST", "/v1/invoices", raw=raw)
        answers.Problem.model_validate(problem)
        assert all(fault["code"] and fault["message"] for fault in problem["errors"]), problem
        assert "pydantic" not in json.dumps(problem)
        assert len(json.dumps(problem)) < 2_000
        named = [fault["path"] for fault in problem["errors"]]
        answered[what] = (answer.status, problem["type"], path if path in named else named)
    assert answered == {what: (422, "/problems/invalid-body", path) for what, (_, path) in NOT_VALID.items()}
    assert await nothing_was_stored(edge)


async def test_every_fault_is_named_at_once(edge: Api) -> None:
    raw = body(number="", amount={"value": "1", "currency": RON}, due_on="soon", nope=1)
    _, problem = await edge.call("POST", "/v1/invoices", raw=raw)
    assert sorted(fault["path"] for fault in problem["errors"]) == ["amount.value", "due_on", "nope", "number"]


async def test_many_faults_are_told_in_part(edge: Api) -> None:
    _, problem = await edge.call("POST", "/v1/invoices", raw=body(lines=[{"description": 1}] * 500))
    assert len(problem["errors"]) == 50
    assert "500" in problem["detail"]


async def test_what_was_sent_is_not_repeated(edge: Api) -> None:
    secret = "hunter2-" + "x" * 20
    for raw in (payer(email=secret), payer(phone=secret), payer(time_zone=secret), amount(secret), body(due_on=secret)):
        _, problem = await edge.call("POST", "/v1/invoices", raw=raw)
        assert secret not in json.dumps(problem)


async def test_a_body_of_ten_megabytes_is_413(edge: Api) -> None:
    answer, problem = await edge.call("POST", "/v1/invoices", raw=io.BytesIO(b'{"a":"' + b"x" * 10_000_000 + b'"}'))
    assert (answer.status, problem["type"]) == (413, "/problems/body-too-large")
    assert "262144" in problem["detail"]


async def test_a_body_that_does_not_say_how_long_it_is_is_413_when_it_is_too_long(edge: Api) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"Authorization": f"Bearer {edge.key}", "Content-Type": "application/json"}
    answer = await edge.client.post("/v1/invoices", data=endless(), headers=headers)
    assert answer.status == 413
    assert (await answer.json(content_type=None))["type"] == "/problems/body-too-large"


async def test_a_bomb_is_413(edge: Api) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    answer, problem = await edge.call("POST", "/v1/invoices", raw=bomb, headers={"Content-Encoding": "gzip"})
    assert (answer.status, problem["type"]) == (413, "/problems/body-too-large")


async def test_a_compressed_body_is_taken(edge: Api) -> None:
    answer, _ = await edge.call("POST", "/v1/invoices", raw=gzip.compress(body()), headers={"Content-Encoding": "gzip"})
    assert answer.status == 201


async def test_a_body_that_is_not_encoded_as_it_says_is_400(edge: Api) -> None:
    answer, problem = await edge.call("POST", "/v1/invoices", raw=b"plain", headers={"Content-Encoding": "gzip"})
    assert (answer.status, problem["type"]) == (400, "/problems/bad-request")


async def test_another_media_type_is_415(edge: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"):
        answer, problem = await edge.call("POST", "/v1/invoices", raw=body(), headers={"Content-Type": kind})
        assert (answer.status, problem["type"]) == (415, "/problems/unsupported-media-type"), kind


NOT_THERE = {
    ("GET", "/v1"): 404,
    ("GET", "/v1/"): 404,
    ("GET", "/v1/nothing"): 404,
    ("GET", "/v1/invoices/"): 404,
    ("GET", "/v1/../etc/passwd"): 404,
    ("GET", "/v1/%2e%2e/%2e%2e/etc/passwd"): 404,
    ("GET", "/v1/invoices/inv_0000001/../../../x"): 404,
    ("GET", "/v1//invoices"): 404,
    ("GET", "/v1/invoices%00"): 404,
    ("GET", "/problems/nothing"): 404,
    ("PUT", "/v1/invoices"): 405,
    ("DELETE", "/v1/invoices/inv_0000001"): 405,
    ("POST", "/v1/events"): 405,
    ("PROPFIND", "/v1/invoices"): 405,
}


async def test_what_is_not_there_is_a_problem_too(edge: Api) -> None:
    for (method, path), status in NOT_THERE.items():
        answer, problem = await edge.call(method, path)
        assert (answer.status, answer.content_type) == (status, "application/problem+json"), path
        assert problem["status"] == status
        assert status != 405 or answer.headers["Allow"]


async def test_an_idempotency_key_that_is_none_is_400(edge: Api) -> None:
    for key in ("a" * 256, "a\tb", "ă", "two words"):
        answer, problem = await edge.call("POST", "/v1/invoices", raw=body(), headers={"Idempotency-Key": key})
        assert (answer.status, problem["errors"][0]["path"]) == (400, "Idempotency-Key")


async def test_two_idempotency_keys_are_400(edge: Api) -> None:
    headers = [("Authorization", f"Bearer {edge.key}"), ("Content-Type", "application/json")]
    headers += [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    answer = await edge.client.post("/v1/invoices", data=body(), headers=headers)
    assert answer.status == 400


async def test_every_problem_has_its_place_in_the_documentation(edge: Api) -> None:
    page = await (await edge.client.get("/docs")).text()
    for name in KINDS:
        answer, _ = await edge.call("GET", f"/problems/{name}")
        assert (answer.status, answer.headers["Location"]) == (303, f"/docs#problem-{name}")
        assert f'id="problem-{name}"' in page
