"""Invoices of earlier weeks, posted by the API like any other but without a message, so that the list begins as lists look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from gateway.demo.box.billers import DemoBiller
from gateway.demo.box.desk import Desk
from gateway.demo.box.drafts import CURRENCY, Drafting, Person, request_body
from gateway.ports.values import Money


@dataclass(frozen=True, slots=True)
class Past:
    """`paid` is the part that came in at the cash desk, in hundredths."""

    person: Person
    due_in_days: int
    paid: int = 0


_PAST = {
    "luminis": (
        Past(Person("Mihai Ionescu", "mihai.ionescu@example.com", "+40700000322", 482_190_338), -12),
        Past(Person("Elena Dumitru", "elena.dumitru@example.com", "+40700000323", 482_190_339), 3, 40),
        Past(Person("Radu Marinescu", "radu.marinescu@example.com", "+40700000324", 482_190_340), -4, 100),
    ),
    "ciresarii": (
        Past(Person("Ioana Stan", "ioana.stan@example.com", "+40700000325", 482_190_341), 9, 100),
        Past(Person("Andrei Moldovan", "andrei.moldovan@example.com", "+40700000326", 482_190_342), 9),
    ),
}


async def write_history(biller: DemoBiller, desk: Desk, drafting: Drafting, today: date) -> None:
    """Posts them, and what was paid of them. Raises RuntimeError when the API refuses one."""
    for past in _PAST[biller.slug]:
        draft = drafting.draw(today, due_in_days=past.due_in_days)
        body = request_body(biller, draft, today - timedelta(days=18), past.person) | {"deliver": []}
        issued = await desk.call("POST", "/v1/invoices", body)
        if issued.status != 201:
            raise RuntimeError(f"the API answered {issued.status} to the box's history: {issued.body}")
        if past.paid:
            minor = Money.parse(draft.amount, CURRENCY).minor * past.paid // 100
            payment = {
                "amount": {"value": Money(minor, CURRENCY).value, "currency": CURRENCY},
                "received_on": (today - timedelta(days=2)).isoformat(),
                "source": "cash_desk",
                "reference": f"receipt {draft.number}",
            }
            await desk.call("POST", f"/v1/invoices/{issued.body['id']}/payments", payment)
