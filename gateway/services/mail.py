"""Mail that the biller's mail server hands over on this host: which account it is for, and into that account's webhook.

The account's adapter signs what came over the owner's socket or LMTP, and then verifies and reads it like any other webhook: there
is no second way in.
"""

from __future__ import annotations

import hashlib
from email.message import Message as Mail
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import cast

import sqlalchemy as sa
import structlog

from gateway.ports.channel import TakesMail
from gateway.ports.errors import MalformedWebhook, NotSupported
from gateway.ports.values import WebhookRequest
from gateway.services import receipts
from gateway.services.context import Context
from gateway.services.directory import ChannelAccount
from gateway.services.errors import NotFound
from gateway.store import inbox
from gateway.store.inbox import Raw

log = structlog.get_logger()
_RECIPIENTS = ("X-Original-To", "Delivered-To", "Envelope-To", "To", "Cc")
_MOST_HEADERS = 262_144


def account_named(ctx: Context, name: str) -> ChannelAccount:
    """Raises NotFound when no account of this name takes mail."""
    account = ctx.directory.channel_called(name)
    if account is None or not account.plugin.takes_mail:
        raise NotFound(f"no account {name} takes mail{_those_that_do(ctx)}")
    return account


def account_for(ctx: Context, recipient: str) -> ChannelAccount | None:
    """The account that mail to this address is for."""
    return next((one for one in _takers(ctx) if _mailbox(one).expects(recipient)), None)


def account_of(ctx: Context, raw: bytes) -> ChannelAccount:
    """The account that a mail is for, by the addresses in its headers; else the only one there is. Raises NotFound."""
    head = BytesHeaderParser().parsebytes(_without_mark(raw)[:_MOST_HEADERS])
    for recipient in _addresses(head):
        if (account := account_for(ctx, recipient)) is not None:
            return account
    takers = _takers(ctx)
    if len(takers) == 1:
        return takers[0]
    raise NotFound(f"say which account this mail is for{_those_that_do(ctx)}")


async def take(
    ctx: Context, account: ChannelAccount, raw: bytes, *, sender: str | None = None, recipient: str | None = None
) -> int:
    """Keeps a mail and books what it says, in one transaction; gives how many events were new. `sender` "" is the null return path.

    A mail that cannot be read is kept too. Raises StoreUnavailable, and NotFound when the account takes no mail: then it is not taken.
    """
    envelope = {"Return-Path": None if sender is None else f"<{sender}>", "X-Original-To": recipient}
    lines = [f"{name}: {''.join(filter(str.isprintable, value))}\r\n" for name, value in envelope.items() if value]
    mail = "".join(lines).encode("utf-8", "replace") + _without_mark(raw)
    now = ctx.clock.now()
    try:
        proof = _mailbox(account).proof(mail)
    except NotSupported as error:
        raise NotFound(f"{account.row.name} takes no mail: {error}") from None
    headers = {"content-type": "message/rfc822", **proof}
    url = f"{ctx.public_url}/hooks/channels/{account.row.name}"
    try:
        return await receipts.receive_webhook(ctx, account, WebhookRequest(mail, headers, url, now))
    except MalformedWebhook as error:
        log.error("webhook.malformed", account=account.row.name, reason=str(error))

    def body(conn: sa.Connection) -> int:
        kept = Raw({"content-type": "message/rfc822"}, mail[: receipts.MOST_KEPT])
        return int(inbox.keep(conn, account.row.inbox, hashlib.sha256(mail).hexdigest(), kept, now) is not None)

    return await ctx.db.write(body)


def _takers(ctx: Context) -> list[ChannelAccount]:
    return [account for account in ctx.directory.channels() if account.plugin.takes_mail]


def _mailbox(account: ChannelAccount) -> TakesMail:
    return cast(TakesMail, account.make())


def _those_that_do(ctx: Context) -> str:
    names = ", ".join(account.row.name for account in _takers(ctx))
    return f"; {names} does" if names else ": there is no such account"


def _addresses(head: Mail) -> list[str]:
    values = [str(value)[:2_000] for name in _RECIPIENTS for value in head.get_all(name, [])[:20]]
    return [address for _, address in getaddresses(values) if address]


def _without_mark(raw: bytes) -> bytes:
    """A mailbox file's `From ` line is no header."""
    return raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw
