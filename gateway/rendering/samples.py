"""Contexts to look at and to check templates with: an everyday one of each kind and page, and the longest that an SMS
must bear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import product
from typing import Any

from gateway.domain.invoices import IconState
from gateway.ports.values import MAX_MINOR, Money
from gateway.rendering.page_values import (
    Card,
    EnterCode,
    HandOver,
    PageContext,
    PayPage,
    Returning,
    TransferPage,
    UnknownLink,
    Unsubscribe,
)
from gateway.rendering.values import (
    AboutInvoice,
    Brand,
    Debt,
    InvoiceIssued,
    Line,
    MessageContext,
    PaymentFailed,
    PaymentReceived,
    PaymentRefunded,
    Reminder,
    Reply,
)

BRAND = Brand(
    name="Acme Energie",
    legal_name="Acme Energie Furnizare S.A.",
    colour="#0b6e4f",
    support_email="clienti@acme.example",
    support_phone="+40 21 555 01 00",
    address="Str. Fabricii 12, București",
    website="https://acme.example",
)
_TOKEN = "3kTMd9pQ2xVb7RnLw4"  # noqa: S105 (opens nothing)
_HOST = "https://pay.acme.example"
_LINES = (
    Line("Energie activă", Money(98_210, "RON"), "1 240 kWh"),
    Line("Servicii de distribuție", Money(19_740, "RON"), "1 240 kWh"),
    Line("Contor inteligent", Money(5_500, "RON")),
)


def sample_message(kind: str) -> MessageContext:
    """An everyday message of `kind`. Raises KeyError on an unknown one."""
    page = f"{_HOST}/p/{_TOKEN}"
    due_on = date(2026, 11, 27)
    everyday: Mapping[str, MessageContext] = {
        "invoice_issued": InvoiceIssued(
            BRAND,
            "FF-2026-001234",
            Money(123_450, "RON"),
            due_on,
            page,
            f"{page}/icon.png",
            payer_name="Ana",
            issued_on=date(2026, 11, 13),
            description="Energie electrică, octombrie 2026",
            lines=_LINES,
            document_url=f"{_HOST}/documents/FF-2026-001234.pdf",
            qr_url=f"{page}/qr.png",
            unsubscribe_url=f"{_HOST}/u/{_TOKEN}",
        ),
        "payment_received": PaymentReceived(
            BRAND,
            "FF-2026-001234",
            Money(123_450, "RON"),
            Money(0, "RON"),
            date(2026, 11, 24),
            page,
            f"{page}/icon.png",
            payer_name="Ana",
            method="bank",
            reference="7Q2M-K3",
            document_url=f"{_HOST}/documents/FF-2026-001234.pdf",
        ),
        "payment_refunded": PaymentRefunded(
            BRAND,
            "FF-2026-001234",
            Money(123_450, "RON"),
            Money(0, "RON"),
            date(2026, 11, 26),
            IconState.PAID,
            page,
            f"{page}/icon.png",
            payer_name="Ana",
            reference="OP 1187",
        ),
        "payment_failed": PaymentFailed(
            BRAND,
            "FF-2026-001234",
            Money(123_450, "RON"),
            due_on,
            page,
            f"{page}/icon.png",
            payer_name="Ana",
            reason="insufficient_funds",
            method="card",
        ),
        "reminder": Reminder(
            BRAND,
            "friendly",
            "before",
            [Debt("FF-2026-001234", Money(123_450, "RON"), due_on, page)],
            "FF-2026-001234",
            Money(123_450, "RON"),
            due_on,
            page,
            f"{page}/icon.png",
            total=Money(123_450, "RON"),
            payer_name="Ana",
            later="remind:1:tomorrow",
            unsubscribe_url=f"{_HOST}/u/{_TOKEN}",
        ),
        "reply": Reply(BRAND, "Îți amintim vineri, 27 nov., ora 9:00. Răspunde ANULEAZĂ dacă nu e bine."),
    }
    return everyday[kind]


def about_invoice(kind: str) -> AboutInvoice:
    """An everyday message of `kind`, which is about an invoice. Raises KeyError on one that is not."""
    message = sample_message(kind)
    if isinstance(message, Reply):
        raise KeyError(kind)
    return message


def link_free(message: AboutInvoice, *, site: str = "acme.example", reference: str = "RF54 1234") -> AboutInvoice:
    """The same message on a channel where links are not sent."""
    said: dict[str, Any] = {"pay_url": "", "pay_code": "7K3QM-2PXWD", "payment_reference": reference}
    free = replace(message, link_free=True, pay_site=site, **said)
    match free:
        case InvoiceIssued():
            return replace(free, document_url=None, qr_url=None, chats=())
        case PaymentReceived():
            return replace(free, document_url=None)
        case Reminder():
            return replace(free, debts=[replace(debt, **said) for debt in free.debts])
        case PaymentFailed() | PaymentRefunded():
            return free


EVERY_KIND = ("RON", "EUR", "JPY", "KWD")  # of currency: our own, a symbol that is two septets, no decimals and three


@cache
def longest_messages(kind: str, currencies: Sequence[str] = EVERY_KIND) -> tuple[AboutInvoice, ...]:
    """The messages of `kind` that are longest as an SMS: name, number, date, link or what stands for it, and the greatest
    amount in each of the currencies.
    """
    brand = replace(BRAND, name="Întreprinderea Națională de Apă și Canalizare")
    number = "SERIE-LUNGĂ/2026-000000123456"
    page = f"https://{'h' * 30}/p/{_TOKEN}"
    day = date(2026, 9, 30)
    amounts = [Money(MAX_MINOR, currency) for currency in currencies]
    nothing = [Money(0, amount.currency) for amount in amounts]
    longest: list[AboutInvoice] = []
    if kind == "reminder":
        longest += _longest_reminders(brand, number, amounts, day, page)
    elif kind == "invoice_issued":
        longest += [InvoiceIssued(brand, number, amount, day, page, page) for amount in amounts]
    elif kind == "payment_failed":
        longest += [PaymentFailed(brand, number, amount, day, page, page) for amount in amounts]
    elif kind == "payment_refunded":
        pairs = [*zip(amounts, nothing, strict=True), *zip(amounts, amounts, strict=True)]
        state = IconState.PARTLY_PAID
        longest += [PaymentRefunded(brand, number, given, rest, day, state, page, page) for given, rest in pairs]
    elif kind == "payment_received":
        pairs = [*zip(amounts, nothing, strict=True), *zip(amounts, amounts, strict=True)]
        longest += [PaymentReceived(brand, number, received, rest, day, page, page) for received, rest in pairs]
    site, reference = (
        "s" * 24,
        f"RF{10**15 - 1}",
    )  # as long as they can be: config.biller.SITE_LENGTH, an id that fits a link
    return (*longest, *(link_free(message, site=site, reference=reference) for message in longest))


def _longest_reminders(brand: Brand, number: str, amounts: Sequence[Money], day: date, page: str) -> Iterator[Reminder]:
    """Every tone before, at and after the due date, of one invoice and of several."""
    for tone, when, amount in product(("friendly", "firm", "final"), ("before", "today", "after"), amounts):
        debt = Debt(number, amount, day, page)
        one = Reminder(brand, tone, when, [debt], number, amount, day, page, page, amount)
        yield one
        yield replace(one, debts=[debt] * 99, total=Money(amount.minor * 99, amount.currency))
        yield replace(one, debts=[debt] * 99, total=None)


def sample_page(name: str, state: IconState = IconState.OPEN) -> PageContext:
    """An everyday page; `state` is that of the pay page. Raises KeyError on an unknown name."""
    path = f"/p/{_TOKEN}"
    amount = Money(123_450, "RON")
    paid = {IconState.PAID: amount, IconState.PARTLY_PAID: Money(50_000, "RON")}.get(state, Money(0, "RON"))
    pages: Mapping[str, PageContext] = {
        "invoice": PayPage(
            BRAND,
            state,
            "FF-2026-001234",
            amount,
            paid,
            amount - paid,
            date(2026, 11, 27),
            path,
            revision="7",
            methods=() if state in (IconState.PAID, IconState.VOID) else ("bank", "card", "revolut"),
            payer_name="Ana Popescu",
            issued_on=date(2026, 11, 13),
            description="Energie electrică, octombrie 2026",
            lines=_LINES,
            document_url=f"{_HOST}/documents/FF-2026-001234.pdf",
            settled_on=date(2026, 11, 24) if state is IconState.PAID else None,
        ),
        "hand_over": HandOver(
            BRAND, "FF-2026-001234", amount, "https://processor.example/pay", path, {"amount": "1234.50", "curr": "RON"}
        ),
        "returning": Returning(
            BRAND, "FF-2026-001234", amount, path, {"state": "0000001aBcDeFgHiJk", "code": "SplxlOBeZQQ"}
        ),
        "transfer": TransferPage(
            BRAND,
            "FF-2026-001234",
            amount,
            path,
            "7.open",
            name="Acme Energie SRL",
            iban="RO49 AAAA 1B31 0075 9384 0000",
            reference="RF18 5390 0754 7034",
            bank="Banca Exemplu",
            bic="AAAAROBU",
        ),
        "unknown": UnknownLink(path),
        "card": Card(BRAND, _HOST + path, None),
        "unsubscribe": Unsubscribe(BRAND, f"/u/{_TOKEN}"),
        "code": EnterCode(),
    }
    return pages[name]
