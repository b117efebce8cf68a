"""Who a key is, for how long that is believed, and the one answer to every key that is not valid."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from gateway.api.auth import Authenticator
from gateway.api.errors import Refusal
from gateway.domain import keys
from gateway.domain.keys import Scope
from gateway.store.billers import KeyRow
from gateway.testing.clock import START

SECRET = "s" * 32
KEY = keys.show(7, SECRET)


class Store:
    """The two calls an authenticator makes, with a record of them."""

    def __init__(self, last_used_at: datetime | None = None) -> None:
        self.records = {
            7: KeyRow(7, 3, "erp", keys.fingerprint(SECRET), ["read", "write"], START, last_used_at, None),
            8: KeyRow(8, 4, "report", keys.fingerprint("t" * 32), ["read"], START, None, None),
        }
        self.found: list[int] = []
        self.used: list[tuple[int, datetime]] = []

    async def find(self, key_id: int) -> KeyRow | None:
        self.found.append(key_id)
        return self.records.get(key_id)

    async def use(self, key_id: int, at: datetime) -> None:
        self.used.append((key_id, at))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def authenticator(store: Store) -> Authenticator:
    return Authenticator(store.find, store.use)


async def test_a_key_is_its_biller(authenticator: Authenticator) -> None:
    for header in (f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY}"):
        identity = await authenticator.authenticate(header, START)
        assert (identity.key_id, identity.biller_id) == (7, 3)
        identity.require(Scope.WRITE)


async def test_a_key_that_may_only_read_may_not_write(authenticator: Authenticator) -> None:
    identity = await authenticator.authenticate(f"Bearer {keys.show(8, 't' * 32)}", START)
    identity.require(Scope.READ)
    with pytest.raises(Refusal) as refusal:
        identity.require(Scope.WRITE)
    assert refusal.value.kind.status == 403
    assert "write" in refusal.value.detail


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", KEY, f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}x", f"Bearer {keys.show(9, SECRET)}",
     f"Bearer {keys.show(8, SECRET)}", "Bearer \x00", f"Bearer {KEY} {KEY}", "Bearer " + "a" * 9000],
)  # fmt: skip
async def test_every_wrong_key_gets_the_same_answer(authenticator: Authenticator, header: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await authenticator.authenticate(header, START)
    assert refusal.value.kind.status == 401
    assert refusal.value.detail == "This is not a valid key."
    assert refusal.value.headers["WWW-Authenticate"].startswith("Bearer ")


async def test_no_header_is_asked_for_one(authenticator: Authenticator) -> None:
    with pytest.raises(Refusal) as refusal:
        await authenticator.authenticate(None, START)
    assert refusal.value.headers == {"WWW-Authenticate": 'Bearer realm="achit"'}


async def test_a_key_is_looked_up_once_in_ten_seconds(authenticator: Authenticator, store: Store) -> None:
    for second in range(10):
        await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=second))
    assert store.found == [7]
    await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=10))
    assert store.found == [7, 7]


async def test_a_wrong_secret_for_a_known_key_is_refused_while_it_is_believed(authenticator: Authenticator) -> None:
    await authenticator.authenticate(f"Bearer {KEY}", START)
    with pytest.raises(Refusal):
        await authenticator.authenticate(f"Bearer {keys.show(7, 'x' * 32)}", START)


async def test_a_revoked_key_ends_at_once_when_told_and_in_ten_seconds_when_not(
    authenticator: Authenticator, store: Store
) -> None:
    await authenticator.authenticate(f"Bearer {KEY}", START)
    del store.records[7]
    await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=9))
    with pytest.raises(Refusal):
        await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=10))

    store.records[7] = Store().records[7]
    await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=11))
    del store.records[7]
    authenticator.forget()
    with pytest.raises(Refusal):
        await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=11))


async def test_last_use_is_stored_once_a_minute(authenticator: Authenticator, store: Store) -> None:
    for second in range(0, 180, 5):
        await authenticator.authenticate(f"Bearer {KEY}", START + timedelta(seconds=second))
    assert store.used == [(7, START + timedelta(seconds=second)) for second in (0, 60, 120)]


async def test_last_use_by_another_process_counts() -> None:
    store = Store(last_used_at=START - timedelta(seconds=30))
    await Authenticator(store.find, store.use).authenticate(f"Bearer {KEY}", START)
    assert store.used == []
