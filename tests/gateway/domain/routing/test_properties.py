"""Routing against a slow oracle, for every fee table, policy and state of health that hypothesis finds."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from gateway.domain.routing import (
    Browser,
    Candidate,
    Cap,
    Decision,
    Fee,
    Health,
    Policy,
    Situation,
    Standing,
    Trouble,
    Used,
    decide,
    drawn,
)
from gateway.ports.values import Money
from tests.gateway.domain.routing.oracle import before, fee_minor

METHODS = ("bank", "card", "wallet")
sums = st.decimals(Decimal(0), Decimal(500), places=6)
percents = st.decimals(Decimal(0), Decimal(20), places=4)
amounts = st.builds(Money, st.integers(1, 10**9), st.sampled_from(["RON", "EUR", "JPY", "KWD"]))


@st.composite
def fees(draw: st.DrawFn) -> Fee:
    least, most = sorted([draw(sums), draw(sums)])
    return Fee(draw(sums), draw(percents), draw(st.sampled_from([None, least])), draw(st.sampled_from([None, most])))


def few(*values: str) -> Any:
    return st.lists(st.sampled_from(values), unique=True, max_size=2)


@st.composite
def candidates(draw: st.DrawFn, number: int, free: bool) -> Candidate:
    """`free`: nothing but cost and health stands against it."""
    limit = st.just({}) if free else st.dictionaries(st.sampled_from(["RON", "EUR"]), st.integers(1, 10**9), max_size=1)
    return Candidate(
        id=number,
        name=f"a{number}",
        methods=draw(st.lists(st.sampled_from(METHODS), unique=True, min_size=1)),
        currencies=None if free else draw(st.sampled_from([None, None, frozenset({"RON", "EUR"})])),
        wallets=frozenset({"wallet"}),
        fee=draw(st.one_of(st.none(), fees())),
        fees=draw(st.dictionaries(st.sampled_from(["RON", "EUR"]), fees(), max_size=1)),
        days_to_cash=draw(st.integers(0, 10)),
        min_amount=draw(limit),
        max_amount=draw(limit),
        countries=() if free else draw(st.sampled_from([(), (), ("RO",), ("DE",)])),
    )


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    free = draw(st.booleans())
    accounts = [draw(candidates(number, free)) for number in range(1, draw(st.integers(2, 4)) + 1)]
    names, ids = [one.name for one in accounts], st.integers(1, len(accounts))
    split = {name: draw(st.integers(0, 60)) for name in names}
    caps = st.lists(st.builds(Cap, st.sampled_from(names), st.just("day"), share=st.integers(1, 99)), max_size=2)
    policy = Policy(
        cost_of_day=draw(percents),
        pinned_methods=draw(few(*METHODS)),
        pinned_accounts=draw(few(*names)),
        hidden_methods=() if free else draw(few(*METHODS)),
        hidden_accounts=() if free else draw(few(*names)),
        weights=draw(st.sampled_from([{}, {"card": split}])),
        caps=() if free else draw(caps),
        bank_first_in_app=draw(st.booleans()),
    )
    healths = {
        number: draw(st.sampled_from([Health.DOWN, Health.WELL, Health.PROBE])) for number in range(1, len(names) + 1)
    }
    return Situation(
        amount=draw(amounts),
        country="RO",
        key=str(draw(st.integers(1, 10**6))),
        candidates=accounts,
        policy=policy,
        browser=draw(st.sampled_from(Browser)),
        standings={number: Standing(health, Trouble.SLOW) for number, health in healths.items()},
        used=Used(draw(st.dictionaries(st.sampled_from(names), st.integers(0, 10**6))), {}),
        tried=frozenset() if free else draw(st.frozensets(ids, max_size=2)),
        unable=frozenset() if free else draw(st.frozensets(st.tuples(ids, st.sampled_from(METHODS)), max_size=2)),
    )


@given(fees(), amounts)
@settings(max_examples=150)
def test_a_fee_is_what_fractions_say(fee: Fee, amount: Money) -> None:
    assert fee.of(amount) == Money(fee_minor(fee, amount), amount.currency)


@given(st.lists(fees(), min_size=2, max_size=6), amounts, percents, st.data())
@settings(max_examples=80)
def test_accounts_and_methods_stand_in_the_order_of_their_cost(
    tables: list[Fee], amount: Money, cost_of_day: Decimal, data: st.DataObject
) -> None:
    accounts = [
        Candidate(number, f"a{number}", ["card", f"own{number}"], fee=fee, days_to_cash=data.draw(st.integers(0, 9)))
        for number, fee in enumerate(tables, 1)
    ]
    decision = decide(Situation(amount, "RO", "1", accounts, Policy(cost_of_day=cost_of_day)))
    by_id, places = {one.id: one for one in accounts}, {one.id: one.id for one in accounts}
    card = decision.route("card")
    assert card is not None
    for served in ([option.account_id for option in card.options], _own(decision)):
        assert sorted(served) == sorted(by_id)
        for one, other in itertools.combinations(served, 2):
            assert before(by_id[one], by_id[other], places, amount, cost_of_day)


def _own(decision: Decision) -> list[int]:
    """The accounts of the methods that one account alone serves, as the page shows them."""
    return [route.options[0].account_id for route in decision.shown if route.method != "card"]


@given(situations())
@settings(max_examples=150)
def test_no_account_that_is_down_is_chosen_while_another_is_not(seen: Situation) -> None:
    decision = decide(seen)
    may_serve = [
        option
        for route in decision.routes
        if route.method not in seen.policy.hidden_methods
        for option in route.options
        if option.usable and seen.standings.get(option.account_id, Standing()).health is not Health.DOWN
    ]
    chosen = [option for method in METHODS if (option := decision.choose(method)) is not None]
    if may_serve:
        assert chosen
        assert all(option.standing.health is not Health.DOWN for option in chosen)
        assert not any(route.troubled for route in decision.routes)
    else:
        assert all(route.troubled for route in decision.shown)


@given(situations())
@settings(max_examples=80)
def test_what_is_explained_is_what_is_chosen(seen: Situation) -> None:
    """The page, the click and who asks why read one value; nothing is chosen that has a reason against it, and none is missing."""
    decision = decide(seen)
    assert decide(seen) == decision
    assert {route.method for route in decision.routes} == {method for one in seen.candidates for method in one.methods}
    assert [route.shown for route in decision.routes] == sorted((r.shown for r in decision.routes), reverse=True)
    for route in decision.routes:
        chosen = decision.choose(route.method)
        assert route.because
        assert chosen == (route.options[0] if route.shown else None)
        assert all(bool(option.excluded) != (option.because is not None) for option in route.options)
        assert {option.account_id for option in route.options} == {
            one.id for one in seen.candidates if route.method in one.methods
        }
        if chosen is not None:
            assert chosen.usable
            assert chosen.account_id not in seen.tried
            again = decide(replace(seen, tried=seen.tried | {chosen.account_id})).choose(route.method)
            assert again is None or again.account_id != chosen.account_id


@given(situations())
@settings(max_examples=30)
def test_no_wallet_is_shown_inside_an_app(seen: Situation) -> None:
    shown = [route.method for route in decide(seen).shown]
    assert not (seen.browser.in_app and "wallet" in shown)


def test_a_split_holds_within_one_percent_over_100_000_draws() -> None:
    weights = {"netopia": 45, "stripe": 30, "euplatesc": 20, "revolut": 5, "none": 0}
    counted = Counter(drawn(f"{invoice}:card", weights) for invoice in range(1, 100_001))

    assert set(counted) == {"netopia", "stripe", "euplatesc", "revolut"}
    assert all(abs(counted[name] - 1_000 * weight) <= 1_000 for name, weight in weights.items())


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100), min_size=1), st.integers(1, 10**9))
def test_a_draw_is_the_same_again_and_falls_to_what_weighs(weights: dict[str, int], invoice: int) -> None:
    lot = drawn(str(invoice), weights)

    assert lot == drawn(str(invoice), weights)
    assert lot is None if not sum(weights.values()) else weights[lot or ""] > 0
