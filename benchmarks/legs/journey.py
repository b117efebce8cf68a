"""The whole journey: an invoice is posted, mailed, opened, paid, confirmed and pushed; what it costs, and in how much memory."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from benchmarks import child, http_load, setting
from benchmarks.legs.standing import PRODUCT, bank, confirmations_of, expect, start
from benchmarks.machine import Watch, rss_mb
from benchmarks.rounds import Plan, Result
from benchmarks.sinks import http_sink, smtp_sink

WHAT = "posted, mailed, page opened, payment started, confirmed, pushed"
AIM = "2.5 CPU s per 1,000 invoices; RSS 200 MB"


async def run(plan: Plan) -> Result:
    number = plan.times(1_000)
    async with (
        http_sink(bank, keep=True).listening() as at_bank,
        http_sink().listening() as receiver,
        smtp_sink().listening() as mails,
        child.running(
            PRODUCT,
            folder=plan.room("product"),
            smtp_port=mails.port,
            bank_url=f"http://127.0.0.1:{at_bank.port}",
            push=[{"url": f"http://127.0.0.1:{receiver.port}/achit", "events": ["invoice.paid"]}],
        ) as product,
    ):

        async def journeys(name: str, count: int) -> None:
            mailed, pushed = mails.fresh(), receiver.fresh()
            port = product.port
            posts = setting.posts(product.ready["key"], name, count)
            bodies = await http_load.closed_loop(port, posts, at_once=32, expect={201})
            invoices = [json.loads(body) for body in bodies]
            await mailed.reached(count, within_s=120)
            urls = [invoice["pay_url"] for invoice in invoices]
            pages = (http_load.get(urlsplit(url).path) for url in urls)
            await http_load.closed_loop(port, pages, at_once=32, expect={200})
            references = at_bank.fresh()
            await http_load.closed_loop(port, map(start, urls), at_once=32, expect={303})
            opened = [json.loads(body)["reference"] for _, body in references.seen]
            webhooks = confirmations_of(opened)
            await http_load.closed_loop(port, webhooks, at_once=32, expect={200, 204})
            await pushed.reached(count, within_s=120)
            expect(mailed.count, count, "mails")
            expect(pushed.count, count, "pushes")

        await product.ask("work")
        await journeys("WARM", max(4, number // 10))
        watch = Watch(product.pid)
        await journeys("J", number)
        spent = watch.stop()
        memory_mb = rss_mb(product.pid)
        await product.ask("rest")
    per_1000 = spent.cpu_s / number * 1000
    values = {"cpu_s_per_1000": per_1000, "rss_mb": memory_mb, "per_second": number / spent.seconds}
    return Result(
        "journey", WHAT, AIM, per_1000 <= 2.5 and memory_mb <= 200, values=values | {"foreign": spent.foreign}
    )
