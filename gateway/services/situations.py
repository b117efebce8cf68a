"""What a turn of a conversation may depend on, read in its transaction: who writes, what they owe, what was asked last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from gateway.domain import chat
from gateway.domain.chat import Debt, Policy, Situation, State, Who
from gateway.domain.claims import ClaimKind
from gateway.domain.invoices import Invoice
from gateway.domain.references import reference, spaced
from gateway.domain.reminders import Reason, ReminderState, Source
from gateway.ports.channel import InboundMessage
from gateway.services import pay_codes
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount
from gateway.store import claims, deliveries, invoices, payments, reminders
from gateway.store.conversations import Conversation
from gateway.store.invoices import Payer

DAY_S = 86_400
MOST_DEBTS, MOST_SETTLED = 20, 3
BUTTONS = {"telegram": 6, "whatsapp": 3}  # how many a message may carry
NOT_PUT_OFF = (Reason.REPLACED, Reason.CANCELLED)


def read(
    conn: sa.Connection,
    ctx: Context,
    account: ChannelAccount,
    conversation: Conversation,
    payers: Sequence[Payer],
    inbound: InboundMessage,
    now: datetime,
) -> Situation:
    """The situation of this message."""
    biller = ctx.directory.biller(account.row.biller_id)
    chosen = next((payer for payer in payers if payer.id == conversation.payer_id), None)
    one = chosen or (payers[0] if payers else None)
    named = chat.mentions(inbound.text)
    texts = [*(link.url for link in named.links), *named.codes]
    contact = account.plugin.address if account.plugin.address != "chat" else account.plugin.name
    return Situation(
        now=now,
        zone=ZoneInfo(one.time_zone) if one else biller.zone,
        locale=_locale(ctx, biller, conversation, one, inbound),
        biller=biller.settings.biller.display_name,
        policy=policy(biller, account),
        who=[_who(conn, ctx, payer) for payer in payers],
        chosen=chosen.id if chosen else None,
        state=_state(conversation),
        sms=contact == "phone",
        buttons=BUTTONS.get(contact, 0),
        found=pay_codes.found_of(conn, ctx, biller, [payer.id for payer in payers], texts),
        languages=ctx.renderer.languages,
        stopped=deliveries.suppressed(conn, biller.id, account.plugin.name, inbound.address) == deliveries.STOPPED,
        forwarded=inbound.forwarded,
    )


def stranger(ctx: Context, biller: Biller, account: ChannelAccount, now: datetime) -> Situation:
    """That of somebody of whom nothing is known or read."""
    return Situation(now, biller.zone, biller.locale, biller.settings.biller.display_name, policy(biller, account))


def policy(biller: Biller, account: ChannelAccount) -> Policy:
    """What the biller allows, as the conversation needs it."""
    who, rules = biller.settings.biller, biller.settings.chat
    return Policy(
        latest_days=rules.latest_s // DAY_S,
        postponements=rules.postponements,
        parts=rules.parts if rules.parts > 1 else 0,
        least_share=rules.least_share,
        parts_until_days=rules.parts_within_s // DAY_S,
        pay_day=rules.pay_day,
        remind_hour=rules.remind_hour,
        link_free=account.link_free,
        country=who.country,
        support=who.support_phone or who.support_email or "",
        site=biller.settings.pay_site,
    )


def _locale(
    ctx: Context, biller: Biller, conversation: Conversation, payer: Payer | None, inbound: InboundMessage
) -> str:
    """The language of the answer: the payer's, which is the same on every channel; a stranger's, as used before or hinted at."""
    wanted = payer.locale if payer else conversation.locale or inbound.locale or biller.locale
    return ctx.renderer.language(wanted, biller.locale, biller=biller.slug)


def _state(conversation: Conversation) -> State:
    kept = conversation.state
    until = datetime.fromisoformat(kept["until"]) if kept.get("until") else None
    return State(kept.get("asked", ""), kept.get("data", {}), until, kept.get("misses", 0))


def _who(conn: sa.Connection, ctx: Context, payer: Payer) -> Who:
    owed = reminders.owing(conn, payer.id)[:MOST_DEBTS]
    settled = invoices.settled_of(conn, payer.id, MOST_SETTLED)
    zone = ZoneInfo(payer.time_zone)
    return Who(
        payer.id,
        payer.reference,
        [debt(conn, ctx, invoice, zone) for invoice in sorted(owed, key=lambda one: (one.due_on, one.id))],
        [debt(conn, ctx, invoice, zone) for invoice in settled],
    )


def debt(conn: sa.Connection, ctx: Context, invoice: Invoice, zone: ZoneInfo) -> Debt:
    """One invoice, with what the payer has said of it and asked for."""
    own = [one for one in reminders.of_invoice(conn, invoice.id) if one.source is Source.PAYER]
    waiting = [one for one in own if one.state in (ReminderState.PLANNED, ReminderState.HELD, ReminderState.QUEUED)]
    said = {claim.kind: claim for claim in claims.open_of(conn, invoice.id)}
    tried = payments.of_invoice(conn, invoice.id) if invoice.payable else []
    promise = said.get(ClaimKind.PROMISE)
    return Debt(
        invoice_id=invoice.id,
        number=invoice.number,
        amount=invoice.amount,
        outstanding=invoice.outstanding,
        due_on=invoice.due_on,
        pay_url=ctx.pay_url(invoice.id, invoice.link_version),
        description=invoice.details.get("description") or "",
        paid=invoice.settled_at is not None,
        paid_on=invoice.settled_at.astimezone(zone).date() if invoice.settled_at else None,
        processing=any(one.awaited for one in tried),
        disputed=ClaimKind.DISPUTE in said,
        reminder_at=waiting[0].due_at if waiting else None,
        promised_on=promise.until_on if promise else None,
        postponed=sum(one.reason not in NOT_PUT_OFF for one in own),
        pay_code=ctx.pay_codes.issue(invoice.id),
        payment_reference=spaced(reference(invoice.id)),
    )
