"""The URL table of the biller API, and the document that is made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from gateway import __version__
from gateway.api import (
    answers,
    conversations,
    events,
    examples,
    invoices,
    push_endpoints,
    refunds,
    reminders,
    routing,
)
from gateway.api.docs import DocsPage
from gateway.api.middleware import Edge, endpoint
from gateway.api.openapi import JSON, About, Operation, Parameter, document
from gateway.domain.events import MEANINGS

OPERATIONS: Sequence[Operation] = (
    invoices.issue_invoice,
    invoices.list_invoices,
    invoices.read_invoice,
    invoices.change_invoice,
    invoices.void_invoice,
    invoices.send_invoice,
    invoices.record_payment,
    invoices.read_timeline,
    refunds.give_back,
    refunds.list_payment_refunds,
    refunds.list_refunds,
    refunds.read_refund,
    refunds.report_done,
    refunds.retry_refund,
    conversations.list_conversations,
    conversations.read_conversation,
    conversations.read_messages,
    conversations.write_message,
    conversations.read_transcript,
    reminders.set_reminder,
    reminders.cancel_reminders,
    reminders.list_reminders,
    reminders.close_dispute,
    routing.explain_routing,
    routing.report_routing,
    events.read_events,
    events.stream_events,
    push_endpoints.add_push_endpoint,
    push_endpoints.list_push_endpoints,
    push_endpoints.read_push_endpoint,
    push_endpoints.change_push_endpoint,
    push_endpoints.remove_push_endpoint,
    push_endpoints.rotate_push_secret,
    push_endpoints.list_pushes,
    push_endpoints.replay_push,
    push_endpoints.replay_since,
)


def _id(what: str, prefix: str) -> Parameter:
    return Parameter(
        what, pattern=f"{prefix}_[0-9A-Za-z]{{7,10}}", means="an id as it was given", example=f"{prefix}_000004C"
    )


_DESCRIPTION = """
Post an invoice; Achit sends it to the payer over the channels they read, takes the payment, and tells your systems.

**Keys.** `achit key create --biller NAME` makes a key and shows it once. Send it as `Authorization: Bearer ak_…`.
A key has the scopes `read`, `write` or both.

**Money** is a decimal string with the decimals of its currency, never a number: `{"value": "123.45", "currency": "RON"}`.
**Instants** are RFC 3339 in UTC and end in `_at`; **days** are `2026-11-23` and end in `_on`.

**Repeating is safe.** An invoice is known by your number for it, money received elsewhere by source and reference, and both
also by an `Idempotency-Key`, for good. The same again gives the same answer; something else is a 409 that names what differs.

**Refusals** are RFC 9457 problems: `type` is stable, `errors` names each field by its path.

**Limits.** `RateLimit-Limit`, `-Remaining` and `-Reset` are on every answer; a 429 says in `Retry-After` how long to wait.
""".strip()


def api_document(public_url: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this installation."""
    return document(
        OPERATIONS,
        About(
            title="Achit biller API",
            version=__version__,
            description=_DESCRIPTION,
            server=public_url,
            tags={
                invoices.TAG: "What is owed, how it reaches the payer, and what was paid.",
                refunds.TAG: "Money that goes back to payers: by the provider, or by you.",
                conversations.TAG: "What payers write and are told, and a person's own words to them.",
                reminders.TAG: "What payers are reminded of, and when; what you set yourself; disputes.",
                routing.TAG: "Which methods payers see and which account serves each, why, and what it costs.",
                events.TAG: "Every fact, numbered without gaps, to pull or to follow.",
                push_endpoints.TAG: "Every fact, signed and pushed to your systems.",
            },
            paths={
                "invoice_id": _id("The invoice's id.", "inv"),
                "payment_id": Parameter(
                    "The payment's id, of the invoice's `payments`.",
                    pattern="(pay|upd)_[0-9A-Za-z]{7,10}",
                    means="an id as it was given",
                    example="pay_000004C",
                ),
                "refund_id": _id("The refund's id.", "rfd"),
                "conversation_id": _id("The conversation's id.", "cnv"),
                "endpoint_id": _id("The push endpoint's id.", "pep"),
                "push_id": _id("The push's id, from the log.", "psh"),
            },
            push=answers.Event,
            push_example=examples.PAID,
            push_events={kind.value: meaning for kind, meaning in MEANINGS.items()},
        ),
    )


def biller_routes(edge: Edge) -> list[web.RouteDef]:
    """The API, its document and its documentation. The application they go on has the `problems` middleware."""
    api = api_document(edge.context.public_url)
    written = orjson.dumps(api)
    tag = f'"{hashlib.sha256(written).hexdigest()[:20]}"'
    docs = DocsPage(api, edge.context.renderer.asset_url)

    async def openapi(request: web.Request) -> web.Response:
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Type": JSON, "Access-Control-Allow-Origin": "*"}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=written, headers=headers)

    return [
        *(web.route(one.method, one.path, endpoint(one, edge)) for one in OPERATIONS),
        web.get("/v1/openapi.json", openapi),
        web.get("/docs", docs.get),
        web.get("/problems/{name}", docs.problem),
    ]
