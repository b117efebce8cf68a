"""Bank transfers that the payer makes in their own bank: the page that says how, and their word that it is done."""

from __future__ import annotations

import sqlalchemy as sa

from gateway.domain.payments import transfer_open
from gateway.domain.references import spaced, valid
from gateway.domain.standing import told
from gateway.ports.provider import Transfer
from gateway.ports.values import Money
from gateway.rendering import TransferPage
from gateway.rendering.elements import epc_qr_svg, epc_takes
from gateway.services import claims, contexts
from gateway.services.context import Context
from gateway.services.directory import Biller
from gateway.services.invoices import View
from gateway.store import claims as claims_store
from gateway.store import invoices, payments

HOW = "transfer"


def wanted(view: View) -> tuple[Transfer, Money] | None:
    """What is to be typed, and the sum that is still owed; None when no transfer of it may be made (any more)."""
    attempt = transfer_open(view.attempts) if view.invoice.payable else None
    if attempt is None or attempt.transfer is None:
        return None
    return attempt.transfer, view.invoice.outstanding


def page(ctx: Context, biller: Biller, view: View) -> TransferPage | None:
    """The page that says how to transfer; None when there is nothing to transfer."""
    found = wanted(view)
    if found is None:
        return None
    transfer, amount = found
    word = told(view.claims)
    return TransferPage(
        brand=contexts.brand(ctx, biller),
        number=view.invoice.number,
        amount=amount,
        path=ctx.pay_path(view.invoice.id, view.invoice.link_version),
        revision=contexts.revision(ctx, biller, view),
        name=transfer.name,
        iban=spaced(transfer.iban),
        bank=transfer.bank,
        bic=transfer.bic,
        reference=spaced(transfer.reference) if valid(transfer.reference) else transfer.reference,
        qr=epc_takes(amount),
        told=word is not None,
        rests_until=word.until_on if word else None,
    )


def qr_svg(view: View) -> str | None:
    """The same as a QR code that European banking apps read; None for other money than euros."""
    found = wanted(view)
    if found is None or not epc_takes(found[1]):
        return None
    transfer, amount = found
    return epc_qr_svg(transfer.name, transfer.iban, amount, transfer.reference, transfer.bic)


async def claim(ctx: Context, view: View) -> None:
    """The payer says that they have made the transfer: the biller hears of it, and reminders rest.

    Said twice it counts once; it counts only while a transfer is open.
    """
    now = ctx.clock.now()

    def body(conn: sa.Connection) -> None:
        invoice = invoices.get(conn, view.invoice.id, lock=True)
        attempt = transfer_open(payments.of_invoice(conn, view.invoice.id))
        if invoice is None or attempt is None or attempt.transfer is None:
            return
        said = told(claims_store.open_of(conn, invoice.id))
        if said is not None and said.details.get("how") == HOW:
            return
        biller = ctx.directory.biller(invoice.biller_id)
        payer = invoices.get_payer(conn, invoice.payer_id)
        reference = attempt.transfer.reference
        claims.already_paid(conn, biller, payer, [invoice.id], now, how=HOW, reference=reference)

    await ctx.db.write(body)
