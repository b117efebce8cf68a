"""The bank's API: what it takes, what it refuses, and the faults it can be told to have."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import aiohttp
import pytest

from gateway.demo.bank import CreateFault, Outcome, Refused
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import KEY, Api


async def test_create_and_read(api: Api, clock: FakeClock) -> None:
    status, created = await api.create("k1")
    _, read = await api.call("GET", f"/api/payments/{created['id']}")

    assert status == 201
    assert created == read
    assert created["status"] == "open"
    assert created["amount"] == 10_000
    assert created["redirect_url"] == f"{api.bank.url}/bank/{created['id']}"
    assert created["expires_at"] == "2026-11-23T09:15:00.000Z"
    assert api.receiver.events == []


async def test_idempotency_key(api: Api) -> None:
    _, first = await api.create("k1")
    status, again = await api.create("k1")
    conflict, problem = await api.create("k1", amount=10_001)
    _, other = await api.create("k2")

    assert (status, again) == (200, first)
    assert (conflict, problem) == (409, {"code": "idempotency_key_reused"})
    assert other["id"] != first["id"]
    assert len(api.bank.ledger.payments) == 2


async def test_find_by_reference(api: Api) -> None:
    one = await api.made(reference="A B/1")
    await api.made(reference="other")
    _, found = await api.call("GET", "/api/payments", params={"reference": "A B/1"})
    _, none = await api.call("GET", "/api/payments")

    assert [payment["id"] for payment in found["payments"]] == [one]
    assert none == {"payments": []}


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic key_1", "bearer key_1"])
async def test_without_the_key_nothing(api: Api, authorization: str) -> None:
    payment_id = await api.made()
    for method, path in [
        ("POST", ""),
        ("GET", ""),
        ("GET", f"/{payment_id}"),
        ("POST", f"/{payment_id}/cancel"),
        ("POST", f"/{payment_id}/refunds"),
        ("GET", "/../refunds"),
        ("GET", "/../refunds/rfd_1"),
    ]:
        headers = {"authorization": authorization}
        assert await api.call(method, "/api/payments" + path, headers=headers) == (401, {"code": "unauthorized"})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": 0}, "invalid_amount"),
        ({"amount": -5}, "invalid_amount"),
        ({"amount": 10.5}, "invalid_amount"),
        ({"amount": "10000"}, "invalid_amount"),
        ({"amount": True}, "invalid_amount"),
        ({"amount": 10**18}, "invalid_amount"),
        ({"currency": "XXX"}, "invalid_currency"),
        ({"currency": None}, "invalid_currency"),
        ({"currency": ["RON"]}, "invalid_currency"),
        ({"reference": ""}, "invalid_reference"),
        ({"reference": "x" * 141}, "invalid_reference"),
        ({"description": 5}, "invalid_description"),
        ({"method": "cash"}, "invalid_method"),
        ({"return_url": "javascript:alert(1)"}, "invalid_return_url"),
        ({"return_url": "http://[bad"}, "invalid_return_url"),
        ({"return_url": "http://a/\r\nx: y"}, "invalid_return_url"),
        ({"webhook_url": "/hook"}, "invalid_webhook_url"),
        ({"expires_at": "soon"}, "invalid_expires_at"),
        ({"expires_at": 5}, "invalid_expires_at"),
        ({"expires_at": "2026-11-23T10:00:00"}, "invalid_expires_at"),
        ({"expires_at": "2026-11-23T08:59:59Z"}, "expires_at_in_the_past"),
    ],
)
async def test_a_wrong_field_is_named(api: Api, changes: dict[str, object], code: str) -> None:
    assert await api.create(**changes) == (422, {"code": code})
    assert api.bank.ledger.payments == {}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
async def test_what_is_not_an_object_is_refused(api: Api, body: bytes) -> None:
    assert await api.call("POST", "/api/payments", data=body) == (400, {"code": "not_json"})


async def test_unknown_payment(api: Api) -> None:
    assert await api.call("GET", "/api/payments/nope") == (404, {"code": "no_such_payment"})
    assert await api.call("POST", "/api/payments/nope/cancel") == (404, {"code": "no_such_payment"})
    with pytest.raises(Refused, match="no_such_payment"):
        await api.bank.choose("nope", Outcome.PAID)


async def test_cancel(api: Api) -> None:
    payment_id = await api.made()
    first = await api.call("POST", f"/api/payments/{payment_id}/cancel")
    again = await api.call("POST", f"/api/payments/{payment_id}/cancel")
    await api.receiver.until(1)

    assert first == again
    assert first[1]["status"] == "cancelled"
    assert api.receiver.told == [("cancelled", 0)]
    with pytest.raises(Refused, match="not_possible_when_cancelled"):
        await api.bank.choose(payment_id, Outcome.PAID)


async def test_cancel_comes_too_late_for_money(api: Api) -> None:
    paid, slow = await api.made(), await api.made()
    await api.bank.choose(paid, Outcome.PAID)
    await api.bank.choose(slow, Outcome.SLOW)

    assert await api.call("POST", f"/api/payments/{paid}/cancel") == (409, {"code": "already_paid"})
    assert await api.call("POST", f"/api/payments/{slow}/cancel") == (409, {"code": "already_processing"})


async def test_an_open_payment_expires_in_silence(api: Api, clock: FakeClock) -> None:
    payment_id = await api.made()
    clock.advance(timedelta(minutes=15))

    assert await api.state(payment_id) == ("expired", 0, 0)
    assert api.receiver.events == []
    await api.bank.choose(payment_id, Outcome.PAID_LATE)
    assert api.receiver.told == [("paid", 10_000)]


@pytest.mark.parametrize(
    ("fault", "status", "retry_after"),
    [
        (CreateFault.RATE_LIMITED, 429, "7"),
        (CreateFault.UNAVAILABLE, 503, "7"),
        (CreateFault.SERVER_ERROR, 500, None),
        (CreateFault.REFUSED, 422, None),
    ],
)
async def test_create_answers_with_a_fault_once(
    api: Api, fault: CreateFault, status: int, retry_after: str | None
) -> None:
    api.bank.fail_next_create(fault)
    headers = {"authorization": f"Bearer {KEY.reveal()}"}
    async with api.session.post(f"{api.bank.url}/api/payments", json=api.terms(), headers=headers) as response:
        assert response.status == status
        assert response.headers.get("retry-after") == retry_after
    assert api.bank.ledger.payments == {}
    await api.made()


@pytest.mark.parametrize(("fault", "made"), [(CreateFault.CUT_MADE, 1), (CreateFault.CUT_NOT_MADE, 0)])
async def test_create_is_cut(api: Api, fault: CreateFault, made: int) -> None:
    api.bank.fail_next_create(fault)
    with pytest.raises(aiohttp.ClientConnectionError):
        await api.create("k1")
    assert len(api.bank.ledger.payments) == made
    status, _ = await api.create("k1")
    assert status == (200 if made else 201)


@pytest.mark.parametrize(("fault", "made"), [(CreateFault.HANG_MADE, 1), (CreateFault.HANG_NOT_MADE, 0)])
async def test_create_hangs_until_the_bank_closes(api: Api, fault: CreateFault, made: int) -> None:
    api.bank.fail_next_create(fault)
    creation = asyncio.create_task(api.create())
    assert await asyncio.wait([creation], timeout=0.1) == (set(), {creation})
    await api.bank.aclose()
    with pytest.raises(aiohttp.ClientError):
        await creation
    assert len(api.bank.ledger.payments) == made
