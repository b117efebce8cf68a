"""The PSD2 provider's own wire: what is sent to a bank, each row of its tables, and what a bank can answer."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.errors import InvalidSignature, MalformedWebhook, Rejected
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money, WebhookRequest
from gateway.testing.provider_bench import Happening
from gateway.testing.provider_steps import a_request
from providers.psd2 import PROVIDER, Psd2Provider
from providers.psd2.banks import BANKS, Bank
from providers.psd2.wire import Order, end_to_end, sepa_text
from providers.psd2.words import REASONS, STATUSES
from tests.providers.psd2_answers import Answers
from tests.providers.psd2_bench import Psd2Bench, open_bench, settings_for

SEPA = re.compile(r"[a-zA-Z0-9/\-?:().,'+ ]*")


@pytest.fixture
async def bench() -> AsyncIterator[Psd2Bench]:
    async with open_bench() as bench:
        yield bench


async def test_what_an_order_says(bench: Psd2Bench) -> None:
    asked = a_request(
        bench,
        creditor_reference="RF18539007547034",
        payer_address="2001:db8::7",
        payer_agent="Mozilla/5.0 (Android 16)",
        state="a-state",
        choice="strict",
    )
    session = await bench.provider().create_payment(asked)
    (payment,) = bench.xs2a.payments.values()

    assert payment.order == {
        "endToEndIdentification": "ACH1K7",
        "instructedAmount": {"currency": "RON", "amount": "123.45"},
        "creditorAccount": {"iban": "RO49AAAA1B31007593840000", "currency": "RON"},
        "creditorName": "Acme Energie S.R.L.",
        "remittanceInformationUnstructured": "RF18539007547034 Energie martie, Ana Popescu",
    }
    assert {name: payment.headers[name] for name in payment.headers if name.startswith(("PSU-", "TPP-N", "TPP-R"))} == {
        "PSU-IP-Address": "2001:db8::7",
        "PSU-User-Agent": "Mozilla/5.0 (Android 16)",
        "PSU-Accept-Language": "ro",
        "TPP-Redirect-Preferred": "true",
        "TPP-Redirect-URI": "http://127.0.0.1:9/p/abc/return?state=a-state",
        "TPP-Nok-Redirect-URI": "http://127.0.0.1:9/p/abc/return?state=a-state",
        "TPP-Notification-URI": "http://127.0.0.1:9/hooks/providers/acme.pay?about=strict%2Fpayments%2Fron-payment%2F12345RON",
        "TPP-Notification-Content-Preferred": "SCA,PROCESS,LAST",
    }
    assert session.redirect_url.startswith(f"{bench.xs2a.url}/authorise?payment=")
    assert session.external_id.startswith("strict/payments/ron-payment/12345RON/")


@pytest.mark.parametrize("agent", ["Mozilla\r\nX-Evil: 1", "Mozilla/5.0 ăîș"])
async def test_a_browser_that_is_no_header_is_not_told(bench: Psd2Bench, agent: str) -> None:
    await bench.provider().create_payment(a_request(bench, payer_agent=agent))

    assert "PSU-User-Agent" not in bench.wire.sent[0].headers


async def test_a_payment_without_the_payers_address(bench: Psd2Bench) -> None:
    """The account may name one that is told instead; else there is no payment, for the bank would refuse it."""
    asked = a_request(bench, payer_address=None)
    await bench.provider().create_payment(asked)
    assert bench.wire.sent[0].headers["PSU-IP-Address"] == "192.0.2.10"
    with pytest.raises(Rejected, match="payer_address_missing"):
        await bench.provider(replace(bench.settings, fallback_address=None)).create_payment(asked)


async def test_the_request_id_is_the_same_on_each_try_and_another_for_another(bench: Psd2Bench) -> None:
    for key in ("one", "one", "two"):
        await bench.provider().create_payment(a_request(bench, idempotency_key=key))
    ids = [sent.headers["X-Request-ID"] for sent in bench.wire.sent]

    assert ids[0] == ids[1] != ids[2]
    assert uuid.UUID(ids[0]).version == 5
    assert len(bench.xs2a.payments) == 3, "a bank need not take it for a repetition"


@pytest.mark.parametrize("code", BANKS)
async def test_each_bank_is_spoken_to_by_its_profile(code: str) -> None:
    """From the order to the money, at a bank that is as strict as the profile says."""
    bank = BANKS[code]
    currency = "RON" if bank.country == "RO" else "EUR"
    async with open_bench(bank=bank, how="oauth" if bank.oauth else "redirect") as bench:
        asked = a_request(
            bench, amount=Money(12_345, currency), choice=code, state="s", callback_url="https://pay.example.ro/return"
        )
        provider = bench.provider()
        session = await provider.create_payment(asked)
        assert (await provider.fetch_payment(session.external_id)).status is PaymentStatus.PENDING
        if bank.oauth:
            answer = bench.xs2a.come_back(session.redirect_url)
            kept = await provider.complete_payment(session.external_id, asked, answer)
            assert kept is not None
            await bench.happen(session.external_id, Happening.PAID)
            update, _ = await provider.fetch_completed(session.external_id, kept)
        else:
            await bench.happen(session.external_id, Happening.PAID)
            update = await provider.fetch_payment(session.external_id)

        assert (update.status, update.received) == (PaymentStatus.PAID, Money(12_345, currency))
        assert [str(error) for error in bench.xs2a.refused] == (["401 TOKEN_INVALID "] if bank.oauth else [])
        assert all(sent.url.startswith(bench.xs2a.url) for sent in bench.wire.sent)


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
async def test_status(bench: Psd2Bench, word: str, status: PaymentStatus) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    bench.xs2a.authorise(Order.read(session.external_id).payment, word)
    update = await bench.provider().fetch_payment(session.external_id)

    assert update.status is status
    assert update.received == (a_request(bench).amount if status is PaymentStatus.PAID else None)
    assert update.reason == REASONS.get(word)


@pytest.mark.parametrize("word", ["ACSP", "ACWP"])
async def test_the_biller_may_count_what_is_being_executed(bench: Psd2Bench, word: str) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    bench.xs2a.authorise(Order.read(session.external_id).payment, word)
    trusting = bench.provider(replace(bench.settings, accepted_is_paid=True))
    update = await trusting.fetch_payment(session.external_id)

    assert (update.status, update.received) == (PaymentStatus.PAID, a_request(bench).amount)


async def test_an_authorisation_that_failed_is_a_payment_that_failed(bench: Psd2Bench) -> None:
    """While one of several tries is open the payment is; a bank that shows none is taken to wait."""
    session = await bench.provider().create_payment(a_request(bench))
    payment = bench.xs2a.payments[Order.read(session.external_id).payment]
    seen = []
    for sca in ({"a": "failed", "b": "started"}, {"a": "failed", "b": "failed"}, {}):
        payment.sca = dict(sca)
        update = await bench.provider().fetch_payment(session.external_id)
        seen.append((update.status, update.reason))

    assert seen == [
        (PaymentStatus.PENDING, None),
        (PaymentStatus.FAILED, "authentication_failed"),
        (PaymentStatus.PENDING, None),
    ]


async def test_an_order_that_ran_out_at_the_bank(bench: Psd2Bench) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    await bench.happen(session.external_id, Happening.EXPIRED)
    update = await bench.provider().fetch_payment(session.external_id)

    assert (update.status, update.reason) == (PaymentStatus.EXPIRED, "expired")


async def test_a_bank_that_shows_no_amount_was_told_what_to_pay(bench: Psd2Bench) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    await bench.happen(session.external_id, Happening.PAID)
    bench.xs2a.details = False

    assert (await bench.provider().fetch_payment(session.external_id)).received == a_request(bench).amount


@pytest.mark.parametrize(
    ("shown", "received"),
    [
        ({"amount": "123.4", "currency": "RON"}, Money(12_340, "RON")),
        ({"amount": "123", "currency": "RON"}, Money(12_300, "RON")),
        ({"amount": "123.450", "currency": "RON"}, Money(12_345, "RON")),
        ({"amount": "99", "currency": "JPY"}, Money(99, "JPY")),
        ({"amount": "1.2345", "currency": "RON"}, Money(12_345, "RON")),  # no amount in bani: what was ordered
        ({"amount": "1e2", "currency": "RON"}, Money(12_345, "RON")),
        ({"amount": 5, "currency": None}, Money(12_345, "RON")),
    ],
)
async def test_an_amount_as_banks_write_it(bench: Psd2Bench, shown: dict[str, Any], received: Money) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    await bench.happen(session.external_id, Happening.PAID)
    bench.xs2a.payments[Order.read(session.external_id).payment].amount = shown

    assert (await bench.provider().fetch_payment(session.external_id)).received == received


async def test_an_authorisation_that_must_be_started_first() -> None:
    async with open_bench(how="explicit") as bench:
        session = await bench.provider().create_payment(a_request(bench))

        assert session.redirect_url.startswith(f"{bench.xs2a.url}/authorise?")
        assert [method for method, _ in bench.xs2a.asked] == ["POST", "POST"]


async def test_a_bank_that_wants_its_password_from_us_is_refused() -> None:
    async with open_bench(how="embedded") as bench:
        with pytest.raises(Rejected, match="no_redirect"):
            await bench.provider().create_payment(a_request(bench))


async def test_a_confirmation_code_is_taken_to_the_bank() -> None:
    async with open_bench(how="confirmed") as bench:
        asked = a_request(bench)
        session = await bench.provider().create_payment(asked)
        payment = bench.xs2a.payments[Order.read(session.external_id).payment]
        payment.sca = {"old": "failed", **dict.fromkeys(payment.sca, "unconfirmed")}
        answer = {"confirmationCode": payment.code}

        assert await bench.provider().complete_payment(session.external_id, asked, answer) is None
        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.PAID
        with pytest.raises(Rejected, match="nothing_to_confirm"):
            await bench.provider().complete_payment(session.external_id, asked, answer)


async def test_a_wrong_confirmation_code_fails_the_payment() -> None:
    async with open_bench(how="confirmed") as bench:
        session = await bench.provider().create_payment(a_request(bench))
        payment = bench.xs2a.payments[Order.read(session.external_id).payment]
        payment.sca = dict.fromkeys(payment.sca, "unconfirmed")
        with pytest.raises(Rejected, match="authentication_failed"):
            await bench.provider().complete_payment(session.external_id, a_request(bench), {"confirmationCode": "x"})

        assert (await bench.provider().fetch_payment(session.external_id)).status is PaymentStatus.FAILED


@pytest.mark.parametrize("answer", [202, 405])
async def test_a_payment_that_the_bank_does_not_cancel(bench: Psd2Bench, answer: int) -> None:
    session = await bench.provider().create_payment(a_request(bench))
    bench.xs2a.cancels = answer
    code = {202: "cancellation_needs_the_payer", 405: "cancellation_invalid"}[answer]
    with pytest.raises(Rejected, match=code):
        await bench.provider().cancel_payment(session.external_id)


async def test_a_payment_that_is_over_counts_as_cancelled(bench: Psd2Bench) -> None:
    for happening in (Happening.DECLINED, Happening.EXPIRED):
        session = await bench.provider().create_payment(a_request(bench))
        await bench.happen(session.external_id, happening)
        await bench.provider().cancel_payment(session.external_id)


async def test_a_hint_with_a_false_amount_is_about_no_payment_of_ours(bench: Psd2Bench) -> None:
    """Anybody may post one. What it says of the amount is part of the id, and our reference, which would find the try, is left out."""
    session = await bench.provider().create_payment(a_request(bench))
    await bench.happen(session.external_id, Happening.PAID)
    bench.xs2a.details = False
    genuine = bench.sign(bench.webhook_body(session.external_id), bench.clock.now())
    false = replace(genuine, url=genuine.url.replace("12345RON", "99999RON"))
    (update,) = await bench.provider().parse_webhook(false)

    assert update.external_id != session.external_id
    assert update.reference is None


@pytest.mark.parametrize(
    "about", ["", "strict", "nobank/payments/x/1RON", "strict/payments/ron-payment/1XXX", "strict/payments/x/1RON"]
)
async def test_a_hint_about_no_bank_is_malformed(bench: Psd2Bench, about: str) -> None:
    url = f"http://127.0.0.1:9/hooks/providers/acme.pay?about={about}"
    request = WebhookRequest(b'{"paymentId":"x"}', {}, url, bench.clock.now())
    with pytest.raises(MalformedWebhook):
        await bench.provider().parse_webhook(request)


@given(st.sampled_from([*BANKS.values()]), st.integers(1, 10**15), st.text(min_size=1))
def test_an_id_says_all_of_a_payment(bank: Bank, minor: int, payment: str) -> None:
    currency = "RON" if bank.product("RON") else "EUR"
    order = Order(
        bank, bank.product(currency) or "", Money(minor, currency), payment.encode("utf-8", "replace").decode()
    )

    assert Order.read(order.external_id) == order


@given(st.text(), st.integers(1, 200))
def test_texts_are_in_the_letters_that_banks_take(text: str, longest: int) -> None:
    said = sepa_text(text, longest)

    assert SEPA.fullmatch(said)
    assert len(said) <= longest
    assert said == said.strip()


@given(st.text(max_size=40), st.integers(1, 10**12), st.integers(1, 10**12))
def test_two_tries_are_told_apart_on_the_statement(number: str, one: int, two: int) -> None:
    names = [end_to_end(f"{number}-{attempt}") for attempt in (one, two)]

    assert (names[0] == names[1]) == (one == two)
    assert all(len(name) <= 35 and SEPA.fullmatch(name) and "/" not in name for name in names)


def test_diacritics_are_written_without() -> None:
    assert sepa_text("Factură țiglă și îngrășământ №7 — „Ștefan”", 140) == "Factura tigla si ingrasamant No7 Stefan"


async def test_without_its_own_notifications_nothing_is_signed(bench: Psd2Bench) -> None:
    """There is no secret that could be proven, so nothing raises InvalidSignature: the bank is asked in any case."""
    request = WebhookRequest(
        b'{"paymentId":"none"}', {}, "http://127.0.0.1:9/?about=strict/payments/ron-payment/1RON", bench.clock.now()
    )
    try:
        assert list(await bench.provider().parse_webhook(request)) == []
    except InvalidSignature:
        pytest.fail("a hint is not refused for a signature")
    assert bench.xs2a.asked == [("GET", "/v1/payments/ron-payment/none/status")]


def test_the_choices_are_the_banks_with_an_account_to_pay() -> None:
    banks = ("ing", "bt")
    settings = settings_for(BANKS["ing"], "https://x.invalid", banks=banks, client_ids=dict.fromkeys(banks, "id"))
    provider = Psd2Provider(replace(settings, ibans={"RON": settings.ibans["RON"]}), Answers(500, b""))

    assert [(each.code, each.name, each.currencies) for each in provider.choices("bank")] == [
        ("bt", "Banca Transilvania", frozenset({"RON"}))
    ]
    assert [currency for currency in ("RON", "EUR", "XXX") if provider.takes(currency)] == ["RON"]


async def test_a_bank_must_be_picked_where_there_are_several(bench: Psd2Bench) -> None:
    settings = replace(bench.settings, banks=("strict", "bt"), client_ids={"bt": "id", "strict": "id"})
    with pytest.raises(Rejected, match="bank_not_offered"):
        await bench.provider(settings).create_payment(a_request(bench, choice=None))
    with pytest.raises(Rejected, match="currency_not_supported"):
        await bench.provider(replace(bench.settings, ibans={"EUR": "DE89370400440532013000"})).create_payment(
            a_request(bench)
        )


def test_the_plugin_declares_what_it_can() -> None:
    assert PROVIDER.cancels
    assert PROVIDER.completes
    assert PROVIDER.chooses
    assert PROVIDER.void_unanswered
    assert not any((PROVIDER.idempotent, PROVIDER.finds_payments, PROVIDER.refunds, PROVIDER.lists_payments))
    assert [method.name for method in PROVIDER.methods] == ["bank"]
