"""The Bot API as published (a machine-readable copy): what we send, what the stand-in answers and what it pushes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.telegram import PROVIDER_TOKEN, TelegramStandIn
from gateway.ports.channel import Button, Charge
from gateway.ports.errors import Rejected
from gateway.ports.values import Money, Secret
from gateway.testing.channel_steps import a_message
from tests.channels.telegram_bench import PAYER, TelegramBench, open_bench

CHARGE = Charge("tok", Money(12540, "RON"), "Factura 1042", "Plătește", (Button("Altfel", url="https://x.ro/p"),))
PRIMITIVES: dict[str, Any] = {"Integer": int, "String": str, "Boolean": bool, "True": bool, "Float": (int, float)}


@pytest.fixture
async def bench() -> AsyncIterator[TelegramBench]:
    async with open_bench() as bench:
        yield bench


@pytest.fixture
def published(vectors: Path) -> Published:
    return Published(json.loads((vectors / "telegram" / "api.json").read_bytes()))


class Published:
    """Holds a value against the published types. A field that is not published is a fault, as is one that is missing."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.methods = document["methods"]
        self.types = document["types"]

    def faults(self, value: Any, name: str, where: str = "") -> list[str]:
        if name.startswith("Array of "):
            if not isinstance(value, list):
                return [f"{where}: {value!r} is not a list"]
            inner = name.removeprefix("Array of ")
            return [fault for at, item in enumerate(value) for fault in self.faults(item, inner, f"{where}[{at}]")]
        if name in PRIMITIVES:
            fits = isinstance(value, PRIMITIVES[name]) and (name in ("Boolean", "True")) == isinstance(value, bool)
            return [] if fits else [f"{where}: {value!r} is not {name}"]
        described = self.types[name]
        if "subtypes" in described:
            tries = [self.faults(value, subtype, where) for subtype in described["subtypes"]]
            return min(tries, key=len)
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is not {name}"]
        return self.object_faults(value, described.get("fields", []), where or name)

    def object_faults(self, value: dict[str, Any], fields: list[dict[str, Any]], where: str) -> list[str]:
        known = {field["name"]: field for field in fields}
        faults = [f"{where}.{name} is not published" for name in value if name not in known]
        faults += [
            f"{where}.{name} is missing" for name, field in known.items() if field["required"] and name not in value
        ]
        for name in value.keys() & known.keys():
            tries = [self.faults(value[name], kind, f"{where}.{name}") for kind in known[name]["types"]]
            faults += min(tries, key=len)
        return faults

    def request_faults(self, method: str, parameters: dict[str, Any]) -> list[str]:
        return self.object_faults(parameters, self.methods[method].get("fields", []), method)

    def result_faults(self, method: str, result: Any) -> list[str]:
        return min((self.faults(result, kind, method) for kind in self.methods[method]["returns"]), key=len)


async def everything(bench: TelegramBench) -> None:
    """Every method that we call and every kind of update, good and refused."""
    channel, telegram = bench.channel(bench.settings_with(provider_token=Secret(PROVIDER_TOKEN))), bench.telegram
    buttons = (Button("Plătește", url="https://pay.example.ro/p/abc"), Button("Mai târziu", data="later"))
    await channel.register("https://pay.example.ro/hooks/channels/acme.telegram")
    telegram.api.webhook_url = ""  # nobody listens there
    result = await channel.send(a_message(bench, buttons=buttons))
    await telegram.write(PAYER, "bună")
    await telegram.press(PAYER, "later")
    await channel.parse_webhook(bench.sign(json.dumps(telegram.updates[-1]).encode()))
    await channel.edit(result.external_id, a_message(bench, text="Achitat"))
    await channel.edit(result.external_id, a_message(bench, text="Achitat"))
    await channel.send(a_message(bench, buttons=[Button("Numărul meu", contact=True)]))
    await telegram.share_contact(PAYER, "40722123456")
    await telegram.write(PAYER, "asta", reply_to=int(result.external_id.partition(":")[2]), forwarded=True)
    await telegram.send_photo(PAYER, "dovada")
    for words in (None, "Factura este deja plătită."):
        bill = await channel.send(a_message(bench, buttons=buttons, charge=CHARGE))
        await pay(channel, telegram, words)
    await channel.edit(bill.external_id, a_message(bench, text="Achitat"))
    await telegram.block(PAYER)
    with pytest.raises(Rejected):
        await channel.send(a_message(bench))
    await telegram.unblock(PAYER)
    for method in ("getMe", "getWebhookInfo", "setMyCommands", "deleteWebhook"):
        commands = {"commands": [{"command": "sold", "description": "Cât am de plată"}]}
        body = json.dumps(commands if method == "setMyCommands" else {}).encode()
        await bench.http.request(
            "POST",
            f"{telegram.url}/bot{telegram.token}/{method}",
            headers={"Content-Type": "application/json"},
            body=body,
            submits=False,
        )


async def pay(channel: Any, telegram: TelegramStandIn, words: str | None) -> None:
    """The payer presses Pay, and is let go on or is told why not."""
    paying = asyncio.ensure_future(telegram.pay(PAYER))
    await telegram.updates.until(len(telegram.updates) + 1)
    await channel.answer_checkout(telegram.updates[-1]["pre_checkout_query"]["id"], words)
    assert (await paying).outcome == ("paid" if words is None else "refused")


async def test_what_we_send_is_published(bench: TelegramBench, published: Published) -> None:
    await everything(bench)

    assert {call.method for call in bench.telegram.calls} >= {
        *("sendMessage", "editMessageText", "answerCallbackQuery"),
        *("sendInvoice", "answerPreCheckoutQuery", "deleteMessage"),
    }
    assert {
        call.method: faults
        for call in bench.telegram.calls
        if (faults := published.request_faults(call.method, dict(call.parameters)))
    } == {}


async def test_what_the_stand_in_answers_is_published(bench: TelegramBench, published: Published) -> None:
    await everything(bench)
    faults = [
        fault
        for call in bench.telegram.calls
        if call.status == 200
        for fault in published.result_faults(call.method, call.answer["result"])
    ]

    assert faults == []
    refused = [call.answer for call in bench.telegram.calls if call.status != 200]
    assert len(refused) == 3
    assert all(answer.keys() == {"ok", "error_code", "description"} for answer in refused)


async def test_what_the_stand_in_pushes_is_published(bench: TelegramBench, published: Published) -> None:
    await everything(bench)
    kinds = {name for update in bench.telegram.updates for name in update if name != "update_id"}

    assert kinds == {"message", "callback_query", "my_chat_member", "pre_checkout_query"}
    assert [fault for update in bench.telegram.updates for fault in published.faults(update, "Update")] == []


async def test_the_checker_bites(published: Published) -> None:
    user = {"id": 1, "is_bot": False, "first_name": "Ana"}
    assert published.faults(user, "User") == []
    assert published.faults({**user, "id": "1"}, "User")
    assert published.faults({**user, "is_bot": 1}, "User")
    assert published.faults({**user, "shoe_size": 42}, "User")
    assert published.faults({"id": 1, "is_bot": False}, "User")
    assert published.request_faults("sendMessage", {"chat_id": 1})
    assert published.request_faults("sendMessage", {"chat_id": 1, "text": "x", "colour": "red"})
    assert published.result_faults("sendMessage", True)


def test_updates_that_we_ask_for_are_published(published: Published) -> None:
    from channels.telegram import UPDATES

    assert set(UPDATES) <= {field["name"] for field in published.types["Update"]["fields"]}
