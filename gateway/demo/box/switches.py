"""The biller's provider accounts in the page: what each costs, how it is, the switch that makes it fail; routing; refunds."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from gateway.demo.bank import Manner
from gateway.demo.box.accounts import ACCOUNTS, DemoAccount
from gateway.demo.box.asking import Site, as_json, body_of
from gateway.demo.box.drafts import CURRENCY
from gateway.demo.box.feed import Json
from gateway.demo.box.houses import House


class Switches:
    """The handlers of what is done to accounts and payments. What the page is told of routing, health and refunds comes by the API."""

    def __init__(self, site: Site) -> None:
        self._site = site
        for house in site.houses.values():
            for account in ACCOUNTS:
                site.feed.put("account", _item(house, account))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/accounts/{biller}/{account}", self._turn),
            web.get("/routing/{biller}/{id}", self._routing),
            web.post("/refunds/{biller}/{payment}", self._refund),
        ]

    async def _turn(self, request: web.Request) -> web.Response:
        """Turns an account's switch: `does` is what it does from now on."""
        house = self._site.house(request)
        account = next((one for one in ACCOUNTS if one.name == request.match_info["account"]), None)
        if account is None:
            raise web.HTTPNotFound
        does = (await body_of(request)).get("does")
        if does not in tuple(Manner):
            raise web.HTTPUnprocessableEntity(text="Not a position of the switch.")
        await house.vendors.banks[account.name].turn(Manner(does))
        self._site.feed.put("account", _item(house, account))
        return as_json(_item(house, account))

    async def _routing(self, request: web.Request) -> web.Response:
        """How an invoice is routed now, why, and how the accounts are, as the API says."""
        answered = await self._site.house(request).desk.call("GET", f"/v1/invoices/{request.match_info['id']}/routing")
        if answered.status != 200:
            raise web.HTTPNotFound
        return as_json(answered.body)

    async def _refund(self, request: web.Request) -> web.Response:
        """Gives money of a payment back: `amount` of it, for what is `due`. The same again is one refund."""
        house, payment, wanted = self._site.house(request), request.match_info["payment"], await body_of(request)
        body = {name: wanted[name] for name in ("amount", "reason") if name in wanted}
        key = f"box-{wanted.get('due', payment)}"
        answered = await house.desk.call("POST", f"/v1/payments/{payment}/refunds", body | {"key": key})
        return as_json({"status": answered.status, "answer": answered.body})


def _item(house: House, account: DemoAccount) -> Json:
    slug = house.biller.slug
    shown: dict[str, Any] = {
        "id": f"{slug}:{account.name}",
        "biller": slug,
        "name": account.name,
        "methods": list(account.methods),
        "fixed": {"value": account.fixed, "currency": CURRENCY},
        "percent": account.percent,
        "days": account.days,
        "does": house.vendors.banks[account.name].manner.value,
    }
    return shown
