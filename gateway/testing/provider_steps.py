"""The steps that the cases of `ProviderContract` are made of."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.ports.errors import AdapterError, NotSupported, OutcomeUnknown
from gateway.ports.provider import PaymentRequest, PaymentSession, PaymentStatus, PaymentUpdate, RefundRequest
from gateway.ports.values import Money, WebhookRequest
from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench

AMOUNTS = (Money(12_345, "RON"), Money(12_345, "EUR"), Money(500, "JPY"), Money(1_250, "KWD"))
PERSONAL = ("ana.popescu@example.ro", "Ana Popescu", "192.0.2.44")


def amounts(bench: ProviderBench) -> list[Money]:
    """One amount for each kind of currency that the provider takes."""
    taken = bench.plugin.currencies
    return [amount for amount in AMOUNTS if taken is None or amount.currency in taken]


def a_request(bench: ProviderBench, **changes: object) -> PaymentRequest:
    """A payment to ask for, in the first currency and by the first method that the provider takes."""
    usual: dict[str, Any] = {
        "idempotency_key": "attempt-1-k7",
        "amount": amounts(bench)[0],
        "reference": "ACH1K7",
        "description": f"Energie martie, {PERSONAL[1]}",
        "return_url": "http://127.0.0.1:9/p/abc/return",
        "webhook_url": "http://127.0.0.1:9/hooks/providers/acme.pay",
        "expires_at": bench.clock.now() + timedelta(minutes=30),
        "locale": "ro",
        "method": bench.plugin.methods[0].name,
        "payer_email": PERSONAL[0],
        "asked_at": bench.clock.now(),
        "creditor_reference": "RF18539007547034",
        "payer_address": PERSONAL[2],
        "payer_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }
    asked = {**usual, **changes}
    if bench.plugin.chooses:
        asked.setdefault("choice", a_choice(bench, asked["method"], asked["amount"].currency))
    return PaymentRequest(**asked)


def a_choice(bench: ProviderBench, method: str, currency: str) -> str | None:
    """The code of the first choice for that method and currency; None when there is nothing to pick."""
    choices = bench.provider().choices(method)
    return next((each.code for each in choices if each.currencies is None or currency in each.currencies), None)


def a_refund(bench: ProviderBench, external_id: str, **changes: object) -> RefundRequest:
    """All of what `a_request` asks for, to give back."""
    amount = a_request(bench).amount
    usual: dict[str, Any] = {
        "idempotency_key": "refund-1-k7",
        "external_id": external_id,
        "amount": amount,
        "paid": amount,
        "reference": "RFD1K7",
        "reason": "requested",
        "refunded": Money(0, amount.currency),
    }
    return RefundRequest(**{**usual, **changes})


async def opened(bench: ProviderBench, **changes: object) -> PaymentSession:
    """A payment that the payer has arrived at."""
    session: PaymentSession = await bench.provider().create_payment(a_request(bench, **changes))
    await bench.arrive(session)
    return session


async def after(bench: ProviderBench, *happenings: Happening, **changes: object) -> PaymentSession:
    """A payment to which these have happened. Skips the case where they cannot."""
    session = await opened(bench, **changes)
    with or_skip():
        for happening in happenings:
            await bench.happen(session.external_id, happening)
    return session


async def paid(bench: ProviderBench) -> tuple[PaymentSession, bytes]:
    """A paid payment, and the body of the webhook that says so. Skips the case where the vendor posts none."""
    session = await after(bench, Happening.PAID)
    with or_skip():
        return session, bench.webhook_body(session.external_id)


async def told_after(bench: ProviderBench, *happenings: Happening) -> PaymentUpdate:
    """What is heard when these have happened to a new payment. Skips the case where they cannot."""
    return await heard(bench, (await after(bench, *happenings)).external_id)


async def heard(bench: ProviderBench, external_id: str) -> PaymentUpdate:
    """What the vendor's webhook says now, or the poll's answer where it posts none."""
    try:
        body = bench.webhook_body(external_id)
    except NotSupported:
        polled: PaymentUpdate = await bench.provider().fetch_payment(external_id)
        return polled
    (update,) = await parsed(bench, body)
    return update


def armed(bench: ProviderBench, fault: Fault) -> None:
    """The next create call meets `fault`. Skips the case where it cannot."""
    with or_skip():
        bench.arm(fault)


async def lost(bench: ProviderBench, fault: Fault) -> PaymentSession | None:
    """Loses the answer to create, then asks the vendor for the payment."""
    armed(bench, fault)
    with pytest.raises(OutcomeUnknown):
        await bench.provider().create_payment(a_request(bench))
    found: PaymentSession | None = await bench.provider().find_payment(a_request(bench))
    return found


async def parsed(
    bench: ProviderBench, body: bytes, *, key: Key = Key.PRESENT, after: timedelta = timedelta()
) -> Sequence[PaymentUpdate]:
    """What the adapter reads in `body`, signed by `key` at a time `after` the present."""
    updates: Sequence[PaymentUpdate] = await bench.provider().parse_webhook(
        bench.sign(body, bench.clock.now() + after, key)
    )
    return updates


def with_body(request: WebhookRequest, body: bytes) -> WebhookRequest:
    return replace(request, body=body)


def well_formed(update: PaymentUpdate) -> None:
    """Asserts what the types alone cannot say."""
    assert isinstance(update.status, PaymentStatus)
    assert isinstance(update.event_id, str)
    assert update.event_id
    assert isinstance(update.external_id, str)
    assert update.external_id
    assert update.occurred_at.tzinfo is not None
    for money in (update.received, update.reversed, update.refunded, update.fee):
        assert money is None or (isinstance(money, Money) and money.minor >= 0)
    assert isinstance(update.reason, str | None)
    assert isinstance(update.reference, str | None)


def agree(one: PaymentUpdate, other: PaymentUpdate) -> bool:
    """Whether push, poll and list say the same of a payment. What was refunded need not be in each."""
    refunded = {money.minor for money in (one.refunded, other.refunded) if money is not None}
    return said(one) == said(other) and len(refunded) <= 1


def said(update: PaymentUpdate) -> tuple[object, ...]:
    """What push and poll must have in common."""
    return (update.external_id, update.status, update.received, update.reversed, update.reason, update.reference)


def only_if(declared: bool, why_not: str) -> None:
    if not declared:
        pytest.skip(why_not)


def only_if_asked(bench: ProviderBench) -> None:
    only_if(not bench.plugin.silent, "nobody can be asked")


@contextmanager
def or_skip() -> Iterator[None]:
    """Skips the case when the vendor knows no such thing."""
    try:
        yield
    except NotSupported as reason:
        pytest.skip(str(reason))


def where_supported() -> suppress:
    return suppress(NotSupported)


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """Every log record of every logger at DEBUG, formatted with its traceback."""
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


async def error_text(call: Awaitable[object]) -> str:
    """All that the adapter's error says, with what led to it; empty when there was none."""
    try:
        await call
    except AdapterError as error:
        return "".join(traceback.format_exception(error)) + repr(error)
    return ""
