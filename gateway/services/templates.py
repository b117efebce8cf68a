"""Texts that vendors keep: which ones each account's vendor should have, how it stands to them, and asking it to keep the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from gateway.ports.channel import KeepsTemplates, TemplateStanding, TemplateStatus, TemplateText
from gateway.ports.errors import AdapterError
from gateway.rendering import KEPT_KINDS
from gateway.rendering.samples import about_invoice, link_free
from gateway.services.context import Context
from gateway.services.directory import Biller, ChannelAccount


@dataclass(frozen=True, slots=True)
class Kept:
    """One text at one account. `new`: it was handed over just now; `refused`: the vendor would not even take it."""

    account: str
    kind: str
    text: TemplateText
    standing: TemplateStanding
    new: bool = False
    refused: str = ""


def accounts(ctx: Context, biller: Biller, contact_point: str) -> list[ChannelAccount]:
    """The biller's accounts that reach payers there and whose vendor keeps templates."""
    found = ctx.directory.channels_of(biller.id)
    return [account for account in found if account.plugin.templates and account.plugin.address == contact_point]


async def sync(ctx: Context, biller: Biller, account: ChannelAccount, *, dry_run: bool) -> list[Kept]:
    """Every text of the biller, in every language, as this account sends it, with links or without. One that is missing is handed
    over unless `dry_run`.

    Doing it again hands nothing over twice. What the vendor refuses does not stop the others. Raises AdapterError when the vendor
    cannot say what it has.
    """
    channel = cast(KeepsTemplates, account.make())
    texts = list(_texts(ctx, biller, account))
    standings = await channel.templates([text for _, text in texts])
    found = [Kept(account.short, kind, text, how) for (kind, text), how in zip(texts, standings, strict=True)]
    return found if dry_run else [await _registered(channel, kept) for kept in found]


async def _registered(channel: KeepsTemplates, kept: Kept) -> Kept:
    if kept.standing.status is not TemplateStatus.MISSING:
        return kept
    try:
        return replace(kept, standing=await channel.register_template(kept.text), new=True)
    except AdapterError as error:
        return replace(kept, refused=str(error))


def _texts(ctx: Context, biller: Biller, account: ChannelAccount) -> Iterator[tuple[str, TemplateText]]:
    """What messages are going to name: the example's link begins as every pay link of ours does, and opens nothing; its pay code
    neither, where links are not sent.
    """
    for kind in KEPT_KINDS:
        example = about_invoice(kind)
        if account.link_free:
            example = link_free(example, site=biller.settings.pay_site)
        else:
            example = replace(example, pay_url=f"{ctx.public_url}/p/{example.pay_url.rpartition('/')[2]}")
        for language in ctx.renderer.languages:
            yield kind, ctx.renderer.kept(kind, example, language, biller=biller.slug)
