"""Rendering of messages and payer pages, and the elements that payers see: icon, QR, button. Values in, text out; it
sends nothing.
"""

from __future__ import annotations

from gateway.rendering.answers import AnswerText
from gateway.rendering.colours import Palette, palette
from gateway.rendering.faults import BadTemplates
from gateway.rendering.gsm7 import septets, to_gsm7
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
from gateway.rendering.policy import content_security_policy
from gateway.rendering.preview import CHANNELS, check, preview
from gateway.rendering.renderer import KEPT_KINDS, KINDS, Renderer
from gateway.rendering.sources import Asset, templates_root
from gateway.rendering.values import (
    Brand,
    Debt,
    InvoiceIssued,
    Line,
    MessageContext,
    PaymentFailed,
    PaymentReceived,
    PaymentRefunded,
    Reminder,
    Rendered,
    Reply,
    masked,
)

__all__ = [
    "CHANNELS",
    "KEPT_KINDS",
    "KINDS",
    "AnswerText",
    "Asset",
    "BadTemplates",
    "Brand",
    "Card",
    "Debt",
    "EnterCode",
    "HandOver",
    "InvoiceIssued",
    "Line",
    "MessageContext",
    "PageContext",
    "Palette",
    "PayPage",
    "PaymentFailed",
    "PaymentReceived",
    "PaymentRefunded",
    "Reminder",
    "Rendered",
    "Renderer",
    "Reply",
    "Returning",
    "TransferPage",
    "UnknownLink",
    "Unsubscribe",
    "check",
    "content_security_policy",
    "masked",
    "palette",
    "preview",
    "septets",
    "templates_root",
    "to_gsm7",
]
