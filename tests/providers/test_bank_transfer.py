"""The bank transfer: what payers are told to type, and settings that no bank would take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from gateway.config.accounts import AccountReader
from gateway.config.shapes import Place
from gateway.ports.errors import InvalidSignature, Rejected
from gateway.ports.provider import PaymentStatus, Transfer
from gateway.ports.values import Money, WebhookRequest
from gateway.registry import Registry
from gateway.testing.provider_steps import a_request
from providers.bank_transfer import BankTransferProvider, Settings
from tests.providers.bank_transfer_bench import IBAN, BankTransferBench

EUR_IBAN = "DE89370400440532013000"
TABLE = {"adapter": "bank_transfer", "name": "Acme Energie SRL", "ibans": [f"RON {IBAN}"]}


class Nobody:
    """An HTTP client that must not be used."""

    async def request(self, *args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("a bank transfer calls nobody")


@pytest.fixture
def bench() -> BankTransferBench:
    return BankTransferBench(Nobody())


def provider(**changes: Any) -> BankTransferProvider:
    values = {"name": "Acme Energie SRL", "ibans": (f"RON {IBAN}", "EUR DE89 3704 0044 0532 0130 00")} | changes
    return BankTransferProvider(Settings(**values), Nobody())


async def test_the_payer_types_the_account_of_the_currency_and_the_invoices_reference(bench: BankTransferBench) -> None:
    asked = a_request(bench, amount=Money(12_345, "EUR"), creditor_reference="RF18539007547034")
    session = await provider(bank=" Banca Exemplu ", bic="AAAAROBU").create_payment(asked)

    assert session.transfer == Transfer(
        EUR_IBAN, "Acme Energie SRL", "RF18539007547034", bic="AAAAROBU", bank="Banca Exemplu"
    )
    assert (session.redirect_url, session.form, session.expires_at) == ("", None, asked.expires_at)
    assert session == await provider(bank="Banca Exemplu", bic="AAAAROBU").create_payment(asked), "the same again"


async def test_without_a_creditor_reference_the_tries_own_serves(bench: BankTransferBench) -> None:
    asked = a_request(bench, amount=Money(1, "RON"), creditor_reference="")
    session = await provider().create_payment(asked)

    assert session.transfer is not None
    assert session.transfer.reference == asked.reference


async def test_a_currency_without_an_account_is_not_offered_nor_taken(bench: BankTransferBench) -> None:
    assert [currency for currency in ("RON", "EUR", "USD") if provider().takes(currency)] == ["RON", "EUR"]
    with pytest.raises(Rejected, match="currency_not_taken"):
        await provider().create_payment(a_request(bench, amount=Money(1, "USD")))


async def test_nothing_is_known_of_it_and_nobody_calls(bench: BankTransferBench) -> None:
    session = await provider().create_payment(a_request(bench, amount=Money(1, "RON")))
    update = await provider().fetch_payment(session.external_id)

    assert (update.status, update.received, update.external_id) == (PaymentStatus.PENDING, None, session.external_id)
    with pytest.raises(Rejected):
        await provider().fetch_payment("no-such-payment")
    with pytest.raises(InvalidSignature):
        await provider().parse_webhook(
            WebhookRequest(b"{}", {}, "https://pay.example/hooks/providers/acme.transfer", bench.clock.now())
        )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": " "}, "name: the account holder"),
        ({"name": "x" * 71}, "name: the account holder"),
        ({"name": "Acme\nSRL"}, "name: the account holder"),
        ({"bank": "Banca\tExemplu"}, "bank: a name"),
        ({"bic": "btrlro22"}, "bic: 8 or 11"),
        ({"bic": "BTRLRO2"}, "bic: 8 or 11"),
        ({"ibans": []}, "ibans: at least one"),
        ({"ibans": [IBAN]}, "ibans: number 1 does not begin with its currency"),
        ({"ibans": [f"RON {IBAN}", f"LEI {IBAN}"]}, "ibans: number 2 does not begin with its currency"),
        ({"ibans": [f"RON {IBAN}", f"RON {EUR_IBAN}"]}, "ibans: RON has two"),
        ({"ibans": [f"RON {IBAN[:-1]}"]}, "ibans: the one for RON: an IBAN of RO has 24 characters, not 23"),
        ({"ibans": [f"RON {IBAN[:-1]}1"]}, "ibans: the one for RON: its check digits are wrong"),
        ({"ibans": ["RON US49AAAA1B31007593840000"]}, "ibans: the one for RON: US has no IBAN"),
    ],
)
def test_a_wrong_setting_is_named_where_the_biller_reads_it(change: Mapping[str, Any], fault: str) -> None:
    reader = AccountReader(Registry(), Place(Path(), {}), "acme.toml")

    assert reader.providers({"transfer": TABLE | change}) == ()
    (found,) = reader.faults
    assert str(found).startswith(f"acme.toml: providers.transfer: {fault}")


def test_right_settings_are_an_account() -> None:
    reader = AccountReader(Registry(), Place(Path(), {}), "acme.toml")
    (account,) = reader.providers({"transfer": TABLE | {"bank": "Banca Exemplu", "bic": "BTRLRO22XXX"}})

    assert reader.faults == []
    assert account.settings == Settings("Acme Energie SRL", (f"RON {IBAN}",), "Banca Exemplu", "BTRLRO22XXX")
