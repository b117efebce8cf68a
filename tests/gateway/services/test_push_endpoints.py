"""Push endpoints: where they may point, how their secrets rotate, what a change does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.guard import AddressPolicy
from gateway.outbound import PushClient
from gateway.ports.values import Secret
from gateway.services import push_endpoints, status_push
from gateway.services.errors import Invalid, NotFound
from gateway.signing import new_secret, sign
from gateway.store.pushes import DELIVERED, WAITING
from gateway.testing.clock import FakeClock
from tests.harness.gateway import PUSH_SECRET, Sim, apply_biller, identity
from tests.harness.pushing import endpoint, issue, log
from tests.harness.receiver import Push, Receiver, receiving
from tests.harness.wire import Names

ISSUED, VOIDED = "invoice.issued", "invoice.voided"


@pytest.fixture
async def erp(clock: FakeClock) -> AsyncIterator[Receiver]:
    async with receiving(clock) as receiver:
        yield receiver


class TestMade:
    async def test_it_gets_what_happens_from_now_on_or_all(self, sim: Sim, erp: Receiver) -> None:
        await issue(sim, 2)
        await endpoint(sim, erp)
        await issue(sim, 1)
        assert [push.event["sequence"] for push in erp.got] == [3]
        await endpoint(sim, erp, from_start=True)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [3, 1, 2, 3]

    async def test_one_that_is_off_gets_nothing_and_misses_nothing(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp, enabled=False)
        await issue(sim, 2)
        assert erp.got == []
        await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, enabled=True)
        await sim.drain()
        assert [push.event["sequence"] for push in erp.got] == [1, 2]

    async def test_the_secret_is_sealed(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        assert PUSH_SECRET.reveal().encode() not in row.secrets
        assert status_push.secrets_of(sim.ctx, row) == [PUSH_SECRET]

    async def test_another_billers_are_not_found(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await issue(sim, 1)
        (push,) = await log(sim, row)
        values = {"biller": identity("rival"), **sim.vendors.tables}
        rival = await apply_biller(sim.ctx, sim.vendors, values)  # type: ignore[arg-type]
        ctx = sim.ctx
        for call in (
            push_endpoints.endpoint(ctx, rival, row.id),
            push_endpoints.change_endpoint(ctx, rival, row.id, enabled=False),
            push_endpoints.rotate_secret(ctx, rival, row.id),
            push_endpoints.remove_endpoint(ctx, rival, row.id),
            push_endpoints.log(ctx, rival, row.id),
            push_endpoints.replay(ctx, rival, push.id),
            push_endpoints.replay_since(ctx, rival, row.id, sim.clock.now()),
        ):
            with pytest.raises(NotFound):
                await call
        assert await push_endpoints.endpoint(ctx, sim.biller, row.id) == replace(row, cursor=1)

    async def test_removed_it_is_gone_with_its_log_and_its_task(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        erp.statuses = [500]
        await issue(sim, 1)
        await push_endpoints.remove_endpoint(sim.ctx, sim.biller, row.id)
        assert await sim.tasks() == []
        with pytest.raises(NotFound):
            await push_endpoints.log(sim.ctx, sim.biller, row.id)

    async def test_the_log_has_pages(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        await issue(sim, 5)
        seen, before = [], None
        while True:
            page, before = await push_endpoints.log(sim.ctx, sim.biller, row.id, before_id=before, limit=2)
            seen += [(sequence, kind) for _, kind, sequence in page]
            if before is None:
                break
        assert seen == [(sequence, ISSUED) for sequence in (5, 4, 3, 2, 1)]


class TestWhere:
    """No biller can make us call the inside of the operator's network."""

    FORBIDDEN = (
        "http://10.0.0.1/erp",
        "https://10.0.0.1/erp",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://0.0.0.0/",
        "http://93.184.216.34/",  # public, and not over https
        "ftp://erp.example/",
        "https://user:password@erp.example/",
        "nothing",
    )

    async def test_a_forbidden_address_is_refused_by_name(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        for url in self.FORBIDDEN:
            for call in (
                push_endpoints.add_endpoint(sim.ctx, sim.biller, url),
                push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, url=url),
            ):
                with pytest.raises(Invalid) as caught:
                    await call
                assert caught.value.path == "url", url
        assert [row.url for row in await push_endpoints.endpoints(sim.ctx, sim.biller)] == [erp.url]

    async def test_a_name_that_turns_inside_later_is_refused_at_the_send(self, sim: Sim, erp: Receiver) -> None:
        port = erp.url.split(":")[2].split("/")[0]
        names = Names(["93.184.216.34"], ["127.0.0.1"])
        async with PushClient(AddressPolicy(), resolver=lambda: names) as client:
            ctx = replace(sim.ctx, push_client=client)
            row, _ = await push_endpoints.add_endpoint(ctx, sim.biller, f"https://rebind.example:{port}/")
            await sim.issue()
            resume_at = await status_push.pump(ctx, row.id, sim.clock.now() + timedelta(minutes=1))
        assert resume_at == sim.clock.now() + timedelta(seconds=5.25)
        (push,) = await log(sim, row)
        assert (push.state, push.log[0]["error"], push.log[0]["code"]) == (WAITING, "forbidden_address", None)
        assert erp.got == []

    async def test_what_the_operator_listed_is_reached(self, sim: Sim, erp: Receiver) -> None:
        async with PushClient(AddressPolicy.parse(["erp.internal"]), resolver=lambda: Names(["127.0.0.1"])) as client:
            ctx = replace(sim.ctx, push_client=client)
            url = erp.url.replace("127.0.0.1", "erp.internal")
            row, _ = await push_endpoints.add_endpoint(ctx, sim.biller, url)
            with pytest.raises(Invalid):
                await push_endpoints.add_endpoint(ctx, sim.biller, erp.url)
            await sim.issue()
            await status_push.pump(ctx, row.id, sim.clock.now() + timedelta(minutes=1))
        assert erp.types == [ISSUED]


class TestRotation:
    def signers(self, push: Push, *secrets: Secret) -> list[Secret]:
        """Which of the secrets a push is signed with, in the order of its signatures."""
        made = {
            sign([secret], push.id, int(push.headers["webhook-timestamp"]), push.body): secret for secret in secrets
        }
        return [made[signature] for signature in push.headers["webhook-signature"].split(" ")]

    async def test_both_secrets_sign_for_a_day_and_then_the_new_one(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        _, second = await push_endpoints.rotate_secret(sim.ctx, sim.biller, row.id)
        await issue(sim, 1)
        sim.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
        await issue(sim, 1)
        sim.clock.advance(seconds=1)
        await issue(sim, 1)
        expected = [[second, PUSH_SECRET], [second, PUSH_SECRET], [second]]
        assert [self.signers(push, PUSH_SECRET, second) for push in erp.got] == expected

    async def test_each_secret_has_its_day_though_another_rotation_follows(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        _, second = await push_endpoints.rotate_secret(sim.ctx, sim.biller, row.id)
        sim.clock.advance(timedelta(hours=12))
        _, third = await push_endpoints.rotate_secret(sim.ctx, sim.biller, row.id)
        secrets = (PUSH_SECRET, second, third)
        await issue(sim, 1)
        sim.clock.advance(timedelta(hours=12))
        await issue(sim, 1)
        sim.clock.advance(timedelta(hours=12))
        await issue(sim, 1)
        found = [self.signers(push, *secrets) for push in erp.got]
        assert found == [[third, second, PUSH_SECRET], [third, second], [third]]

    async def test_rotations_at_the_same_time_lose_none(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        made = await asyncio.gather(*(push_endpoints.rotate_secret(sim.ctx, sim.biller, row.id) for _ in range(3)))
        current = await push_endpoints.endpoint(sim.ctx, sim.biller, row.id)
        kept = status_push.secrets_of(sim.ctx, current)
        assert set(kept) == {PUSH_SECRET, *(secret for _, secret in made)}

    async def test_the_same_secret_again_is_one(self, sim: Sim, erp: Receiver) -> None:
        row, other = await endpoint(sim, erp), new_secret()
        for secret in (other, PUSH_SECRET, PUSH_SECRET):
            await push_endpoints.rotate_secret(sim.ctx, sim.biller, row.id, secret)
        current = await push_endpoints.endpoint(sim.ctx, sim.biller, row.id)
        assert status_push.secrets_of(sim.ctx, current) == [PUSH_SECRET, other]


class TestChanged:
    async def test_a_new_url_is_tried_at_once(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp)
        erp.statuses = [404] * 4
        await issue(sim, 1)
        await sim.pass_time(hours=1)
        assert len(erp.got) == 4
        await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, url=f"{erp.url}/right")
        await sim.drain()
        assert [push.path for push in erp.got] == ["/achit"] * 4 + ["/achit/right"]
        assert [push.state for push in await log(sim, row)] == [DELIVERED]

    async def test_other_types_are_for_what_has_not_been_pushed(self, sim: Sim, erp: Receiver) -> None:
        row = await endpoint(sim, erp, types=[VOIDED])
        await issue(sim, 2)
        await push_endpoints.change_endpoint(sim.ctx, sim.biller, row.id, types=[ISSUED])
        await issue(sim, 1)
        assert [push.event["sequence"] for push in erp.got] == [3]
