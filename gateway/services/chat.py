"""A payer's message becomes a turn of the conversation: read, decided, carried out and answered, all in the transaction that
keeps it. So a doubled webhook answers once, and a crash forgets nothing.

What is understood and what follows from it is decided in `gateway.domain.chat`; here is what that needs and what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from gateway.config.conversations import ChatPolicy
from gateway.domain import chat
from gateway.domain.chat import Answer, CodeGiven, FactorGiven, Intent, Situation, State, Turn
from gateway.domain.events import EventType, NewEvent
from gateway.domain.ids import CONVERSATION, MESSAGE, show
from gateway.ports.channel import InboundMessage
from gateway.services import chat_actions, pay_codes, situations, transcripts
from gateway.services.chat_actions import Scene
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.store import conversations, deliveries, events
from gateway.store.conversations import Conversation
from gateway.store.invoices import Payer

LONGEST_TEXT = 4096


def take(
    conn: sa.Connection,
    ctx: Context,
    account: ChannelAccount,
    inbound: InboundMessage,
    payers: Sequence[Payer],
    now: datetime,
) -> None:
    """Keeps what was written by these payers (none: by a stranger), does what it asks for and queues the answer."""
    if account.plugin.address == "email" and not payers:
        return  # anyone can write any sender: an answer would be a nuisance to somebody else
    biller = ctx.directory.biller(account.row.biller_id)
    inbound = replace(inbound, text=inbound.text[:LONGEST_TEXT])
    conversation = conversations.at(conn, biller.id, account.id, inbound.address, now)
    full_until = _spend(conversation, biller.settings.chat, now)
    if full_until is None and not _is_stop(ctx, account, inbound, now):
        return
    situation = situations.read(conn, ctx, account, conversation, payers, inbound, now)
    turn = chat.decide(situation, inbound.text, inbound.button, grammar=ctx.renderer.grammars)
    turn = _checked(conn, ctx, account, conversation, situation, turn, now)
    payer_id = _payer_id(conversation, turn, payers)
    scene = Scene(ctx, account, conversation, payers, _about(account, conversation, payers), inbound.text, now)
    _keep(conn, scene, inbound, turn, payer_id)
    asked = turn.state if account.replies else State()  # a question that nobody is asked is not waited for
    changes: dict[str, Any] = {"state": _kept(asked), "last_in_at": now, "locale": situation.locale}
    changes["full_until"] = full_until or conversation.full_until
    for action in turn.actions:
        changes |= chat_actions.carry_out(conn, scene, action)
    conversations.change(conn, conversation.id, now, **changes)
    left_to_a_person = turn.intent is Intent.NONE and transcripts.person_has_it(conversation, now)
    if turn.answer is not None and not left_to_a_person and biller.settings.chat.enabled:
        _answer(conn, scene, inbound, situation, turn.answer, payer_id)


def may_be_heard(
    conn: sa.Connection, ctx: Context, account: ChannelAccount, inbound: InboundMessage, now: datetime
) -> bool:
    """Whether a message is read at all: that of a sender far above the biller's rate is not, and costs us this look alone."""
    conversation = conversations.peek(conn, account.id, inbound.address)
    rules = ctx.directory.biller(account.row.biller_id).settings.chat
    if conversation is None or _spend(conversation, rules, now) is not None:
        return True
    return inbound.stop or inbound.start or _is_stop(ctx, account, inbound, now)


def _spend(conversation: Conversation, rules: ChatPolicy, now: datetime) -> datetime | None:
    """How far ahead of its rate the sender is with this message; None: too far."""
    each = timedelta(hours=1) / rules.per_hour
    ahead = max(conversation.full_until or now, now) + each
    return ahead if ahead - now <= each * rules.burst else None


def _is_stop(ctx: Context, account: ChannelAccount, inbound: InboundMessage, now: datetime) -> bool:
    """A STOP is heard from whoever says it, however often they have written."""
    biller = ctx.directory.biller(account.row.biller_id)
    unknown = situations.stranger(ctx, biller, account, now)
    turn = chat.decide(unknown, inbound.text, inbound.button, grammar=ctx.renderer.grammars)
    return any(isinstance(action, chat.Stop) for action in turn.actions)


def _payer_id(conversation: Conversation, turn: Turn, payers: Sequence[Payer]) -> int | None:
    """Whom the message is put down to: the one who was chosen, or the only one."""
    chosen = [action.payer_id for action in turn.actions if isinstance(action, chat.Chosen)]
    known = [payer.id for payer in payers]
    wanted = chosen[0] if chosen else conversation.payer_id
    return wanted if wanted in known else known[0] if len(known) == 1 else None


def _about(account: ChannelAccount, conversation: Conversation, payers: Sequence[Payer]) -> dict[str, Any]:
    return {
        "channel": account.short,
        "conversation": show(CONVERSATION, conversation.id),
        "payers": [payer.reference for payer in payers],
    }


def _kept(state: State) -> dict[str, Any]:
    """The state as JSON."""
    return asdict(state) | {"until": state.until and state.until.isoformat()}


def _keep(conn: sa.Connection, scene: Scene, inbound: InboundMessage, turn: Turn, payer_id: int | None) -> None:
    """The message in the transcript, and the event that the biller is pushed."""
    message_id = _write(conn, scene.conversation, inbound, turn.intent, payer_id, scene.now)
    said = scene.about | {"message": show(MESSAGE, message_id), "intent": turn.intent.value, "text": inbound.text}
    said |= {"button": inbound.button} if inbound.button else {}
    if scene.payers:  # a stranger's words are no news for billing
        received = NewEvent(EventType.MESSAGE_RECEIVED, said)
        events.append(conn, scene.conversation.biller_id, None, [received], scene.now)


def note(
    conn: sa.Connection,
    account: ChannelAccount,
    inbound: InboundMessage,
    payers: Sequence[Payer],
    intent: Intent,
    now: datetime,
) -> None:
    """Keeps words that the vendor has understood and answered itself."""
    conversation = conversations.at(conn, account.row.biller_id, account.id, inbound.address, now)
    _write(conn, conversation, inbound, intent, payers[0].id if len(payers) == 1 else None, now)
    conversations.change(conn, conversation.id, now, last_in_at=now)


def _write(
    conn: sa.Connection,
    conversation: Conversation,
    inbound: InboundMessage,
    intent: Intent,
    payer_id: int | None,
    now: datetime,
) -> int:
    return conversations.write(
        conn,
        {
            "biller_id": conversation.biller_id,
            "conversation_id": conversation.id,
            "payer_id": payer_id,
            "external_id": inbound.external_id,
            "text": inbound.text[:LONGEST_TEXT],
            "button": inbound.button,
            "intent": intent.value,
            "occurred_at": inbound.occurred_at,
            "created_at": now,
        },
    )


def _answer(
    conn: sa.Connection,
    scene: Scene,
    inbound: InboundMessage,
    situation: Situation,
    answer: Answer,
    payer_id: int | None,
) -> None:
    ctx, account, conversation = scene.ctx, scene.account, scene.conversation
    if not account.replies:
        return  # what was heard all the same is done; an answer would invite another one, which could not be heard
    why = deliveries.suppressed(conn, conversation.biller_id, account.plugin.name, conversation.address)
    if why not in (None, deliveries.STOPPED):
        return
    locale = answer.locale or situation.locale
    words = ctx.renderer.answer(
        answer, sms=situation.sms, buttons=situation.buttons, locale=locale, biller=scene.biller.slug
    )
    transcripts.answer(
        conn,
        account,
        conversation,
        words.text,
        scene.now,
        buttons=[{"text": button.text, "url": button.url, "data": button.data} for button in words.buttons],
        in_reply_to=inbound.external_id,
        locale=locale,
        payer_id=payer_id,
    )


def _checked(
    conn: sa.Connection,
    ctx: Context,
    account: ChannelAccount,
    conversation: Conversation,
    situation: Situation,
    turn: Turn,
    now: datetime,
) -> Turn:
    """A turn that hangs on a pay code, looked up.

    Whatever code was typed, the proof is asked for: who guesses learns nothing. With the right proof that one invoice is shown,
    and nothing else of its payer's: a code and a proof stand on one sheet of paper.
    """
    biller = ctx.directory.biller(conversation.biller_id)
    for action in turn.actions:
        if isinstance(action, CodeGiven):
            page = "" if situation.policy.link_free else f"{ctx.public_url}/c?code={action.code}"
            return chat.answers.code_right(situation, kept=action.code, pay_url=page)
        if isinstance(action, FactorGiven):
            sender = f"{account.id}:{conversation.address}"
            proofs = [action.digits] + ([] if action.amount is None else [str(action.amount)])
            found = pay_codes.look_up(conn, ctx, biller, sender, action.kept, proofs, now)
            if found is None:
                return chat.answers.factor_wrong(situation)
            shown = situations.debt(conn, ctx, found, ZoneInfo(biller.settings.biller.time_zone))
            return chat.answers.factor_right(situation, shown)
    return turn
