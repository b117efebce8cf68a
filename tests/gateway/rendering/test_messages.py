"""What payers are sent: content on every channel, in both languages; safe whatever the values hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gateway.ports.values import Money
from gateway.rendering import (
    CHANNELS,
    KEPT_KINDS,
    KINDS,
    InvoiceIssued,
    PaymentFailed,
    PaymentReceived,
    Rendered,
    Renderer,
    Reply,
    preview,
    templates_root,
)
from gateway.rendering.samples import BRAND, sample_message

NASTY = "</script><script>alert(1)</script> & \"x\" 'y'\r\nBcc: a@b.example"


class Page(HTMLParser):
    """Text that a person sees, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.data: list[str] = []
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag if tag in ("style", "script", "title") else self._inside

    def handle_endtag(self, tag: str) -> None:
        self._inside = "" if tag == self._inside else self._inside

    def handle_data(self, data: str) -> None:
        (self.data if self._inside == "script" else self.words if not self._inside else []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def email(renderer: Renderer, kind: str, context: object = None, locale: str = "ro") -> Rendered:
    return renderer.render(kind, context or sample_message(kind), channel="email", locale=locale)  # type: ignore[arg-type]


def issued(**changes: object) -> InvoiceIssued:
    context = sample_message("invoice_issued")
    assert isinstance(context, InvoiceIssued)
    return replace(context, **changes)  # type: ignore[arg-type]


def received(**changes: object) -> PaymentReceived:
    context = sample_message("payment_received")
    assert isinstance(context, PaymentReceived)
    return replace(context, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_is_a_folder_of_its_parts(kind: str) -> None:
    """An answer is free text: no vendor keeps it."""
    parts = {file.name for file in (templates_root() / kind).iterdir()}
    kept = {"template.txt"} if kind in KEPT_KINDS else set()

    assert parts == {"subject.txt", "email.html", "email.txt", "short.txt"} | kept


def test_the_invoice_in_romanian(renderer: Renderer) -> None:
    message = email(renderer, "invoice_issued")

    assert message.subject == "Factura FF-2026-001234 de la Acme Energie: 1.234,50 lei, scadentă 27.11.2026"
    assert "Bună, Ana! Ai primit factura de la Acme Energie." in message.text
    assert "Scadentă vineri, 27 nov. 2026" in message.text
    assert "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4\n" in message.text


def test_the_invoice_in_english(renderer: Renderer) -> None:
    message = email(renderer, "invoice_issued", locale="en-GB")

    assert message.subject == "Invoice FF-2026-001234 from Acme Energie: RON\u00a01,234.50, due 27 Nov 2026".replace(
        "\u00a0", " "
    )
    assert "Hello Ana, your invoice from Acme Energie is here." in message.text
    assert "Due Friday, 27 Nov 2026" in message.text


def test_a_receipt_in_full_and_in_part(renderer: Renderer) -> None:
    full = email(renderer, "payment_received", received())
    part = email(renderer, "payment_received", received(outstanding=Money(23_450, "RON")))

    assert full.subject.startswith("Factura FF-2026-001234 este plătită")
    assert "Plătește" not in full.text
    assert part.subject.startswith("Plată primită pentru factura FF-2026-001234")
    assert "Plătește restul: 234,50\u00a0lei" in part.text
    assert "Plătită prin: Cont bancar" in part.text


@pytest.mark.parametrize("locale", ["ro", "en"])
@pytest.mark.parametrize("kind", KEPT_KINDS)
def test_plain_text_says_what_html_says(renderer: Renderer, kind: str, locale: str) -> None:
    message = email(renderer, kind, locale=locale)
    page = Page(message.html)
    html = page.text
    text = " ".join(message.text.split())
    values = [
        *re.findall(r"https://\S+", message.text),
        *(str(attributes["href"]) for attributes in page.all("a")),
    ]

    for value in values:
        bare = value.removeprefix("mailto:").removeprefix("tel:")
        assert bare in message.text.replace(" ", "") or bare in message.text
        assert bare in message.html
    facts = re.findall(r"\S*\d\S*", re.sub(r"https://\S+", "", text))
    assert len(facts) > 4
    for fact in facts:
        assert fact.rstrip(",:;.") in html
    for words in (BRAND.legal_name, BRAND.address, BRAND.support_phone, BRAND.support_email, "FF-2026-001234"):
        assert words in text
        assert words in html


@pytest.mark.parametrize("locale", ["ro", "en"])
@pytest.mark.parametrize("kind", KEPT_KINDS)
def test_an_email_is_made_for_mail_readers(renderer: Renderer, kind: str, locale: str) -> None:
    html = email(renderer, kind, locale=locale).html
    page = Page(html)

    assert page.all("html") == [{"lang": locale}]
    assert all(image.get("alt") for image in page.all("img"))
    assert all(image["src"].startswith("https://pay.acme.example/") for image in page.all("img") if image["src"])
    assert all(table.get("role") == "presentation" or "rows" in str(table["class"]) for table in page.all("table"))
    assert not page.all("link")
    assert "prefers-color-scheme: dark" in html
    assert len(html) < 20_000
    styled = [attributes for _, attributes in page.tags if attributes.get("class")]
    assert len(styled) > 15
    assert all(attributes.get("style") for attributes in styled)
    icon = page.all("img")[0]
    assert icon["src"] == "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4/icon.png"
    assert 'class="preheader" style="display: none;' in html


@pytest.mark.parametrize("kind", KEPT_KINDS)
def test_schema_org(renderer: Renderer, kind: str) -> None:
    page = Page(email(renderer, kind).html)
    data = json.loads(page.data[0])
    status = {
        "invoice_issued": "PaymentDue",
        "payment_received": "PaymentComplete",
        "payment_failed": "PaymentDeclined",
        "payment_refunded": "PaymentComplete",
        "reminder": "PaymentDue",
    }
    due = {
        "invoice_issued": "1234.50",
        "payment_received": "0.00",
        "payment_failed": "1234.50",
        "payment_refunded": "0.00",
        "reminder": "1234.50",
    }

    assert data["@context"] == "https://schema.org"
    assert data["@type"] == "Invoice"
    assert data["identifier"] == "FF-2026-001234"
    assert data["paymentStatus"] == f"https://schema.org/{status[kind]}"
    assert data["totalPaymentDue"] == {"@type": "MonetaryAmount", "currency": "RON", "value": due[kind]}
    assert data["provider"]["name"] == "Acme Energie Furnizare S.A."
    assert "Ana" not in json.dumps(data)


def test_nothing_in_a_value_becomes_markup(renderer: Renderer) -> None:
    brand = replace(
        BRAND, name=NASTY, legal_name=NASTY, address=NASTY, support_email=NASTY, logo_url=NASTY, website=NASTY
    )
    context = issued(
        brand=brand,
        number=NASTY,
        payer_name=NASTY,
        description=NASTY,
        document_url=NASTY,
        pay_url=NASTY,
        unsubscribe_url=NASTY,
    )

    message = email(renderer, "invoice_issued", context)
    page = Page(message.html)

    assert len(page.all("script")) == 1
    assert json.loads(page.data[0])["description"] == NASTY
    assert "<script>alert" not in message.html
    assert all(set(attributes) <= {"class", "style", "href"} for attributes in page.all("a"))
    assert "\n" not in message.subject
    assert "\r" not in message.subject


def test_buttons_of_a_chat(renderer: Renderer) -> None:
    invoice = renderer.render("invoice_issued", issued(), channel="telegram", locale="ro")
    paid = renderer.render("payment_received", received(document_url=None), channel="telegram", locale="ro")
    part = renderer.render("payment_received", received(outstanding=Money(100, "RON")), channel="telegram", locale="ro")
    failed = renderer.render("payment_failed", sample_message("payment_failed"), channel="telegram", locale="en")

    assert [button.text for button in invoice.buttons] == ["Plătește 1.234,50\u00a0lei", "Documentul facturii"]
    assert invoice.buttons[0].url == "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4"
    assert paid.buttons == ()
    assert part.buttons[0].text == "Plătește 1,00\u00a0lei"
    assert [button.text for button in failed.buttons] == ["Try again"]


def test_the_colour_of_a_chat_follows_the_state(renderer: Renderer) -> None:
    texts = [
        renderer.render("invoice_issued", issued(), channel="telegram", locale="ro").text,
        renderer.render(
            "payment_received", received(outstanding=Money(1, "RON")), channel="telegram", locale="ro"
        ).text,
        renderer.render("payment_received", received(), channel="telegram", locale="ro").text,
    ]

    assert [next(sign for sign in "⚪🟡🟢" if sign in text) for text in texts] == ["⚪", "🟡", "🟢"]
    assert all("http" not in text for text in texts), "the link is in the button"


def test_only_email_has_subject_and_html(renderer: Renderer) -> None:
    for channel in ("sms", "telegram", "whatsapp"):
        message = renderer.render("invoice_issued", issued(), channel=channel, locale="ro")
        assert (message.subject, message.html) == ("", "")
        assert message.text


def test_a_context_of_another_kind_is_refused(renderer: Renderer) -> None:
    with pytest.raises(TypeError, match="payment_failed is not rendered from InvoiceIssued"):
        renderer.render("payment_failed", issued(), channel="sms", locale="ro")
    with pytest.raises(TypeError, match="greeting"):
        renderer.render("greeting", issued(), channel="sms", locale="ro")


def test_what_is_not_known_is_not_shown(renderer: Renderer) -> None:
    bare = replace(BRAND, support_email=None, support_phone=None, address=None, website=None)
    context = issued(
        brand=bare,
        payer_name="",
        issued_on=None,
        description="",
        lines=(),
        document_url=None,
        qr_url=None,
        unsubscribe_url=None,
    )

    message = email(renderer, "invoice_issued", context)

    for words in ("None", "Întrebări", "Pentru", "Emisă", "Bună", "Deschide"):
        assert words not in message.text
        assert words not in Page(message.html).text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channel", CHANNELS)
def test_preview_has_the_parts_of_the_channel(renderer: Renderer, kind: str, channel: str) -> None:
    parts = preview(renderer, kind, channel, "ro")

    if channel == "email":
        assert list(parts) == ["subject.txt", "email.html", "email.txt"]
    else:
        assert "short.txt" in parts
    assert all(parts.values())


def test_a_failed_payment_says_why(renderer: Renderer) -> None:
    context = sample_message("payment_failed")
    assert isinstance(context, PaymentFailed)

    assert "Nu erau destui bani în cont." in email(renderer, "payment_failed", context).text
    assert "Nu erau destui bani în cont." in Page(email(renderer, "payment_failed", context).html).text
    assert "Motiv" not in email(renderer, "payment_failed", replace(context, reason="")).text


@pytest.mark.parametrize("locale", ["ro", "en"])
def test_an_answer_is_its_own_words_in_the_billers_frame(renderer: Renderer, locale: str) -> None:
    words = "Îți amintim vineri, 27 nov., ora 9:00.\nPlătești aici: https://pay.acme.example/p/x?a=1&b=<2>"
    context = Reply(BRAND, words, "https://pay.acme.example/u/x")
    message = renderer.render("reply", context, channel="email", locale=locale)
    page = Page(message.html)

    assert words.split("\n")[0] in message.text
    assert words.split("\n")[0] in page.text
    assert page.data == []  # it is about no invoice
    assert page.all("img") == []
    assert "<2>" not in message.html
    assert {"https://pay.acme.example/u/x"} <= {str(link["href"]) for link in page.all("a")}
    assert BRAND.legal_name in message.text
    assert renderer.render("reply", context, channel="telegram", locale=locale).text == words
    assert "\n" in renderer.render("reply", context, channel="sms", locale=locale).text


def test_the_email_offers_chats_on_the_pay_page(renderer: Renderer) -> None:
    """The link itself changes nothing: the button there does."""
    message = email(renderer, "invoice_issued", issued(chats=("telegram",)))
    url = "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4#chats"

    assert f"Primește-o în Telegram: {url}" in message.text
    assert url in [link["href"] for link in Page(message.html).all("a")]
    assert "#chats" not in email(renderer, "invoice_issued", issued()).text
