"""From a payer's message to the answer in the vendor's hands: read, understood, answered, committed, sent; at 20 a second.

Over Telegram, whose limit is above that; what is owed is asked for, and each payer has one invoice.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

from benchmarks import child, http_load, setting
from benchmarks.legs.standing import PRODUCT, expect
from benchmarks.machine import Watch
from benchmarks.rounds import Plan, Result, percentile
from benchmarks.sinks import http_sink, ok_json

PER_SECOND = 20
WARM_UP = 20
FIRST_CHAT = 1_000_000
HOOK = "/hooks/channels/acme.telegram"
WHAT = "payer's message -> answer handed to the channel, 20/s, open loop"
AIM = "p50 15 ms; p99 60 ms"
_CHAT = re.compile(rb"chat_id\D{1,12}(\d+)")


def _bot_api(head: bytes, body: bytes) -> bytes:
    """Takes every message."""
    sent = {"message_id": 1, "date": int(time.time()), "chat": {"id": 1, "type": "private"}, "text": "x"}
    return ok_json(json.dumps({"ok": True, "result": sent}).encode())


def _words(numbers: range) -> Iterator[bytes]:
    """What each payer writes, made before it is needed."""
    secret = f"X-Telegram-Bot-Api-Secret-Token: {setting.BOT_SECRET}\r\n"
    return iter([http_load.post(HOOK, json.dumps(_update(n)).encode(), secret) for n in numbers])


def _update(number: int) -> dict[str, object]:
    chat = FIRST_CHAT + number
    person = {"id": chat, "is_bot": False, "first_name": "Ana", "language_code": "ro"}
    return {
        "update_id": 5_000 + number,
        "message": {
            "message_id": number + 1,
            "from": person,
            "chat": {"id": chat, "first_name": "Ana", "type": "private"},
            "date": int(time.time()),
            "text": "Bună, cât am de plată?",
        },
    }


async def run(plan: Plan) -> Result:
    number = plan.times(600)
    async with (
        http_sink(_bot_api, keep=True).listening() as bot_api,
        child.running(PRODUCT, folder=plan.room("product"), bot_api_url=f"http://127.0.0.1:{bot_api.port}") as product,
    ):
        chats = [str(FIRST_CHAT + n) for n in range(WARM_UP + number)]
        posted = setting.posts(product.ready["key"], "T", len(chats), deliver=False, telegram=chats)
        await http_load.closed_loop(product.port, posted, at_once=16, expect={201})
        arrivals = bot_api.fresh()
        await product.ask("work")
        await http_load.open_loop(
            product.port, _words(range(WARM_UP)), per_second=PER_SECOND, at_once=16, expect={200, 204}
        )
        await arrivals.reached(WARM_UP)
        asked = range(WARM_UP, WARM_UP + number)
        watch = Watch(product.pid)
        answered = await http_load.open_loop(
            product.port, _words(asked), per_second=PER_SECOND, at_once=16, expect={200, 204}
        )
        await arrivals.reached(WARM_UP + number)
        spent = watch.stop()
        await product.ask("rest")
    due_at = {FIRST_CHAT + n: one.due_at for n, one in zip(asked, answered, strict=True)}
    took_ms = {
        chat: (at - due_at[chat]) * 1000
        for at, body in arrivals.seen
        if (found := _CHAT.search(body)) and (chat := int(found[1])) in due_at
    }
    expect(len(took_ms), number, "payers answered")
    p50_ms, p99_ms = percentile([*took_ms.values()], 50), percentile([*took_ms.values()], 99)
    values = {"p50_ms": p50_ms, "p99_ms": p99_ms, "cpu_us": spent.cpu_s / number * 1e6, "foreign": spent.foreign}
    return Result("chat", WHAT, AIM, p50_ms <= 15 and p99_ms <= 60, values=values)
