"""Where links are not sent there is none at all, and code, site and reference say how to pay: on every channel, in both languages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product

import pytest

from gateway.domain.reminders import Tone
from gateway.ports.channel import TemplateText
from gateway.ports.values import Money
from gateway.rendering import (
    KEPT_KINDS,
    Brand,
    InvoiceIssued,
    PaymentReceived,
    PaymentRefunded,
    Reminder,
    Renderer,
    septets,
)
from gateway.rendering.gsm7 import LEAST_NAME, SEGMENT
from gateway.rendering.keeping import kept_faults
from gateway.rendering.samples import about_invoice, link_free, longest_messages
from gateway.rendering.values import AboutInvoice
from tests.gateway.rendering.test_messages import Page

LOCALES = ("ro", "en")
LATER = "remind:1:tomorrow"
every_kind = pytest.mark.parametrize("kind", KEPT_KINDS)
in_both = pytest.mark.parametrize("locale", LOCALES)


def asking(kind: str) -> AboutInvoice:
    """A message that asks for money, as it is without links."""
    message = about_invoice(kind)
    if isinstance(message, PaymentReceived | PaymentRefunded):
        message = replace(message, outstanding=Money(23_450, "RON"))
    if isinstance(message, InvoiceIssued):
        message = replace(message, chats=("telegram",))
    return link_free(message)


def several(**changes: object) -> Reminder:
    """A reminder of two invoices, each with its own code."""
    one = asking("reminder")
    assert isinstance(one, Reminder)
    other = replace(one.debts[0], number="XX-9", pay_code="9AB3C-4DEFG", payment_reference="RF11 9")
    return replace(one, debts=[*one.debts, other], total=Money(246_900, "RON"), **changes)  # type: ignore[arg-type]


@in_both
@every_kind
def test_email_leads_nowhere_but_to_the_biller_and_out(renderer: Renderer, kind: str, locale: str) -> None:
    message = renderer.render(kind, asking(kind), channel="email", locale=locale)
    page = Page(message.html)
    links = {str(link["href"]) for link in page.all("a")}
    for words in ("7K3QM-2PXWD", "acme.example", "RF54 1234"):
        assert words in page.text
        assert words in message.text
    assert {link for link in links if not link.startswith(("mailto:", "tel:"))} <= {
        "https://pay.acme.example/u/3kTMd9pQ2xVb7RnLw4"
    }
    assert "/p/" not in message.text
    assert re.findall(r"https://\S*/p/[^\"\s]*", message.html) == [
        "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4/icon.png"
    ]
    assert "url" not in json.loads(page.data[0])
    for text in (page.text, message.text):
        assert ("Nu trimitem linkuri" if locale == "ro" else "We send no payment links") in text
        assert ("care se deschide" if locale == "ro" else "opens from this message") not in text


@in_both
@every_kind
@pytest.mark.parametrize("channel", ["sms", "telegram", "whatsapp"])
def test_short_ones_have_no_link(renderer: Renderer, kind: str, locale: str, channel: str) -> None:
    message = renderer.render(kind, asking(kind), channel=channel, locale=locale)
    reference = "RF541234" if channel == "sms" else "RF54 1234"
    for words in ("7K3QM-2PXWD", "acme.example", reference):
        assert words in message.text
    assert "http" not in message.text
    chat_of_reminder = kind == "reminder" and channel != "sms"
    assert [(button.url, button.data) for button in message.buttons] == ([(None, LATER)] if chat_of_reminder else [])


@in_both
def test_several_invoices_each_have_their_code(renderer: Renderer, locale: str) -> None:
    email = renderer.render("reminder", several(), channel="email", locale=locale)
    chat = renderer.render("reminder", several(), channel="telegram", locale=locale)
    html = Page(email.html)
    for text in (email.text, html.text, chat.text):
        for words in ("7K3QM-2PXWD", "RF54 1234", "9AB3C-4DEFG", "RF11 9"):
            assert text.count(words) == 1
        assert text.index("7K3QM-2PXWD") < text.index("XX-9") < text.index("9AB3C-4DEFG")
        assert "/p/" not in text
        assert text.count("acme.example") >= 1
    assert [str(link["href"]) for link in html.all("a") if "/p/" in str(link["href"])] == []
    assert [(button.url, button.data) for button in chat.buttons] == [(None, LATER)]
    sms = renderer.render("reminder", several(), channel="sms", locale=locale).text
    assert "7K3QM-2PXWD" in sms
    assert "9AB3C-4DEFG" not in sms


@in_both
def test_each_tone_and_time_of_a_reminder_is_one_segment(renderer: Renderer, locale: str) -> None:
    """Code, site and reference are whole at the worst; what gives way is the end of a long name."""
    texts = set()
    for context in longest_messages("reminder"):
        if not context.link_free:
            continue
        text = renderer.render("reminder", context, channel="sms", locale=locale).text
        assert septets(text) <= SEGMENT, text
        assert "http" not in text
        assert context.pay_site in text
        assert text.endswith(
            f"7K3QM-2PXWD {'pe' if locale == 'ro' else 'at'} {context.pay_site}, ref RF999999999999999"
        )
        name = text.partition(":")[0]
        assert len(name) > LEAST_NAME - 2
        assert "Intreprinderea Nat".startswith(name.removesuffix("..").rstrip())
        texts.add(re.sub(r"[0-9.,]+|[A-Z]{3}", "", text.partition(":")[2]))
    assert len(texts) >= len(list(product(Tone, ("before", "today", "after")))) + 2 * len(Tone)


def test_a_name_keeps_its_length_where_there_is_room(renderer: Renderer) -> None:
    named = replace(asking("reminder"), brand=Brand("Întreprinderea Națională", "x"))
    text = renderer.render("reminder", named, channel="sms", locale="ro").text

    assert text.startswith("Intreprinderea Nat..: ")


@in_both
@every_kind
def test_a_kept_text_has_no_button_and_says_how_to_pay(renderer: Renderer, kind: str, locale: str) -> None:
    registered = renderer.kept(kind, link_free(about_invoice(kind)), locale)
    with_links = renderer.kept(kind, about_invoice(kind), locale)
    assert registered == TemplateText(registered.name, locale, registered.body, registered.examples)
    assert kept_faults(registered) == []
    assert registered.name != with_links.name
    assert ("uton" if locale == "ro" else "button") not in registered.body
    for context in [asking(kind), *(one for one in longest_messages(kind) if one.link_free)]:
        message = renderer.render(kind, context, channel="whatsapp", locale=locale, template=True)
        sent = message.template
        assert sent is not None
        assert (sent.name, sent.language, sent.url_path) == (registered.name, locale, None)
        assert len(sent.values) == len(registered.examples)
        assert {context.pay_code, context.pay_site, context.payment_reference} <= set(sent.values)
        assert message.text == re.sub(r"\{\{(\d+)\}\}", lambda at: sent.values[int(at[1]) - 1], registered.body)  # noqa: B023
        assert message.buttons == ()
        assert "http" not in message.text
