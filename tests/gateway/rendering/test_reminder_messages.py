"""Reminders as payers read them: three tones before, at and after the due date, of one invoice and of several."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.values import CURRENCIES, MAX_MINOR, Money
from gateway.rendering import Brand, Debt, Reminder, Renderer, septets
from gateway.rendering.gsm7 import SEGMENT
from gateway.rendering.samples import BRAND, sample_message

TONES, WHENS = ("friendly", "firm", "final"), ("before", "today", "after")
DUE = date(2026, 12, 8)


def reminder(tone: str = "friendly", when: str = "before", *amounts: Money, later: str = "") -> Reminder:
    debts = [
        Debt(f"F-{n}", amount, DUE, f"https://pay.acme.example/p/{n}")
        for n, amount in enumerate(amounts or [Money(12_345, "RON")], 1)
    ]
    one = len({debt.amount.currency for debt in debts}) == 1
    total = sum((debt.amount for debt in debts[1:]), debts[0].amount) if one else None
    first = debts[0]
    return Reminder(
        BRAND,
        tone,
        when,
        debts,
        first.number,
        first.amount,
        DUE,
        first.pay_url,
        f"{first.pay_url}/icon.png",
        total,
        "Ana",
        later,
    )


def sms(renderer: Renderer, context: Reminder, locale: str = "ro") -> str:
    return renderer.render("reminder", context, channel="sms", locale=locale).text


RO = {
    ("friendly", "before"): "factura F-1, 123,45 lei, e scadenta 08.12.2026: ",
    ("friendly", "today"): "azi e scadenta factura F-1, 123,45 lei. Plata: ",
    ("friendly", "after"): "poate ai uitat factura F-1, 123,45 lei. Plata: ",
    ("firm", "before"): "factura F-1, 123,45 lei, termen 08.12.2026. Plata: ",
    ("firm", "today"): "azi e ultima zi: factura F-1, 123,45 lei. Plata: ",
    ("firm", "after"): "factura F-1, 123,45 lei, e restanta din 08.12.2026: ",
    ("final", "before"): "atentie, factura F-1, 123,45 lei, termen 08.12.2026: ",
    ("final", "today"): "ultima zi de plata, factura F-1, 123,45 lei: ",
    ("final", "after"): "ultima notificare: factura F-1, 123,45 lei. Plata: ",
}


@pytest.mark.parametrize(("tone", "when"), RO)
def test_an_sms_says_what_is_to_be_paid_and_how_pressing_it_is(renderer: Renderer, tone: str, when: str) -> None:
    assert sms(renderer, reminder(tone, when)) == f"Acme Energie: {RO[tone, when]}https://pay.acme.example/p/1"


@pytest.mark.parametrize("locale", ["ro", "en"])
def test_every_tone_and_time_has_its_own_words(renderer: Renderer, locale: str) -> None:
    assert len({sms(renderer, reminder(*how), locale) for how in product(TONES, WHENS)}) == 9
    chats = {
        renderer.render("reminder", reminder(*how), channel="telegram", locale=locale).text
        for how in product(TONES, WHENS)
    }
    subjects = {
        renderer.render("reminder", reminder(*how), channel="email", locale=locale).subject
        for how in product(TONES, WHENS)
    }
    assert len(chats) == len(subjects) == 9


def test_several_invoices_in_one_sms(renderer: Renderer) -> None:
    lei = (Money(12_345, "RON"), Money(2_000, "RON"))
    link = "Prima: https://pay.acme.example/p/1"
    found = [sms(renderer, reminder(tone, "after", *lei)) for tone in TONES]
    assert found == [
        f"Acme Energie: facturi de platit: 2, in total 143,45 lei. {link}",
        f"Acme Energie: facturi inca neplatite: 2, in total 143,45 lei. {link}",
        f"Acme Energie: ultima notificare, facturi: 2, total 143,45 lei. {link}",
    ]
    mixed = sms(renderer, reminder("friendly", "after", Money(12_345, "RON"), Money(100, "EUR")))
    assert mixed == f"Acme Energie: facturi de platit: 2. {link}"


def test_a_chat_lists_them_with_a_button_each_and_one_to_put_them_off(renderer: Renderer) -> None:
    amounts = [Money(1_000 * n, "RON") for n in range(1, 6)]
    context = reminder("firm", "after", *amounts, later="remind:1:tomorrow")
    message = renderer.render("reminder", context, channel="telegram", locale="en")
    assert [button.text for button in message.buttons] == ["Pay F-1", "Pay F-2", "Pay F-3", "Remind me tomorrow"]
    assert [button.url for button in message.buttons[:3]] == [debt.pay_url for debt in context.debts[:3]]
    assert message.buttons[3].data == "remind:1:tomorrow"
    lines = message.text.splitlines()
    assert lines[:3] == [
        "Acme Energie",
        "🔴 The payment is overdue",
        "Invoice F-1: RON\u00a010.00 · Due Tuesday, 8 Dec 2026",
    ]
    assert lines[-2] == "Total: RON\u00a0150.00"
    assert "https://" not in message.text
    (pay,) = renderer.render("reminder", reminder(), channel="telegram", locale="ro").buttons
    assert pay.text == "Plătește 123,45\u00a0lei"


def test_an_email_lists_them_with_a_link_each(renderer: Renderer) -> None:
    context = reminder("final", "after", Money(12_345, "RON"), Money(2_000, "RON"))
    message = renderer.render("reminder", context, channel="email", locale="ro")
    assert message.subject == "Ultima notificare: facturi de la Acme Energie: 2"
    for text in (message.text, message.html):
        assert all(debt.pay_url in text and debt.number in text for debt in context.debts)
        assert "143,45" in text
    one = renderer.render("reminder", reminder(), channel="email", locale="ro")
    assert one.subject == "Se apropie o plată: factura F-1 de la Acme Energie, 123,45 lei"


def test_schema_org_knows_one_invoice_and_not_several(renderer: Renderer) -> None:
    def markup(context: Reminder) -> dict[str, object]:
        html = renderer.render("reminder", context, channel="email", locale="en").html
        found: dict[str, object] = json.loads(
            html.partition('<script type="application/ld+json">')[2].partition("</script>")[0] or "{}"
        )
        return found

    assert markup(reminder("firm", "after"))["paymentStatus"] == "https://schema.org/PaymentPastDue"
    assert markup(reminder("firm", "before"))["paymentStatus"] == "https://schema.org/PaymentDue"
    assert markup(reminder("firm", "after", Money(1, "RON"), Money(2, "RON"))) == {}


amounts = st.builds(Money, st.integers(0, MAX_MINOR), st.sampled_from(sorted(CURRENCIES)))
hosts = st.integers(1, 30).map(lambda length: "https://" + "h" * length + "/p/3kTMd9pQ2xVb7RnLw4")
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@given(
    st.builds(
        Reminder,
        brand=st.text(min_size=1).map(lambda name: Brand(name, name)),
        tone=st.sampled_from(TONES),
        when=st.sampled_from(WHENS),
        debts=st.integers(1, 200).map(lambda count: [Debt("F", Money(1, "RON"), DUE, "https://x")] * count),
        number=st.text(min_size=1),
        amount=amounts,
        due_on=days,
        pay_url=hosts,
        icon_url=hosts,
        total=st.none() | amounts,
    )
)
@pytest.mark.parametrize("locale", ["ro", "en"])
def test_any_reminder_is_one_segment(renderer: Renderer, locale: str, context: Reminder) -> None:
    text = sms(renderer, context, locale)
    assert septets(text) <= SEGMENT, text
    assert "\n" not in text


def test_the_sample_is_as_the_services_make_it() -> None:
    context = sample_message("reminder")
    assert isinstance(context, Reminder)
    assert replace(context, debts=[]).number == context.debts[0].number
