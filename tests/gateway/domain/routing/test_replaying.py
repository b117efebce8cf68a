"""Replays of past payments: under the same policy nothing changes, whatever it is; caps count what would have come."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.domain.routing import Candidate, Cap, Fee, Policy, Situation, decide
from gateway.domain.routing.replaying import Tried, replay
from gateway.ports.values import Money

DAY = date(2026, 11, 30)
ONE = Candidate(1, "one", ["card", "bank"], fee=Fee(fixed=Decimal("0.5")))
TWO = Candidate(2, "two", ["card"], fee=Fee(percent=Decimal("1")))


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.booleans(), st.sampled_from(["card", "bank"])), max_size=20),
    st.sampled_from([{}, {"card": {"one": 50, "two": 50}}]),
)
@settings(max_examples=60)
def test_what_was_decided_is_decided_again(
    payments: list[tuple[int, bool, str]], weights: dict[str, dict[str, int]]
) -> None:
    policy, tries = Policy(weights=weights), []
    for invoice, (minor, paid, method) in enumerate(payments):
        amount = Money(minor, "RON")
        option = decide(Situation(amount, "RO", str(invoice), [ONE, TWO], policy)).choose(method)
        assert option is not None
        tries.append(Tried(invoice, option.account, method, amount, paid, option.cost.fee, False, DAY))
    result = replay(tries, [ONE, TWO], policy, "RO")

    assert (result.payments, result.moved, result.lost) == (len(payments), 0, 0)
    for both in (*result.totals.values(), *result.accounts.values()):
        assert both.was == both.then


def tried(invoice: int, account: str, on: date, *, paid: bool = True) -> Tried:
    return Tried(invoice, account, "card", Money(10_000, "RON"), paid, Money(50, "RON"), True, on)


def test_caps_count_what_would_have_come_by_day_and_by_month() -> None:
    tries = [tried(number, "two", DAY + timedelta(days=number // 2)) for number in range(4)]
    for per, served in (("day", 2), ("month", 2)):
        cap = Cap("one", per, "RON", 10_000)  # type: ignore[arg-type]
        result = replay(tries, [ONE, TWO], Policy(caps=[cap]), "RO")
        assert result.accounts["one", "RON"].then.served == served
        assert result.moved == served


def test_an_outcome_elsewhere_is_what_the_other_account_made_of_its_own() -> None:
    tries = [tried(1, "two", DAY), tried(2, "one", DAY, paid=False), tried(3, "one", DAY), tried(4, "one", DAY)]
    result = replay(tries, [ONE, TWO], Policy(), "RO")

    assert result.totals["RON"].was.paid == 3
    assert result.totals["RON"].then.paid == 2 + Fraction(2, 3)
    assert (result.moved, result.priced, result.known) == (1, 3, 3)
