"""SMS text: the alphabet, transliteration, cutting, and the promise that every message is one segment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.invoices import IconState
from gateway.ports.values import CURRENCIES, MAX_MINOR, Money
from gateway.rendering import (
    KINDS,
    Brand,
    InvoiceIssued,
    PaymentFailed,
    PaymentReceived,
    PaymentRefunded,
    Renderer,
    septets,
    to_gsm7,
)
from gateway.rendering.gsm7 import NAME_SEPTETS, NUMBER_SEPTETS, SEGMENT, shorten
from gateway.rendering.samples import link_free, longest_messages, sample_message

# 3GPP TS 23.038, table 6.2.1, in the order of the codes; 0x1B is the escape.
TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
LOCALES = ("ro", "en")


def test_the_alphabet_is_the_standards() -> None:
    assert len(TABLE) == 128
    for character in TABLE.replace("\x1b", ""):
        assert to_gsm7(character) == character
        assert septets(character) == 1
    for character in "^{}\\[~]|€":
        assert to_gsm7(character) == character
        assert septets(character) == 2


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Șoseaua Țepeș, mâine în oră", "Soseaua Tepes, maine in ora"),
        ("Şcoală ţară (sedilă)", "Scoala tara (sedila)"),
        ("s\u0326 t\u0326 a\u0306", "s t a"),
        ("„Citat” – sfârșit…", '"Citat" - sfarsit...'),
        ("1\u00a0234\u202f567", "1 234 567"),
        ("Łódź Đorđe œuvre", "Lodz Dorde oeuvre"),
        ("Ä ö ü ß é à ñ Å", "Ä ö ü ß é à ñ Å"),
        ("Київ 🎉", "???? ?"),
        ("a\u200bb\ufeffc", "abc"),
    ],
)
def test_transliteration(text: str, plain: str) -> None:
    assert to_gsm7(text) == plain


@given(st.text())
def test_what_comes_out_is_gsm7_and_stays(text: str) -> None:
    plain = to_gsm7(text)

    septets(plain)
    assert to_gsm7(plain) == plain


def test_what_is_outside_is_not_counted() -> None:
    with pytest.raises(ValueError, match="alphabet"):
        septets("ș")


@given(st.text(max_size=60), st.integers(3, 40), st.booleans())
def test_shortened_text_fits_and_keeps_its_side(text: str, limit: int, keep_end: bool) -> None:
    plain = to_gsm7(text)

    short = shorten(plain, limit, keep_end=keep_end)

    assert septets(short) <= limit
    if septets(plain) <= limit:
        assert short == plain
    elif keep_end:
        assert plain.endswith(short[2:])
    else:
        assert plain.startswith(short[:-2])


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_message_is_one_segment(renderer: Renderer, kind: str, locale: str) -> None:
    for context in longest_messages(kind):
        text = renderer.render(kind, context, channel="sms", locale=locale).text

        assert septets(text) <= SEGMENT, text


def test_the_longest_is_really_long(renderer: Renderer) -> None:
    """The proof above is worth something only if its values are at their limits."""
    context = longest_messages("invoice_issued")[0]
    assert isinstance(context, InvoiceIssued)
    assert context.amount.minor == MAX_MINOR
    assert len(context.pay_url) == len("https://") + 30 + len("/p/") + 18
    assert septets(to_gsm7(context.brand.name)) > NAME_SEPTETS
    assert septets(to_gsm7(context.number)) > NUMBER_SEPTETS

    text = renderer.render("invoice_issued", context, channel="sms", locale="ro").text

    assert septets(text) > 150
    assert context.pay_url in text
    assert "10.000.000.000.000,00 lei" in text


hosts = st.integers(1, 30).map(lambda length: "https://" + "h" * length + "/p/3kTMd9pQ2xVb7RnLw4")
amounts = st.builds(Money, st.integers(0, MAX_MINOR), st.sampled_from(sorted(CURRENCIES)))
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(name=st.text(min_size=1), number=st.text(min_size=1), amount=amounts, rest=amounts, day=days, url=hosts)
@pytest.mark.parametrize("locale", LOCALES)
def test_any_message_is_one_segment(
    renderer: Renderer, locale: str, name: str, number: str, amount: Money, rest: Money, day: date, url: str
) -> None:
    brand = Brand(name, name)
    for kind, context in (
        ("invoice_issued", InvoiceIssued(brand, number, amount, day, url, url, payer_name=name, description=name)),
        ("payment_received", PaymentReceived(brand, number, amount, rest, day, url, url, payer_name=name)),
        ("payment_refunded", PaymentRefunded(brand, number, amount, rest, day, IconState.OPEN, url, url)),
        ("payment_failed", PaymentFailed(brand, number, amount, day, url, url, reason=name)),
    ):
        for sent in (context, link_free(context)):
            text = renderer.render(kind, sent, channel="sms", locale=locale).text

            assert septets(text) <= SEGMENT, text
            assert "\n" not in text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "reply"])
def test_sms_alone_is_transliterated(renderer: Renderer, kind: str) -> None:
    context = replace(sample_message(kind), brand=Brand("Apă Țara", "Apă Țara S.A."))

    assert renderer.render(kind, context, channel="sms", locale="ro").text.startswith("Apa Tara: ")
    assert renderer.render(kind, context, channel="telegram", locale="ro").text.startswith("Apă Țara\n")
