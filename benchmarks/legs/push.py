"""Status pushes out: the events of one biller, to 20 endpoints at once, each in its order and each push recorded."""

from __future__ import annotations

import itertools

from benchmarks import child, http_load, setting
from benchmarks.legs.standing import PRODUCT, expect
from benchmarks.rounds import Plan, Result, Sample, compare, measured
from benchmarks.sinks import http_sink

ENDPOINTS = 20
WHAT = "event -> signed, posted, recorded; 20 endpoints, each in order"
AIM = "0.60 of the floor"
_CARRIED = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


async def run(plan: Plan) -> Result:
    events, names = plan.times(100), itertools.count()
    number = events * ENDPOINTS
    heads: list[bytes] = []

    def answering(head: bytes, body: bytes) -> bytes:
        if not heads:
            heads.append(head)
        return b"HTTP/1.1 204 No Content\r\n\r\n"

    async with http_sink(answering, keep=True).listening() as receiver:
        targets = [{"url": f"http://127.0.0.1:{receiver.port}/achit/{n}"} for n in range(ENDPOINTS)]
        async with child.running(PRODUCT, folder=plan.room("product"), push=targets) as product:

            async def of_product(count: int = events) -> Sample:
                posts = setting.posts(product.ready["key"], f"P{next(names)}", count, deliver=False)
                await http_load.closed_loop(product.port, posts, at_once=64, expect={201})
                arrivals = receiver.fresh()

                async def pushed() -> None:
                    await product.ask("work")
                    await arrivals.reached(count * ENDPOINTS, within_s=120)
                    await product.ask("rest")

                sample = await measured(product, count * ENDPOINTS, pushed())
                expect(arrivals.count, count * ENDPOINTS, "pushes")
                return sample

            await of_product(1)
            body, headers = receiver.arrivals.seen[0][1].decode(), _headers(heads[0])
            async with child.running(
                "benchmarks.floors.push", url=targets[0]["url"], body=body, headers=headers, at_once=ENDPOINTS
            ) as floor:

                async def of_floor() -> Sample:
                    return await measured(floor, number, floor.ask("send", number=number))

                found = await compare(plan.rounds, of_floor, of_product)
            rows = await product.ask("count")
    expect(rows["status_push"], (events * (2 * plan.rounds + 1) + 1) * ENDPOINTS, "pushes recorded")
    return found.result("push", WHAT, AIM, found.judged >= 0.6, push_bytes=float(len(body)))


def _headers(head: bytes) -> dict[str, str]:
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    return {name: value for name, _, value in lines if name.lower() in _CARRIED}
