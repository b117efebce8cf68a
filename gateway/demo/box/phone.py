"""What is done on Ana's phone: she answers, presses buttons, pays in the chat, opens chats, and says which language she reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.demo.box.asking import Site, as_json, body_of
from gateway.demo.box.drafts import ANA, LOCALES
from gateway.demo.box.houses import House

LONGEST_TEXT = 1000
SPEAKS = {"ro": "română", "en": "English"}  # what she writes to say so


class Phone:
    """The handlers of the phone. Whatever she does goes through the vendor that carries it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        site.feed.put("ana", {"id": "ana", "locale": LOCALES[0]})

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/replies/{biller}/{channel}", self._reply), web.post("/language", self._language)]

    async def _reply(self, request: web.Request) -> web.Response:
        """She writes on one of her channels, presses a button under a message, or pays its bill."""
        house, channel = self._site.house(request), request.match_info["channel"]
        said = await body_of(request)
        if channel == "telegram" and type(said.get("pay")) is int:
            return await self._pay(house, said["pay"])
        text, button = str(said.get("text", "")).strip()[:LONGEST_TEXT], said.get("button")
        if not text and not button:
            raise web.HTTPUnprocessableEntity(text="Nothing was written.")
        carry = _pressing(house, str(button)).get(channel) if button else _writing(house, text).get(channel)
        if carry is None:
            raise web.HTTPNotFound
        try:
            status = await house.teller.carry(channel, text or str(button), carry(), pressed=bool(button))
        except LookupError:
            raise web.HTTPNotFound from None
        return as_json({"status": status})

    async def _pay(self, house: House, message_id: int) -> web.Response:
        """She presses Pay under a bill in the chat, and her card is charged if the biller's bot agrees."""
        try:
            done = await house.vendors.telegram.pay(ANA.chat_id, message_id)
        except LookupError:
            raise web.HTTPNotFound from None
        return as_json({"outcome": done.outcome, "words": done.words})

    async def _language(self, request: web.Request) -> web.Response:
        """She tells every biller that knows her; what is posted from now on is in that language too."""
        locale = (await body_of(request)).get("locale")
        if locale not in LOCALES:
            raise web.HTTPUnprocessableEntity(text="Not a language of the box.")
        self._site.feed.put("ana", {"id": "ana", "locale": locale})
        for house in self._site.houses.values():
            if house.teller.knows_ana:
                text = SPEAKS[locale]
                await house.teller.carry("telegram", text, house.vendors.telegram.write(ANA.chat_id, text))
        return as_json({"locale": locale})


def _writing(house: House, text: str) -> dict[str, Callable[[], Awaitable[int]]]:
    vendors = house.vendors
    carried: dict[str, Callable[[], Awaitable[int]]] = {
        "sms": lambda: vendors.twilio.reply(ANA.phone, text),
        "telegram": lambda: vendors.telegram.write(ANA.chat_id, text),
        "whatsapp": lambda: vendors.whatsapp.write(ANA.phone, text),
    }
    if letters := [mail for mail in vendors.mail.messages if mail.recipient == ANA.email]:
        carried["email"] = lambda: vendors.mail.reply(letters[-1], text)
    return carried


def _pressing(house: House, data: str) -> dict[str, Callable[[], Awaitable[int]]]:
    vendors = house.vendors
    return {
        "telegram": lambda: vendors.telegram.press(ANA.chat_id, data),
        "whatsapp": lambda: vendors.whatsapp.press(ANA.phone, data),
    }
