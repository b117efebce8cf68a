"""The PSD2 provider at banks that let their payers authorise by OAuth: the way there, the way back, and the token afterwards."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.provider import PaymentRequest, PaymentStatus
from gateway.ports.values import Money, Secret
from gateway.testing.provider_bench import Happening
from gateway.testing.provider_steps import a_request
from providers.psd2.banks import BANKS
from providers.psd2.oauth import Token, authorise_url, challenge, verifier
from providers.psd2.wire import Order
from tests.providers.psd2_bench import Psd2Bench, open_bench

CALLBACK = "https://pay.example.ro/return"


@pytest.fixture
async def bench() -> AsyncIterator[Psd2Bench]:
    async with open_bench(bank=BANKS["bt"], how="oauth") as bench:
        yield bench


def asked(bench: Psd2Bench, **changes: object) -> PaymentRequest:
    return a_request(bench, choice=bench.xs2a.bank.code, state="st-1", callback_url=CALLBACK, **changes)


async def completed(bench: Psd2Bench) -> tuple[str, str]:
    """A payment that its payer has authorised, and what is kept of it."""
    session = await bench.provider().create_payment(asked(bench))
    answer = bench.xs2a.come_back(session.redirect_url)
    kept = await bench.provider().complete_payment(session.external_id, asked(bench), answer)
    assert kept is not None
    return session.external_id, kept


def test_the_challenge_is_that_of_the_rfc() -> None:
    """RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_is_of_one_try_and_one_secret() -> None:
    made = {verifier(Secret(secret), key) for secret in ("a" * 32, "b" * 32) for key in ("attempt-1", "attempt-2")}

    assert len(made) == 4
    assert all(43 <= len(each) <= 128 for each in made), "RFC 7636, 4.1"
    assert verifier(Secret("a" * 32), "attempt-1") in made


async def test_where_the_payer_is_sent(bench: Psd2Bench) -> None:
    """To the page that the bank's metadata name, with nothing in the address but the challenge of the proof."""
    session = await bench.provider().create_payment(asked(bench))
    url = urlsplit(session.redirect_url)
    query = parse_qs(url.query)
    proof = verifier(bench.settings.pkce_secret, asked(bench).idempotency_key)

    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{bench.xs2a.url}/authorise"
    assert query == {
        "lang": ["ro"],  # of the bank's own address
        "response_type": ["code"],
        "client_id": ["PSDRO-BNR-12345"],
        "scope": [f"PIS:{Order.read(session.external_id).payment}"],
        "state": ["st-1"],
        "redirect_uri": [CALLBACK],
        "code_challenge": [base64.urlsafe_b64encode(hashlib.sha256(proof.encode()).digest()).rstrip(b"=").decode()],
        "code_challenge_method": ["S256"],
    }
    assert proof not in session.redirect_url


def test_an_address_without_a_query_gets_one() -> None:
    url = authorise_url("https://b.example/a", client_id="c", scope="s", state="t", redirect_uri="https://u", proof="p")

    assert url.startswith("https://b.example/a?response_type=code&")


async def test_a_bank_that_registers_no_address_sends_back_to_the_payments_own_page() -> None:
    async with open_bench(bank=BANKS["comdirect"], how="oauth") as bench:
        session = await bench.provider().create_payment(asked(bench, amount=Money(12_345, "EUR")))

        assert parse_qs(urlsplit(session.redirect_url).query)["redirect_uri"] == ["http://127.0.0.1:9/p/abc/return"]


async def test_until_the_payer_is_back_the_bank_shows_nothing(bench: Psd2Bench) -> None:
    session = await bench.provider().create_payment(asked(bench))
    bench.xs2a.authorise(Order.read(session.external_id).payment, "ACSC")
    update = await bench.provider().fetch_payment(session.external_id)

    assert (update.status, update.received) == (PaymentStatus.PENDING, None)


async def test_the_token_shows_the_payment(bench: Psd2Bench) -> None:
    external_id, kept = await completed(bench)
    first, kept = await bench.provider().fetch_completed(external_id, kept)
    await bench.happen(external_id, Happening.PAID)
    then, again = await bench.provider().fetch_completed(external_id, kept)

    assert first.status is PaymentStatus.ACCEPTED
    assert (then.status, then.received) == (PaymentStatus.PAID, Money(12_345, "RON"))
    assert again == kept


async def test_a_token_that_ends_is_renewed_and_the_new_one_is_kept(bench: Psd2Bench) -> None:
    """Five minutes are less than a transfer may take; each renewal gives another right to renew."""
    external_id, kept = await completed(bench)
    for _ in range(2):
        bench.clock.advance(seconds=timedelta(minutes=5).total_seconds())
        update, renewed = await bench.provider().fetch_completed(external_id, kept)
        assert update.status is PaymentStatus.ACCEPTED
        assert renewed != kept
        kept = renewed


async def test_a_token_that_is_not_renewed_shows_nothing_and_takes_nothing_back(bench: Psd2Bench) -> None:
    external_id, kept = await completed(bench)
    bench.clock.advance(seconds=301)
    bench.xs2a.refreshes.clear()
    bench.xs2a.payments[Order.read(external_id).payment].token = "another"
    update, again = await bench.provider().fetch_completed(external_id, kept)

    assert (update.status, again) == (PaymentStatus.PENDING, kept)


async def test_a_code_counts_once_and_for_its_own_try(bench: Psd2Bench) -> None:
    session = await bench.provider().create_payment(asked(bench))
    answer = bench.xs2a.come_back(session.redirect_url)
    for other in (
        asked(bench, idempotency_key="attempt-2"),
        a_request(bench, choice="bt", return_url="http://127.0.0.1:9/x"),
    ):
        with pytest.raises(Rejected, match="invalid_grant"):
            await bench.provider().complete_payment(session.external_id, other, answer)
    assert await bench.provider().complete_payment(session.external_id, asked(bench), answer)
    with pytest.raises(Rejected, match="invalid_grant"):
        await bench.provider().complete_payment(session.external_id, asked(bench), answer)


@pytest.mark.parametrize(
    ("error", "code"),
    [("access_denied", "cancelled"), ("server_error", "authentication_failed"), ("x", "authentication_failed")],
)
async def test_a_payer_who_turned_back(bench: Psd2Bench, error: str, code: str) -> None:
    session = await bench.provider().create_payment(asked(bench))
    with pytest.raises(Rejected, match=code):
        await bench.provider().complete_payment(session.external_id, asked(bench), {"error": error})


async def test_a_bank_that_wants_a_token_of_ours_gives_one_for_many_calls() -> None:
    async with open_bench(bank=BANKS["ing"]) as bench:
        provider = bench.provider()
        session = await provider.create_payment(a_request(bench, amount=Money(12_345, "EUR"), choice="ing"))
        for _ in range(3):
            await provider.fetch_payment(session.external_id)
        assert [path for _, path in bench.xs2a.asked].count("/oauth2/token") == 1

        bench.clock.advance(seconds=900)
        await provider.fetch_payment(session.external_id)
        assert [path for _, path in bench.xs2a.asked].count("/oauth2/token") == 2

        bench.xs2a.own_tokens.clear()  # the bank forgets: the next call asks again
        with pytest.raises(RetryLater, match="token_invalid"):
            await provider.fetch_payment(session.external_id)
        await provider.fetch_payment(session.external_id)
        assert [path for _, path in bench.xs2a.asked].count("/oauth2/token") == 3


async def test_a_client_that_the_bank_does_not_know() -> None:
    async with open_bench(bank=BANKS["ing"], client_secrets={"ing": Secret("wrong")}) as bench:
        with pytest.raises(Rejected, match="invalid_client"):
            await bench.provider().create_payment(a_request(bench, amount=Money(12_345, "EUR"), choice="ing"))


def test_a_token_is_kept_and_comes_back_and_is_never_shown() -> None:
    token = Token.read({"access_token": "aaa-token", "refresh_token": "bbb-token", "expires_in": "300"}, 1000.0)

    assert Token.kept(token.keep()) == token
    assert "token" not in repr(token).replace("Token", "")
    assert token.holds(1269.0)
    assert not token.holds(1270.0)
    assert Token.read({"access_token": "c"}, 0.0, before=token).refresh == token.refresh


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "a", "refresh_token": 5},
        {"access_token": "a", "expires_in": "soon"},
    ],
)
def test_a_token_of_another_shape(raw: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Token.read(raw, 0.0)
