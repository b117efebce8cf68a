"""Pay codes at work: who types one and proves to hold the invoice gets it; and whether what a payer was sent is ours.

An unknown sender learns nothing: a wrong code, one of nobody and a wrong proof have one answer, and so has one try too many.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from gateway.domain.chat.values import Found
from gateway.domain.invoices import Invoice
from gateway.domain.paycodes import proves, written
from gateway.ports.values import Money
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.signing import TOKEN_WIDTH
from gateway.store import deliveries, invoices, reminders, throttles


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many failures at once, and one more each time so much has passed. What is refused is not counted, and delays nobody."""

    burst: int
    every: timedelta

    def full(self, full_until: datetime, now: datetime) -> bool:
        return full_until - now > (self.burst - 1) * self.every


OF_SENDER = Bucket(10, timedelta(minutes=2))  # whole towns share an address of a mobile network
OF_CODE = Bucket(5, timedelta(minutes=10))
OF_BILLER = Bucket(300, timedelta(seconds=2))
_TOKEN = re.compile(rf"[0-9A-Za-z]{{{TOKEN_WIDTH}}}", re.ASCII)
_PAGE = re.compile(rf"/p/([0-9A-Za-z]{{{TOKEN_WIDTH}}})(?:/[a-z.]*)?", re.ASCII)


def look_up(
    conn: sa.Connection,
    ctx: Context,
    biller: Biller | None,
    sender: str,
    code: str,
    proofs: Sequence[str],
    now: datetime,
) -> Invoice | None:
    """The invoice of a code, for who proves to hold it: the end of the payer's client code, or the sum. Needs a write.

    `biller` None: any biller's. `proofs` are the ways in which what was written may be meant, of one try; `sender` is whoever
    tries, by address. None is the one answer to everything else. Failures are counted by sender, by biller and by code; when only
    the biller's are too many, somebody who has not failed lately may still try once, so that others' guessing locks no payer out.
    """
    ids = ctx.pay_codes.candidates(code)
    if not ids:
        return None  # a slip of the finger: the check tells everybody
    by_sender, by_biller, by_code = keys = (
        f"sender:{sender}",
        f"biller:{biller.id if biller else 0}",
        f"code:{written(code)}",
    )
    (sent,) = throttles.locked(conn, [by_sender], now)
    if OF_SENDER.full(sent, now):
        return None
    all_of, of_code = throttles.locked(conn, [by_biller, by_code], now)
    if OF_CODE.full(of_code, now) or (OF_BILLER.full(all_of, now) and sent > now):
        return None
    matching = [
        invoice
        for invoice, reference in invoices.with_reference(conn, ids)
        if (biller is None or invoice.biller_id == biller.id)
        and any(proves(proof, reference, _sums(invoice)) for proof in proofs)
    ]
    if len(matching) == 1:
        return matching[0]
    buckets = (OF_SENDER, OF_BILLER, OF_CODE)
    for key, ahead, bucket in zip(keys, (sent, all_of, of_code), buckets, strict=True):
        throttles.fill(conn, key, ahead + bucket.every)
    throttles.forget_empty(conn, now)
    return None


def _sums(invoice: Invoice) -> list[Money]:
    return [money for money in (invoice.outstanding, invoice.amount) if money.minor > 0]


async def pay_path(ctx: Context, sender: str, code: str, proof: str) -> str | None:
    """Where who typed a code and a proof is taken; None as `look_up` says."""
    now = ctx.clock.now()
    found = await ctx.db.write(lambda conn: look_up(conn, ctx, None, sender, code, [proof], now))
    return None if found is None else ctx.pay_path(found.id, found.link_version)


def found_of(
    conn: sa.Connection, ctx: Context, biller: Biller, payer_ids: Collection[int], texts: Sequence[str]
) -> list[Found]:
    """What links, tokens and pay codes of a message are: ours when they are this biller's and about one of these payers.

    A link is ours on our own host alone; one that was revoked is not ours any more. Of other payers' invoices nothing is said.
    """
    return [_found(conn, ctx, biller, payer_ids, text) for text in texts]


def _found(conn: sa.Connection, ctx: Context, biller: Biller, payer_ids: Collection[int], text: str) -> Found:
    token = token_in(text, ctx.public_url)
    link_id = None if token is None else ctx.links.link_id(token)
    ids = ctx.pay_codes.candidates(text) if link_id is None else (link_id,)
    for invoice_id in ids:
        invoice = invoices.get(conn, invoice_id, biller_id=biller.id)
        if invoice is None or invoice.payer_id not in payer_ids:
            continue
        if token is not None and not ctx.links.proves(token, invoice.id, invoice.link_version):
            continue
        alone = [one.sent_at for one in deliveries.of_invoice(conn, invoice.id) if one.payer_id == invoice.payer_id]
        sent = [*alone, *reminders.sent_with_others(conn, invoice.payer_id, invoice.id)]
        at = max((sent_at for sent_at in sent if sent_at is not None), default=None)
        return Found(text, ours=True, invoice_id=invoice.id, number=invoice.number, sent_at=at)
    return Found(text, ours=False)


def token_in(text: str, public_url: str) -> str | None:
    """The token of a text that is a pay link on this host, or a bare token; None for anything else, other hosts' links among it."""
    bare = text.strip().rstrip(".,;:!?)>]»\"'")
    if _TOKEN.fullmatch(bare):
        return bare
    ours = urlsplit(public_url)
    try:
        given = urlsplit(bare if "://" in bare else f"{ours.scheme}://{bare}")
        same = (given.scheme, given.hostname, given.port) == (ours.scheme, ours.hostname, ours.port)
    except ValueError:
        return None
    path = given.path.removeprefix(ours.path)
    match = _PAGE.fullmatch(path) if same and given.username is None and given.password is None else None
    return match[1] if match else None
