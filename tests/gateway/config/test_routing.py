"""The `[routing]` table and what accounts cost: read, kept, carried to the server, and every fault at once by its place."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.config import BillerConfig, ConfigError
from gateway.config.biller import Biller, biller_from
from gateway.config.shapes import Place, read_section
from gateway.control import pack_biller
from gateway.control.packing import unpack_biller
from gateway.domain.routing import Cap, Fee
from gateway.registry import Registry
from tests.harness.gateway import identity
from tests.harness.tables import faults_of

SECRET = {"env": "X"}
BANK = {"adapter": "sandbox", "api_url": "http://127.0.0.1:1", "api_key": SECRET, "webhook_secret": SECRET}
CARDS = BANK | {
    "methods": ["card"],
    "fee": {"percent": "1.2", "fixed": "0.30", "min": "0.50", "max": "25.00"},
    "fees": {"EUR": {"percent": "1.5%"}},
    "days_to_cash": 2,
    "min_amount": {"RON": "5.00", "JPY": "500"},
    "max_amount": {"RON": "20000"},
    "countries": ["RO", "MD"],
}
ROUTING: dict[str, Any] = {
    "cost_of_day": "0.05%",
    "in_app": "cost",
    "pin": {"methods": ["bank"], "accounts": ["cards"]},
    "hide": {"methods": ["wallet"]},
    "weights": {"card": {"cards": 70, "bank": 30}},
    "caps": [
        {"account": "cards", "amount": "50000.00", "currency": "RON", "per": "day"},
        {"account": "bank", "share": "40%"},
    ],
    "health": {"window": "5m", "failures": 3, "failure_share": "100%", "slow": "5s", "rest": "30s"},
}


def read(routing: dict[str, Any], **accounts: dict[str, Any]) -> BillerConfig:
    values = {"biller": identity(), "routing": routing, "providers": accounts or {"bank": BANK, "cards": CARDS}}
    return biller_from(values, Registry(), where=Place(Path(), {"X": "secret"}), file="acme.toml")


def faults(routing: dict[str, Any], **accounts: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ConfigError) as error:
        read(routing, **accounts)
    return faults_of(error)


def test_what_is_written_is_what_is_meant_here_and_on_the_server() -> None:
    config = read(ROUTING)
    kept = read_section(Biller, config.biller.model_dump(mode="json", by_alias=True), Place(Path(), {}), "")
    for each in (config, unpack_biller(pack_biller(config), Registry())):
        rules = each.biller.routing.rules()
        assert rules == kept.routing.rules()
        assert (rules.cost_of_day, rules.bank_first_in_app) == (Decimal("0.05"), False)
        assert rules.caps == (Cap("cards", "day", "RON", 5_000_000), Cap("bank", "month", share=40))
        assert (rules.health.window_s, rules.health.failure_share, rules.health.slow_ms) == (300, 100, 5_000)
        bank, cards = (account.terms for account in each.providers)
        assert bank.fee is None
        assert cards.fee is not None
        assert cards.fee.fee == Fee(Decimal("0.30"), Decimal("1.2"), Decimal("0.50"), Decimal("25.00"))
        assert cards.fees["EUR"].fee == Fee(percent=Decimal("1.5"))
        assert cards.limits() == ({"RON": 500, "JPY": 500}, {"RON": 2_000_000})
        assert (cards.days_to_cash, cards.countries) == (2, ("RO", "MD"))


def test_names_that_are_not_there_are_all_told() -> None:
    wrong = {
        "pin": {"methods": ["bnak"], "accounts": ["card"]},
        "hide": {"accounts": ["xyz"]},
        "weights": {"card": {"cards": 70, "bnk": 20}, "bank": {"cards": 110, "bank": -10}, "cheque": {"bank": 100}},
        "caps": [{"account": "cardz", "share": "10%"}],
    }
    assert faults(wrong) == {
        "acme.toml: routing.pin.methods[0]": "no account offers 'bnak'; did you mean \"bank\"?",
        "acme.toml: routing.pin.accounts[0]": 'there is no [providers.card]; did you mean "cards"?',
        "acme.toml: routing.hide.accounts[0]": "there is no [providers.xyz]",
        "acme.toml: routing.caps[0].account": 'there is no [providers.cardz]; did you mean "cards"?',
        "acme.toml: routing.weights.card.bnk": 'there is no [providers.bnk]; did you mean "bank"?',
        "acme.toml: routing.weights.card": "the parts are 90 in all, and not 100",
        "acme.toml: routing.weights.bank.cards": "cards does not offer bank",
        "acme.toml: routing.weights.bank.bank": "is a percentage, from 0 to 100",
        "acme.toml: routing.weights.cheque": "no account offers 'cheque'",
        "acme.toml: routing.weights.cheque.bank": "bank does not offer cheque",
    }


def test_a_fault_in_an_account_is_not_taken_for_a_missing_one() -> None:
    found = faults(ROUTING, bank=BANK, cards=CARDS | {"api_urll": "x"})
    assert list(found) == ["acme.toml: providers.cards.api_urll"]


def test_values_that_cannot_be_are_told_with_everything_else() -> None:
    wrong = {
        "cost_of_day": "cheap",
        "in_app": "wallets",
        "caps": [
            {"account": "bank"},
            {"account": "bank", "amount": "5", "share": "5%", "currency": "RON"},
            {"account": "bank", "amount": "5"},
            {"account": "bank", "share": 40, "per": "week"},
        ],
        "health": {"window": "10s", "failures": 0, "rests": "1m", "decline_share": "101%"},
    }
    terms = {
        "fee": {"percent": "101", "fixed": "-1"},
        "fees": {"XXX": {}, "EUR": {"min": "2", "max": "1"}},
        "min_amount": {"JPY": "1.5"},
        "days_to_cash": -1,
        "countries": ["Romania"],
        "fixed": "1",
    }
    found = faults(wrong, bank=BANK | terms)
    assert {place.removeprefix("acme.toml: ") for place in found} == {
        "routing.cost_of_day",
        "routing.in_app",
        "routing.caps[0]",
        "routing.caps[1]",
        "routing.caps[2]",
        "routing.caps[3].share",
        "routing.caps[3].per",
        "routing.health.window",
        "routing.health.failures",
        "routing.health.rests",
        "routing.health.decline_share",
        "providers.bank.fee.percent",
        "providers.bank.fee.fixed",
        "providers.bank.fees.XXX.[key]",
        "providers.bank.fees.EUR",
        "providers.bank.min_amount",
        "providers.bank.days_to_cash",
        "providers.bank.countries[0]",
        "providers.bank.fixed",
    }
    assert found["acme.toml: providers.bank.min_amount"] == "JPY has 0 decimals"
    assert found["acme.toml: routing.caps[0]"] == "amount: a cap has an amount or a share, and not both"


def test_channels_cost_elsewhere() -> None:
    values = {
        "biller": identity(),
        "channels": {"sms": {"account_sid": "AC1", "auth_token": SECRET, "from_number": "+40312345678", "fee": {}}},
    }
    with pytest.raises(ConfigError) as error:
        biller_from(values, Registry(), where=Place(Path(), {"X": "secret"}), file="acme.toml")
    assert faults_of(error) == {"acme.toml: channels.sms.fee": "unknown setting"}
