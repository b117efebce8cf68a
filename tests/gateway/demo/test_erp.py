"""The billing system's stand-in: it believes only what is signed, books once, and answers badly when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
import standardwebhooks

from gateway.demo.erp import Booked, Erp, Push, Reply
from gateway.demo.standin import Fault
from gateway.guard import AddressPolicy
from gateway.outbound import PushClient, retry_after_s
from gateway.ports.errors import OutcomeUnknown
from gateway.ports.http import HttpResponse
from gateway.ports.values import Secret
from gateway.signing import new_secret, sign

SECRET = new_secret()
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with Erp([SECRET], lambda: NOW) as erp:
        yield erp


@pytest.fixture
async def client() -> AsyncIterator[PushClient]:
    async with PushClient(AddressPolicy.parse(["127.0.0.1"])) as client:
        yield client


def event(sequence: int = 1, status: str = "paid", number: str = "A-1") -> bytes:
    return orjson.dumps(
        {
            "id": f"evt_{sequence:07}",
            "type": f"invoice.{status}",
            "sequence": sequence,
            "occurred_at": (NOW - timedelta(milliseconds=7)).isoformat(),
            "data": {},
            "invoice": {"number": number, "status": status},
        }
    )


async def push(
    client: PushClient,
    erp: Erp,
    body: bytes,
    *,
    message_id: str = "evt_1",
    secret: Secret = SECRET,
    at: datetime = NOW,
    timeout_s: float = 15.0,
) -> HttpResponse:
    timestamp = int(at.timestamp())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign([secret], message_id, timestamp, body),
        "content-type": "application/json",
    }
    return await client.post(erp.push_url, headers=headers, body=body, timeout_s=timeout_s)


async def test_a_signed_push_is_booked_logged_and_heard_of(erp: Erp, client: PushClient) -> None:
    heard: list[Push] = []
    erp.on_push(heard.append)
    assert (await push(client, erp, event(3))).status == 204
    (line,) = erp.pushes
    assert heard == [line]
    assert (line.id, line.type, line.number, line.status, line.sequence) == ("evt_1", "invoice.paid", "A-1", "paid", 3)
    assert (line.verified, line.code, line.duplicate, line.received_at) == (True, 204, False, NOW)
    assert line.age_ms == 7.0
    assert line.ms >= 0
    assert erp.invoices == {"A-1": Booked("A-1", "paid", 3)}


async def test_an_independent_sender_is_believed(erp: Erp, client: PushClient) -> None:
    body = event()
    headers = {
        "webhook-id": "evt_9",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": standardwebhooks.Webhook(SECRET.reveal()).sign("evt_9", NOW, body.decode()),
    }
    assert (await client.post(erp.push_url, headers=headers, body=body)).status == 204


@pytest.mark.parametrize(
    ("secret", "at"), [(new_secret(), NOW), (SECRET, NOW - timedelta(minutes=6)), (SECRET, NOW + timedelta(minutes=6))]
)
async def test_what_is_not_proven_is_refused_and_not_read(
    erp: Erp, client: PushClient, secret: Secret, at: datetime
) -> None:
    assert (await push(client, erp, event(), secret=secret, at=at)).status == 401
    (line,) = erp.pushes
    assert (line.verified, line.code, line.type, line.number) == (False, 401, "", None)
    assert erp.invoices == {}


async def test_a_push_without_signature_is_refused(erp: Erp, client: PushClient) -> None:
    assert (await client.post(erp.push_url, headers={}, body=event())).status == 401


async def test_a_secret_that_was_rotated_in_is_believed(client: PushClient) -> None:
    new = new_secret()
    async with Erp(now=lambda: NOW) as erp:
        assert (await push(client, erp, event(), secret=new)).status == 401
        erp.trust(new)
        assert (await push(client, erp, event(), secret=new)).status == 204


async def test_the_same_id_is_booked_once_and_answered_well(erp: Erp, client: PushClient) -> None:
    for _ in range(2):
        assert (await push(client, erp, event())).status == 204
    assert [line.duplicate for line in erp.pushes] == [False, True]


async def test_an_older_event_that_comes_late_changes_nothing(erp: Erp, client: PushClient) -> None:
    await push(client, erp, event(5, "paid"), message_id="evt_5")
    await push(client, erp, event(4, "open"), message_id="evt_4")
    assert erp.invoices["A-1"] == Booked("A-1", "paid", 5)


@pytest.mark.parametrize(
    ("reply", "fault", "status", "retry_after", "location"),
    [
        (Reply(500), None, 500, None, None),
        (Reply(410), None, 410, None, None),
        (Reply(429, retry_after_s=30), None, 429, 30.0, None),
        (Reply(307, location="http://169.254.169.254/"), None, 307, None, "http://169.254.169.254/"),
        (Reply(), Fault.THROTTLED, 429, 5.0, None),
        (Reply(), Fault.BROKEN, 500, None, None),
        (Reply(), Fault.UNAVAILABLE, 503, None, None),
    ],
)
async def test_a_bad_answer_books_nothing_and_the_next_try_does(
    erp: Erp,
    client: PushClient,
    reply: Reply,
    fault: Fault | None,
    status: int,
    retry_after: float | None,
    location: str | None,
) -> None:
    erp.reply, erp.fault = reply, fault
    answer = await push(client, erp, event())
    assert (answer.status, retry_after_s(answer, NOW), answer.headers.get("location")) == (
        status,
        retry_after,
        location,
    )
    assert erp.invoices == {}
    assert erp.pushes[0].code == status
    erp.reply, erp.fault = Reply(), None
    assert (await push(client, erp, event())).status == 204
    assert [line.duplicate for line in erp.pushes] == [False, False]
    assert "A-1" in erp.invoices


async def test_a_slow_answer_arrives_in_the_end(erp: Erp, client: PushClient) -> None:
    erp.reply = Reply(slow_s=0.05)
    assert (await push(client, erp, event())).status == 204
    assert erp.pushes[0].ms >= 49


@pytest.mark.parametrize(("fault", "booked"), [(Fault.HANG, False), (Fault.LOSE_ANSWER, True)])
async def test_no_answer_may_or_may_not_have_been_booked(
    erp: Erp, client: PushClient, fault: Fault, booked: bool
) -> None:
    erp.fault = fault
    with pytest.raises(OutcomeUnknown):
        await push(client, erp, event(), timeout_s=1.0)
    assert (erp.pushes[0].code, "A-1" in erp.invoices) == (0, booked)
    erp.fault = None
    assert (await push(client, erp, event())).status == 204
    assert erp.pushes[1].duplicate is booked


async def test_a_listener_may_wait_for_the_next_push(erp: Erp, client: PushClient) -> None:
    waiting = asyncio.create_task(erp.pushes.until(1))
    await push(client, erp, event())
    assert (await waiting).id == "evt_1"
