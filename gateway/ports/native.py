"""Native payments: a debt paid inside the chat, by a payment form of the channel's own vendor. An optional ability of a channel.

The message carries a `Charge`. The payer presses Pay, and the vendor asks with a `CheckoutQuery` whether that is still right;
answered with yes it takes the money and reports it as a `PaymentUpdate`, whose `reference` is the charge's `payload`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.ports.values import Money


@dataclass(frozen=True, slots=True)
class CheckoutQuery:
    """A payer is about to pay, and the vendor waits for a word. `event_id` is the same when it asks again.

    `amount` and `payload` are those of the message whose button was pressed; `address` is who pressed it.
    """

    event_id: str
    query_id: str
    address: str
    payload: str
    amount: Money
    occurred_at: datetime
    locale: str | None = None


class NativePayments(Protocol):
    def takes(self, amount: Money) -> bool:
        """Whether this account could be paid so much in the chat. What is refused all the same goes out without its button."""
        ...

    async def answer_checkout(self, query_id: str, refusal: str | None) -> None:
        """Lets the payer pay (None), or says why not, in the payer's words. To answer again is fine.

        Raises Rejected when the vendor waits no longer, RetryLater or OutcomeUnknown when it was not reached.
        """
        ...
