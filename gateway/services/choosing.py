"""Choices: what a payer picks one of before a payment is opened, their bank. Asked of the adapters, held nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gateway.ports.provider import Choice, Chooses
from gateway.services.context import Context
from gateway.services.directory import ProviderAccount
from gateway.services.errors import Invalid


def of_account(account: ProviderAccount, method: str, currency: str) -> list[Choice]:
    """What this account lets the payer pick of in this currency; nothing where its adapter asks nothing."""
    if not account.plugin.chooses:
        return []
    choices = cast(Chooses, account.make()).choices(method)
    return [choice for choice in choices if choice.currencies is None or currency in choice.currencies]


def offered(ctx: Context, biller_id: int, currency: str) -> Mapping[str, Sequence[Choice]]:
    """By method, what the biller's accounts let a payer pick of; each once, in the files' order."""
    found: dict[str, dict[str, Choice]] = {}
    for account in ctx.directory.providers_of(biller_id):
        for method in account.methods:
            for choice in of_account(account, method, currency):
                found.setdefault(method, {}).setdefault(choice.code, choice)
    return {method: list(choices.values()) for method, choices in found.items()}


def picked(choices: Sequence[Choice], choice: str | None) -> str | None:
    """The code that goes into the attempt: None where there is nothing to pick, the only one where it was not said.

    Raises Invalid on one that is not offered, and where one of several must be picked.
    """
    codes = [each.code for each in choices]
    if not codes:
        return None
    if choice is None and len(codes) == 1:
        return codes[0]
    if choice not in codes:
        raise Invalid("pick one of those on offer", path="choice")
    return choice
