"""How the bank behaves when it is switched: it refuses, is slow, is not there, and comes back with what it had to tell."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.demo.bank import Bank, Manner, Outcome, faults
from gateway.testing.clock import FakeClock
from tests.gateway.demo.bank.harness import Api


async def test_it_refuses_until_it_works_again(api: Api) -> None:
    known = await api.made()
    await api.bank.turn(Manner.REFUSES)
    refused = [await api.create() for _ in range(2)]

    assert refused == [(422, {"code": "account_not_enabled"})] * 2
    assert await api.state(known) == ("open", 0, 0)
    await api.bank.turn(Manner.WORKS)
    assert (await api.create())[0] == 201


async def test_it_is_slow_and_does_it_all_the_same(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "SLOW_S", 0.05)
    await api.bank.turn(Manner.SLOW)
    began = asyncio.get_running_loop().time()

    assert (await api.create())[0] == 201
    assert asyncio.get_running_loop().time() - began >= 0.05


async def test_who_is_down_is_not_reached_and_tells_nobody(api: Api) -> None:
    payment_id, port = await api.made(), int(api.bank.url.rpartition(":")[2])
    await api.bank.turn(Manner.DOWN)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))  # nobody else's, meanwhile
    telling = asyncio.create_task(api.bank.choose(payment_id, Outcome.PAID))
    await asyncio.sleep(0)

    assert (api.bank.payment(payment_id).received_minor, api.receiver.told) == (10_000, [])
    await api.bank.turn(Manner.WORKS)
    await telling
    assert api.receiver.told == [("paid", 10_000)]
    assert await api.state(payment_id) == ("paid", 10_000, 0)


async def test_the_same_switch_twice_changes_nothing(api: Api) -> None:
    url = api.bank.url
    for manner in (Manner.DOWN, Manner.DOWN, Manner.REFUSES, Manner.WORKS, Manner.WORKS):
        await api.bank.turn(manner)
        assert (api.bank.manner, api.bank.url) == (manner, url)
    assert (await api.create())[0] == 201


async def test_it_ends_while_it_is_down(api: Api, clock: FakeClock) -> None:
    bank = Bank(api_key=api.bank._api_key, webhook_secrets=api.bank._webhook_secrets, clock=clock)
    with pytest.raises(RuntimeError):
        await bank.turn(Manner.DOWN)
    async with bank:
        await bank.turn(Manner.DOWN)
        port = int(bank.url.rpartition(":")[2])

    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
