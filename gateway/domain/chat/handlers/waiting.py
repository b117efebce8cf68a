"""Reminders and promises: a day that is sure, within what the biller allows, or a question about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from gateway.domain.chat.hearing import Heard, button, stamp
from gateway.domain.chat.talk import Talk, ask, ids, latest_day, say, total, which
from gateway.domain.chat.values import Cancel, Choice, Debt, Intent, Promise, Remind, Turn
from gateway.domain.dates import Question, QuestionKind

PERSON = Choice("person", "person")
_QUESTIONS = {
    QuestionKind.PASSED: "day_passed",
    QuestionKind.NO_SUCH_DAY: "day_missing",
    QuestionKind.TOO_LATE: "day_too_late",
    QuestionKind.WHICH: "day_which",
    QuestionKind.WHICH_DAY: "day_wanted",
    QuestionKind.PAY_DAY: "day_of_pay",
    QuestionKind.MISMATCH: "day_which",
    QuestionKind.CONFIRM: "day_which",
}


def remind(talk: Talk, heard: Heard) -> Turn:
    """The payer's own reminder, of everything that is owed unless one is named."""
    found = _open(talk, heard, "remind")
    if isinstance(found, Turn):
        return found
    at = heard.reading.at
    if at is None:
        return _which_day(talk, heard, found, "remind")
    if heard.reading.date_only and (at.hour, at.minute) == (0, 0):
        at = talk.at(at.date(), time(talk.situation.policy.remind_hour))
    if at <= talk.situation.now:
        return _which_day(talk, replace(heard, reading=replace(heard.reading, at=None)), found, "remind")
    if at.date() > (latest := latest_day(talk, found)):
        return _too_late(talk, heard, found, "remind", talk.at(latest, time(talk.situation.policy.remind_hour)))
    undo = button("cancel", found, among=talk.debts)
    return ask(
        talk, heard, "remind_set", Remind(ids(found), at), choices=[Choice("cancel", undo)],
        data={"no": undo, "yes": "keep", "day": button("remind", found, among=talk.debts)}, at=at, count=len(found), number=found[0].number,
    )  # fmt: skip


def cancel(talk: Talk, heard: Heard) -> Turn:
    """No reminder of the payer's own any more. Without one, nothing is done and that is said."""
    debts = talk.debts if heard.ids is None else [debt for debt in talk.debts if debt.invoice_id in heard.ids]
    found = [debt for debt in debts if debt.reminder_at is not None]
    if heard.verb == "cancel":
        found = found or list(debts)  # it was set a moment ago, by the message that this answers
    if not found:
        return say(heard, "remind_none")
    data = {"day": button("remind", found, among=talk.debts), "intent": "remind"}
    return ask(talk, heard, "remind_cancelled", Cancel(ids(found)), data=data, pay=found if len(found) == 1 else ())


def promise(talk: Talk, heard: Heard) -> Turn:
    """The day that it will be paid on, of everything that is owed unless one is named."""
    found = _open(talk, heard, "promise")
    if isinstance(found, Turn):
        return found
    at = heard.reading.at
    if at is None:
        return _which_day(talk, heard, found, "promise")
    if at.date() < talk.today:
        return _which_day(talk, replace(heard, reading=replace(heard.reading, at=None)), found, "promise")
    if at.date() > max(talk.today, latest := latest_day(talk, found)):
        return _too_late(talk, heard, found, "promise", talk.at(latest, time(talk.situation.policy.remind_hour)))
    name = "promise_today" if at.date() == talk.today else "promise_set"
    return ask(
        talk, heard, name, Promise(ids(found), at.date()), pay=found if len(found) == 1 or name == "promise_today" else (),
        data={"day": button("promise", found, among=talk.debts), "no": button("promise", found, among=talk.debts), "yes": "keep"},
        on=at.date(), count=len(found), number=found[0].number, amount=found[0].outstanding if len(found) == 1 else total(found),
    )  # fmt: skip


def day_alone(talk: Talk, heard: Heard) -> Turn:
    """A day and no more: to be reminded then, or to pay then."""
    at = heard.reading.at
    if at is None or not talk.debts:
        return remind(talk, heard)
    wanted = [
        button("remind", talk.debts, at.strftime("%Y-%m-%dT%H:%M"), talk.debts),
        button("promise", talk.debts, at.date().isoformat(), talk.debts),
    ]
    turn = ask(
        talk, heard, "day_for", choices=[Choice("remind", wanted[0]), Choice("promise", wanted[1])], on=at.date()
    )
    return replace(turn, intent=Intent.REMIND)


def _open(talk: Talk, heard: Heard, verb: str) -> Sequence[Debt] | Turn:
    """The debts that may still be put off, or the answer that they may not."""
    if not talk.debts:
        return say(heard, "nothing_owed")
    found = which(talk, heard, verb, several=True)
    if isinstance(found, Turn):
        return found
    if not found:
        return say(heard, "not_owed")
    policy = talk.situation.policy
    one = found if len(found) == 1 else ()
    today = heard.reading.at is not None and heard.reading.at.date() == talk.today
    if verb == "promise" and today:
        return found
    if latest_day(talk, found) < talk.today:
        return ask(
            talk, heard, "wait_over", choices=[PERSON], data={"yes": "person"}, pay=one, last=latest_day(talk, found)
        )
    if max(debt.postponed for debt in found) >= policy.postponements:
        return ask(
            talk, heard, "wait_used", choices=[PERSON], data={"yes": "person"}, pay=one, times=policy.postponements
        )
    return found


def _which_day(talk: Talk, heard: Heard, debts: Sequence[Debt], verb: str) -> Turn:
    """The question that the date's grammar has, or when at all."""
    question = heard.reading.question
    data = {"day": button(verb, debts, among=talk.debts), "intent": verb}
    if question is None:
        return ask(
            talk,
            heard,
            f"{verb}_when",
            choices=_proposed(talk, debts, verb, _soon(talk, debts)),
            data=data,
            amount=total(debts),
        )
    proposals = [at for at in question.proposals if at.date() <= latest_day(talk, debts)]
    if question.kind is QuestionKind.TOO_LATE or (question.proposals and not proposals):
        return _too_late(
            talk, heard, debts, verb, talk.at(latest_day(talk, debts), time(talk.situation.policy.remind_hour))
        )
    choices = _proposed(talk, debts, verb, proposals)
    if len(choices) == 1:
        data["yes"] = choices[0].data
    about, name = _about(question), _QUESTIONS[question.kind]
    if (name in ("day_passed", "day_missing") and (not about or not proposals)) or (
        name == "day_which" and not proposals
    ):
        name = "day_wanted"
    return ask(talk, heard, name, choices=choices, data=data, on=proposals[0] if proposals else None, **about)


def _about(question: Question) -> dict[str, object]:
    if question.about is not None:
        return {"about": question.about}
    return {"about": question.said} if question.said is not None else {}


def _too_late(talk: Talk, heard: Heard, debts: Sequence[Debt], verb: str, latest: datetime) -> Turn:
    if latest <= talk.situation.now:
        latest = talk.at(latest.date(), time(23, 0)) if verb == "promise" else latest + timedelta(hours=12)
    more = latest.date().isoformat() if verb == "promise" else latest.strftime("%Y-%m-%dT%H:%M")
    yes = button(verb, debts, more, talk.debts)
    data = {"yes": yes, "day": button(verb, debts, among=talk.debts), "intent": verb}
    return ask(
        talk, heard, "day_too_late", choices=[Choice("day", yes, {"on": latest.date()})], data=data, last=latest.date()
    )


def _soon(talk: Talk, debts: Sequence[Debt]) -> list[datetime]:
    """Tomorrow, the next Friday, the Monday after: as far as the biller waits."""
    hour, today = time(talk.situation.policy.remind_hour), talk.today
    days = [today + timedelta(days=1)]
    days += [today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1) for weekday in (4, 0)]
    latest = latest_day(talk, debts)
    return [talk.at(day, hour) for day in sorted(set(days)) if day <= latest]


def _proposed(talk: Talk, debts: Sequence[Debt], verb: str, proposals: Sequence[datetime]) -> list[Choice]:
    said = [(at, at.date().isoformat() if verb == "promise" else stamp(at, date_only=False)) for at in proposals[:3]]
    if len({at.date() for at, _ in said}) < len(said):
        return [Choice("instant", button(verb, debts, more, talk.debts), {"at": at}) for at, more in said]
    return [Choice("day", button(verb, debts, more, talk.debts), {"on": at.date()}) for at, more in said]
