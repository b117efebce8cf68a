"""What is owed, how it is paid, how far that is, and what proves it."""

from __future__ import annotations

from gateway.domain.chat.handlers.planning import plan
from gateway.domain.chat.hearing import Heard, button
from gateway.domain.chat.talk import SHOWN, Talk, ask, debt_choices, money_of, pick, say, total
from gateway.domain.chat.values import Choice, Debt, Turn

PERSON = Choice("person", "person")
LATER = "later"


def owed(talk: Talk, heard: Heard) -> Turn:
    """What there is to pay. One: with its link; several: as a list to choose from."""
    debts = talk.debts
    if not debts:
        return say(heard, "nothing_owed")
    if len(debts) == 1:
        return _link(talk, heard, debts[0], "owe_one")
    return ask(
        talk, heard, "owe_many", items=debts, choices=debt_choices(debts, "pay"), data={"all": "pay:*", "verb": "pay"},
        count=len(debts), total=total(debts), more=max(0, len(debts) - SHOWN),
    )  # fmt: skip


def pay(talk: Talk, heard: Heard) -> Turn:
    """The link of what is meant. An amount below what is owed is a wish to pay in part."""
    debts = talk.debts
    found = pick(talk, heard)
    settled = [debt for debt in talk.payer.settled if debt.invoice_id in (heard.ids or ())] if talk.payer else []
    if settled and not found:
        return _standing(talk, heard, settled[0])
    if heard.amount and not _exact(talk, heard):
        return plan(talk, heard)
    if not debts:
        return say(heard, "nothing_owed")
    if len(found) == 1:
        return _link(talk, heard, found[0], "pay_one")
    if len(found) > 1:
        first = min(found, key=lambda debt: debt.due_on)
        return say(
            heard,
            "pay_all",
            pay=found,
            count=len(found),
            total=total(found),
            number=first.number,
            amount=first.outstanding,
        )
    return owed(talk, heard)


def status(talk: Talk, heard: Heard) -> Turn:
    """How it stands with what is meant; without a word about which, with what was paid last or is under way."""
    found = pick(talk, heard)
    if len(found) == 1:
        return _standing(talk, heard, found[0])
    under_way = [debt for debt in talk.debts if debt.processing]
    if len(under_way) == 1:
        return _standing(talk, heard, under_way[0])
    settled = talk.payer.settled if talk.payer else ()
    if not talk.debts:
        return _standing(talk, heard, settled[0]) if settled else say(heard, "nothing_owed")
    return owed(talk, heard)


def receipt(talk: Talk, heard: Heard) -> Turn:
    """The proof of the last payment. What is not paid has none."""
    settled = talk.payer.settled if talk.payer else ()
    if not settled:
        if under_way := [debt for debt in talk.debts if debt.processing]:
            return say(heard, "status_processing", number=under_way[0].number, amount=under_way[0].outstanding)
        return say(heard, "receipt_none")
    last = settled[0]
    for debt in settled:
        if debt.number.lower() in heard.text.lower() or heard.ids == (debt.invoice_id,):
            last = debt
    return say(heard, "receipt", pay=[last], number=last.number, amount=last.amount, paid_on=last.paid_on or talk.today)


def _exact(talk: Talk, heard: Heard) -> bool:
    """Whether the amount is that of a debt, or of all."""
    assert heard.amount is not None
    sums = [debt.outstanding for debt in talk.debts] + ([everything] if (everything := total(talk.debts)) else [])
    return any(money_of(heard.amount, money) == money for money in sums)


def _link(talk: Talk, heard: Heard, debt: Debt, name: str) -> Turn:
    if debt.processing:
        return say(heard, "status_processing", number=debt.number, amount=debt.outstanding)
    choices = [Choice("remind", button("remind", [debt])), Choice("already_paid", button("paid", [debt]))]
    return say(
        heard,
        name,
        pay=[debt],
        choices=choices,
        number=debt.number,
        amount=debt.outstanding,
        due=debt.due_on,
        code=debt.pay_code,
    )


def _standing(talk: Talk, heard: Heard, debt: Debt) -> Turn:
    if debt.paid:
        return say(heard, "status_paid", number=debt.number, amount=debt.amount, paid_on=debt.paid_on or talk.today)
    if debt.processing:
        return say(heard, "status_processing", number=debt.number, amount=debt.outstanding)
    if debt.outstanding != debt.amount:
        return say(heard, "status_partly", pay=[debt], number=debt.number, amount=debt.outstanding, due=debt.due_on)
    return say(heard, "status_open", pay=[debt], number=debt.number, amount=debt.outstanding, due=debt.due_on)
