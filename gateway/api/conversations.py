"""Conversations over HTTP: what payers wrote and were told, and a person's own words to them."""

from __future__ import annotations

from typing import Any

from gateway.api import answers, cursor, errors, models, queries
from gateway.api.invoices import KEYED
from gateway.api.middleware import Answer, Call
from gateway.api.openapi import Returns, operation
from gateway.domain import ids
from gateway.domain.keys import Scope
from gateway.services import transcripts
from gateway.services.errors import NotFound
from gateway.services.shapes import conversation_json, delivery_json, instant, said_json
from gateway.store.conversations import Said

TAG = "Conversations"


@operation(
    "GET",
    "/v1/conversations",
    tag=TAG,
    summary="List conversations",
    scope=Scope.READ,
    query=queries.ConversationQuery,
    returns={200: Returns("Newest first.", answers.ConversationPage)},
)
async def list_conversations(call: Call[None, queries.ConversationQuery]) -> Answer:
    """One a channel and address. `waiting=true` gives those in which a person is wanted."""
    query = call.query
    found, next_id = await transcripts.page(
        call.context,
        call.biller,
        payer=query.payer,
        waiting=query.waiting,
        before_id=cursor.read(query.cursor),
        limit=query.limit,
    )
    now = call.context.clock.now()
    return Answer({"items": [conversation_json(one, now) for one in found], "next_cursor": cursor.show(next_id)})


@operation(
    "GET",
    "/v1/conversations/{conversation_id}",
    tag=TAG,
    summary="Read a conversation",
    scope=Scope.READ,
    returns={200: Returns("The conversation, without its messages.", answers.Conversation)},
)
async def read_conversation(call: Call[None, None]) -> Answer:
    """Who it is with, and whether a person is wanted."""
    shown = await transcripts.get(call.context, call.biller, _id(call))
    return Answer(conversation_json(shown, call.context.clock.now()))


@operation(
    "GET",
    "/v1/conversations/{conversation_id}/messages",
    tag=TAG,
    summary="Read its messages",
    scope=Scope.READ,
    query=queries.TranscriptQuery,
    returns={200: Returns("Newest first.", answers.Transcript)},
)
async def read_messages(call: Call[None, queries.TranscriptQuery]) -> Answer:
    """What the payer wrote in it and what was answered. Ask again with `next_before` for what came earlier."""
    query = call.query
    found = await transcripts.of_conversation(
        call.context, call.biller, _id(call), before=query.before, limit=query.limit
    )
    return _page(found, query.limit)


@operation(
    "POST",
    "/v1/conversations/{conversation_id}/messages",
    tag=TAG,
    summary="Write to the payer",
    scope=Scope.WRITE,
    body=models.NewMessage,
    headers=KEYED,
    returns={
        201: Returns("On its way, on the channel that the payer wrote from.", answers.DeliveryShown),
        200: Returns("The same was written before: nothing new was sent.", answers.DeliveryShown),
    },
    problems=(errors.WRONG_STATE, errors.DIFFERENT_REQUEST),
    examples={"an answer": {"text": "Bună, Ana! Am verificat: plata din 20 noiembrie a ajuns. Mulțumim!"}},
)
async def write_message(call: Call[models.NewMessage, None]) -> Answer:
    """A person's own words. For 72 hours after them, what Achit does not understand in this conversation is left to you."""
    key = call.headers.get("Idempotency-Key")
    delivery, new = await transcripts.say(call.context, call.biller, _id(call), call.body.text, key=key)
    return Answer(delivery_json(delivery), 201 if new else 200)


@operation(
    "GET",
    "/v1/transcript",
    tag=TAG,
    summary="Read all that was said with a payer",
    scope=Scope.READ,
    query=queries.PayerTranscriptQuery,
    returns={200: Returns("Newest first, over every channel.", answers.Transcript)},
)
async def read_transcript(call: Call[None, queries.PayerTranscriptQuery]) -> Answer:
    """Invoices, reminders, receipts and answers that the payer was sent, and what they wrote. Words older than your policy keeps
    are gone; that a message was sent stays.
    """
    query = call.query
    found = await transcripts.of_payer(call.context, call.biller, query.payer, before=query.before, limit=query.limit)
    return _page(found, query.limit)


def _page(found: list[Said], limit: int) -> Answer:
    more = len(found) >= limit and bool(found)
    return Answer({"items": [said_json(one) for one in found], "next_before": instant(found[-1].at) if more else None})


def _id(call: Call[Any, Any]) -> int:
    number = ids.read(ids.CONVERSATION, call.path["conversation_id"])
    if number is None:
        raise NotFound("there is no such conversation")
    return number
