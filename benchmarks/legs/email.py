"""Email, from the queued delivery to the SMTP server's 250 and the delivery recorded as sent, over 10 connections."""

from __future__ import annotations

import itertools

from benchmarks import child, http_load, setting
from benchmarks.legs.standing import PRODUCT, expect
from benchmarks.rounds import Plan, Result, Sample, compare, measured
from benchmarks.sinks import Sink, smtp_sink

CONNECTIONS = 10
WHAT = "delivery queued -> rendered -> SMTP sink -> recorded, 10 connections"
AIM = "0.50 of the floor"


async def run(plan: Plan) -> Result:
    number, names = plan.times(1_500), itertools.count()
    async with (
        smtp_sink(keep=True).listening() as sink,
        child.running(PRODUCT, folder=plan.room("product"), smtp_port=sink.port) as product,
    ):
        mail = await _a_mail(product, sink)
        async with child.running(
            "benchmarks.floors.email", smtp_port=sink.port, connections=CONNECTIONS, mail=mail
        ) as floor:

            async def of_product() -> Sample:
                await _post(product, f"P{next(names)}", number)
                arrivals = sink.fresh()

                async def sent() -> None:
                    await product.ask("work")
                    await arrivals.reached(number, within_s=120)
                    await product.ask("rest")

                sample = await measured(product, number, sent())
                expect(arrivals.count, number, "mails")
                return sample

            async def of_floor() -> Sample:
                arrivals = sink.fresh()
                sample = await measured(floor, number, floor.ask("send", number=number))
                expect(arrivals.count, number, "mails")
                return sample

            found = await compare(plan.rounds, of_floor, of_product)
            rows = await product.ask("count")
    expect(rows["task"], 0, "tasks left")
    return found.result("email", WHAT, AIM, found.judged >= 0.5, mail_bytes=float(len(mail)))


async def _post(product: child.Child, name: str, number: int) -> None:
    requests = setting.posts(product.ready["key"], name, number)
    await http_load.closed_loop(product.port, requests, at_once=64, expect={201})


async def _a_mail(product: child.Child, sink: Sink) -> str:
    """What the product sends, for the floor to send the same."""
    await _post(product, "FIRST", 1)
    arrivals = sink.fresh()
    await product.ask("work")
    await arrivals.reached(1)
    await product.ask("rest")
    return arrivals.seen[0][1].decode("ascii") + "\r\n"
