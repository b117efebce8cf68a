"""Prism (npm), which answers as the Berlin Group's own description says, and refuses what it does not allow.

Skipped, visibly, without it. Not with `--errors`: one of the description's own examples breaks a rule of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.outbound import OutboundClient
from gateway.ports.errors import Rejected
from gateway.ports.http import HttpResponse
from gateway.ports.values import Money
from gateway.testing.clock import FakeClock
from providers.psd2 import Psd2Provider
from providers.psd2.banks import BANKS, Bank
from providers.psd2.wire import Order
from tests.harness.prism import mocked
from tests.providers.psd2_bench import DEBTOR, known, settings_for
from tests.vectors.test_psd2_vectors import CASES, an_order

pytestmark = pytest.mark.interop
BANK = replace(BANKS["adorsys"], headers={})


class Seen:
    """The HTTP client, and every answer that it brought."""

    def __init__(self, http: OutboundClient, without: str = "") -> None:
        self._http, self._without = http, without
        self.answers: list[HttpResponse] = []

    async def request(self, method: str, url: str, *, headers: Mapping[str, str], **rest: Any) -> HttpResponse:
        kept = {name: value for name, value in headers.items() if name != self._without}
        answer = await self._http.request(method, url, headers=kept, **rest)
        self.answers.append(answer)
        return answer


@pytest.fixture
async def prism(vectors: Path, free_port: Callable[[], int]) -> AsyncIterator[str]:
    (description,) = (vectors / "psd2").glob("psd2-api_v1.3.11*.yaml")
    async with mocked(description, free_port()) as url:
        yield url


def spoken(url: str, http: Any, bank: Bank = BANK) -> Psd2Provider:
    settings = settings_for(bank, url, debtor_accounts={bank.code: DEBTOR.partition(" ")[0]})
    return Psd2Provider(settings, http)


async def test_the_description_takes_what_we_send(prism: str) -> None:
    """The order, the questions and the cancellation; and it misses each part that we leave out."""
    case = next(case for case in CASES if case.bank == "adorsys")
    async with OutboundClient(FakeClock()) as http:
        with known(BANK):
            seen = Seen(http)
            session = await spoken(prism, seen).create_payment(an_order(case))
            assert seen.answers[0].status == 201
            assert session.redirect_url.startswith("https://www.testbank.com/")

            external_id = Order(
                BANK, "sepa-credit-transfers", Money(2_099, "EUR"), "3d9a81b3-a47d-4130-8765-a9c0ff861b99"
            ).external_id
            await spoken(prism, seen).fetch_payment(external_id)
            with pytest.raises(
                Rejected, match="cancellation_needs_the_payer"
            ):  # of two answers the description's first
                await spoken(prism, seen).cancel_payment(external_id)
            assert all(answer.status < 300 for answer in seen.answers)

            for header in ("X-Request-ID", "PSU-IP-Address"):
                without = Seen(http, without=header)
                with pytest.raises(Rejected):
                    await spoken(prism, without).create_payment(an_order(case))
                assert [answer.status for answer in without.answers] == [400]
        odd = replace(BANK, products={"EUR": "ron-payment"})  # a bank's own product is not in the book
        with known(odd), pytest.raises(Rejected):
            await spoken(prism, Seen(http), odd).create_payment(an_order(case))
