"""The demo's bank: a vendor apart from the gateway, with an API, pages for the payer and signed webhooks.

It shares no memory with the gateway and knows nothing of invoices. It must not be reachable from outside the machine.
"""

from gateway.demo.bank.faults import CreateFault, Manner
from gateway.demo.bank.ledger import Fee, Outcome, Payment, Refused, State
from gateway.demo.bank.pages import Brand
from gateway.demo.bank.refunds import Refund, RefundState
from gateway.demo.bank.server import Bank

__all__ = [
    "Bank",
    "Brand",
    "CreateFault",
    "Fee",
    "Manner",
    "Outcome",
    "Payment",
    "Refund",
    "RefundState",
    "Refused",
    "State",
]
