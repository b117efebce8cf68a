"""Who is asking: `Authorization: Bearer ak_...` becomes the biller and what the key may do."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.api.errors import MISSING_SCOPE, UNAUTHENTICATED, Refusal
from gateway.domain import keys
from gateway.domain.keys import Scope
from gateway.store.billers import KeyRow

BELIEVED_FOR = timedelta(seconds=10)  # a revoked key works this much longer where its revocation was not heard of
USED_AT_GRAIN = timedelta(minutes=1)
_REALM = 'Bearer realm="achit"'


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose request it is, and with which key."""

    key_id: int
    biller_id: int
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Raises the 403 that names the scope when the key does not have it."""
        if scope not in self.scopes:
            raise Refusal(MISSING_SCOPE, f"This key does not have the scope `{scope}`.")


@dataclass(slots=True)
class _Believed:
    row: KeyRow
    scopes: frozenset[Scope]
    until: datetime
    used_at: datetime | None


class Authenticator:
    """Proves keys, and remembers those that were found for `BELIEVED_FOR`. Wrong keys are never remembered.

    `find` gives the key of an id unless it is revoked; `used` stores the last use, once in `USED_AT_GRAIN`.
    """

    def __init__(
        self,
        find: Callable[[int], Awaitable[KeyRow | None]],
        used: Callable[[int, datetime], Awaitable[None]],
    ) -> None:
        self._find = find
        self._used = used
        self._believed: dict[int, _Believed] = {}

    async def authenticate(self, header: str | None, now: datetime) -> Identity:
        """The identity behind an Authorization header. Raises the same 401 for every key that is not valid."""
        if header is None:
            raise Refusal(UNAUTHENTICATED, "There is no Authorization header.", headers={"WWW-Authenticate": _REALM})
        scheme, _, text = header.partition(" ")
        parsed = keys.read(text.strip()) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise _invalid()
        key_id, secret = parsed
        believed = self._believed.get(key_id)
        if believed is None or believed.until <= now:
            believed = await self._look_up(key_id, now)
        if believed is None or not hmac.compare_digest(believed.row.hash, keys.fingerprint(secret)):
            raise _invalid()
        if believed.used_at is None or now - believed.used_at >= USED_AT_GRAIN:
            believed.used_at = now  # first, so that of many requests at once only one writes
            await self._used(key_id, now)
        return Identity(key_id, believed.row.biller_id, believed.scopes)

    async def _look_up(self, key_id: int, now: datetime) -> _Believed | None:
        row = await self._find(key_id)
        if row is None:
            self._believed.pop(key_id, None)
            return None
        earlier = self._believed.get(key_id)
        used_at = max((at for at in (row.last_used_at, earlier and earlier.used_at) if at), default=None)
        self._believed[key_id] = believed = _Believed(
            row, frozenset(map(Scope, row.scopes)), now + BELIEVED_FOR, used_at
        )
        return believed

    def forget(self) -> None:
        """Looks every key up again at its next use: call it when keys were made or revoked."""
        self._believed.clear()


def _invalid() -> Refusal:
    return Refusal(
        UNAUTHENTICATED,
        "This is not a valid key.",
        headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
    )
