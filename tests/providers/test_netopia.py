"""The NETOPIA adapter's own wire: what it sends, each row of its tables, one order id for a try, what it refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.errors import InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentSession, PaymentStatus
from gateway.ports.values import MAX_MINOR, Money, WebhookRequest
from gateway.testing.provider_steps import a_request, parsed
from providers.netopia import PROVIDER, NetopiaProvider, Settings
from providers.netopia.wire import STATUSES, Block, parse
from tests.fakes.netopia import API_KEY, POS, pem
from tests.providers.netopia_bench import HOOK, WHOLE, Answers, NetopiaBench, answered, open_bench, opened

S = PaymentStatus


@pytest.fixture
async def bench() -> AsyncIterator[NetopiaBench]:
    async with open_bench() as bench:
        yield bench


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
