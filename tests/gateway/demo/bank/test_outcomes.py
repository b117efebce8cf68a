"""What each outcome does to a payment and posts about it, and how webhooks come again."""

from __future__ import annotations

import asyncio

import pytest

from gateway.demo.bank import Outcome, Refused
from gateway.demo.bank.courier import RETRY_AFTER_S
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import OUTCOMES, Api


@pytest.mark.parametrize("outcome", Outcome)
async def test_outcome(api: Api, outcome: Outcome) -> None:
    now, later, end = OUTCOMES[outcome]
    payment_id = await api.made()
    await api.bank.choose(payment_id, outcome)
    assert api.receiver.told == now
    await api.bank.release(payment_id)
    await api.bank.release(payment_id)

    assert api.receiver.told == now + later
    assert await api.state(payment_id) == end


@pytest.mark.parametrize("outcome", [Outcome.SLOW, Outcome.PAID_LATE, Outcome.REVERSED])
async def test_what_is_put_off_happens_by_itself(api: Api, clock: FakeClock, outcome: Outcome) -> None:
    payment_id = await api.made()
    await api.bank.choose(payment_id, outcome)
    await clock.until_asleep()
    clock.advance(seconds=5)
    await api.receiver.until(2)

    assert await api.state(payment_id) == OUTCOMES[outcome][2]


async def test_the_rest_waits_for_somebody(api: Api, clock: FakeClock) -> None:
    payment_id = await api.made()
    await api.bank.choose(payment_id, Outcome.PARTIAL, part_minor=1)

    assert clock.sleepers == ()
    assert await api.state(payment_id) == ("partly_paid", 1, 0)
    await api.bank.choose(payment_id, Outcome.PAID)
    assert api.receiver.told == [("partly_paid", 1), ("paid", 10_000)]


@pytest.mark.parametrize("part", [0, -1, 10_000, 10_001])
async def test_a_part_is_less_than_the_whole(api: Api, part: int) -> None:
    with pytest.raises(Refused, match="not_a_part"):
        await api.bank.choose(await api.made(), Outcome.PARTIAL, part_minor=part)


async def test_one_ban_has_no_part(api: Api) -> None:
    with pytest.raises(Refused, match="not_a_part"):
        await api.bank.choose(await api.made(amount=1), Outcome.PARTIAL)


async def test_paid_twice_is_two_payments_of_one_reference(api: Api) -> None:
    payment_id = await api.made(key="k1")
    await api.bank.choose(payment_id, Outcome.PAID_TWICE)
    first, second = (event["payment"] for event in api.receiver.events)
    _, found = await api.call("GET", "/api/payments", params={"reference": "ACH1"})

    assert first["id"] == payment_id
    assert second["id"] != payment_id
    assert first["reference"] == second["reference"] == "ACH1"
    assert (first["idempotency_key"], second["idempotency_key"]) == ("k1", None)
    assert [payment["id"] for payment in found["payments"]] == [first["id"], second["id"]]
    assert await api.state(second["id"]) == ("paid", 10_000, 0)
    assert len({event["id"] for event in api.receiver.events}) == 2


async def test_paid_again_afterwards(api: Api) -> None:
    payment_id = await api.made()
    await api.bank.choose(payment_id, Outcome.PAID)
    await api.bank.choose(payment_id, Outcome.PAID_TWICE)

    assert [event["payment"]["id"] == payment_id for event in api.receiver.events] == [True, False]


async def test_reversed_afterwards(api: Api) -> None:
    payment_id = await api.made()
    await api.bank.choose(payment_id, Outcome.PAID)
    await api.bank.choose(payment_id, Outcome.REVERSED)

    assert await api.state(payment_id) == ("reversed", 10_000, 10_000)


async def test_doubled_is_one_event_at_one_time(api: Api) -> None:
    """The second copy is sent while the first is not answered yet."""
    api.receiver.gate = asyncio.Event()
    choice = asyncio.create_task(api.bank.choose(await api.made(), Outcome.WEBHOOK_DOUBLED))
    await api.receiver.until(2)
    api.receiver.gate.set()
    await choice

    assert api.receiver.events[0] == api.receiver.events[1]


async def test_early_webhook_overtakes_the_answer(api: Api) -> None:
    await api.bank.choose(await api.made(), Outcome.WEBHOOK_EARLY)
    api.receiver.gate = asyncio.Event()
    creation = asyncio.create_task(api.create(reference="ACH2"))
    await api.receiver.until(2)
    early = api.receiver.events[1]["payment"]
    assert not creation.done()
    api.receiver.gate.set()
    status, created = await creation

    assert (early["status"], early["reference"]) == ("paid", "ACH2")
    assert (status, created["id"], created["status"]) == (201, early["id"], "paid")


async def test_event_ids_differ_for_each_change(api: Api) -> None:
    for outcome in (Outcome.SLOW, Outcome.PARTIAL, Outcome.REVERSED):
        payment_id = await api.made()
        await api.bank.choose(payment_id, outcome)
        await api.bank.release(payment_id)

    assert len({event["id"] for event in api.receiver.events}) == 6
    assert all(event["type"] == "payment." + event["payment"]["status"] for event in api.receiver.events)


async def test_a_refused_webhook_comes_again_and_is_signed_anew(api: Api, clock: FakeClock) -> None:
    api.receiver.answers = [500, 302]
    await api.bank.choose(await api.made(), Outcome.PAID)
    for count, delay_s in enumerate(RETRY_AFTER_S[:2], start=2):
        await clock.until_asleep()
        clock.advance(seconds=delay_s)
        await api.receiver.until(count)

    assert [event["id"] for event in api.receiver.events] == [api.receiver.events[0]["id"]] * 3
    assert len(set(api.receiver.headers)) == 3
    assert clock.sleepers == ()


async def test_it_gives_up_after_four_tries(api: Api, clock: FakeClock) -> None:
    api.receiver.answers = [500] * 9
    await api.bank.choose(await api.made(), Outcome.PAID)
    for delay_s in RETRY_AFTER_S:
        await clock.until_asleep()
        clock.advance(seconds=delay_s)
    await api.receiver.until(4)
    await api.bank.aclose()

    assert [posting.status for posting in api.bank.postings] == [500] * 4
    assert clock.sleepers == ()


async def test_nobody_there(api: Api) -> None:
    await api.bank.choose(await api.made(webhook_url="http://127.0.0.1:9/hook"), Outcome.PAID)

    assert [posting.status for posting in api.bank.postings] == [None]
