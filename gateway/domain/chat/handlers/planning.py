"""Paying a part, or in parts: within the biller's policy, proposed once, and agreed to before anything is done."""

from __future__ import annotations

from datetime import date, timedelta

from gateway.domain.chat.hearing import Heard, button
from gateway.domain.chat.talk import Talk, ask, money_of, say, which
from gateway.domain.chat.values import Choice, Debt, Plan, Turn
from gateway.ports.values import Money

MONTH = 30  # days between two parts, where there is room


def plan(talk: Talk, heard: Heard) -> Turn:
    """Proposes parts, or takes them when they are agreed to. Where the policy knows no parts, a person is offered."""
    policy = talk.situation.policy
    if not talk.debts:
        return say(heard, "nothing_owed")
    if policy.parts < 2:
        return ask(talk, heard, "plan_none", choices=[Choice("person", "person")], data={"yes": "person"})
    found = which(talk, heard, "plan")
    if isinstance(found, Turn):
        return found
    if len(found) != 1:
        found = sorted(found, key=lambda debt: debt.due_on)[:1]
    if not found:
        return say(heard, "not_owed")
    debt = found[0]
    last = debt.due_on + timedelta(days=policy.parts_until_days)
    if last <= talk.today:
        return ask(
            talk,
            heard,
            "plan_late",
            choices=[Choice("person", "person")],
            data={"yes": "person"},
            last=last,
            number=debt.number,
        )
    if heard.verb == "agree":
        return _agreed(talk, heard, debt, last)
    return _proposed(talk, heard, debt, last)


def parts_of(money: Money, first: Money, count: int, start: date, end: date) -> list[tuple[date, Money]]:
    """The first part at `start`, the rest in equal parts up to `end`; the last bears what does not divide."""
    rest = money.minor - first.minor
    each, left = divmod(rest, count - 1)
    days = [start + (end - start) * place // (count - 1) for place in range(1, count)]
    sums = [each] * (count - 2) + [each + left]
    return [(start, first), *((day, Money(minor, money.currency)) for day, minor in zip(days, sums, strict=True))]


def _proposed(talk: Talk, heard: Heard, debt: Debt, last: date) -> Turn:
    policy = talk.situation.policy
    owed = debt.outstanding
    first = money_of(heard.amount, owed) if heard.amount else _share(owed, heard.share) if heard.share else None
    if heard.amount and first is None:
        return say(heard, "plan_currency", number=debt.number, amount=owed)
    if first is not None and first.minor >= owed.minor:
        return say(heard, "pay_less", pay=[debt], number=debt.number, amount=owed, due=debt.due_on)
    count = heard.parts or (2 if first is not None else 0)
    if not count:
        return _how(talk, heard, debt)
    if count > policy.parts:
        return _how(talk, heard, debt, "plan_too_many")
    first = first if first is not None else Money(owed.minor - (owed.minor // count) * (count - 1), owed.currency)
    least = _share(owed, policy.least_share)
    if first.minor < least.minor and heard.parts is None:
        choice = Choice("agree", button("plan", [debt], "2"))
        return ask(
            talk,
            heard,
            "plan_least",
            choices=[choice],
            data={"amount": button("plan", [debt])},
            number=debt.number,
            amount=least,
        )
    first = max(first, least, key=lambda money: money.minor)
    if owed.minor - first.minor < count - 1:
        return say(heard, "pay_less", pay=[debt], number=debt.number, amount=owed, due=debt.due_on)
    start = talk.today
    end = min(last, start + timedelta(days=MONTH * (count - 1)))
    said = heard.reading.at
    if said is not None and start < said.date():
        end = min(last, said.date())
    if (end - start).days < count - 1:
        return say(heard, "plan_late", choices=[Choice("person", "person")], last=last, number=debt.number)
    return _offer(talk, heard, debt, parts_of(owed, first, count, start, end))


def _offer(talk: Talk, heard: Heard, debt: Debt, parts: list[tuple[date, Money]]) -> Turn:
    (start, first), (end, last) = parts[0], parts[-1]
    yes = button("agree", [debt], f"{len(parts)}:{first.minor}:{start.isoformat()}:{end.isoformat()}")
    return ask(
        talk, heard, "plan_offer" if len(parts) == 2 else "plan_offer_many",
        choices=[Choice("agree", yes), Choice("no", "keep")], data={"yes": yes, "no": "keep", "amount": button("plan", [debt])},
        number=debt.number, count=len(parts), first=first, first_on=start, last=last, last_on=end, parts=parts,
    )  # fmt: skip


def _agreed(talk: Talk, heard: Heard, debt: Debt, last: date) -> Turn:
    """Agreed to is what was proposed, if it still fits; a stale or made-up one is proposed anew."""
    policy, owed = talk.situation.policy, debt.outstanding
    start, end = heard.agreed if heard.agreed else (talk.today, talk.today)
    first, count = Money(int(heard.detail or 0), owed.currency), heard.parts or 0
    fits = (
        2 <= count <= policy.parts
        and _share(owed, policy.least_share).minor <= first.minor
        and owed.minor - first.minor >= count - 1
        and talk.today <= start
        and count - 1 <= (end - start).days
        and start <= talk.today + timedelta(days=1)
        and end <= last
    )
    if not fits:
        return _how(talk, heard, debt)
    parts = parts_of(owed, first, count, start, end)
    return say(
        heard, "plan_set", Plan(debt.invoice_id, tuple(parts)), pay=[debt], number=debt.number, count=count, first=first, first_on=start,
        last=parts[-1][1], last_on=end,
    )  # fmt: skip


def _how(talk: Talk, heard: Heard, debt: Debt, name: str = "plan_how") -> Turn:
    counts = range(2, min(talk.situation.policy.parts, 4) + 1)
    choices = [Choice("parts", button("plan", [debt], str(count)), {"count": count}) for count in counts]
    least = _share(debt.outstanding, talk.situation.policy.least_share)
    return ask(
        talk, heard, name, choices=choices, data={"amount": button("plan", [debt]), "parts": button("plan", [debt])},
        number=debt.number, amount=debt.outstanding, least=least, most=talk.situation.policy.parts,
    )  # fmt: skip


def _share(money: Money, percent: int) -> Money:
    """A share, rounded up to a whole minor unit."""
    return Money(-(-money.minor * percent // 100), money.currency)
