"""What templates are given: one frozen context a message kind and a page. Values only; nothing here formats or
reads.

A message that asks for money is `link_free` where its biller wants that on its channel: `pay_url` and the other links are
then empty, so that no template can show them, and `pay_code`, `pay_site` and `payment_reference` say how to pay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.domain.invoices import IconState
from gateway.ports.channel import Button, Template
from gateway.ports.values import Money


@dataclass(frozen=True, slots=True)
class Brand:
    """How a biller looks to a payer, and what the law wants said.

    `colour` is `#rgb` or `#rrggbb`; text on it stays readable whatever it is (`colours.palette`). `logo_url` is best on
    our own host (`Renderer.asset_url`): then no page of ours asks another one.
    """

    name: str
    legal_name: str
    colour: str = "#1d4ed8"
    logo_url: str | None = None
    support_email: str | None = None
    support_phone: str | None = None
    address: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of an invoice. `quantity` is shown as it is written (`142 kWh`)."""

    description: str
    amount: Money
    quantity: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceIssued:
    """There is something to pay. `amount` is what is asked for now; `payer_name` is how the payer is greeted, or
    empty. `withdrawn`: it is not asked for any more; the text of a chat's message, which is edited, says so. `chats` are
    channels that the payer can bind from the pay page.
    """

    brand: Brand
    number: str
    amount: Money
    due_on: date
    pay_url: str
    icon_url: str
    payer_name: str = ""
    issued_on: date | None = None
    description: str = ""
    lines: Sequence[Line] = ()
    document_url: str | None = None
    qr_url: str | None = None
    unsubscribe_url: str | None = None
    withdrawn: bool = False
    chats: Sequence[str] = ()
    link_free: bool = False
    pay_code: str = ""
    pay_site: str = ""
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class PaymentReceived:
    """Money has come. `outstanding` above zero makes it a receipt in part, with the link to the rest."""

    brand: Brand
    number: str
    received: Money
    outstanding: Money
    received_on: date
    pay_url: str
    icon_url: str
    payer_name: str = ""
    method: str = ""
    reference: str = ""
    document_url: str | None = None
    unsubscribe_url: str | None = None
    link_free: bool = False
    pay_code: str = ""
    pay_site: str = ""
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class PaymentFailed:
    """A try to pay did not succeed; nothing was taken. `reason` is a code of the catalogue (`reason.<code>`), or
    empty.
    """

    brand: Brand
    number: str
    amount: Money
    due_on: date
    pay_url: str
    icon_url: str
    payer_name: str = ""
    reason: str = ""
    method: str = ""
    unsubscribe_url: str | None = None
    link_free: bool = False
    pay_code: str = ""
    pay_site: str = ""
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class Debt:
    """One of the invoices of a reminder. `amount` is what is still owed; without links it has its own code and reference."""

    number: str
    amount: Money
    due_on: date
    pay_url: str
    pay_code: str = ""
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class Reminder:
    """Something is still to be paid: `debts` in the order in which they are due, one at least.

    `tone` is friendly, firm or final, `when` before, today or after, as the first debt's due date is. `number`, `amount`,
    `due_on`, `pay_url`, `pay_code` and `payment_reference` are those of the first, `total` that of all, where they have one
    currency. `later` is what the button "Remind me tomorrow" brings back, on a chat; empty: no button.
    """

    brand: Brand
    tone: str
    when: str
    debts: Sequence[Debt]
    number: str
    amount: Money
    due_on: date
    pay_url: str
    icon_url: str
    total: Money | None = None
    payer_name: str = ""
    later: str = ""
    unsubscribe_url: str | None = None
    link_free: bool = False
    pay_code: str = ""
    pay_site: str = ""
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to what a payer wrote. `text` is already in the payer's words; email puts it in the biller's frame."""

    brand: Brand
    text: str
    unsubscribe_url: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentRefunded:
    """Money went back to the payer. `outstanding` above zero: it is owed again, and the link leads there. `state` is that of the icon."""

    brand: Brand
    number: str
    refunded: Money
    outstanding: Money
    given_on: date
    state: IconState
    pay_url: str
    icon_url: str
    payer_name: str = ""
    reference: str = ""
    unsubscribe_url: str | None = None
    link_free: bool = False
    pay_code: str = ""
    pay_site: str = ""
    payment_reference: str = ""


AboutInvoice = InvoiceIssued | PaymentReceived | PaymentFailed | PaymentRefunded | Reminder
MessageContext = AboutInvoice | Reply

MESSAGES: Mapping[str, type[MessageContext]] = {
    "invoice_issued": InvoiceIssued,
    "payment_received": PaymentReceived,
    "payment_failed": PaymentFailed,
    "payment_refunded": PaymentRefunded,
    "reminder": Reminder,
    "reply": Reply,
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message, ready for a channel. `subject` and `html` are empty but for email; `buttons` but for chats; `template` is
    there when it was asked for.
    """

    subject: str
    html: str
    text: str
    buttons: tuple[Button, ...] = ()
    template: Template | None = None


def masked(name: str) -> str:
    """`Ana Popescu` as `A*** P***`: enough for the payer to know themselves, too little for who looks over a
    shoulder.
    """
    return " ".join(f"{word[0]}***" for word in name.split())
