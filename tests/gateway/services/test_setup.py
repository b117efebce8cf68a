"""`achit apply`: twice is once, an account that is gone is switched off, what was changed is served at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.config.biller import biller_from
from gateway.config.shapes import Place
from gateway.domain.deliveries import DeliveryState, Step
from gateway.ports.channel import DeliveryStatus
from gateway.ports.errors import InvalidSignature
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Secret
from gateway.services import push_endpoints, setup, status_push
from gateway.services.errors import Invalid, NotFound
from gateway.store import billers
from gateway.store.billers import AccountRow
from gateway.testing.clock import FakeClock
from tests.harness.gateway import ENVIRONMENT, PUSH_SECRET, Sim, env, identity
from tests.harness.receiver import Receiver, receiving
from tests.harness.world import World

PHONE, EMAIL = "+40722123456", "ana.popescu@example.ro"
OTHER_SECRET = "whsec_" + "b3RoZXIx" * 5


@pytest.fixture
async def erp(clock: FakeClock) -> AsyncIterator[Receiver]:
    async with receiving(clock) as receiver:
        yield receiver


def tables(sim: Sim, **changed: Any) -> dict[str, Any]:
    return {"biller": identity(), **sim.vendors.tables, **changed}


async def apply(sim: Sim, environment: dict[str, str] | None = None, **changed: Any) -> setup.Applied:
    """Applies the world's file with these tables in it; afterwards `is_applied` says so."""
    place = Place(Path(), ENVIRONMENT | (environment or {}))
    config = biller_from(tables(sim, **changed), sim.vendors, where=place, file="acme.toml")
    applied = await setup.apply(sim.ctx, config)
    assert await setup.is_applied(sim.ctx, config)
    return applied


async def applied(sim: Sim, environment: dict[str, str] | None = None, **changed: Any) -> bool:
    place = Place(Path(), ENVIRONMENT | (environment or {}))
    return await setup.is_applied(sim.ctx, biller_from(tables(sim, **changed), sim.vendors, where=place, file="a.toml"))


async def accounts(sim: Sim) -> dict[str, AccountRow]:
    rows = await sim.db.read(lambda conn: billers.accounts(conn, sim.biller.id))
    return {row.name: row for row in rows}


def without(sim: Sim, kind: str, name: str) -> dict[str, Any]:
    return {kind: {key: value for key, value in sim.vendors.tables[kind].items() if key != name}}


class TestAccounts:
    async def test_the_same_again_changes_nothing(self, sim: Sim) -> None:
        before = await accounts(sim)
        adapter = sim.ctx.directory.channel_called("acme.sms").make()  # type: ignore[union-attr]
        sim.clock.advance(seconds=60)
        await apply(sim)
        after = await accounts(sim)
        assert {name: (row.id, row.settings, row.enabled) for name, row in after.items()} == {
            name: (row.id, row.settings, True) for name, row in before.items()
        }
        assert sim.ctx.directory.channel_called("acme.sms").make() is adapter  # type: ignore[union-attr]

    async def test_settings_are_sealed_each_in_its_own_row(self, sim: Sim) -> None:
        rows = await accounts(sim)
        assert len({row.settings for row in rows.values()}) == len(rows) == 4
        assert all(ENVIRONMENT["PROOF"].encode() not in row.settings for row in rows.values())

    async def test_one_that_is_gone_takes_no_message_and_is_still_listened_to(self, sim: Sim) -> None:
        view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
        await sim.drain()
        assert not await applied(sim, **without(sim, "channels", "sms"))
        await apply(sim, **without(sim, "channels", "sms"))
        assert {name for name, row in (await accounts(sim)).items() if not row.enabled} == {"acme.sms"}
        with pytest.raises(Invalid):
            await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
        await sim.hear("sms", sim.vendors.channels["sms"].receipt("m1", DeliveryStatus.DELIVERED))
        assert await sim.states(view.invoice.id) == [("sms", DeliveryState.DELIVERED)]

    async def test_a_provider_that_is_gone_is_not_offered_and_its_open_payments_are_followed(self, sim: Sim) -> None:
        view = await sim.issue()
        payment_id = await sim.open_payment(view.invoice.id)
        await apply(sim, providers={})
        with pytest.raises(NotFound, match="not offered"):
            await sim.start(view.invoice.id)
        sim.bank.change(payment_id, PaymentStatus.PAID)
        await sim.pass_time(hours=1)
        assert await sim.paid(view.invoice.id) == 125_40

    async def test_back_in_the_file_it_is_the_same_account(self, sim: Sim) -> None:
        before = (await accounts(sim))["acme.sms"]
        await apply(sim, **without(sim, "channels", "sms"))
        await apply(sim)
        after = (await accounts(sim))["acme.sms"]
        assert (after.id, after.settings, after.enabled) == (before.id, before.settings, True)
        view = await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
        await sim.drain()
        assert await sim.states(view.invoice.id) == [("sms", DeliveryState.SENT)]

    async def test_rotated_settings_serve_at_once(self, sim: Sim) -> None:
        sms = sim.vendors.channels["sms"]
        await sim.issue(steps=[Step("sms", 0)], phone=PHONE)
        await sim.drain()
        assert not await applied(sim, {"PROOF": "another"})
        await apply(sim, {"PROOF": "another"})
        with pytest.raises(InvalidSignature):
            await sim.hear("sms", sms.receipt("m1", DeliveryStatus.DELIVERED))
        await apply(sim)
        assert await sim.hear("sms", sms.receipt("m1", DeliveryStatus.DELIVERED)) == 1


class TestPolicy:
    async def test_what_the_biller_decides_anew_is_for_the_next_invoice(self, sim: Sim) -> None:
        before = await sim.issue(steps=None, phone=PHONE, email=EMAIL)
        await apply(sim, delivery={"channels": [{"channel": "email", "wait": "0s"}], "receipt": False})
        biller = sim.ctx.directory.biller(sim.biller.id)
        assert (biller.settings.delivery.receipt, biller.id) == (False, sim.biller.id)
        sim.biller = biller
        after = await sim.issue(steps=None, phone=PHONE, email=EMAIL)
        assert [[one.channel for one in view.deliveries] for view in (before, after)] == [[], ["email"]]

    async def test_two_billers_have_nothing_in_common(self, sim: Sim) -> None:
        await apply(sim, biller=identity("rival"), **without(sim, "channels", "sms"))
        rival = sim.ctx.directory.biller_called("rival")
        assert rival is not None
        channels = {
            biller.slug: [account.row.name for account in sim.ctx.directory.channels_of(biller.id)]
            for biller in (sim.biller, rival)
        }
        assert channels == {
            "acme": ["acme.sms", "acme.email", "acme.telegram"],
            "rival": ["rival.email", "rival.telegram"],
        }


class TestPushTargets:
    async def endpoints(self, sim: Sim) -> list[push_endpoints.EndpointRow]:
        return await push_endpoints.endpoints(sim.ctx, sim.biller)

    async def test_a_new_one_is_made_once_and_its_secret_shown_unless_the_file_has_it(
        self, sim: Sim, erp: Receiver
    ) -> None:
        push = [{"url": erp.url, "secret": env("PUSH")}, {"url": f"{erp.url}/2", "events": ["invoice.paid"]}]
        assert not await applied(sim, push=push)
        done = await apply(sim, push=push)
        assert list(done.secrets) == [f"{erp.url}/2"]
        assert (await apply(sim, push=push)).secrets == {}
        first, second = await self.endpoints(sim)
        assert status_push.secrets_of(sim.ctx, first) == [PUSH_SECRET]
        assert status_push.secrets_of(sim.ctx, second) == [done.secrets[second.url]]
        assert (first.events, second.events) == ([], ["invoice.paid"])

    async def test_other_events_are_taken_over_and_one_that_is_not_in_the_file_stays(
        self, sim: Sim, erp: Receiver
    ) -> None:
        await apply(sim, push=[{"url": erp.url, "events": ["invoice.paid"]}])
        changed = [{"url": erp.url, "events": ["invoice.voided", "invoice.paid"]}]
        assert not await applied(sim, push=changed)
        await apply(sim, push=changed)
        await apply(sim)
        (row,) = await self.endpoints(sim)
        assert sorted(row.events) == ["invoice.paid", "invoice.voided"]

    async def test_another_secret_in_the_file_rotates(self, sim: Sim, erp: Receiver) -> None:
        push = [{"url": erp.url, "secret": env("PUSH")}]
        await apply(sim, push=push)
        assert not await applied(sim, {"PUSH": OTHER_SECRET}, push=push)
        await apply(sim, {"PUSH": OTHER_SECRET}, push=push)
        await apply(sim, {"PUSH": OTHER_SECRET}, push=push)
        (row,) = await self.endpoints(sim)
        assert status_push.secrets_of(sim.ctx, row) == [Secret(OTHER_SECRET), PUSH_SECRET]
        sim.clock.advance(seconds=24 * 3600)
        assert status_push.secrets_of(sim.ctx, row) == [Secret(OTHER_SECRET)]

    async def test_a_forbidden_one_is_named_and_nothing_is_applied(self, sim: Sim, erp: Receiver) -> None:
        push = [{"url": erp.url}, {"url": "https://10.0.0.1/erp"}]
        with pytest.raises(Invalid) as caught:
            await apply(sim, push=push, **without(sim, "channels", "sms"))
        assert caught.value.path == "url"
        assert await self.endpoints(sim) == []
        assert all(row.enabled for row in (await accounts(sim)).values())


async def test_vendors_that_want_to_be_told_are_told_where_their_webhooks_go(world: World) -> None:
    world.telegram.api.webhook_url = world.telegram.api.webhook_secret = ""
    assert await setup.register_webhooks(world.ctx, world.biller) == {}
    assert world.telegram.api.webhook_url == f"{world.url}/hooks/channels/acme.telegram"
    assert world.telegram.api.webhook_secret == ENVIRONMENT["BOT_SECRET"]
    world.telegram.token = "revoked"
    failed = await setup.register_webhooks(world.ctx, world.biller)
    assert list(failed) == ["acme.telegram"]
    assert ENVIRONMENT["BOT"] not in failed["acme.telegram"]
