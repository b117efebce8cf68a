"""Each reason by an example: what is left out, what stands where, and why it is said to."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.routing import (
    Browser,
    Candidate,
    Cap,
    Fee,
    Health,
    Policy,
    Situation,
    Standing,
    Thresholds,
    Trouble,
    Used,
    Why,
    Window,
    decide,
    pause_s,
    trouble_of,
)
from gateway.ports.values import Money

RON = Money(10_000, "RON")
BANK = Candidate(1, "bank", ["bank"], fee=Fee(fixed=Decimal("0.5")))
CARDS = Candidate(2, "cards", ["card"], fee=Fee(percent=Decimal("1.2")), days_to_cash=2)
OTHER = Candidate(3, "other", ["card", "wallet"], fee=Fee(percent=Decimal("1.9")), wallets=frozenset({"wallet"}))
DOWN = Standing(Health.DOWN, Trouble.FAILURES)


def situation(*accounts: Candidate, **more: Any) -> Situation:
    return Situation(more.pop("amount", RON), "RO", "7", accounts or (BANK, CARDS, OTHER), **more)


def page(seen: Situation) -> list[tuple[str, bool, list[Why]]]:
    return [(route.method, route.shown, list(route.because)) for route in decide(seen).routes]


def served(seen: Situation, method: str = "card") -> list[tuple[str, list[Why]]]:
    route = decide(seen).route(method)
    assert route is not None
    return [(one.account, list(one.excluded) or [one.because or Why.ONLY]) for one in route.options]


def test_by_cost() -> None:
    assert page(situation()) == [
        ("bank", True, [Why.CHEAPER]),
        ("card", True, [Why.DEARER]),
        ("wallet", True, [Why.DEARER]),
    ]
    assert served(situation()) == [("cards", [Why.CHEAPER]), ("other", [Why.DEARER])]


def test_days_cost_what_the_biller_says() -> None:
    dear_days = Policy(cost_of_day=Decimal("0.36"))
    assert served(situation(policy=dear_days)) == [("other", [Why.CHEAPER]), ("cards", [Why.DEARER])]
    sooner = replace(OTHER, fee=CARDS.fee)
    assert served(situation(CARDS, sooner, policy=Policy(cost_of_day=Decimal(0)))) == [
        ("other", [Why.SOONER]),
        ("cards", [Why.SLOWER]),
    ]
    same = replace(CARDS, id=9, name="same")
    assert served(situation(CARDS, same)) == [("cards", [Why.EARLIER]), ("same", [Why.LATER])]


def test_what_is_not_known_is_not_free() -> None:
    silent = replace(CARDS, id=9, name="silent", fee=None, days_to_cash=0)
    assert served(situation(silent, CARDS)) == [("cards", [Why.PRICED]), ("silent", [Why.UNPRICED])]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"currencies": frozenset({"EUR"})}, Why.CURRENCY),
        ({"countries": ("DE",)}, Why.COUNTRY),
        ({"min_amount": {"RON": 10_001}}, Why.BELOW_MINIMUM),
        ({"max_amount": {"RON": 9_999}}, Why.ABOVE_MAXIMUM),
    ],
)
def test_what_an_account_does_not_take(change: dict[str, Any], why: Why) -> None:
    assert served(situation(replace(CARDS, **change), OTHER)) == [("other", [Why.ONLY]), ("cards", [why])]
    assert page(situation(replace(CARDS, **change))) == [("card", False, [why])]


def test_who_does_not_have_the_bank_that_was_picked() -> None:
    assert served(situation(unable=frozenset({(2, "card")}))) == [("other", [Why.ONLY]), ("cards", [Why.CHOICE])]


def test_the_limits_themselves_are_taken() -> None:
    exact = replace(CARDS, min_amount={"RON": 10_000}, max_amount={"RON": 10_000, "EUR": 1})
    assert served(situation(exact)) == [("cards", [Why.ONLY])]


def test_hidden_and_pinned() -> None:
    hidden = Policy(hidden_methods=("bank",), hidden_accounts=("cards",))
    assert page(situation(policy=hidden)) == [
        ("card", True, [Why.EARLIER]),
        ("wallet", True, [Why.LATER]),
        ("bank", False, [Why.HIDDEN]),
    ]
    pinned = Policy(pinned_methods=("wallet", "card"), pinned_accounts=("other",))
    assert page(situation(policy=pinned)) == [
        ("wallet", True, [Why.PINNED]),
        ("card", True, [Why.AFTER_PINNED]),
        ("bank", True, [Why.AFTER_PINNED]),
    ]
    assert served(situation(policy=pinned)) == [("other", [Why.PINNED]), ("cards", [Why.AFTER_PINNED])]


def test_caps_are_hard() -> None:
    cap = Cap("cards", "day", "RON", 15_000)
    assert served(situation(policy=Policy(caps=[cap]), used=Used({"cards": 5_000})))[0][0] == "cards"
    assert served(situation(policy=Policy(caps=[cap]), used=Used({"cards": 5_001})))[1] == ("cards", [Why.CAPPED])
    share = Policy(caps=[Cap("cards", "month", share=40)])
    assert served(situation(policy=share, used=Used({}, {"cards": 40, "bank": 60})))[0][0] == "cards"
    assert served(situation(policy=share, used=Used({}, {"cards": 41, "bank": 59})))[1] == ("cards", [Why.CAPPED])
    euros = replace(cap, currency="EUR")
    assert served(situation(policy=Policy(caps=[euros]), used=Used({"cards": 99_999})))[0][0] == "cards"


def test_inside_an_app_the_bank_is_first_and_no_wallet_is_there() -> None:
    dear_bank = replace(BANK, fee=Fee(percent=Decimal(5)))
    inside = situation(dear_bank, CARDS, OTHER, browser=Browser.TELEGRAM)
    assert page(inside) == [
        ("bank", True, [Why.BANK_IN_APP]),
        ("card", True, [Why.AFTER_BANK_IN_APP]),
        ("wallet", False, [Why.IN_APP]),
    ]
    by_cost = replace(inside, policy=Policy(bank_first_in_app=False))
    assert [method for method, _, _ in page(by_cost)] == ["card", "bank", "wallet"]
    alone = decide(situation(replace(OTHER, methods=["wallet"]), browser=Browser.INSTAGRAM))
    assert alone.needs_own_browser
    assert not decide(situation()).needs_own_browser


def test_who_is_down_comes_last_and_its_method_is_hidden_while_another_is_well() -> None:
    assert served(situation(standings={2: DOWN})) == [("other", [Why.WELL]), ("cards", [Why.AFTER_WELL])]
    half = situation(BANK, CARDS, standings={2: DOWN})
    assert page(half) == [("bank", True, [Why.ONLY]), ("card", False, [Why.UNHEALTHY])]
    assert decide(half).choose("card") is None
    none = decide(situation(BANK, CARDS, standings={1: DOWN, 2: DOWN}))
    assert [(route.method, route.troubled) for route in none.shown] == [("bank", True), ("card", True)]
    probe = situation(standings={2: Standing(Health.PROBE, Trouble.SLOW)})
    assert served(probe)[0] == ("cards", [Why.CHEAPER])


def test_a_split_is_drawn_among_those_that_are_well() -> None:
    split = Policy(weights={"card": {"cards": 0, "other": 100}})
    assert served(situation(policy=split)) == [("other", [Why.DRAWN]), ("cards", [Why.AFTER_DRAWN])]
    assert served(situation(policy=split, standings={3: DOWN}))[0] == ("cards", [Why.WELL])


@pytest.mark.parametrize(
    ("window", "trouble"),
    [
        (Window(), None),
        (Window(failed=4), None),
        (Window(failed=5), Trouble.FAILURES),
        (Window(failed=5, opened=5), Trouble.FAILURES),
        (Window(failed=5, opened=6), None),
        (Window(declined=19), None),
        (Window(declined=20, confirmed=2), Trouble.DECLINES),
        (Window(declined=20, confirmed=3), None),
        (Window(opened=5, latency_ms=50_000), Trouble.SLOW),
        (Window(opened=5, latency_ms=49_999), None),
        (Window(opened=4, latency_ms=400_000), None),
    ],
)
def test_trouble_begins_at_the_threshold(window: Window, trouble: Trouble | None) -> None:
    assert trouble_of(window, Thresholds()) is trouble


def test_a_rest_doubles_sixteenfold_at_most() -> None:
    assert [pause_s(Thresholds(rest_s=10), tries) for tries in (0, 1, 2, 3, 5, 6, 60)] == [
        10,
        10,
        20,
        40,
        160,
        160,
        160,
    ]
