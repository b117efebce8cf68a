"""What the PSD2 provider makes of a bank's answers: refusals in either shape, and what cannot be read."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import HttpResponse
from gateway.ports.values import Money
from gateway.testing.clock import START
from gateway.testing.provider_steps import a_request
from providers.psd2.wire import Opened, Order, amount_of, answered_at, code_of, status_of
from providers.psd2.words import LATER
from tests.providers.psd2_answers import answered, id_of
from tests.providers.psd2_bench import STRICT, Psd2Bench, known, open_bench

NAMES = st.sampled_from(
    [
        "transactionStatus",
        "paymentId",
        "_links",
        "scaRedirect",
        "href",
        "tppMessages",
        "code",
        "instructedAmount",
        "amount",
        "currency",
    ]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from(["RON", "1.00", "ACSC", "p"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | NAMES, inner, max_size=5),
    max_leaves=6,
)


@pytest.fixture
async def bench() -> AsyncIterator[Psd2Bench]:
    async with open_bench() as bench:
        yield bench


@pytest.fixture
def strict() -> Iterator[None]:
    with known(STRICT):
        yield


ERRORS = [
    (400, "FORMAT_ERROR", Rejected, "format_error"),
    (400, "PAYMENT_FAILED", Rejected, "declined"),
    (400, "FUNDS_NOT_AVAILABLE", Rejected, "insufficient_funds"),
    (401, "CERTIFICATE_EXPIRED", Rejected, "certificate_expired"),
    (401, "SIGNATURE_INVALID", Rejected, "signature_invalid"),
    (401, "PSU_CREDENTIALS_INVALID", Rejected, "authentication_failed"),
    (401, "TOKEN_EXPIRED", RetryLater, "token_expired"),
    (403, "SERVICE_BLOCKED", Rejected, "bank_unavailable"),
    (403, "PRODUCT_INVALID", Rejected, "product_invalid"),
    (404, "PRODUCT_UNKNOWN", Rejected, "product_unknown"),
    (409, "STATUS_INVALID", Rejected, "status_invalid"),
    (408, "REQUEST_TIMEOUT", OutcomeUnknown, "408"),
    (500, "INTERNAL_SERVER_ERROR", OutcomeUnknown, "500"),
]


@pytest.mark.parametrize(("status", "code", "error", "says"), ERRORS)
@pytest.mark.parametrize("shape", ["tppMessages", "additionalErrors"])
async def test_refusal(bench: Psd2Bench, status: int, code: str, error: type[Exception], says: str, shape: str) -> None:
    """In either shape of an error; its text, which is the bank's, is never repeated."""
    body = {shape: [{"category": "ERROR", "code": code, "text": "Ana Popescu has no money"}]}
    with pytest.raises(error, match=says) as caught:
        await answered(status, body).create_payment(a_request(bench))

    assert "Ana" not in str(caught.value)


@pytest.mark.parametrize("code", sorted(LATER))
async def test_what_passes_is_asked_again(bench: Psd2Bench, code: str) -> None:
    with pytest.raises(RetryLater):
        await answered(401, {"tppMessages": [{"code": code}]}).create_payment(a_request(bench))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", {"tppMessages": "no"}, {"tppMessages": [None, {"code": "Ana P"}]}]
)
async def test_a_refusal_that_cannot_be_read_is_its_status(bench: Psd2Bench, body: object) -> None:
    with pytest.raises(Rejected, match=r"^http_403$"):
        await answered(403, body).create_payment(a_request(bench))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"<html>", {}, {"paymentId": ""}, {"paymentId": "p", "transactionStatus": 5}]
)
async def test_an_unreadable_answer_to_an_order_is_an_unknown_outcome(bench: Psd2Bench, body: object) -> None:
    with pytest.raises(OutcomeUnknown):
        await answered(201, body).create_payment(a_request(bench))


async def test_an_order_that_is_refused_at_once(bench: Psd2Bench) -> None:
    with pytest.raises(Rejected, match="declined"):
        await answered(201, {"paymentId": "p", "transactionStatus": "RJCT"}).create_payment(a_request(bench))


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("body", [b"", b"null", b"<Document/>", {"transactionStatus": ["ACSC"]}])
async def test_an_unreadable_status_is_asked_for_again(body: object) -> None:
    with pytest.raises(RetryLater):
        await answered(200, body).fetch_payment(id_of())


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "RESOURCE_UNKNOWN", Rejected),
        (403, "RESOURCE_UNKNOWN", Rejected),
        (400, "FORMAT_ERROR", Rejected),
        (401, "CERTIFICATE_EXPIRED", RetryLater),
        (401, "TOKEN_INVALID", RetryLater),
        (500, "INTERNAL_SERVER_ERROR", RetryLater),
        (302, "", RetryLater),
    ],
)
async def test_a_payment_that_is_not_shown(status: int, code: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await answered(status, {"tppMessages": [{"code": code}]}).fetch_payment(id_of())


@settings(max_examples=60)
@given(st.dictionaries(NAMES, ANYTHING, max_size=6) | ANYTHING)
def test_no_answer_breaks_the_reading(raw: object) -> None:
    """What a bank may send is read, or is no answer: a ValueError, and nothing else."""
    answer = HttpResponse(200, {"date": "nonsense"}, json.dumps(raw).encode())
    for read in (lambda: Opened.read(answer, "https://bank.example"), lambda: status_of(answer)):
        with contextlib.suppress(ValueError):
            read()
    assert isinstance(amount_of(answer), Money | None)
    assert re.fullmatch(r"[A-Z_0-9]{1,64}", code_of(answer))
    assert answered_at(answer, START) == START


@given(st.text() | st.from_regex(r"(strict|bt)/payments/[a-z-]{1,20}/[0-9]{1,17}[A-Z]{3}/.*"))
def test_no_id_breaks_the_reading(external_id: str) -> None:
    with contextlib.suppress(Rejected):
        assert Order.read(external_id).external_id
