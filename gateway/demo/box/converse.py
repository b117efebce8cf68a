"""A conversation without a browser: Ana asks, is reminded when she said, promises, does not pay, pays, and is left alone.

The box's clock is moved, and what arrived at the stand-ins by then is counted: a message that should not have been sent is a fault.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import aiohttp

from gateway.demo.box.drafts import ANA, request_body
from gateway.demo.box.houses import House
from gateway.demo.box.start import Box
from gateway.demo.box.steps import Report, check, open_page, pay
from gateway.demo.telegram import ChatMessage
from gateway.demo.twilio import Sms
from gateway.demo.whatsapp import PhoneMessage

T = TypeVar("T")
ZONE = ZoneInfo("Europe/Bucharest")
BEGINS_AT = datetime(2026, 11, 9, 10, tzinfo=ZONE)  # a Monday, with no holiday in the two weeks after it
DUE_IN_DAYS = 14


async def converse(box: Box, payer: aiohttp.ClientSession, report: Report) -> None:
    """The whole scenario. Raises Broken at the first fault."""
    house = next(iter(box.houses.values()))
    ana = Ana(box, house)
    with report.step("post"):
        pay_url, number = await ana.billed()
    await _reminded_by_sms(ana, pay_url, number, report)
    await _reminded_on_telegram(ana, number, report)
    await _promised(ana, number, report)
    form = await open_page(payer, pay_url, number, report)
    await pay(payer, pay_url, form, house, report)
    await _left_alone(ana, number, report)
    await _stopped(ana, report)


async def _reminded_by_sms(ana: Ana, pay_url: str, number: str, report: Report) -> None:
    with report.step("list"):
        said = await ana.texts("ce am de plată?")
        check(number in said and pay_url in said, f"the answer names neither the invoice nor its link: {said}")
    with report.step("remind"):
        said = await ana.texts("remind me tomorrow at 9")
        check(" 10 " in said and "9:00" in said, f"the answer does not say when: {said}")
    with report.step("reminder"):
        await ana.nothing_until(ana.day(1, 8, 59))
        await ana.goes_to(ana.day(1, 9))
        [sms] = ana.new_sms("a reminder by SMS")
        check(number in sms.body, f"the reminder does not name the invoice: {sms.body}")
        check(sms.created_at - ana.day(1, 9) < timedelta(minutes=1), f"it came at {sms.created_at}")
        check(not ana.new_chat() and not ana.new_whatsapp(), "it came on another channel too")


async def _reminded_on_telegram(ana: Ana, number: str, report: Report) -> None:
    with report.step("telegram_list"):
        message = await ana.chats("ce am de plată?")
        check(number in message.text, f"the answer does not name the invoice: {message.text}")
    with report.step("telegram_remind"):
        asked = await ana.presses(message, "remind:")
        said = await ana.presses(asked, "remind:", f":{ana.day(2, 9):%Y-%m-%dT%H:%M}")
        check(" 11 " in said.text and "9:00" in said.text, f"the answer does not say when: {said.text}")
    with report.step("telegram_reminder"):
        await ana.goes_to(ana.day(2, 9))
        [reminder] = ana.new_chat("a reminder on Telegram")
        check(number in reminder.text, f"the reminder does not name the invoice: {reminder.text}")
        check(not ana.new_sms() and not ana.new_whatsapp(), "it came on another channel too")


async def _promised(ana: Ana, number: str, report: Report) -> None:
    with report.step("promise"):
        said = await ana.texts("platesc luni")
        check(" 16 " in said, f"the answer does not say which Monday: {said}")
        check(ana.told("promise.made") == 1, "the billing system was not told of the promise")
    with report.step("broken_promise"):
        await ana.nothing_until(ana.day(8, 8, 59))
        check(ana.told("promise.broken") == 1, "the billing system was not told that the promise is broken")
        await ana.goes_to(ana.day(8, 9))
        [sms] = ana.new_sms("one message after the broken promise")
        check(number in sms.body, f"it does not name the invoice: {sms.body}")


async def _left_alone(ana: Ana, number: str, report: Report) -> None:
    with report.step("paid"):
        await ana.settled()
        check(ana.booked(number) == "paid", f"the invoice is booked as {ana.booked(number)}")
        check(ana.told("invoice.paid") == 1, "the billing system was not told of the payment")
        check(bool(ana.new_sms() or ana.new_chat() or ana.new_whatsapp()), "nobody thanked for the payment")
    with report.step("no_reminder"):
        sent = ana.told("reminder.sent")
        await ana.nothing_until(ana.day(40, 12))  # past every step of the ladder
        check(ana.told("reminder.sent") == sent, "a reminder was sent for a debt that is paid")
        check(ana.told("reminder.revoked") > 0, "the step that was to come was not revoked")


async def _stopped(ana: Ana, report: Report) -> None:
    with report.step("stop"):
        await ana.writes_sms("STOP")
        check(not ana.new_sms(), "Twilio answers a STOP by itself; we answered too")
        check(ana.told("payer.stopped") == 1, "the billing system was not told of the STOP")
        said = await ana.chats("STOP")
        check("START" in said.text, f"the answer does not say how it is undone: {said.text}")
        check(ana.told("payer.stopped") == 2, "the billing system was not told of the second STOP")
    with report.step("stopped"):
        mails = len(ana.house.vendors.mail.messages)
        await ana.issued()
        check(not ana.new_sms() and not ana.new_chat(), "a message went to a channel that was stopped")
        check(len(ana.house.vendors.mail.messages) == mails + 1, "the channels that were not stopped are silent too")


class Ana:
    """The payer at her phone. Each act waits until all that follows from it at this instant has followed."""

    def __init__(self, box: Box, house: House) -> None:
        self.house = house
        self._box = box
        self._seen = dict.fromkeys(("sms", "chat", "whatsapp"), 0)

    def day(self, days: int, hour: int, minute: int = 0) -> datetime:
        """An hour where she lives, so many days after the scenario began."""
        return datetime.combine(BEGINS_AT.date() + timedelta(days=days), time(hour, minute), ZONE)

    async def settled(self) -> None:
        await self._box.jumps.settled()

    async def goes_to(self, at: datetime) -> None:
        await self._box.jumps.to(at)

    async def nothing_until(self, at: datetime) -> None:
        """Time passes, and no message comes."""
        await self.goes_to(at)
        came = [*self.new_sms(), *self.new_chat(), *self.new_whatsapp()]
        check(not came, f"a message came before {at}: {came}")

    async def issued(self) -> tuple[str, str]:
        """The biller posts an invoice. Its pay link and its number, once its messages have gone."""
        body = request_body(
            self.house.biller,
            self.house.drafting.draw(self._box.today(), due_in_days=DUE_IN_DAYS),
            self._box.today(),
        )
        answered = await self.house.desk.call("POST", "/v1/invoices", body)
        check(answered.status == 201, f"the API answered {answered.status}: {answered.body}")
        await self.settled()
        return str(answered.body["pay_url"]), str(body["number"])

    async def billed(self) -> tuple[str, str]:
        """An invoice of which a message has come on each channel."""
        await self.settled()
        self.new_chat()
        pay_url, number = await self.issued()
        check(
            len(self.new_sms()) == len(self.new_chat()) == len(self.new_whatsapp()) == 1, "it did not come everywhere"
        )
        return pay_url, number

    async def texts(self, text: str) -> str:
        """Writes an SMS; the one answer."""
        await self.writes_sms(text)
        [answer] = self.new_sms(f"one answer to {text!r}")
        return answer.body

    async def writes_sms(self, text: str) -> None:
        await self._carried(self.house.vendors.twilio.reply(ANA.phone, text), text)

    async def chats(self, text: str) -> ChatMessage:
        """Writes on Telegram; the one answer."""
        await self._carried(self.house.vendors.telegram.write(ANA.chat_id, text), text)
        [answer] = self.new_chat(f"one answer to {text!r}")
        return answer

    async def presses(self, message: ChatMessage, begins: str, ends: str = "") -> ChatMessage:
        """Presses the first button of a message that brings this; the one answer."""
        data = [button.data or "" for button in message.buttons]
        found = next((one for one in data if one.startswith(begins) and one.endswith(ends)), None)
        check(found is not None, f"there is no button {begins}…{ends} under {message.text!r}: {data}")
        await self._carried(self.house.vendors.telegram.press(ANA.chat_id, str(found)), str(found))
        [answer] = self.new_chat(f"one answer to the button {found}")
        return answer

    async def _carried(self, sent: Awaitable[int], what: str) -> None:
        status = await sent
        check(200 <= status < 300, f"the webhook that carried {what!r} was answered {status}")
        await self.settled()

    def new_sms(self, expected: str = "") -> Sequence[Sms]:
        """What came by SMS since it was asked last; with `expected` there must be one."""
        return self._new("sms", [one for one in self.house.vendors.twilio.messages if one.to == ANA.phone], expected)

    def new_chat(self, expected: str = "") -> Sequence[ChatMessage]:
        return self._new("chat", self.house.vendors.telegram.messages, expected)

    def new_whatsapp(self) -> Sequence[PhoneMessage]:
        return self._new("whatsapp", self.house.vendors.whatsapp.messages, "")

    def _new(self, channel: str, messages: Sequence[T], expected: str) -> Sequence[T]:
        new = messages[self._seen[channel] :]
        self._seen[channel] = len(messages)
        check(not expected or len(new) == 1, f"expected {expected}, and {len(new)} messages came")
        return new

    def told(self, kind: str) -> int:
        """How many verified pushes of this event the billing system has taken."""
        return sum(push.type == kind and push.verified and not push.duplicate for push in self.house.vendors.erp.pushes)

    def booked(self, number: str) -> str | None:
        known = self.house.vendors.erp.invoices.get(number)
        return known.status if known else None
