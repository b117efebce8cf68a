"""What a payer says about a debt that a person has to look at: that it is paid, or that it is not right."""

from __future__ import annotations

from datetime import date, timedelta

from gateway.domain.chat.hearing import Heard, button
from gateway.domain.chat.talk import Talk, ask, calendar, money_of, say, which
from gateway.domain.chat.values import AlreadyPaid, Choice, Dispute, Turn
from gateway.domain.dates import read

_BACK = (7, 30)  # days from which a day that has passed is looked for: a weekday, a day of the month
_HOWS = ("bank", "cash", "card")
_REASONS = ("not_mine", "wrong_amount", "other")


def already_paid(talk: Talk, heard: Heard) -> Turn:
    """Believed and passed on; how it was paid is asked once, for it helps to find the money."""
    settled = talk.payer.settled if talk.payer else ()
    if not talk.debts:
        if settled:
            return say(
                heard,
                "paid_seen",
                number=settled[0].number,
                amount=settled[0].amount,
                paid_on=settled[0].paid_on or talk.today,
            )
        return say(heard, "nothing_owed")
    found = which(talk, heard, "paid")
    if isinstance(found, Turn):
        return found
    if not found:
        return say(heard, "not_owed")
    if len(found) == 1 and found[0].processing:
        return say(heard, "status_processing", number=found[0].number, amount=found[0].outstanding)
    numbers = tuple(debt.invoice_id for debt in found)
    claim = AlreadyPaid(
        numbers, heard.how, _paid_on(talk, heard), heard.reference, more=heard.verb == "paid" and bool(heard.how)
    )
    if heard.how:
        return say(heard, "paid_noted", claim, number=found[0].number, count=len(found))
    data = {"how": button("paid", found, among=talk.debts)}
    choices = [Choice(f"how_{how}", button("paid", found, how, talk.debts)) for how in _HOWS]
    return ask(talk, heard, "paid_how", claim, choices=choices, data=data, number=found[0].number, count=len(found))


def dispute(talk: Talk, heard: Heard) -> Turn:
    """Passed on with its reason; without one, the reason is asked first."""
    if not talk.debts:
        return say(heard, "nothing_owed")
    found = which(talk, heard, "dispute", heard.detail)
    if isinstance(found, Turn):
        return found
    if not found:
        return say(heard, "not_owed")
    if not heard.detail:
        choices = [Choice(reason, button("dispute", found, reason, talk.debts)) for reason in _REASONS]
        return ask(talk, heard, "dispute_why", choices=choices, number=found[0].number, count=len(found))
    amount = money_of(heard.amount, found[0].outstanding) if heard.amount and heard.detail == "wrong_amount" else None
    numbers = tuple(debt.invoice_id for debt in found)
    return say(
        heard,
        f"dispute_{heard.detail}",
        Dispute(numbers, heard.detail, amount),
        number=found[0].number,
        count=len(found),
    )


def _paid_on(talk: Talk, heard: Heard) -> date | None:
    """The day that has passed, where one was said: yesterday, the 20th, Monday. It is looked for from some days back."""
    if heard.days_ago is not None:
        return talk.today - timedelta(days=heard.days_ago)
    if not heard.rest:
        return None
    situation, today = talk.situation, talk.today
    for back in _BACK:
        seen_from = situation.now - timedelta(days=back)
        reading = read(heard.rest, at=seen_from, zone=situation.zone, locale=situation.locale, calendar=calendar(talk))
        if reading.at and reading.date_only and reading.at.date() <= today:
            return reading.at.date()
    return None
