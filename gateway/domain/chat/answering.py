"""What a message means after a question: each kind of answer leads to what a button would have brought."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from gateway.domain.chat.amounts import Amount
from gateway.domain.chat.hearing import Heard, pressed
from gateway.domain.chat.understanding import Understood
from gateway.domain.chat.values import Intent, Situation
from gateway.domain.dates import Reading, read

_OPEN = (Intent.NONE, Intent.CHOICE)


def answered(situation: Situation, understood: Understood, reading: Reading, text: str) -> Heard | None:
    """The wish that answers what was asked; None when the message is about something else."""
    data = situation.state.data
    if not situation.state.asked:
        return None
    if understood.reply:
        return _replied(situation, understood.reply)
    options = data.get("options")
    options = options if isinstance(options, Sequence) and not isinstance(options, str) else ()
    if understood.intent in _OPEN and (place := _place(understood, len(options))) is not None:
        return pressed(str(options[place]), situation.zone)
    for kind, fits in _KINDS.items():
        wish = pressed(str(data[kind]), situation.zone) if kind in data else None
        if wish is not None and (filled := fits(situation, understood, reading, wish)) is not None:
            return replace(filled, text=text)
    return None


def _replied(situation: Situation, reply: str) -> Heard | None:
    """A yes, a no or an all. A no to what cannot be denied leaves it; a yes to what is no question is about nothing."""
    data = situation.state.data
    key = "no" if reply == "off" else reply
    if key in data:
        return pressed(str(data[key]), situation.zone)
    if reply == "all" and "verb" in data:
        return pressed(f"{data['verb']}:*", situation.zone)
    if key == "no" and data:
        return pressed("keep", situation.zone)
    return None


def _place(understood: Understood, options: int) -> int | None:
    """Which of the options: by its number or its place."""
    nth = int(understood.number) if understood.number is not None and understood.number % 1 == 0 else understood.nth
    if nth is None:
        return None
    if nth == -1 and options:
        return options - 1
    return nth - 1 if 1 <= nth <= options else None


def _day(situation: Situation, understood: Understood, reading: Reading, wish: Heard) -> Heard | None:
    """The date that was asked for. A bare number is a day of the month."""
    if understood.intent not in (*_OPEN, wish.intent):
        return None
    number = understood.number
    if reading.at is None and reading.question is None and number is not None and number in range(1, 32):
        day = f"pe {int(number)}"
        reading = read(day, at=situation.now, zone=situation.zone, locale=situation.locale)
    return replace(wish, reading=reading) if reading.at or reading.question else None


def _parts(_: Situation, understood: Understood, __: Reading, wish: Heard) -> Heard | None:
    fits = understood.parts and understood.intent in (*_OPEN, Intent.PLAN)
    return replace(wish, parts=understood.parts) if fits else None


def _amount(_: Situation, understood: Understood, reading: Reading, wish: Heard) -> Heard | None:
    amount = understood.amount or (Amount(understood.number) if understood.number else None)
    fits = (amount or understood.share) and understood.intent in (*_OPEN, Intent.PLAN, Intent.PAY)
    return replace(wish, amount=amount, share=understood.share, reading=reading) if fits else None


def _how(_: Situation, understood: Understood, __: Reading, wish: Heard) -> Heard | None:
    """How, and when, it was paid; a payer may answer with either."""
    if not (understood.how or understood.days_ago is not None):
        return None
    if understood.intent not in (*_OPEN, Intent.ALREADY_PAID, Intent.PAY, Intent.LIST):
        return None
    return replace(wish, how=understood.how or "other", reference=understood.reference, days_ago=understood.days_ago)


_KINDS: Mapping[str, Callable[[Situation, Understood, Reading, Heard], Heard | None]] = {
    "day": _day,
    "parts": _parts,
    "amount": _amount,
    "how": _how,
}
