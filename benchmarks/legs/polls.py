"""Polling: how many attempts a second a worker asks about, while 100,000 are open and due."""

from __future__ import annotations

import json

from benchmarks import child, http_load
from benchmarks.legs.standing import PRODUCT, bank, first_invoice
from benchmarks.machine import Watch
from benchmarks.rounds import Plan, Result
from benchmarks.sinks import http_sink, ok_json

OPEN, ASKED = 100_000, 10_000
WHAT = "attempts polled a second, of 100,000 that are open and due; the vendor answers at once and sets no limit"
AIM = "400 a second"


def asked(head: bytes, body: bytes) -> bytes:
    """The bank that knows every payment: nothing has happened yet."""
    if head.startswith(b"POST"):
        return bank(head, body)
    payment_id = head.split(b" ", 2)[1].rpartition(b"/")[2].decode()
    payment = {
        "id": payment_id,
        "reference": payment_id,
        "status": "open",
        "reason": None,
        "amount": 12345,
        "received": 0,
        "reversed": 0,
        "refunded": 0,
        "fee": 0,
        "currency": "RON",
        "updated_at": "2026-11-24T10:00:00Z",
    }
    return ok_json(json.dumps(payment).encode())


async def run(plan: Plan) -> Result:
    number, wanted = plan.times(OPEN), plan.times(ASKED)
    async with (
        http_sink(asked).listening() as at_bank,
        child.running(PRODUCT, folder=plan.room("product"), bank_url=f"http://127.0.0.1:{at_bank.port}") as product,
    ):
        await first_invoice(product)
        await product.ask("clone", of="FIRST-0", name="P", number=number, payments=True)
        arrivals = at_bank.fresh()
        await product.ask("add_tasks", number=number, first=2, kind="poll")
        watch = Watch(product.pid)
        await product.ask("work")
        await arrivals.reached(wanted, within_s=120)
        spent = watch.stop()
        await product.ask("rest")
        booked = (await product.ask("polled"))["polls"]
    if booked < wanted:
        raise http_load.WrongAnswer(f"{wanted} polls were answered, and {booked} booked")
    rate = wanted / spent.seconds
    values = {"per_second": rate, "cpu_us": spent.cpu_s / wanted * 1e6, "foreign": spent.foreign}
    return Result("polls", WHAT, AIM, rate >= 400, values=values)
