"""The NETOPIA adapter's own wire: what it sends, each row of its tables, conversion, credits, the vendor's traps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.errors import InvalidSignature, MalformedWebhook, NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentSession, PaymentStatus, RefundRequest, RefundStatus
from gateway.ports.values import MAX_MINOR, Money, WebhookRequest
from gateway.testing.provider_bench import Fault
from gateway.testing.provider_steps import a_request, parsed
from providers.netopia import PROVIDER, NetopiaProvider, Settings
from providers.netopia.wire import STATUSES, Block, parse
from tests.fakes.netopia import API_KEY, POS, pem
from tests.providers.netopia_bench import HOOK, NetopiaBench, open_bench

S = PaymentStatus
WHOLE = Money(12_345, "RON")


@pytest.fixture
async def bench() -> AsyncIterator[NetopiaBench]:
    async with open_bench() as bench:
        yield bench


class Answers:
    """An HttpClient that gives these answers in turn; the last one stays."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.answers = list(answers)

    async def request(self, *_: object, **__: object) -> HttpResponse:
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        return HttpResponse(status, {"date": "Mon, 23 Nov 2026 09:00:00 GMT"}, raw)


def answered(bench: NetopiaBench, *answers: tuple[int, object]) -> NetopiaProvider:
    return NetopiaProvider(bench.settings, Answers(*answers))


async def opened(bench: NetopiaBench, **changes: object) -> tuple[PaymentSession, str]:
    session = await bench.provider().create_payment(a_request(bench, **changes))
    return session, session.external_id.partition(":")[0]


def a_refund(session: PaymentSession, minor: int = 12_345, currency: str = "RON") -> RefundRequest:
    return RefundRequest("refund-1", session.external_id, Money(minor, currency), WHOLE, "RF-1", "requested")


async def test_what_start_sends(bench: NetopiaBench) -> None:
    asked = a_request(bench, locale="en-GB", payer_address="203.0.113.9", payer_agent="Firefox")
    session, ntp_id = await opened(bench, locale="en-GB", payer_address="203.0.113.9", payer_agent="Firefox")
    sent = bench.wire.sent[0]
    body = orjson.loads(sent.body)

    assert (sent.method, sent.url) == ("POST", f"{bench.vendor.url}/payment/card/start")
    assert sent.headers["authorization"] == API_KEY
    assert b'"amount":123.45,' in sent.body
    assert body["config"]["notifyUrl"] == asked.webhook_url
    assert body["config"]["redirectUrl"] == body["config"]["cancelUrl"] == asked.return_url
    assert body["config"]["language"] == "en"
    assert body["payment"]["instrument"] is None
    assert body["payment"]["data"] == {"IP_ADDRESS": "203.0.113.9", "BROWSER_USER_AGENT": "Firefox"}
    assert body["order"]["posSignature"] == POS
    assert body["order"]["orderID"] == asked.reference
    assert body["order"]["dateTime"] == "2026-11-23T09:00:00+00:00"
    assert body["order"]["billing"]["email"] == asked.payer_email
    assert session == PaymentSession(f"{ntp_id}:ACH1K7", f"{bench.vendor.url}/ui/card?p={ntp_id}")


async def test_what_is_not_known_of_the_payer_is_not_made_up(bench: NetopiaBench) -> None:
    await opened(bench, payer_email=None)
    payer = orjson.loads(bench.wire.sent[0].body)["order"]["billing"]

    assert payer["email"] == bench.settings.email
    assert {payer[name] for name in ("firstName", "lastName", "city", "state")} == {"-"}
    assert payer["phone"] == payer["details"] == ""


@pytest.mark.parametrize("base", ["", "/", "/api/"])
async def test_any_base_url_serves(bench: NetopiaBench, base: str) -> None:
    settings = Settings("http://x" + base, bench.settings.api_key, POS, pem("present"), "a@b.ro")
    calls: list[str] = []

    class Noting(Answers):
        async def request(self, method: str, url: str, **rest: object) -> HttpResponse:  # type: ignore[override]
            calls.append(url)
            return await super().request()

    with pytest.raises(Rejected):
        await NetopiaProvider(settings, Noting((404, b""))).fetch_payment("1:2")
    assert calls == [f"http://x{base.rstrip('/')}/operation/status"]


@given(st.integers(min_value=1, max_value=10**12), st.sampled_from(["RON", "EUR", "JPY", "KWD"]))
def test_amounts_are_exact_both_ways(minor: int, currency: str) -> None:
    amount = Money(minor, currency)
    written = f'{{"payment":{{"ntpID":"1","status":3,"amount":{amount.value},"currency":"{currency}"}}}}'

    assert Block.read(parse(written.encode())).amount == amount


@pytest.mark.parametrize(
    ("written", "minor"),
    [("0.1", 10), ("1e2", 10_000), ("361.78000000000003", 36_178), ("123", 12_300), ("0.29999999999999998890", 30)],
)
def test_a_sum_counted_in_binary_is_read(written: str, minor: int) -> None:
    raw = f'{{"payment":{{"ntpID":"1","amount":{written},"currency":"RON"}}}}'
    assert Block.read(parse(raw.encode())).amount == Money(minor, "RON")


@pytest.mark.parametrize(
    "written",
    ["123.456", "-1", "true", '"123.45"', "1e999999", "NaN", "Infinity", str(MAX_MINOR + 1), "[1]", "1" * 5_000],
)
def test_another_amount_is_refused(written: str) -> None:
    raw = f'{{"payment":{{"ntpID":"1","amount":{written},"currency":"RON"}}}}'
    with pytest.raises(ValueError):
        Block.read(parse(raw.encode()))


def test_there_is_a_row_for_each_status_and_two_are_paid() -> None:
    assert list(STATUSES) == list(range(1, 24))
    assert [row for row, status in STATUSES.items() if status is S.PAID] == [3, 5, 8]  # 8 was paid, and credited


@pytest.mark.parametrize(("row", "status"), STATUSES.items())
async def test_status(bench: NetopiaBench, row: int, status: PaymentStatus) -> None:
    session, ntp_id = await opened(bench)
    bench.vendor.payments[ntp_id].status = row
    poll = await bench.provider().fetch_payment(session.external_id)
    (push,) = await parsed(bench, bench.webhook_body(session.external_id))

    for update in (poll, push):
        assert update.status is status
        assert update.received == (WHOLE if status in (S.PAID, S.REVERSED) else None)
        assert update.refunded == (WHOLE if row == 8 else None)
        assert bool(update.reason) is (status is S.FAILED)


@pytest.mark.parametrize("odd", [True, 3.0, "3", None, 0, -3, 24, [3], {"3": 3}])
async def test_a_status_of_another_kind_is_not_paid(bench: NetopiaBench, odd: object) -> None:
    session, ntp_id = await opened(bench)
    (update,) = await parsed(bench, bench.vendor.ipn(ntp_id, status=odd))

    assert update.status is S.PENDING
    assert update.external_id == session.external_id


@pytest.mark.parametrize(("code", "reason"), [("20", "insufficient_funds"), ("19", "expired_card"), ("05", "declined")])
async def test_a_refusal_says_why(bench: NetopiaBench, code: str, reason: str) -> None:
    session, ntp_id = await opened(bench)
    bench.vendor.payments[ntp_id].status, bench.vendor.payments[ntp_id].code = 12, code

    assert (await bench.provider().fetch_payment(session.external_id)).reason == reason


class TestConversion:
    """An amount asked in EUR and taken in RON: what was asked has come, and it is the vendor who says so."""

    async def started(self, bench: NetopiaBench) -> tuple[PaymentSession, str, WebhookRequest]:
        bench.vendor.settles_in = ("RON", Decimal("4.9765"))
        session, ntp_id = await opened(bench, amount=Money(6_870, "EUR"))
        bench.vendor.pays(ntp_id)
        notify_url = orjson.loads(bench.wire.sent[0].body)["config"]["notifyUrl"]
        request = bench.sign(bench.vendor.ipn(ntp_id), bench.clock.now())
        return session, notify_url, WebhookRequest(request.body, request.headers, notify_url, request.received_at)

    async def test_push_and_poll_say_what_was_asked(self, bench: NetopiaBench) -> None:
        session, notify_url, request = await self.started(bench)
        (push,) = await bench.provider().parse_webhook(request)
        poll = await bench.provider().fetch_payment(session.external_id)

        assert notify_url == f"{HOOK}?currency=EUR"
        assert push.received == poll.received == Money(6_870, "EUR")
        assert push.status is poll.status is S.PAID

    async def test_without_an_echo_the_currencies_differ_and_the_core_sees_it(self, bench: NetopiaBench) -> None:
        session, _, request = await self.started(bench)
        bench.vendor.tells_asked = False
        (push,) = await bench.provider().parse_webhook(request)

        assert push.received == Money(34_188, "RON")
        assert push.received == (await bench.provider().fetch_payment(session.external_id)).received

    async def test_a_vendor_that_does_not_answer_is_heard_again(self, bench: NetopiaBench) -> None:
        _, _, request = await self.started(bench)
        bench.vendor.faults["status"] = Fault.SERVER_ERROR
        with pytest.raises(RetryLater):
            await bench.provider().parse_webhook(request)

    async def test_in_one_currency_nobody_is_asked(self, bench: NetopiaBench) -> None:
        session, ntp_id = await opened(bench)
        bench.vendor.pays(ntp_id)
        calls = len(bench.wire.sent)
        (update,) = await parsed(bench, bench.webhook_body(session.external_id))

        assert update.received == WHOLE
        assert len(bench.wire.sent) == calls


class TestOneOrderIdPerTry:
    @pytest.mark.parametrize(("minor", "code"), [(12_345, "order_closed"), (12_346, "other_amount")])
    async def test_used_twice_is_refused(self, bench: NetopiaBench, minor: int, code: str) -> None:
        await opened(bench)
        with pytest.raises(Rejected) as caught:
            await opened(bench, amount=Money(minor, "RON"))

        assert caught.value.code == code
        assert bench.made("ACH1K7") == 1

    async def test_found_with_its_page(self, bench: NetopiaBench) -> None:
        session, _ = await opened(bench)
        assert await bench.provider().find_payment(a_request(bench)) == session

    async def test_open_without_a_page_is_over(self, bench: NetopiaBench) -> None:
        await opened(bench)
        bench.vendor.tells_page = False
        with pytest.raises(Rejected) as caught:
            await bench.provider().find_payment(a_request(bench))

        assert caught.value.code == "page_lost"

    async def test_paid_without_a_page_is_found(self, bench: NetopiaBench) -> None:
        session, ntp_id = await opened(bench)
        bench.vendor.pays(ntp_id)
        found = await bench.provider().find_payment(a_request(bench))

        assert found == PaymentSession(session.external_id, a_request(bench).return_url)

    async def test_not_found_in_the_words_of_an_error(self, bench: NetopiaBench) -> None:
        provider = answered(bench, (200, {"error": {"code": "404", "message": "Not found"}}))
        assert await provider.find_payment(a_request(bench)) is None

    @pytest.mark.parametrize("answer", [(401, b""), (200, b"{}"), (200, b"<html>"), (500, b""), (200, b"[]")])
    async def test_an_answer_that_says_nothing_is_not_a_no(
        self, bench: NetopiaBench, answer: tuple[int, bytes]
    ) -> None:
        with pytest.raises(RetryLater):
            await answered(bench, answer).find_payment(a_request(bench))

    async def test_an_answer_about_another_payment_is_not_believed(self, bench: NetopiaBench) -> None:
        said = {"payment": {"ntpID": "2", "status": 3, "amount": 123.45, "currency": "RON"}}
        for known, body in (("1:A", said), ("2:A", said | {"order": {"orderID": "B"}})):
            with pytest.raises(RetryLater):
                await answered(bench, (200, body)).fetch_payment(known)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"<html>",
        {"error": {"code": "101"}},
        {"error": {"code": "101"}, "payment": {"ntpID": "1"}},
        {"error": {"code": "101"}, "payment": {"ntpID": "1", "paymentURL": "javascript:alert(1)"}},
        {"error": {"code": "101"}, "payment": {"ntpID": 1, "paymentURL": "https://x"}},
        b"[" * 100_000,
    ],
)
async def test_an_unreadable_answer_to_start_is_an_unknown_outcome(bench: NetopiaBench, body: object) -> None:
    with pytest.raises(OutcomeUnknown):
        await answered(bench, (200, body)).create_payment(a_request(bench))


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, {"error": {"code": "34"}}, "card_not_permitted"),
        (200, {"error": {"code": "77"}}, "error_77"),
        (400, {"error": {"code": "400", "message": "Ana Popescu"}}, "error_400"),
        (401, {"code": 401, "message": "x"}, "error_401"),
        (403, b"<html>", "http_403"),
        (400, {"error": {"code": "Ana Popescu <ana@example.ro>"}}, "http_400"),
    ],
)
async def test_a_refusal_has_a_code_and_nothing_personal(
    bench: NetopiaBench, status: int, body: object, code: str
) -> None:
    with pytest.raises(Rejected) as caught:
        await answered(bench, (status, body)).create_payment(a_request(bench))

    assert caught.value.code == str(caught.value) == code


class TestRefunds:
    async def a_paid_one(self, bench: NetopiaBench) -> PaymentSession:
        session, ntp_id = await opened(bench)
        bench.vendor.pays(ntp_id)
        return session

    async def test_all_of_it_is_credited_once(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        refund = await bench.provider().refund_payment(a_refund(session))
        body = orjson.loads(bench.wire.sent[-1].body)
        after = await bench.provider().fetch_payment(session.external_id)

        assert (refund.status, refund.amount) == (RefundStatus.DONE, WHOLE)
        assert body == {"ntpID": session.external_id.partition(":")[0], "amount": 123.45, "split": []}
        assert b'"amount":123.45' in bench.wire.sent[-2].body
        assert (after.status, after.received, after.refunded) == (S.PAID, WHOLE, WHOLE)
        with pytest.raises(Rejected, match="already_refunded"):
            await bench.provider().refund_payment(a_refund(session))

    async def test_a_part_is_for_the_vendors_desk(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        with pytest.raises(NotSupported):
            await bench.provider().refund_payment(a_refund(session, 1_000))
        assert bench.refunded(session.external_id) == 0

    async def test_an_ipn_of_a_credit_is_asked_about_for_it_names_the_whole(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        bench.vendor.credits(session.external_id.partition(":")[0], Money(1_000, "RON"))
        body = bench.webhook_body(session.external_id)
        (update,) = await parsed(bench, body)

        assert orjson.loads(body)["payment"]["amount"] == 123.45
        assert (update.received, update.refunded) == (WHOLE, Money(1_000, "RON"))

    async def test_an_unknown_outcome_is_looked_up(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        request = a_refund(session)
        assert await bench.provider().fetch_refund(request, None) is None
        bench.arm_refund(Fault.CUT_MADE)
        with pytest.raises(OutcomeUnknown):
            await bench.provider().refund_payment(request)
        found = await bench.provider().fetch_refund(request, None)

        assert found is not None
        assert (found.status, found.amount) == (RefundStatus.DONE, WHOLE)

    async def test_approved_and_not_credited_is_unknown(self, bench: NetopiaBench) -> None:
        """Seen in the sandbox: code 00, with the payment as it was or another amount."""
        paid = {"payment": {"ntpID": "1", "status": 5, "amount": 123.45, "currency": "RON"}, "error": {"code": "00"}}
        other = {"payment": paid["payment"] | {"status": 8, "amount": 1}, "error": {"code": "00"}}
        for answer in (paid, other, {"error": {"code": "00"}}):
            with pytest.raises(OutcomeUnknown):
                await answered(bench, (200, paid), (200, answer)).refund_payment(
                    a_refund(PaymentSession("1:A", "https://x"))
                )

    async def test_one_that_is_not_seen_yet_is_pending(self, bench: NetopiaBench) -> None:
        session = await self.a_paid_one(bench)
        update = await bench.provider().fetch_refund(a_refund(session), "credit:1")

        assert update is not None
        assert update.status is RefundStatus.PENDING

    @pytest.mark.parametrize(
        ("minor", "currency", "code"),
        [(12_346, "RON", "invalid_amount"), (0, "RON", "invalid_amount"), (100, "EUR", "invalid_amount")],
    )
    async def test_another_amount_is_refused(self, bench: NetopiaBench, minor: int, currency: str, code: str) -> None:
        session = await self.a_paid_one(bench)
        with pytest.raises(Rejected, match=code):
            await bench.provider().refund_payment(a_refund(session, minor, currency))

    async def test_what_was_not_paid_is_not_refundable(self, bench: NetopiaBench) -> None:
        session, _ = await opened(bench)
        with pytest.raises(Rejected, match="not_refundable"):
            await bench.provider().refund_payment(a_refund(session))


async def test_an_ipn_of_another_shape_is_malformed(bench: NetopiaBench) -> None:
    _, ntp_id = await opened(bench)
    good = orjson.loads(bench.vendor.ipn(ntp_id, status=3))
    for broken in (
        {"payment": good["payment"]},
        good | {"order": {"orderID": ""}},
        good | {"order": {"orderID": "A" * 10_000}},
        good | {"payment": good["payment"] | {"ntpID": "1" * 10_000}},
        good | {"payment": good["payment"] | {"currency": "LEI"}},
        good | {"payment": good["payment"] | {"amount": None}},
        good | {"payment": good["payment"] | {"amount": 0}},
    ):
        with pytest.raises(MalformedWebhook):
            await parsed(bench, orjson.dumps(broken))


async def test_an_ipn_without_a_token_is_not_read(bench: NetopiaBench) -> None:
    with pytest.raises(InvalidSignature):
        await bench.provider().parse_webhook(WebhookRequest(b"{", {}, HOOK, bench.clock.now()))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"public_key": "-----BEGIN PUBLIC KEY-----"}, "public_key:"),
        ({"public_key_old": "x"}, "public_key_old:"),
        ({"email": "nobody"}, "email:"),
    ],
)
def test_a_setting_that_cannot_serve_is_named(changes: dict[str, Any], names: str) -> None:
    usual: dict[str, Any] = {"public_key": pem("present"), "email": "plati@example.ro"} | changes
    with pytest.raises(ValueError, match=names):
        Settings(api_url="https://x", api_key=None, pos_signature=POS, **usual)  # type: ignore[arg-type]


def test_the_plugin_declares_what_it_can() -> None:
    assert [method.name for method in PROVIDER.methods] == ["card"]
    assert PROVIDER.currencies == {"RON", "EUR", "USD"}
    assert (PROVIDER.finds_payments, PROVIDER.refunds, PROVIDER.idempotent, PROVIDER.cancels) == (
        True,
        True,
        False,
        False,
    )
    assert PROVIDER.acknowledge == (b'{"errorType":0,"errorCode":"","errorMessage":""}', "application/json")
