"""The bank gives money back: what it takes, what it refuses, what it posts; what it keeps; what it lists."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from gateway.demo.bank import Bank, CreateFault, Fee, Outcome, Refused
from gateway.demo.bank.wire import PAGE
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import KEY, SECRETS, Api, Receiver


async def a_paid(api: Api, **changes: object) -> str:
    payment_id = await api.made(**changes)
    await api.bank.choose(payment_id, Outcome.WEBHOOK_LOST)
    return payment_id


async def refund(api: Api, payment_id: str, key: str = "r1", **changes: object) -> tuple[int, Any]:
    terms = {"amount": 10_000, "currency": "RON", "reference": "RFD1", "reason": "duplicate", **changes}
    path = f"/api/payments/{payment_id}/refunds"
    return await api.call("POST", path, json=terms, headers={"idempotency-key": key})


async def refunded(api: Api, payment_id: str) -> tuple[str, int]:
    _, payment = await api.call("GET", f"/api/payments/{payment_id}")
    return payment["status"], payment["refunded"]


async def test_refund_and_read(api: Api) -> None:
    payment_id = await a_paid(api)
    status, made = await refund(api, payment_id, amount=4_000)
    await api.receiver.until(1)

    assert (status, made["status"], made["amount"], made["payment"]) == (201, "done", 4_000, payment_id)
    assert (await api.call("GET", f"/api/refunds/{made['id']}"))[1] == made
    assert (await api.call("GET", "/api/refunds", params={"reference": "RFD1"}))[1] == {"refunds": [made]}
    assert (await api.call("GET", "/api/refunds", params={"reference": "other"}))[1] == {"refunds": []}
    assert await refunded(api, payment_id) == ("paid", 4_000)
    assert [(event["type"], event["payment"]["refunded"]) for event in api.receiver.events] == [
        ("payment.refunded", 4_000)
    ]


async def test_a_refund_is_made_once_for_a_key(api: Api) -> None:
    payment_id = await a_paid(api)
    _, first = await refund(api, payment_id, amount=1_000)

    assert await refund(api, payment_id, amount=1_000) == (200, first)
    assert await refund(api, payment_id, amount=1_001) == (409, {"code": "idempotency_key_reused"})
    assert await refunded(api, payment_id) == ("paid", 1_000)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": 0}, 422, "invalid_amount"),
        ({"amount": "1"}, 422, "invalid_amount"),
        ({"currency": "EUR"}, 422, "invalid_currency"),
        ({"currency": "XXX"}, 422, "invalid_currency"),
        ({"reference": ""}, 422, "invalid_reference"),
        ({"reason": 5}, 422, "invalid_reason"),
        ({"amount": 10_001}, 409, "more_than_is_left"),
    ],
)
async def test_what_a_refund_may_not_be(api: Api, changes: dict[str, object], status: int, code: str) -> None:
    assert await refund(api, await a_paid(api), **changes) == (status, {"code": code})
    assert api.bank.refunds.made == {}


async def test_nothing_is_given_back_twice_or_from_nothing(api: Api) -> None:
    paid, unpaid, reversed_ = await a_paid(api), await api.made(), await a_paid(api)
    await api.bank.choose(reversed_, Outcome.REVERSED)
    await refund(api, paid)

    for number, payment_id in enumerate((paid, unpaid, reversed_)):
        assert await refund(api, payment_id, f"again-{number}") == (409, {"code": "nothing_to_refund"})
    assert await refund(api, "nope", "of nothing") == (404, {"code": "no_such_payment"})
    assert await api.call("GET", "/api/refunds/nope") == (404, {"code": "no_such_refund"})


async def test_what_was_given_back_cannot_be_taken_back_too(api: Api) -> None:
    payment_id = await a_paid(api)
    await api.bank.refund(payment_id, 4_000)
    await api.bank.choose(payment_id, Outcome.REVERSED)

    assert await api.state(payment_id) == ("reversed", 10_000, 6_000)


async def test_a_refund_waits_is_done_and_fails(api: Api) -> None:
    payment_id = await a_paid(api)
    api.bank.refunds_wait = True
    _, made = await refund(api, payment_id)
    states = [made["status"], *(api.bank.settle_refund(made["id"]).state for _ in range(2))]
    given = await refunded(api, payment_id)
    await api.bank.fail_refund(made["id"])
    await api.bank.fail_refund(made["id"])
    _, failed = await api.call("GET", f"/api/refunds/{made['id']}")

    assert states == ["pending", "done", "done"]
    assert given == ("paid", 10_000)
    assert (failed["status"], failed["failure"]) == ("failed", "account_closed")
    assert api.bank.settle_refund(made["id"]).state == "failed"
    assert await refunded(api, payment_id) == ("paid", 0)
    assert [event["type"] for event in api.receiver.events] == ["payment.refunded", "payment.refund_failed"]


async def test_the_desk_gives_back_what_is_left(api: Api) -> None:
    payment_id = await a_paid(api)
    await api.bank.refund(payment_id, 1)
    last = await api.bank.refund(payment_id)

    assert last.terms.amount_minor == 9_999
    with pytest.raises(Refused, match="nothing_to_refund"):
        await api.bank.refund(payment_id, 1)
    async with api.session.get(f"{api.bank.url}/bank/{payment_id}?lang=en") as page:
        assert "Given back so far: 100.00 RON." in await page.text()


@pytest.mark.parametrize(("fault", "made"), [(CreateFault.CUT_MADE, 1), (CreateFault.CUT_NOT_MADE, 0)])
async def test_a_refund_is_cut(api: Api, fault: CreateFault, made: int) -> None:
    payment_id = await a_paid(api)
    api.bank.fail_next_refund(fault)
    with pytest.raises(aiohttp.ClientConnectionError):
        await refund(api, payment_id)

    assert len(api.bank.refunds.made) == made
    assert (await refund(api, payment_id))[0] == (200 if made else 201)


async def test_fees_are_by_the_method_and_of_what_came(clock: FakeClock, receiver: Receiver) -> None:
    fees = {"bank": Fee(fixed_minor=50), "card": Fee(fixed_minor=30, basis_points=145)}
    kept = {}
    async with (
        Bank(api_key=KEY, webhook_secrets=SECRETS, clock=clock, fees=fees) as bank,
        aiohttp.ClientSession() as session,
    ):
        api = Api(bank, receiver, session)
        for method in ("bank", "card", "wallet"):
            payment_id = await api.made(method=method, amount=1_000)
            before = bank.payment(payment_id).fee_minor
            await bank.choose(payment_id, Outcome.PARTIAL, part_minor=100)
            part = bank.payment(payment_id).fee_minor
            await bank.choose(payment_id, Outcome.PAID)
            kept[method] = (before, part, bank.payment(payment_id).fee_minor)

    assert kept == {"bank": (0, 50, 50), "card": (0, 31, 45), "wallet": (0, 0, 0)}  # 14.5 is 15


async def test_a_list_has_what_was_opened_before_and_has_changed_since(api: Api, clock: FakeClock) -> None:
    began_at = clock.now()
    ids = [await api.made() for _ in range(3)]
    clock.advance(timedelta(minutes=5))
    await api.bank.choose(ids[1], Outcome.WEBHOOK_LOST)

    async def listed(since: timedelta, until: timedelta) -> list[str]:
        span = {"since": (began_at + since).isoformat(), "until": (began_at + until).isoformat()}
        _, page = await api.call("GET", "/api/payments", params=span)
        assert page["next"] is None
        return [payment["id"] for payment in page["payments"]]

    second, minute, hour = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
    assert await listed(-hour, hour) == ids
    assert await listed(minute, hour) == [ids[1]]
    assert await listed(5 * minute, 5 * minute + second) == [ids[1]]
    assert await listed(-hour, 0 * second) == []
    assert await listed(6 * minute, hour) == []
    for name, wrong in (("since", "x"), ("until", "2026-11-23T09:00:00")):
        span = {"since": began_at.isoformat(), "until": began_at.isoformat(), name: wrong}
        assert await api.call("GET", "/api/payments", params=span) == (422, {"code": f"invalid_{name}"})


async def test_a_long_list_comes_in_pages(api: Api, clock: FakeClock) -> None:
    terms = api.bank.payment(await api.made()).terms
    for number in range(PAGE):
        api.bank.ledger.create(terms, f"k{number}", clock.now())
    span = {"since": clock.now().isoformat(), "until": (clock.now() + timedelta(seconds=1)).isoformat()}
    _, first = await api.call("GET", "/api/payments", params=span)
    _, second = await api.call("GET", "/api/payments", params={**span, "after": first["next"]})

    assert [len(first["payments"]), len(second["payments"])] == [PAGE, 1]
    assert first["next"] == first["payments"][-1]["id"]
    assert second["next"] is None
