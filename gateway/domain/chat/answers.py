"""Turns that follow from what the service had to look up: a pay code, a second factor. Said without a name or an amount."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.chat.values import ASKED_LIVES, Answer, Debt, Intent, Situation, State, Turn

FACTOR = "second_factor"
TRIES = 3


def code_right(situation: Situation, *, kept: str, pay_url: str = "") -> Turn:
    """A code was typed, whether or not it is anybody's: the second factor is asked for. `kept` comes back in `FactorGiven.kept`.

    `pay_url` is the page where both can be typed too, left out where the biller wants no links in answers.
    """
    state = State(FACTOR, {"kept": kept}, situation.now + ASKED_LIVES)
    return Turn(
        Intent.CODE,
        (),
        Answer("code_right" if pay_url else "code_right_no_link", {"biller": situation.biller}, pay_url=pay_url),
        state,
    )


def factor_right(situation: Situation, debt: Debt) -> Turn:
    """That one invoice is shown, and nothing else: code and proof stand on one sheet of paper, which is not the payer."""
    values = {"number": debt.number, "amount": debt.outstanding, "due": debt.due_on}
    name = "factor_paid" if debt.paid else "factor_right"
    free = situation.policy.link_free
    shown = replace(debt, pay_url="") if free else debt
    answer = Answer(name, values, pay=() if debt.paid else (shown,), site=situation.policy.site if free else "")
    return Turn(Intent.CODE, (), answer)


def factor_wrong(situation: Situation) -> Turn:
    """Of a wrong code, one of nobody and a wrong proof the same is said; after a few tries the question is dropped."""
    tries = int(situation.state.data.get("tries", 0)) + 1
    if tries >= TRIES:
        return Turn(Intent.CODE, (), Answer("factor_none", {"biller": situation.biller}))
    state = State(FACTOR, {**situation.state.data, "tries": tries}, situation.now + ASKED_LIVES)
    return Turn(Intent.CODE, (), Answer("factor_wrong", {"left": TRIES - tries}), state)
