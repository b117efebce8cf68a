"""A stand-in for the Bot API and the people behind it: takes messages, edits and buttons, carries what people do.

What people do goes to the webhook with its secret, in order, and again until a 2xx answers, as Telegram does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.demo.standin import Arrivals, Fault, HttpStandIn
from gateway.demo.telegram.api import BotApi, Refused
from gateway.demo.telegram.people import Bill, ChatButton, ChatMessage, Person, shown

__all__ = ["PROVIDER_TOKEN", "Bill", "Call", "ChatButton", "ChatMessage", "Checkout", "Person", "TelegramStandIn"]
PROVIDER_TOKEN = "284685063:TEST:NjA5MTk4Mzk2"


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API and its answer, for tests that hold both against the published contract."""

    method: str
    parameters: Mapping[str, Any]
    status: int
    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checkout:
    """How it went for who pressed Pay: `paid`, `refused` (with the bot's words), `unanswered`, or `declined` by the provider.

    `status` is the webhook's answer to the news of the money.
    """

    outcome: str
    words: str = ""
    status: int = 0


class TelegramStandIn(HttpStandIn):
    """One bot. `retry_s` are the waits before an update that was not answered with 2xx is sent again."""

    def __init__(
        self,
        *,
        token: str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",  # noqa: S107 - made up
        username: str = "achit_demo_bot",
        provider_token: str = PROVIDER_TOKEN,
        retry_s: Sequence[float] = (1.0, 2.0, 4.0, 8.0, 16.0),
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(now)
        self.token = token
        self.username = username
        self.api = BotApi(int(token.partition(":")[0]), username, self.now, provider_token)
        self.calls: Arrivals[Call] = Arrivals()
        self.updates: Arrivals[Mapping[str, Any]] = Arrivals()
        self.receipts: Arrivals[ChatMessage] = Arrivals()  # bills whose button shows a receipt now
        self.retry_after_s = 3
        self.retry_s = retry_s
        self.checkout_s = 10.0  # how long a payer's phone waits for the bot's word
        self._charges = 0
        self._turn = asyncio.Lock()

    @property
    def messages(self) -> Arrivals[ChatMessage]:
        """What the bot sent, as it read at first."""
        return self.api.messages

    @property
    def edits(self) -> Arrivals[ChatMessage]:
        """Messages as they read after each edit."""
        return self.api.edits

    @property
    def deleted(self) -> Arrivals[ChatMessage]:
        """Messages that the bot took out of a chat, as they read last."""
        return self.api.deleted

    def routes(self) -> Iterable[web.RouteDef]:
        return (web.post("/bot{token}/{method}", self._called), web.get("/bot{token}/{method}", self._called))

    def join(self, chat_id: int, first_name: str = "Ana", *, started: bool = False) -> Person:
        """Somebody who may look the bot up; it cannot write to them before they start the chat, or did so long ago."""
        return self.api.people.setdefault(chat_id, Person(chat_id, first_name, started=started))

    async def start_chat(self, chat_id: int, token: str | None = None) -> int:
        """Opens `https://t.me/<bot>?start=<token>` and presses Start; the status of the webhook's answer."""
        person = self.join(chat_id)
        if not person.started:
            person.started = True
            await self._member(person, "left", "member")
        return await self.write(chat_id, f"/start {token}" if token else "/start")

    async def write(self, chat_id: int, text: str, *, reply_to: int | None = None, forwarded: bool = False) -> int:
        """The person writes to the bot, answers one of its messages, or forwards somebody's words.

        The status of the webhook's answer, 0 when there was none.
        """
        person = self.api.people[chat_id]
        message = self._written(person, text)
        if reply_to is not None:
            message["reply_to_message"] = shown(person.messages[reply_to], person.chat(), self.api.bot, self.now())
        if forwarded:
            origin = {"type": "hidden_user", "date": message["date"], "sender_user_name": "Acme"}
            message["forward_origin"] = origin
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return await self._push({"message": message})

    async def share_contact(self, chat_id: int, phone: str, *, of: int | None = None) -> int:
        """The person shares a number: their own, or that `of` somebody else. Telegram often leaves out the `+`."""
        person = self.api.people[chat_id]
        message = self._written(person, "")
        del message["text"]
        message["contact"] = {"phone_number": phone, "first_name": person.first_name, "user_id": of or chat_id}
        return await self._push({"message": message})

    async def send_photo(self, chat_id: int, caption: str = "") -> int:
        """The person sends a picture."""
        message = self._written(self.api.people[chat_id], "")
        del message["text"]
        message["photo"] = [{"file_id": "AgAC", "file_unique_id": "AQAD", "width": 90, "height": 51}]
        return await self._push({"message": message | ({"caption": caption} if caption else {})})

    def _written(self, person: Person, text: str) -> dict[str, Any]:
        written = ChatMessage(person.chat_id, self.api.next_message_id(), text)
        return shown(written, person.chat(), person.user(), self.now())

    async def pay(self, chat_id: int, message_id: int | None = None, *, declined: bool = False) -> Checkout:
        """Presses Pay under a bill (the latest) and confirms: the bot is asked, the card is charged, the bot is told.

        `declined`: the provider refuses the card, of which the bot hears nothing. Raises LookupError when there is no bill.
        """
        person = self.api.people[chat_id]
        held = person.billed(message_id)
        bill = held.bill
        if bill is None or bill.paid:
            raise LookupError("its button shows the receipt now")
        words, asked = await self.ask(chat_id, bill.payload, bill.currency, bill.amount)
        try:
            if words is None:
                return Checkout("unanswered")
            if words:
                return Checkout("refused", words)
            if declined:
                return Checkout("declined")
            if held.message_id in person.messages:  # not deleted meanwhile
                person.messages[held.message_id] = replace(held, bill=replace(bill, paid=True))
                self.receipts.add(person.messages[held.message_id])
            return Checkout("paid", status=await self.charge(chat_id, bill.payload, bill.currency, bill.amount))
        finally:
            await asyncio.gather(asked, return_exceptions=True)

    async def ask(
        self, chat_id: int, payload: str, currency: str, minor: int
    ) -> tuple[str | None, asyncio.Future[int]]:
        """Asks the bot whether somebody may pay, and waits as long as a payer's phone does.

        The bot's word, empty when it agrees, None when it says nothing in time; and the webhook that asks for it.
        """
        query_id = str(5_000_000_000 + len(self.updates))
        answer = self.api.checkouts[query_id] = asyncio.get_running_loop().create_future()
        sums = {"currency": currency, "total_amount": minor, "invoice_payload": payload}
        query = {"id": query_id, "from": self.api.people[chat_id].user(), **sums}
        asked = asyncio.ensure_future(self._push({"pre_checkout_query": query}))
        try:
            async with asyncio.timeout(self.checkout_s):
                return await answer, asked
        except TimeoutError:
            self.api.checkouts.pop(query_id, None)
            return None, asked

    async def charge(self, chat_id: int, payload: str, currency: str, minor: int) -> int:
        """The provider takes the money, and the bot is told. The status of the webhook's answer."""
        self._charges += 1
        message = self._written(self.api.people[chat_id], "")
        del message["text"]
        message["successful_payment"] = {
            "currency": currency,
            "total_amount": minor,
            "invoice_payload": payload,
            "telegram_payment_charge_id": f"_tg{self._charges:08d}",
            "provider_payment_charge_id": f"ch_demo{self._charges:08d}",
        }
        return await self._push({"message": message})

    async def again(self, place: int = -1) -> int:
        """Sends an update that was sent before once more, as Telegram does when an answer of ours is lost."""
        return await self._repeat(self.updates[place])

    async def press(self, chat_id: int, data: str) -> int:
        """Presses the button with `data` under the latest message that has it. Raises LookupError when none has."""
        person = self.api.people[chat_id]
        held = person.holding(data)
        query_id = str(4_000_000_000 + len(self.updates))
        self.api.pressed.append(query_id)
        query = {
            "id": query_id,
            "from": person.user(),
            "chat_instance": str(chat_id),
            "data": data,
            "message": shown(held, person.chat(), self.api.bot, self.now()),
        }
        return await self._push({"callback_query": query})

    async def block(self, chat_id: int) -> int:
        """Blocks the bot: it is told, and every later message to this person is refused with 403."""
        self.api.people[chat_id].blocked = True
        return await self._member(self.api.people[chat_id], "member", "kicked")

    async def unblock(self, chat_id: int) -> int:
        self.api.people[chat_id].blocked = False
        return await self._member(self.api.people[chat_id], "kicked", "member")

    async def _member(self, person: Person, old: str, new: str) -> int:
        def member(status: str) -> dict[str, Any]:
            return {"status": status, "user": self.api.bot} | ({"until_date": 0} if status == "kicked" else {})

        change = {
            "chat": person.chat(),
            "from": person.user(),
            "date": int(self.now().timestamp()),
            "old_chat_member": member(old),
            "new_chat_member": member(new),
        }
        return await self._push({"my_chat_member": change})

    async def _push(self, content: Mapping[str, Any]) -> int:
        """One update to the webhook; tried again, before any later one, until it is taken or the waits are used up."""
        update = {"update_id": 1000 + len(self.updates), **content}
        self.updates.add(update)
        return await self._repeat(update)

    async def _repeat(self, update: Mapping[str, Any]) -> int:
        if not self.api.webhook_url:
            return 0
        headers = {"Content-Type": "application/json"}
        if self.api.webhook_secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self.api.webhook_secret
        body = json.dumps(update).encode()
        async with self._turn:
            status = await self._post(self.api.webhook_url, body, headers)
            for wait_s in self.retry_s:
                if 200 <= status < 300:
                    break
                await asyncio.sleep(wait_s)
                status = await self._post(self.api.webhook_url, body, headers)
        return status

    async def _called(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return _answer(401, _problem(401, "Unauthorized"))
        parameters: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json" and request.can_read_body:
            parameters |= await request.json()
        elif request.method == "POST":
            parameters |= await request.post()
        if (refused := await self._fail()) is not None:
            return refused
        method = request.match_info["method"]
        try:
            status, answer = 200, {"ok": True, "result": self.api.call(method, parameters)}
        except Refused as error:
            status, answer = error.status, _problem(error.status, error.description)
        self.calls.add(Call(method, parameters, status, answer))
        return await self._hang() if self.fault is Fault.LOSE_ANSWER else _answer(status, answer)

    async def _fail(self) -> web.Response | None:
        match self.fault:
            case Fault.THROTTLED:
                wait = {"retry_after": self.retry_after_s}
                problem = _problem(429, f"Too Many Requests: retry after {self.retry_after_s}") | {"parameters": wait}
                return _answer(429, problem, {"Retry-After": str(self.retry_after_s)})
            case Fault.UNAVAILABLE:
                return _answer(503, _problem(503, "Service Unavailable"))
            case Fault.BROKEN:
                return _answer(500, _problem(500, "Internal Server Error"))
            case Fault.HANG:
                return await self._hang()
            case _:
                return None


def _problem(status: int, description: str) -> dict[str, Any]:
    return {"ok": False, "error_code": status, "description": description}


def _answer(status: int, answer: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(answer, status=status, headers=headers)
