"""Money is exact in every currency; a secret gets out by `reveal` alone."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass, replace
from decimal import Decimal

import orjson
import pytest
from babel.numbers import get_currency_precision, list_currencies
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.values import CURRENCIES, MAX_MINOR, Money, Secret, decimals

currencies = st.sampled_from(sorted(CURRENCIES))
amounts = st.integers(-MAX_MINOR, MAX_MINOR)
TEXT = "sk_live_51Hx9zQw"


@given(minor=st.integers(0, MAX_MINOR), currency=currencies)
def test_value_and_parse_are_each_others_inverse(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert Money.parse(money.value, currency) == money
    assert len(money.value.partition(".")[2]) == decimals(currency)


@given(minor=amounts, currency=currencies)
def test_value_and_decimal_say_the_same(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert Decimal(money.value) == money.decimal
    assert money.decimal * 10 ** decimals(currency) == minor
    assert str(money) == f"{money.value} {currency}"


@given(left=amounts, right=amounts, currency=currencies)
def test_sums_are_whole_numbers(left: int, right: int, currency: str) -> None:
    total = Money(left, currency) + Money(right, currency)

    assert total == Money(left + right, currency)
    assert total - Money(right, currency) == Money(left, currency)


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("123.45", "RON", 12_345),
        ("0.29", "EUR", 29),
        ("19.99", "RON", 1_999),
        ("0.00", "RON", 0),
        ("500", "JPY", 500),
        ("0", "JPY", 0),
        ("1.250", "KWD", 1_250),
        ("10000000000000.00", "RON", MAX_MINOR),
    ],
)
def test_parse(value: str, currency: str, minor: int) -> None:
    assert Money.parse(value, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "value"),
    [(5, "RON", "0.05"), (-5, "RON", "-0.05"), (-12_345, "RON", "-123.45"), (-5, "KWD", "-0.005"), (-5, "JPY", "-5")],
)
def test_value(minor: int, currency: str, value: str) -> None:
    assert Money(minor, currency).value == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " 1.00",
        "1.00 ",
        "1.00\n",
        "1,00",
        "1",
        "1.",
        "1.0",
        "1.000",
        ".50",
        "01.00",
        "00.50",
        "-1.00",
        "+1.00",
        "1e2",
        "1_0.00",
        "١.٠٠",
        "1.٠0",
        "NaN",
        "Infinity",
        "0x1.00",
        "1 000.00",
        "1.00 RON",
        "9" * 5_000 + ".00",
        "10000000000000.01",
    ],
)
def test_parse_refuses_anything_else(value: str) -> None:
    with pytest.raises(ValueError) as caught:
        Money.parse(value, "RON")

    assert value.strip() not in str(caught.value) or value in ("", "1", "1.")


@given(st.text(), currencies)
def test_parse_returns_or_raises_value_error(value: str, currency: str) -> None:
    try:
        money = Money.parse(value, currency)
    except ValueError:
        return
    assert money.value == value


@pytest.mark.parametrize("value", [None, 5, 1.5, b"1.00", Decimal("1.00"), True])
def test_parse_takes_text_only(value: object) -> None:
    with pytest.raises(ValueError, match="digits"):
        Money.parse(value, "RON")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["", "ron", "RO", "RONN", "XXX", "XTS", "XAU", "BTC", "HRK", "BGN", "RON ", "ROŃ"])
def test_unknown_currency(currency: str) -> None:
    for attempt in (lambda: decimals(currency), lambda: Money(1, currency), lambda: Money.parse("1.00", currency)):
        with pytest.raises(ValueError, match="unknown currency"):
            attempt()


@pytest.mark.parametrize("currency", [None, 946, ["RON"], b"RON", {"RON": 1}])
def test_a_currency_is_text(currency: object) -> None:
    with pytest.raises(ValueError, match="unknown currency"):
        decimals(currency)  # type: ignore[arg-type]


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1)])
def test_money_is_whole(minor: object) -> None:
    with pytest.raises(TypeError, match="whole minor units"):
        Money(minor, "RON")  # type: ignore[arg-type]


def test_currencies_do_not_mix() -> None:
    for attempt in (lambda: Money(1, "RON") + Money(1, "EUR"), lambda: Money(1, "RON") - Money(1, "EUR")):
        with pytest.raises(ValueError, match="RON and EUR"):
            attempt()
    assert Money(1, "RON") != Money(1, "EUR")


def test_currencies_are_those_that_others_know() -> None:
    """CLDR knows each of ours, and agrees on every one with three decimals."""
    assert list_currencies() >= CURRENCIES
    ours = {currency for currency in CURRENCIES if decimals(currency) == 3}
    assert {currency for currency in CURRENCIES if get_currency_precision(currency) == 3} <= ours
    assert {decimals(currency) for currency in CURRENCIES} == {0, 2, 3}


def test_money_is_frozen_and_hashable() -> None:
    with pytest.raises(AttributeError):
        Money(1, "RON").minor = 2  # type: ignore[misc]
    assert len({Money(1, "RON"), Money(1, "RON"), Money(2, "RON")}) == 2


@dataclass(frozen=True, slots=True)
class Settings:
    key: Secret
    name: str = "acme"


def test_reveal_is_the_way_out() -> None:
    assert Secret(TEXT).reveal() == TEXT


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{0!r}".format,
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: f"{secret} {secret!r} {secret!s}",
        lambda secret: repr([secret, {"k": secret}, (secret,)]),
        lambda secret: repr(Settings(secret)),
        lambda secret: json.dumps(secret, default=str),
        lambda secret: orjson.dumps(secret, default=str).decode(),
        lambda secret: orjson.dumps(Settings(secret), default=repr).decode(),
        lambda secret: repr(dir(secret)),
    ],
)
def test_showing_it_says_nothing(shown: object) -> None:
    text = shown(Secret(TEXT))  # type: ignore[operator]

    assert TEXT not in text
    assert text


@pytest.mark.parametrize("spec", [">20", "s", "x", "020"])
def test_a_format_does_not_get_it_out(spec: str) -> None:
    assert TEXT not in format(Secret(TEXT), spec)


@pytest.mark.parametrize(
    "serialise",
    [
        pickle.dumps,
        lambda secret: pickle.dumps(Settings(secret)),
        json.dumps,
        orjson.dumps,
        lambda secret: orjson.dumps(Settings(secret)),
        copy.copy,
        copy.deepcopy,
        lambda secret: asdict(Settings(secret)),
        vars,
        list,
        bytes,
        lambda secret: secret.__getstate__(),
    ],
)
def test_it_is_not_serialised(serialise: object) -> None:
    with pytest.raises(TypeError) as caught:
        serialise(Secret(TEXT))  # type: ignore[operator]

    assert TEXT not in "".join(traceback.format_exception(caught.value))


def test_logs_and_tracebacks_do_not_say_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    try:
        raise RuntimeError(secret, Settings(secret))
    except RuntimeError as error:
        with caplog.at_level(logging.DEBUG):
            logging.getLogger("x").exception("failed with %s", secret, extra={"secret": secret})
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    assert TEXT not in caplog.text
    assert TEXT not in shown.replace(f"TEXT = {TEXT!r}", "")


def test_equality_is_of_secrets_only() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret(TEXT + "x")
    assert Secret("ș") != Secret("s")
    assert Secret(TEXT) != TEXT
    assert hash(Secret(TEXT)) == hash(Secret(TEXT))
    assert replace(Settings(Secret("old")), key=Secret("new")) == Settings(Secret("new"))


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret(" ")


@pytest.mark.parametrize("value", [None, 5, b"bytes", Secret("nested")])
def test_a_secret_is_text(value: object) -> None:
    with pytest.raises(TypeError, match="a secret is text"):
        Secret(value)  # type: ignore[arg-type]


def test_a_secret_does_not_change() -> None:
    secret = Secret(TEXT)
    with pytest.raises(AttributeError):
        secret._value = "other"
    with pytest.raises(AttributeError):
        del secret._value
    assert secret.reveal() == TEXT
