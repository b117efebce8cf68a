"""Turns that follow from what the service had to look up: a pay code, a second factor. Said without a name or an amount."""

from __future__ import annotations

from gateway.domain.chat.values import ASKED_LIVES, Answer, Choice, Intent, Situation, State, Turn

FACTOR = "second_factor"


def code_right(situation: Situation, *, kept: str, pay_url: str = "") -> Turn:
    """The code opens the pay page; who is to be told more says the second factor. `kept` comes back in `FactorGiven.kept`.

    `pay_url` is left out where the biller wants no links in answers.
    """
    state = State(FACTOR, {"kept": kept}, situation.now + ASKED_LIVES)
    return Turn(
        Intent.CODE,
        (),
        Answer("code_right" if pay_url else "code_right_no_link", {"biller": situation.biller}, pay_url=pay_url),
        state,
    )


def code_wrong(situation: Situation) -> Turn:
    """Of a wrong code, a code of somebody else's and one too many: the same is said."""
    return Turn(
        Intent.CODE,
        (),
        Answer("code_wrong", {"biller": situation.biller}),
        State("code", {}, situation.now + ASKED_LIVES),
    )


def factor_right(situation: Situation) -> Turn:
    """The payer is known from here on; what is owed is the next thing that they may ask."""
    choices = (Choice("list", "list"),)
    return Turn(
        Intent.CODE,
        (),
        Answer("factor_right", {}, choices),
        State("factor_right", {"options": ["list"], "yes": "list"}, situation.now + ASKED_LIVES),
    )


def factor_wrong(situation: Situation, *, left: int) -> Turn:
    """`left`: how many tries there are; none leaves the question."""
    if left <= 0:
        return Turn(Intent.CODE, (), Answer("factor_none", {"biller": situation.biller}))
    return Turn(
        Intent.CODE,
        (),
        Answer("factor_wrong", {"left": left}),
        State(FACTOR, situation.state.data, situation.now + ASKED_LIVES),
    )
