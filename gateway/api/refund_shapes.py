"""Refunds as the API takes and shows them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.api.answers import Answer, InvoiceId, RefundShown
from gateway.api.fields import printable
from gateway.api.models import Amount, Request
from gateway.api.queries import Limit, PageCursor
from gateway.domain.refunds import RefundState

Key = Annotated[
    str,
    Field(
        pattern="^[!-~]{1,255}$",
        description="As the header `Idempotency-Key`, for who cannot send one.",
        examples=["0b9c6f0e-2f7a-4f0e-9d0c-6a3d2c1b5e11"],
    ),
]


class NewRefund(Request):
    """Money to give back of one payment."""

    amount: Annotated[Amount | None, Field(description="Default: all that is left of the payment.")] = None
    reason: Annotated[
        Literal["requested", "duplicate", "fraud"], Field(description="Providers are told; payers are not.")
    ] = "requested"
    reopen: Annotated[
        bool, Field(description="True: what goes back is owed again. What was paid beyond the debt never is.")
    ] = False
    key: Key | None = None


class RefundDone(Request):
    reference: Annotated[
        str,
        printable(128),
        Field(description="By which the money can be found: of the transfer, the receipt.", examples=["OP 1187"]),
    ]


class RefundQuery(Request):
    """Newest first."""

    state: Annotated[RefundState | None, Field(strict=False, description="In this state now.")] = None
    limit: Limit = 50
    cursor: PageCursor | None = None


class Refund(RefundShown):
    """Money that goes back to a payer, with the invoice that it is about."""

    invoice: InvoiceId


class RefundPage(Answer):
    """`next_cursor` is null on the last page."""

    items: list[Refund]
    next_cursor: str | None


class RefundList(Answer):
    """Of one payment, the oldest first."""

    items: list[Refund]
