"""Refunding: a refund is told to its provider, and asked about until it is over. No transaction is open during a vendor's call.

What nobody answered is looked up before it is sent again, and is sent again under its own key only.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa

from gateway.domain import refunds as rules
from gateway.domain.payments import Attempt
from gateway.domain.refunds import By, Refund, RefundState
from gateway.ports.errors import AdapterError, NotSupported, OutcomeUnknown, Rejected, RetryLater
from gateway.ports.provider import PaymentUpdate, RefundRequest, Refunds, RefundStatus, RefundUpdate
from gateway.ports.values import Money
from gateway.services import dues, given_back
from gateway.services import payments as door
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.store import outbox, payments, refunds

_UNCERTAIN = timedelta(minutes=1)  # a payment is looked at again when it is known whether its refund was made
_ONE_AT_A_TIME = timedelta(seconds=5)
NO_ANSWER = "no_answer"  # asked for two months, and nobody knows what became of it


async def carry(ctx: Context, refund_id: int) -> datetime | None:
    """Does the next step of a refund; gives the instant of the one after it, None when it is over.

    Raises RetryLater when the provider does not answer, or is not served here.
    """

    def body(conn: sa.Connection) -> tuple[Refund | None, Attempt | None]:
        row = refunds.get(conn, refund_id)
        of = None if row is None or row.attempt_id is None else payments.get(conn, row.attempt_id)
        return row, of

    refund, attempt = await ctx.db.read(body)
    if refund is None or attempt is None:
        return None
    if not refund.under_way and (refund.state is not RefundState.DONE or refund.given_by is not By.PROVIDER):
        return None
    account = dues.account_of(ctx.directory, attempt)
    if account is None:
        raise RetryLater("its account is not served here")
    step = _Step(ctx, account, attempt, refund)
    return await (step.look_up() if refund.told else step.submit(first=True))


async def look(ctx: Context, attempt_id: int) -> datetime | None:
    """Asks a provider what it gave back of a payment in all, because a webhook, which may be old, says something new of it."""
    attempt = await ctx.db.read(lambda conn: payments.get(conn, attempt_id))
    account = None if attempt is None else ctx.directory.provider(attempt.account_id)
    if attempt is None or attempt.external_id is None:
        return None
    if account is None:
        raise RetryLater("its account is not served here")
    now = ctx.clock.now()
    try:
        update = await account.make().fetch_payment(attempt.external_id)
    except Rejected:
        return None

    def body(conn: sa.Connection) -> bool:
        door.apply_update(conn, ctx.directory, attempt_id, update, door.POLL, now)
        return any(
            row.attempt_id == attempt_id and row.uncertain for row in refunds.of_invoice(conn, attempt.invoice_id)
        )

    return now + _UNCERTAIN if await ctx.db.write(body) else None


def request_of(ctx: Context, refund: Refund, attempt: Attempt) -> RefundRequest:
    """The same on every try of a round. A new round is a new refund to the provider: the one before it has failed for certain."""
    number = f"{refund.id}.{refund.round}" if refund.round else f"{refund.id}"
    return RefundRequest(
        idempotency_key=f"{ctx.installation}-r{number}",
        external_id=attempt.external_id or "",
        amount=refund.amount,
        paid=Money(attempt.received_minor, attempt.currency),
        reference=f"{attempt.reference}-R{number}",
        reason=refund.reason,
        refunded=Money(refund.before_minor, refund.currency),
    )


class _Step:
    """One step of one refund at its provider."""

    def __init__(self, ctx: Context, account: ProviderAccount, attempt: Attempt, refund: Refund) -> None:
        self.ctx = ctx
        self.account = account
        self.attempt = attempt
        self.refund = refund
        self.provider = account.make()
        self.refunds = cast(Refunds, self.provider)
        self.request = request_of(ctx, refund, attempt)

    async def submit(self, *, first: bool) -> datetime | None:
        """Tells the provider. `first` is when nobody was told of this key before, so that a refusal is a refusal."""
        told = await self.ctx.db.write(self._tell)
        if not isinstance(told, Refund):
            return told
        self.refund, self.request = told, request_of(self.ctx, told, self.attempt)
        try:
            update = await self.refunds.refund_payment(self.request)
        except OutcomeUnknown:
            await self.ctx.db.write(self._unknown)
            return await self._next()
        except (Rejected, NotSupported) as error:
            return await self._refused(error.code if isinstance(error, Rejected) else "not_supported", first=first)
        return await self._apply(update)

    async def look_up(self) -> datetime | None:
        """Asks how it goes. One that the provider never made is sent, under its own key."""
        state, external_id = self.refund.state, self.refund.external_id
        try:
            update = await self.refunds.fetch_refund(self.request, external_id)
        except OutcomeUnknown as error:
            raise RetryLater(str(error)) from None
        except Rejected:
            update = None
        except NotSupported:
            return await self._by_the_sum()
        again = state is RefundState.CREATED and self.refund.code is not None
        if again and self.refund.code != NO_ANSWER and (update is None or update.status is RefundStatus.FAILED):
            return await self._another_round()
        if update is not None:
            return await self._apply(update)
        if external_id is None and state is not RefundState.DONE:
            return await self.submit(first=False)
        return await self._next()

    async def _by_the_sum(self) -> datetime | None:
        """The provider lists no refunds: what it gave back of the payment in all says whether this one was made."""
        if self.refund.state is RefundState.DONE:
            return None
        update = await self._payment()
        if await self.ctx.db.write(lambda conn: self._covered(conn, update)):
            return await self._next()
        if self.refund.state is RefundState.PENDING:
            return await self._next()
        if self.refund.code not in (None, NO_ANSWER):
            return await self._another_round()
        return await self.submit(first=False)

    async def _refused(self, code: str, *, first: bool) -> datetime | None:
        """A refusal of what was sent before says nothing of the first time: the payment's own sum does."""
        try:
            update = await self._payment()
        except AdapterError:
            if not first:
                raise RetryLater("what became of it is not known yet") from None
            update = None

        def body(conn: sa.Connection) -> None:
            now = self.ctx.clock.now()
            if not first and update is not None and self._covered(conn, update):
                return
            current = self._current(conn)
            if current is not None and current.under_way:
                dues.fail(conn, current, code, now)
            if update is not None:
                door.apply_update(conn, self.ctx.directory, self.attempt.id, update, door.POLL, now)

        await self.ctx.db.write(body)
        return await self._next()

    async def _payment(self) -> PaymentUpdate:
        try:
            return await self.provider.fetch_payment(self.attempt.external_id or "")
        except (Rejected, OutcomeUnknown) as error:
            raise RetryLater(str(error)) from None

    async def _another_round(self) -> datetime | None:
        """It has failed for certain, and is to be tried again: as a new refund."""

        def body(conn: sa.Connection) -> Refund | None:
            current = self._current(conn)
            if current is None or current.state is not RefundState.CREATED:
                return None
            fresh = replace(current, round=current.round + 1, told=False, external_id=None, code=None)
            return dues.change(conn, current, fresh, self.ctx.clock.now())

        begun = await self.ctx.db.write(body)
        if begun is None:
            return None
        self.refund, self.request = begun, request_of(self.ctx, begun, self.attempt)
        return await self.submit(first=True)

    async def _apply(self, update: RefundUpdate) -> datetime | None:
        def body(conn: sa.Connection) -> None:
            given_back.apply_refund(conn, self.ctx.directory, self.refund.id, update, self.ctx.clock.now())

        await self.ctx.db.write(body)
        return await self._next()

    async def _next(self) -> datetime | None:
        """Counts this step; gives the instant of the next. One that nobody can say anything about is a person's in the end."""

        def body(conn: sa.Connection) -> datetime | None:
            now = self.ctx.clock.now()
            current = self._current(conn)
            if current is None:
                return None
            if (
                current.state is not self.refund.state and not current.under_way
            ):  # the payment's own sum must say so too
                outbox.poke(conn, dues.LOOK, self.attempt.id, self.account.destination, now, now)
            if not current.under_way and current.state is not RefundState.DONE:
                return None
            wait = rules.wait(current, now)
            if wait is not None:
                dues.change(conn, current, replace(current, polls=current.polls + 1), now)
                return now + wait
            if current.under_way:
                dues.fail(conn, current, NO_ANSWER, now)
            return None

        return await self.ctx.db.write(body)

    def _current(self, conn: sa.Connection) -> Refund | None:
        """The refund as it is now, with its invoice locked."""
        given_back.lock(conn, self.refund)
        return refunds.get(conn, self.refund.id, lock=True)

    def _tell(self, conn: sa.Connection) -> Refund | datetime | None:
        """The refund as the provider is to be told; the instant to try again, while another one of the payment is uncertain."""
        current, now = self._current(conn), self.ctx.clock.now()
        attempt = payments.get(conn, self.attempt.id)
        if current is None or attempt is None or current.state not in (RefundState.CREATED, RefundState.UNKNOWN):
            return None
        if current.told:
            return current
        before = rules.gone_before(current, attempt, refunds.of_invoice(conn, attempt.invoice_id))
        if before is None:
            return now + _ONE_AT_A_TIME
        return dues.change(conn, current, replace(current, told=True, before_minor=before), now)

    def _unknown(self, conn: sa.Connection) -> None:
        current = self._current(conn)
        if current is not None and current.state is RefundState.CREATED:
            dues.change(conn, current, replace(current, state=RefundState.UNKNOWN), self.ctx.clock.now())

    def _covered(self, conn: sa.Connection, update: PaymentUpdate) -> bool:
        """Books the refund as done where the payment's sum can only be explained by it."""
        current = self._current(conn)
        attempt = payments.get(conn, self.attempt.id)
        if current is None or attempt is None or not current.under_way or update.refunded is None:
            return False
        if update.refunded.minor - attempt.refunded_minor < current.amount_minor:
            return False
        given_back.give_back(conn, self.ctx.directory, current.id, By.PROVIDER, self.ctx.clock.now())
        return True
