"""What a payer wants, from a text or from a button: the same value either way.

A button's data is `verb`, `verb:debts` or `verb:debts:more`; debts are ids with commas between, `*` is all. Whoever makes up such
data gets no further than with words: every id is looked for among the debts of the payers behind the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from gateway.domain.chat.amounts import Amount
from gateway.domain.chat.grammar import HOWS, REASONS
from gateway.domain.chat.understanding import Understood
from gateway.domain.chat.values import Debt, Intent
from gateway.domain.dates import Reading

VERBS = {
    "list": Intent.LIST, "pay": Intent.PAY, "status": Intent.STATUS, "receipt": Intent.RECEIPT, "remind": Intent.REMIND,
    "cancel": Intent.CANCEL, "promise": Intent.PROMISE, "paid": Intent.ALREADY_PAID, "dispute": Intent.DISPUTE,
    "plan": Intent.PLAN, "agree": Intent.PLAN, "stop": Intent.STOP, "start": Intent.START, "lang": Intent.LANGUAGE,
    "person": Intent.PERSON, "help": Intent.HELP, "keep": Intent.CHOICE, "who": Intent.CHOICE, "verify": Intent.VERIFY,
}  # fmt: skip
MOST = 64  # bytes of a button's data
NO_DATE = Reading()
_STAMP = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Heard:
    """`ids`: which debts, where that was said by a button. `detail` is what the intent needs (a reason, a language, `agree`)."""

    intent: Intent
    ids: tuple[int, ...] | None = None
    everything: bool = False
    verb: str = ""
    detail: str = ""
    whole: bool = False
    nth: int | None = None
    amount: Amount | None = None
    share: int | None = None
    parts: int | None = None
    how: str = ""
    reference: str = ""
    days_ago: int | None = None
    rest: str = ""
    reading: Reading = NO_DATE
    agreed: tuple[date, ...] = ()
    text: str = ""


def meant(understood: Understood, reading: Reading) -> Intent:
    """The intent, once it is known whether a date was said: who pays on a day to come promises."""
    dated = reading.at is not None or reading.question is not None
    if understood.intent is Intent.PAY and dated and not understood.now:
        return Intent.PROMISE
    if understood.intent is Intent.CHOICE and (
        understood.amount or understood.nth is not None or understood.everything
    ):
        return Intent.PAY
    if understood.intent is Intent.CHOICE and understood.share:
        return Intent.PLAN
    if understood.intent is Intent.CHOICE and understood.reply == "yes":
        return Intent.THANKS
    if understood.intent is Intent.CHOICE:
        return Intent.NONE
    return understood.intent


def heard(understood: Understood, reading: Reading, text: str) -> Heard:
    """A text as a wish, when nothing was asked before it."""
    return Heard(
        meant(understood, reading),
        everything=understood.everything,
        detail=understood.detail,
        whole=understood.whole,
        nth=understood.nth,
        amount=understood.amount,
        share=understood.share,
        parts=understood.parts,
        how=understood.how,
        reference=understood.reference,
        days_ago=understood.days_ago,
        rest=understood.rest,
        reading=reading,
        text=text,
    )


def pressed(data: str, zone: ZoneInfo) -> Heard | None:
    """A button's data as a wish; None when it is none of ours."""
    if len(data.encode("utf-8", "replace")) > 4 * MOST:
        return None
    verb, _, rest = data.partition(":")
    which, _, more = rest.partition(":")
    intent = VERBS.get(verb)
    if intent is None:
        return None
    wish = Heard(intent, verb=verb, whole=True, text=data)
    if verb in ("stop", "start", "lang", "person"):
        return replace(wish, detail=which)
    ids = _ids(which)
    if ids is None:
        return None
    wish = replace(wish, ids=ids or None, everything=which == "*")
    if not more:
        return wish
    match verb:
        case "remind" | "promise":
            reading = _stamp(more, zone)
            return replace(wish, reading=reading) if reading else None
        case "paid":
            return replace(wish, how=more) if more in HOWS else None
        case "dispute":
            return replace(wish, detail=more) if more in (*REASONS, "other") else None
        case "plan":
            return replace(wish, parts=int(more)) if more.isdecimal() and len(more) <= 2 else None
        case "agree":
            return _agreed(wish, more)
    return None


def button(verb: str, debts: Sequence[Debt] | None = None, more: str = "", among: Sequence[Debt] = ()) -> str:
    """The data of a button. All the debts there are, if they are several, are `*`."""
    if debts is None:
        return verb
    which = "*" if len(debts) > 1 and len(debts) == len(among) else ",".join(str(debt.invoice_id) for debt in debts)
    data = f"{verb}:{which}" + (f":{more}" if more else "")
    return data if len(data) <= MOST else f"{verb}:*" + (f":{more}" if more else "")


def stamp(at: datetime, *, date_only: bool) -> str:
    return at.date().isoformat() if date_only else at.strftime(_STAMP)


def _ids(which: str) -> tuple[int, ...] | None:
    if which in ("", "*"):
        return ()
    parts = which.split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) < 19 for part in parts):
        return None
    return tuple(map(int, parts))


def _stamp(text: str, zone: ZoneInfo) -> Reading | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo else Reading(at=at.replace(tzinfo=zone), date_only="T" not in text)


def _agreed(wish: Heard, more: str) -> Heard | None:
    """`agree:12:3:5000:2026-11-23:2026-12-23`: how many parts, the first in minor units, the first day and the last."""
    parts = more.split(":")
    if (
        len(parts) != 4
        or not (parts[0].isdecimal() and parts[1].isdecimal())
        or len(parts[0]) > 2
        or len(parts[1]) > 16
    ):
        return None
    try:
        days = (date.fromisoformat(parts[2]), date.fromisoformat(parts[3]))
    except ValueError:
        return None
    return replace(wish, detail=parts[1], parts=int(parts[0]), agreed=days)
