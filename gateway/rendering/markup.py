"""schema.org data for mail readers, which show it as a card: https://schema.org/Invoice (read 2026-11-23). Names no
payer.
"""

from __future__ import annotations

from typing import Any

from gateway.ports.values import Money
from gateway.rendering.values import (
    Brand,
    InvoiceIssued,
    MessageContext,
    PaymentFailed,
    PaymentReceived,
    PaymentRefunded,
    Reminder,
    Reply,
)


def invoice_markup(context: MessageContext) -> dict[str, Any]:
    """The JSON-LD of a message; empty for one that is about no invoice, or about several. The template writes it with
    `|tojson`, which leaves no `</script>` in it.
    """
    match context:
        case InvoiceIssued():
            described = _due(context.amount, context.due_on.isoformat(), "PaymentDue")
            if context.description:
                described["description"] = context.description
        case PaymentFailed():
            described = _due(context.amount, context.due_on.isoformat(), "PaymentDeclined")
        case PaymentReceived() | PaymentRefunded():
            status = "PaymentDue" if context.outstanding.minor > 0 else "PaymentComplete"
            described = _due(context.outstanding, None, status)
        case Reminder(debts=[_], when=when):
            described = _due(
                context.amount, context.due_on.isoformat(), "PaymentPastDue" if when == "after" else "PaymentDue"
            )
        case Reminder() | Reply():
            return {}
    return {
        "@context": "https://schema.org",
        "@type": "Invoice",
        "identifier": context.number,
        **({"url": context.pay_url} if context.pay_url else {}),
        "provider": _organization(context.brand),
        **described,
    }


def _due(amount: Money, due_on: str | None, status: str) -> dict[str, Any]:
    due: dict[str, Any] = {
        "paymentStatus": f"https://schema.org/{status}",
        "totalPaymentDue": {"@type": "MonetaryAmount", "currency": amount.currency, "value": amount.value},
    }
    return due | ({"paymentDueDate": due_on} if due_on else {})


def _organization(brand: Brand) -> dict[str, Any]:
    known = {
        "url": brand.website,
        "logo": brand.logo_url,
        "email": brand.support_email,
        "telephone": brand.support_phone,
    }
    return {"@type": "Organization", "name": brand.legal_name} | {key: value for key, value in known.items() if value}
