"""Operations about what payers are told and what they write: templates at vendors, mail, phrases, reminders ahead."""

from __future__ import annotations

import base64

from gateway.control.shared import Json, Refused, biller_of
from gateway.ports.errors import AdapterError
from gateway.services import forecast, mail, templates, trying
from gateway.services.context import Context
from gateway.services.errors import NotFound
from gateway.services.shapes import foreseen_json


async def sync_templates(ctx: Context, arguments: Json) -> Json:
    biller, contact_point = biller_of(ctx, arguments["biller"]), arguments["contact_point"]
    accounts = templates.accounts(ctx, biller, contact_point)
    if not accounts:
        raise NotFound(f"{biller.slug} has no channel that reaches payers by {contact_point}")
    try:
        found = [
            kept
            for account in accounts
            for kept in await templates.sync(ctx, biller, account, dry_run=arguments["dry_run"])
        ]
    except AdapterError as error:
        raise Refused(f"a vendor cannot say which templates it has: {error}") from error
    return {"biller": biller.slug, "templates": [_kept_json(kept) for kept in found]}


def _kept_json(kept: templates.Kept) -> Json:
    return {
        "account": kept.account,
        "kind": kept.kind,
        "language": kept.text.language,
        "name": kept.text.name,
        "status": "refused" if kept.refused else kept.standing.status.value,
        "reason": kept.refused or kept.standing.reason,
        "new": kept.new,
        "body": kept.text.body,
    }


async def receive_mail(ctx: Context, arguments: Json) -> Json:
    raw = base64.b64decode(arguments["mail"])
    account = mail.account_named(ctx, arguments["account"]) if arguments["account"] else mail.account_of(ctx, raw)
    return {"account": account.row.name, "new": await mail.take(ctx, account, raw)}


async def try_phrase(ctx: Context, arguments: Json) -> Json:
    biller, texts, live = biller_of(ctx, arguments["biller"]), arguments["texts"], arguments["live"]
    tried = await trying.take(ctx, biller, arguments["payer"], arguments["channel"], texts, live=live)
    return {
        "channel": tried.channel,
        "address": tried.address,
        "intent": tried.intent,
        "answer": tried.answer,
        "buttons": list(tried.buttons),
        "facts": [{"type": fact.type, "data": fact.data} for fact in tried.facts],
    }


async def plan_reminders(ctx: Context, arguments: Json) -> Json:
    biller = biller_of(ctx, arguments["biller"])
    found, more = await forecast.ahead(ctx, biller, arguments["days"], arguments["limit"])
    policy = biller.reminders
    return {
        "biller": biller.slug,
        "days": arguments["days"],
        "items": [foreseen_json(one, policy.cost_currency) for one in found],
        "cost": {"value": str(sum(one.cost for one in found)), "currency": policy.cost_currency},
        "more_payers": more,
    }
