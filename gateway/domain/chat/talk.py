"""What every handler needs: whose debts may be spoken of, which of them is meant, and turns put together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from gateway.domain.chat.amounts import Amount
from gateway.domain.chat.folding import folded
from gateway.domain.chat.hearing import Heard, button
from gateway.domain.chat.values import ASKED_LIVES, Action, Answer, Choice, Debt, Situation, State, Turn, Who
from gateway.domain.dates import Calendar
from gateway.ports.values import MAX_MINOR, Money, decimals

SHOWN = 3  # choices of a list
KEPT = 300  # characters of a message that are kept to be read again
_SIGNS = re.compile(r"[^a-z0-9]+")
_LEAST_TAIL = 4  # characters that the end of an invoice number needs to be told by


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation about one payer (`payer`), or about nobody yet."""

    situation: Situation
    payer: Who | None

    @property
    def debts(self) -> Sequence[Debt]:
        return self.payer.debts if self.payer else ()

    @property
    def today(self) -> date:
        return self.situation.now.astimezone(self.situation.zone).date()

    def at(self, day: date, hour: time) -> datetime:
        return datetime.combine(day, hour, self.situation.zone)


def say(
    heard: Heard, name: str, *actions: Action, choices: Sequence[Choice] = (), items: Sequence[Debt] = (),
    pay: Sequence[Debt] = (), state: State | None = None, locale: str | None = None, pay_url: str = "", **values: Any,
) -> Turn:  # fmt: skip
    """A turn that says one text of the catalogue."""
    return Turn(
        heard.intent,
        actions,
        Answer(name, values, tuple(choices), tuple(items), tuple(pay), pay_url, locale=locale),
        state or State(),
    )


def ask(
    talk: Talk, heard: Heard, name: str, *actions: Action, data: Mapping[str, Any] | None = None, **rest: Any
) -> Turn:
    """A turn that asks. A number answers with the choice in its place, whether or not it is a button."""
    turn = say(heard, name, *actions, **rest)
    assert turn.answer is not None
    options = [choice.data for choice in turn.answer.choices]
    known = {**({"options": options} if options else {}), **(data or {})}
    return replace(turn, state=State(name, known, talk.situation.now + ASKED_LIVES))


def debt_choices(debts: Iterable[Debt], verb: str, more: str = "") -> list[Choice]:
    """One choice a debt, at most three."""
    return [
        Choice(
            "debt", button(verb, [debt], more), {"number": debt.number, "amount": debt.outstanding, "due": debt.due_on}
        )
        for debt in list(debts)[:SHOWN]
    ]


def which(talk: Talk, heard: Heard, verb: str, more: str = "", *, several: bool = False) -> Sequence[Debt] | Turn:
    """The debts that are meant, or the question which. `several`: all of them are meant where none is named."""
    named = pick(talk, heard)
    if named:
        return named
    if several or heard.ids is not None:
        return talk.debts if heard.ids is None else ()
    verb = heard.verb or verb
    choices = debt_choices(talk.debts, verb, more)
    text = heard.text[:KEPT]
    return ask(
        talk,
        heard,
        "which_debt",
        items=talk.debts,
        choices=choices,
        data={"verb": verb, "then": text},
        more=len(talk.debts) - SHOWN,
    )


def pick(talk: Talk, heard: Heard) -> Sequence[Debt]:
    """The debts that are meant beyond doubt: named by a button, a number, a place or an amount, or the only one."""
    debts = talk.debts
    if heard.ids is not None:
        return [debt for debt in debts if debt.invoice_id in heard.ids]
    if len(debts) == 1 or heard.everything:
        return debts
    if numbered := by_number(debts, heard.text):
        return numbered
    if heard.nth is not None:
        place = heard.nth - 1 if heard.nth > 0 else -1
        return [debts[place]] if place < len(debts) else ()
    if heard.amount:
        equal = [debt for debt in debts if is_amount(heard.amount, debt.outstanding)]
        if len(equal) == 1:
            return equal
    return ()


def by_number(debts: Sequence[Debt], text: str) -> Sequence[Debt]:
    """The debts whose number stands in the text; else the one that is told by how its number ends."""
    words = [
        word for word in (_SIGNS.sub("", part) for part in folded(text[:KEPT]).split()) if any(map(str.isdecimal, word))
    ]
    plain = {debt.invoice_id: _SIGNS.sub("", folded(debt.number)) for debt in debts}
    if found := [debt for debt in debts if plain[debt.invoice_id] in words]:
        return found
    tails = [word for word in words if len(word) >= _LEAST_TAIL]
    ended = [debt for debt in debts if any(plain[debt.invoice_id].endswith(tail) for tail in tails)]
    return ended if len(ended) == 1 else ()


def is_amount(amount: Amount, money: Money) -> bool:
    return amount.currency in ("", money.currency) and amount.value == money.decimal


def money_of(amount: Amount, like: Money) -> Money | None:
    """An amount in the currency of what is owed; None when another currency was said, or it cannot be."""
    if amount.currency not in ("", like.currency):
        return None
    minor = amount.value.scaleb(decimals(like.currency))
    return Money(int(minor), like.currency) if minor == int(minor) and 0 < minor <= MAX_MINOR else None


def total(debts: Sequence[Debt]) -> Money | None:
    """What is owed together; None when it is in several currencies."""
    if not debts or len({debt.outstanding.currency for debt in debts}) > 1:
        return None
    return Money(sum(debt.outstanding.minor for debt in debts), debts[0].outstanding.currency)


def latest_day(talk: Talk, debts: Sequence[Debt]) -> date:
    """The last day that the biller waits for these."""
    return min(debt.due_on for debt in debts) + timedelta(days=talk.situation.policy.latest_days)


def calendar(talk: Talk, latest: date | None = None) -> Calendar:
    """How dates are read for this biller."""
    policy = talk.situation.policy
    end = talk.at(latest, time(23, 59)) if latest else None
    return Calendar(policy.country, policy.pay_day, time(policy.remind_hour), latest=end)


def ids(debts: Iterable[Debt]) -> tuple[int, ...]:
    return tuple(debt.invoice_id for debt in debts)
