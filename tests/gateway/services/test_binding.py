"""Chats bound by a single-use link, and messages stopped by one click: the pages, the tokens, the vendors' webhooks."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from gateway.domain.deliveries import DeliveryState, Step
from gateway.services import bindings
from gateway.store import deliveries, schema
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, count, open_sim
from tests.harness.world import CHAT, EMAIL, PHONE, World

D = DeliveryState


async def call(method: str, url: str, data: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Status, Location and text of an answer; redirects are not followed."""
    async with (
        aiohttp.ClientSession() as client,
        client.request(method, url, data=data, allow_redirects=False) as answer,
    ):
        return answer.status, answer.headers.get("Location", ""), await answer.text()


async def start_token(world: World, invoice_id: int) -> str:
    """The token in the link that the pay page's button leads to."""
    view = await world.view(invoice_id)
    url = world.ctx.pay_url(invoice_id, view.invoice.link_version)
    status, location, _ = await call("POST", f"{url}/chats/telegram")
    assert status == 303
    assert location.startswith(f"https://t.me/{world.telegram.username}?start=")
    return parse_qs(urlsplit(location).query)["start"][0]


async def said(world: World, kind: str) -> list[dict[str, Any]]:
    query = schema.event.select().where(schema.event.c.type == kind).order_by(schema.event.c.id)
    return await world.db.read(lambda conn: [row.data for row in conn.execute(query)])


async def suppressed(world: World, channel: str, address: str) -> str | None:
    return await world.db.read(lambda conn: deliveries.suppressed(conn, world.biller.id, channel, address))


class TestBinding:
    async def test_the_link_binds_the_chat_and_the_invoice_arrives_there(self, world: World) -> None:
        view = await world.issue(reference="C-1", phone=PHONE)
        token = await start_token(world, view.invoice.id)
        assert await world.telegram.start_chat(CHAT, token) == 204
        await world.drain()
        assert (await world.view(view.invoice.id)).payer.telegram == str(CHAT)
        assert await world.states(view.invoice.id) == [("telegram", D.SENT)]
        (message,) = world.telegram.messages
        assert (message.chat_id, message.buttons[0].url) == (CHAT, world.ctx.pay_url(view.invoice.id, 0))
        assert await said(world, "payer.bound") == [{"channel": "telegram", "payers": ["C-1"]}]
        assert await said(world, "message.received") == []

    async def test_later_invoices_go_there_though_the_biller_does_not_know_the_chat(self, world: World) -> None:
        view = await world.issue(reference="C-1")
        await world.telegram.start_chat(CHAT, await start_token(world, view.invoice.id))
        later = await world.issue(reference="C-1", steps=[Step("telegram", 0)])
        await world.drain()
        assert await world.states(later.invoice.id) == [("telegram", D.SENT)]

    async def test_a_second_use_binds_nobody(self, world: World) -> None:
        view = await world.issue(reference="C-1")
        token = await start_token(world, view.invoice.id)
        for chat in (CHAT, 7, CHAT):
            assert await world.telegram.start_chat(chat, token) == 204
        await world.drain()
        assert (await world.view(view.invoice.id)).payer.telegram == str(CHAT)
        assert await count(world.db, schema.binding) == 1
        assert {message.chat_id for message in world.telegram.messages} == {CHAT}
        assert await said(world, "message.received") == []

    @pytest.mark.parametrize(("days", "bound"), [(7, True), (7.001, False)])
    async def test_a_link_is_good_for_seven_days(self, world: World, days: float, bound: bool) -> None:
        view = await world.issue()
        token = await start_token(world, view.invoice.id)
        world.clock.advance(seconds=days * 86_400)
        await world.telegram.start_chat(CHAT, token)
        assert ((await world.view(view.invoice.id)).payer.telegram == str(CHAT)) is bound

    async def test_a_token_that_was_not_issued_binds_nobody(self, world: World) -> None:
        view = await world.issue()
        token = await start_token(world, view.invoice.id)
        forged = token[:-1] + ("a" if token[-1] != "a" else "b")
        unsubscribe = world.ctx.unsubscribes.issue(1)  # ours, and for another purpose
        for wrong in (forged, unsubscribe, "x", token + "x"):
            await world.telegram.start_chat(CHAT, wrong)
        assert (await world.view(view.invoice.id)).payer.telegram is None
        assert await count(world.db, schema.start_token, schema.start_token.c.used_at.is_not(None)) == 0

    async def test_a_chat_that_had_been_blocked_is_written_to_again(self, world: World) -> None:
        view = await world.issue()
        now = world.clock.now()
        await world.db.write(
            lambda conn: deliveries.suppress(conn, world.biller.id, "telegram", str(CHAT), "stopped", now)
        )
        await world.telegram.start_chat(CHAT, await start_token(world, view.invoice.id))
        await world.drain()
        assert await world.states(view.invoice.id) == [("telegram", D.SENT)]

    async def test_a_settled_invoice_is_not_shown_in_the_chat(self, world: World) -> None:
        view = await world.issue()
        token = await start_token(world, view.invoice.id)
        await world.off_platform(view.invoice.id, "125.40")
        await world.telegram.start_chat(CHAT, token)
        await world.drain()
        assert world.telegram.messages == []
        assert (await world.view(view.invoice.id)).payer.telegram == str(CHAT)

    async def test_only_a_post_to_a_chat_of_the_billers_makes_a_token(self, world: World) -> None:
        view = await world.issue()
        url = world.ctx.pay_url(view.invoice.id, 0)
        answers = [
            await call("GET", f"{url}/chats/telegram"),
            await call("POST", f"{url}/chats/sms"),
            await call("POST", f"{url}/chats/pigeon"),
            await call("POST", f"{url[:-1]}_/chats/telegram"),
        ]
        assert [status for status, _, _ in answers] == [405, 404, 404, 404]
        assert await count(world.db, schema.start_token) == 0

    async def test_one_chat_may_belong_to_two_payers(self, world: World) -> None:
        views = [await world.issue(reference=reference) for reference in ("C-1", "C-2")]
        for view in views:
            await world.telegram.start_chat(CHAT, await start_token(world, view.invoice.id))
        await world.drain()
        assert [(await world.view(view.invoice.id)).payer.telegram for view in views] == [str(CHAT)] * 2
        account = world.ctx.directory.channel_called("acme.telegram")
        assert account is not None
        bound = await world.db.read(lambda conn: deliveries.bound_payers(conn, account.id, str(CHAT)))
        assert len(bound) == 2

    async def test_a_token_is_for_the_bot_it_was_made_for(self, database: Database, clock: FakeClock) -> None:
        chat = {"address": "chat", "opens_chats": True}
        async with open_sim(database, clock, channels={"telegram": chat, "whatsapp": chat}) as sim:
            view = await sim.issue()
            account = sim.ctx.directory.channel_called("acme.telegram")
            assert account is not None
            url = await bindings.start_url(sim.ctx, account, view.invoice.id)
            token = str(url).rpartition("=")[2]
            now = sim.clock.now()
            await sim.db.write(
                lambda conn: deliveries.suppress(conn, sim.biller.id, "telegram", str(CHAT), "stopped", now)
            )
            for name, bound in (("whatsapp", None), ("telegram", str(CHAT))):
                word = sim.vendors.channels[name].word(str(CHAT), "/start", event_id=name, start_token=token)
                assert await sim.hear(name, word) == 1
                payer = (await sim.view(view.invoice.id)).payer
                assert (payer.telegram, payer.whatsapp) == (bound, None)
            await sim.drain()
            assert await sim.states(view.invoice.id) == [("telegram", D.SENT)]  # binding lifts an earlier stop

    async def test_a_channel_without_such_links_has_none(self, sim: Sim) -> None:
        view = await sim.issue()
        account = sim.ctx.directory.channel_called("acme.sms")
        assert account is not None
        assert await bindings.start_url(sim.ctx, account, view.invoice.id) is None


class TestUnsubscribe:
    async def link(self, world: World, **payer: Any) -> str:
        """The link in the List-Unsubscribe header of an email that went out."""
        await world.issue(steps=[Step("email", 0)], email=EMAIL, **payer)
        await world.drain()
        mail = world.mail.messages[-1]
        assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in mail.content
        assert mail.unsubscribe_url in mail.text
        assert mail.unsubscribe_url in mail.html
        return mail.unsubscribe_url

    async def test_opening_it_changes_nothing_and_one_click_does(self, world: World) -> None:
        url = await self.link(world, reference="C-1")
        status, _, page = await call("GET", url)
        assert (status, await suppressed(world, "email", EMAIL)) == (200, None)
        assert re.search(r'<form[^>]*method="post"', page, re.IGNORECASE)
        for _ in range(2):  # RFC 8058: the body of the mail program's own POST
            status, location, page = await call("POST", url, {"List-Unsubscribe": "One-Click"})
            assert (status, location) == (200, "")
        assert await suppressed(world, "email", EMAIL) == "stopped"
        assert await said(world, "payer.stopped") == [{"channel": "email", "payers": ["C-1"], "reason": "stopped"}]
        silent = await world.issue(steps=[Step("email", 0), Step("sms", 0)], email=EMAIL, phone=PHONE)
        assert [one.channel for one in silent.deliveries] == ["sms"]

    async def test_a_link_that_is_not_ours_is_not_found(self, world: World) -> None:
        url = await self.link(world)
        forged = url[:-1] + ("a" if url[-1] != "a" else "b")
        start = f"{world.url}/u/{world.ctx.starts.issue(1)}"
        ours_but_of_nothing = f"{world.url}/u/{world.ctx.unsubscribes.issue(999)}"
        for wrong in (forged, start, ours_but_of_nothing, f"{world.url}/u/x"):
            assert (await call("GET", wrong))[0] == 404
            assert (await call("POST", wrong))[0] == 404
        assert await count(world.db, schema.suppression) == 0
