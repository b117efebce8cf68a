"""Who is behind an address: contact points as they stand, single-use links, shared numbers; and what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.domain.deliveries import DeliveryState, Step
from gateway.ports.channel import InboundMessage
from gateway.services import bindings
from gateway.services.directory import ChannelAccount
from gateway.store import deliveries, schema
from tests.harness.gateway import Sim, count
from tests.harness.world import CHAT, EMAIL, PHONE

OTHER_PHONE = "+40733555777"
HERE, THERE = str(CHAT), "700"


def account(sim: Sim, name: str = "telegram") -> ChannelAccount:
    found = sim.ctx.directory.channel_called(f"acme.{name}")
    assert found is not None
    return found


async def payers(sim: Sim, name: str, address: str) -> list[str]:
    at = account(sim, name)
    found = await sim.db.read(lambda conn: bindings.payers_of(conn, sim.ctx, at, address))
    return [payer.reference for payer in found]


def message(sim: Sim, address: str = HERE, text: str = "", **more: Any) -> InboundMessage:
    return InboundMessage("e", "e", address, text, sim.clock.now(), **more)


async def share(sim: Sim, phone: str, address: str = HERE) -> list[str]:
    now = sim.clock.now()
    said = message(sim, address, contact=phone)
    at = account(sim)
    bound = await sim.db.write(lambda conn: bindings.bind_by_contact(conn, sim.ctx, at, said, now))
    return [payer.reference for payer in bound]


async def link(sim: Sim, invoice_id: int, address: str = HERE) -> str | None:
    url = await bindings.start_url(sim.ctx, account(sim), invoice_id)
    said, now = message(sim, address, start_token=str(url).rpartition("=")[2]), sim.clock.now()
    at = account(sim)
    payer = await sim.db.write(lambda conn: bindings.bind_by_token(conn, sim.ctx, at, said, now))
    return payer.reference if payer else None


async def unbind(sim: Sim, address: str = HERE) -> list[str]:
    at, now = account(sim), sim.clock.now()
    known = await payers(sim, "telegram", address)
    await sim.db.write(lambda conn: bindings.leave(conn, sim.ctx, at, address, now))
    return known


class TestContactPoints:
    @pytest.mark.parametrize(("channel", "field", "address"), [("sms", "phone", PHONE), ("email", "email", EMAIL)])
    async def test_they_count_as_they_stand_now(self, sim: Sim, channel: str, field: str, address: str) -> None:
        await sim.issue(reference="C-1", **{field: address})
        assert await payers(sim, channel, address) == ["C-1"]

        new = OTHER_PHONE if field == "phone" else "alta@example.ro"
        await sim.issue(reference="C-1", **{field: new})

        assert await payers(sim, channel, address) == []
        assert await payers(sim, channel, new) == ["C-1"]

    async def test_several_payers_share_a_phone(self, sim: Sim) -> None:
        for reference in ("C-1", "C-2"):
            await sim.issue(reference=reference, phone=PHONE)
        assert sorted(await payers(sim, "sms", PHONE)) == ["C-1", "C-2"]
        assert await payers(sim, "sms", OTHER_PHONE) == []


class TestSharedNumber:
    async def test_it_binds_the_payers_with_that_number(self, sim: Sim) -> None:
        for reference in ("C-1", "C-2"):
            await sim.issue(reference=reference, phone=PHONE)
        await sim.issue(reference="C-3", phone=OTHER_PHONE)

        assert sorted(await share(sim, PHONE)) == ["C-1", "C-2"]
        assert sorted(await payers(sim, "telegram", HERE)) == ["C-1", "C-2"]
        assert (await sim.event_types()).count("payer.bound") == 2

    async def test_a_number_that_nobody_has_binds_nobody(self, sim: Sim) -> None:
        await sim.issue(phone=PHONE)
        assert await share(sim, OTHER_PHONE) == []
        assert await payers(sim, "telegram", HERE) == []

    async def test_the_next_invoice_goes_to_the_chat(self, sim: Sim) -> None:
        await sim.issue(reference="C-1", phone=PHONE)
        await share(sim, PHONE)
        view = await sim.issue(reference="C-1", phone=PHONE, steps=[Step("telegram", 0)])
        await sim.drain()
        assert await sim.states(view.invoice.id) == [("telegram", DeliveryState.SENT)]

    @pytest.mark.parametrize("new", [OTHER_PHONE, None])
    async def test_when_the_number_changes_the_chat_is_unbound(self, sim: Sim, new: str | None) -> None:
        await sim.issue(reference="C-1", phone=PHONE)
        await share(sim, PHONE)

        view = await sim.issue(reference="C-1", phone=new, steps=[Step("telegram", 0)])

        assert await payers(sim, "telegram", HERE) == []
        assert view.payer.telegram is None
        assert list(view.deliveries) == []
        assert await count(sim.db, schema.binding) == 0

    async def test_the_same_number_again_changes_nothing(self, sim: Sim) -> None:
        await sim.issue(reference="C-1", phone=PHONE)
        await share(sim, PHONE)
        await sim.issue(reference="C-1", phone=PHONE)
        assert await payers(sim, "telegram", HERE) == ["C-1"]

    async def test_what_a_link_proved_stays_when_the_number_changes(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1", phone=PHONE)
        assert await link(sim, view.invoice.id, THERE) == "C-1"
        await share(sim, PHONE, HERE)
        await share(sim, PHONE, THERE)

        again = await sim.issue(reference="C-1", phone=OTHER_PHONE)

        assert await payers(sim, "telegram", HERE) == []
        assert await payers(sim, "telegram", THERE) == ["C-1"]
        assert again.payer.telegram == THERE, "messages go to the chat that is left"

    async def test_a_webhook_with_a_contact_binds(self, sim: Sim) -> None:
        await sim.issue(reference="C-1", phone=PHONE)
        await sim.hear("telegram", sim.vendors.channels["telegram"].word(HERE, "", event_id="1", contact=PHONE))
        assert await payers(sim, "telegram", HERE) == ["C-1"]

    async def test_only_a_chat_is_bound(self, sim: Sim) -> None:
        await sim.issue(reference="C-1", phone=PHONE)
        at, now, said = account(sim, "sms"), sim.clock.now(), message(sim, OTHER_PHONE, contact=PHONE)
        assert await sim.db.write(lambda conn: bindings.bind_by_contact(conn, sim.ctx, at, said, now)) == []
        assert await payers(sim, "sms", OTHER_PHONE) == []


class TestLink:
    async def test_a_token_may_come_as_a_prepared_text(self, sim: Sim) -> None:
        """As from wa.me/<number>?text=..., where the payer sends what the link wrote."""
        view = await sim.issue(reference="C-1")
        token = str(await bindings.start_url(sim.ctx, account(sim), view.invoice.id)).rpartition("=")[2]
        word = sim.vendors.channels["telegram"].word(HERE, f"Factura mea: #{token}.", event_id="1")
        await sim.hear("telegram", word)
        assert await payers(sim, "telegram", HERE) == ["C-1"]
        assert await sim.db.read(lambda conn: deliveries.bound_payers(conn, account(sim).id, THERE)) == []

    async def test_other_words_are_no_tokens(self, sim: Sim) -> None:
        await sim.issue()
        for text in ("a" * 18, sim.ctx.unsubscribes.issue(1), sim.ctx.pay_url(1, 0), ""):
            assert bindings.start_token(sim.ctx, account(sim), message(sim, text=text)) is None
        assert bindings.start_token(sim.ctx, account(sim, "sms"), message(sim, text=sim.ctx.starts.issue(1))) is None

    async def test_a_token_works_once(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1")
        url = await bindings.start_url(sim.ctx, account(sim), view.invoice.id)
        said, at, now = message(sim, start_token=str(url).rpartition("=")[2]), account(sim), sim.clock.now()
        bound = [
            await sim.db.write(lambda conn: bindings.bind_by_token(conn, sim.ctx, at, said, now)) for _ in range(2)
        ]
        assert [payer and payer.reference for payer in bound] == ["C-1", None]


class TestUnbind:
    async def test_an_address_that_was_given_up_is_nobodys(self, sim: Sim) -> None:
        for reference in ("C-1", "C-2"):
            await link(sim, (await sim.issue(reference=reference)).invoice.id)

        assert sorted(await unbind(sim)) == ["C-1", "C-2"]

        assert await payers(sim, "telegram", HERE) == []
        view = await sim.issue(reference="C-1", steps=[Step("telegram", 0)])
        assert list(view.deliveries) == []
        assert await unbind(sim) == []

    async def test_other_chats_stay(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1")
        await link(sim, view.invoice.id, THERE)
        await link(sim, view.invoice.id, HERE)

        await unbind(sim)

        assert await payers(sim, "telegram", THERE) == ["C-1"]
        assert (await sim.view(view.invoice.id)).payer.telegram == THERE

    async def test_it_can_be_bound_again(self, sim: Sim) -> None:
        view = await sim.issue(reference="C-1")
        await link(sim, view.invoice.id)
        await unbind(sim)
        assert await link(sim, view.invoice.id) == "C-1"
        assert await payers(sim, "telegram", HERE) == ["C-1"]
