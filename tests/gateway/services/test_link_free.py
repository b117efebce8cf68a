"""A channel without links: what the payer gets on it, and that the code in it opens the invoice."""

from __future__ import annotations

import re

import pytest

from gateway.domain.deliveries import Step
from gateway.domain.references import invoice_id
from gateway.domain.reminders import Tone
from gateway.services import pay_codes, wishes
from gateway.store.database import Database
from gateway.testing.clock import FakeClock
from tests.harness.gateway import Sim, open_sim
from tests.harness.world import CHAT, EMAIL, PHONE

SECRET = {"secret": {"env": "PROOF"}}
FREE = {
    "channels": {name: SECRET | {"link_free": True} for name in ("sms", "email", "telegram")},
    "delivery": {"pay_site": "acme.ro/plata"},
}


@pytest.mark.parametrize("locale", ["ro", "en"])
async def test_messages_carry_code_site_and_reference(database: Database, clock: FakeClock, locale: str) -> None:
    async with open_sim(database, clock, biller=FREE) as sim:
        steps = [Step("sms", 0), Step("email", 0), Step("telegram", 0)]
        to = {"phone": PHONE, "email": EMAIL, "telegram": str(CHAT)}
        view = await sim.issue(steps=steps, locale=locale, reference="C-1042", **to)
        await sim.drain()
        for name in ("sms", "email", "telegram"):
            (sent,) = sim.vendors.channels[name].sent
            assert sim.ctx.pay_codes.issue(view.invoice.id) in sent.text
            assert "acme.ro/plata" in sent.text
            assert not re.search(r"/p/[0-9A-Za-z]{18}", sent.text)
            assert not re.search(r"/p/[0-9A-Za-z]{18}(?!/icon.png)", sent.html)
            assert list(sent.buttons) == []
            written = re.search(r"RF[0-9 ]+", sent.text)
            assert written is not None
            assert invoice_id(written[0]) == view.invoice.id
        code = sim.ctx.pay_codes.issue(view.invoice.id)
        assert await pay_codes.pay_path(sim.ctx, "web:1", code, "1042") == sim.ctx.pay_path(view.invoice.id, 0)


@pytest.mark.parametrize("locale", ["ro", "en"])
async def test_a_reminder_of_several_gives_each_its_code(database: Database, clock: FakeClock, locale: str) -> None:
    async with open_sim(database, clock, biller=FREE) as sim:
        payer = {"reference": "C-1042", "locale": locale, "phone": PHONE, "email": EMAIL, "telegram": str(CHAT)}
        views = [await sim.issue(**payer) for _ in range(2)]  # type: ignore[arg-type]
        steps = [Step("sms", 0), Step("email", 0), Step("telegram", 0)]
        for view in views:
            await wishes.add(sim.ctx, sim.biller, view.invoice.id, clock.now(), steps, Tone.FIRM)
        await sim.drain()
        sms, email, chat = (sim.vendors.channels[name].sent[0] for name in ("sms", "email", "telegram"))
        codes = [sim.ctx.pay_codes.issue(view.invoice.id) for view in views]
        for sent in (sms, email, chat):
            assert "acme.ro/plata" in sent.text
            assert not re.search(r"/p/[0-9A-Za-z]{18}(?!/icon.png)", sent.text + sent.html)
            assert [button.url for button in sent.buttons if button.url] == []
        assert [code in sms.text for code in codes] == [True, False]
        for sent in (email, chat):
            ids = [invoice_id(found) for found in re.findall(r"RF[0-9 ]+", sent.text)]
            assert ids == [view.invoice.id for view in views]
            assert [sent.text.count(code) for code in codes] == [1, 1]
        assert [str(button.data).startswith("remind:") for button in chat.buttons] == [True]


async def test_links_stay_where_they_are_wanted(database: Database, clock: FakeClock) -> None:
    tables = {
        "channels": {"sms": SECRET | {"link_free": True}, "telegram": SECRET},
        "delivery": {"pay_site": "acme.ro"},
    }
    async with open_sim(database, clock, biller=tables) as sim:
        await sim.issue(steps=[Step("sms", 0), Step("telegram", 0)], phone=PHONE, telegram=str(CHAT))
        await sim.drain()
        assert "https://" not in sim.vendors.channels["sms"].sent[0].text
        assert sim.vendors.channels["telegram"].sent[0].buttons[0].url == sim.ctx.pay_url(1, 0)


async def test_the_email_leads_to_chats_on_the_page_until_one_is_bound(sim: Sim) -> None:
    view = await sim.issue(steps=[Step("email", 0)], email=EMAIL, reference="C-1")
    await sim.drain()
    await sim.issue(steps=[Step("email", 0)], email=EMAIL, reference="C-1", telegram=str(CHAT))
    await sim.drain()
    first, second = sim.vendors.channels["email"].sent
    assert f"{sim.ctx.pay_url(view.invoice.id, 0)}#chats" in first.html
    assert "#chats" not in second.html + second.text
