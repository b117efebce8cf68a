"""Amounts and dates as each language writes them."""

from __future__ import annotations

from datetime import date

import pytest
from babel.numbers import parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.values import CURRENCIES, MAX_MINOR, Money, decimals
from gateway.rendering import Renderer
from gateway.rendering.catalogues import load
from gateway.rendering.formats import Formats
from gateway.rendering.sources import templates_root

LANGUAGES = load([templates_root() / "locales"], [])
FORMATS = {language: Formats(language, translations) for language, translations in LANGUAGES.items()}


@pytest.mark.parametrize(
    ("locale", "money", "shown"),
    [
        ("ro", Money(123_450, "RON"), "1.234,50\u00a0lei"),
        ("ro", Money(5, "RON"), "0,05\u00a0lei"),
        ("ro", Money(-123_450, "RON"), "-1.234,50\u00a0lei"),
        ("ro", Money(MAX_MINOR, "RON"), "10.000.000.000.000,00\u00a0lei"),
        ("ro", Money(99_900, "EUR"), "999,00\u00a0EUR"),
        ("en", Money(123_450, "RON"), "RON\u00a01,234.50"),
        ("en", Money(99_900, "EUR"), "€999.00"),
        ("en", Money(1_500, "JPY"), "¥1,500"),
        ("en", Money(1_250, "KWD"), "KWD\u00a01.250"),
        ("ro", Money(1_250, "IQD"), "1,250\u00a0IQD"),  # CLDR shows no decimals of it; ISO 4217 has three
    ],
)
def test_money(renderer: Renderer, locale: str, money: Money, shown: str) -> None:
    assert renderer.money(money, locale) == shown


def test_sms_money_is_plain() -> None:
    assert FORMATS["ro"].sms_money(Money(123_450, "RON")) == "1.234,50 lei"
    assert FORMATS["en"].sms_money(Money(99_900, "EUR")) == "EUR 999.00"


def test_days() -> None:
    friday = date(2026, 11, 27)

    assert FORMATS["ro"].day(friday) == "vineri, 27 nov. 2026"
    assert FORMATS["en"].day(friday) == "Friday, 27 Nov 2026"
    assert FORMATS["ro"].sms_day(friday) == "27.11.2026"
    assert FORMATS["en"].sms_day(friday) == "27 Nov 2026"


@given(st.builds(Money, st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(sorted(CURRENCIES))))
@pytest.mark.parametrize("locale", sorted(FORMATS))
def test_no_digit_is_lost(locale: str, money: Money) -> None:
    shown = FORMATS[locale].sms_money(money)
    digits = "".join(character for character in shown if character.isdigit() or character in ".,-")

    assert parse_decimal(digits.strip("."), locale) == money.decimal
    assert len(digits.split({"ro": ",", "en": "."}[locale])[-1]) == decimals(money.currency) or not decimals(
        money.currency
    )


def test_every_language_of_cldr_can_write_money() -> None:
    """A new language is one catalogue: none may stumble over its currency pattern."""
    for language in ("de", "fr", "hu", "bg", "uk", "pl", "ar", "hi", "ja", "fa", "he", "de_CH", "lt"):
        formats = Formats(language, LANGUAGES["en"])

        text = formats.money(Money(123_450, "RON"))

        assert any(character.isdigit() for character in text)
        assert "¤" not in text
        assert "RON" in text


def test_scripts_are_told_apart() -> None:
    english = LANGUAGES["en"]

    assert FORMATS["ro"].latin
    assert Formats("vi", english).latin
    assert not Formats("uk", english).latin
    assert not Formats("el", english).latin
    assert Formats("ar", english).right_to_left
