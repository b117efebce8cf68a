"""The ladder of one invoice: its steps, whom they are for, what is too dear, who is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.reminders import (
    Condition,
    Owed,
    Policy,
    Rung,
    Tone,
    first_rung,
    gravest,
    held_out,
    instant_of,
    next_rung,
    too_dear,
    when_of,
)
from gateway.ports.values import Money

ZONE = ZoneInfo("Europe/Bucharest")
DUE = date(2026, 3, 29)  # the night before has an hour less
OWED = Owed(DUE, Money(10_000, "RON"), "ro", ZONE, ["home"])
POLICY = Policy(rungs=(Rung(-3), Rung(0, hour=18), Rung(3, Tone.FIRM), Rung(10, Tone.FINAL)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def names(policy: Policy) -> list[str]:
    return [rung.name for rung in policy.rungs]


def test_steps_have_names_and_instants_on_the_payers_clock() -> None:
    assert names(POLICY) == ["-3d", "0", "+3d", "+10d"]
    found = [instant_of(POLICY, rung, DUE, ZONE) for rung in POLICY.rungs]
    assert found == [at("2026-03-26T09:00"), at("2026-03-29T18:00"), at("2026-04-01T09:00"), at("2026-04-08T09:00")]
    assert [one.hour for one in found] == [7, 15, 6, 6]  # in UTC: summer time has begun
    assert POLICY.called("+3d") == POLICY.rungs[2]
    assert POLICY.called("+4d") is None


def test_a_ladder_begins_with_the_first_step_that_is_to_come() -> None:
    first = first_rung(POLICY, OWED, at("2026-03-20T12:00"))
    assert first is not None
    assert (first.rung.name, first.at, first.overtaken) == ("-3d", at("2026-03-26T09:00"), ())
    second = first_rung(POLICY, OWED, at("2026-03-26T09:01"))
    assert second is not None
    assert second.rung.name == "0"
    assert first_rung(POLICY, OWED, at("2026-04-08T09:01")) is None
    assert first_rung(POLICY, OWED, at("2026-03-20T12:00"), past=3) == first_rung(POLICY, OWED, at("2026-04-02T12:00"))


def test_of_steps_whose_time_has_come_the_last_stands_for_the_others() -> None:
    soon = next_rung(POLICY, OWED, -3, at("2026-03-27T12:00"))
    assert soon is not None
    assert (soon.rung.name, soon.at) == ("0", at("2026-03-29T18:00"))
    late = next_rung(POLICY, OWED, -3, at("2026-04-02T12:00"))
    assert late is not None
    assert (late.rung.name, late.at) == ("+3d", at("2026-04-02T12:00"))
    assert [rung.name for rung in late.overtaken] == ["0"]
    assert next_rung(POLICY, OWED, 10, at("2026-04-02T12:00")) is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition(), True),
        (Condition(least=Decimal("100.00")), True),
        (Condition(least=Decimal("100.01")), False),
        (Condition(most=Decimal("100")), True),
        (Condition(most=Decimal("99.99")), False),
        (Condition(currency="RON"), True),
        (Condition(currency="EUR"), False),
        (Condition(languages=["ro", "hu"]), True),
        (Condition(languages=["en"]), False),
        (Condition(tags=["vip", "home"]), True),
        (Condition(tags=["vip"]), False),
        (Condition(without_tags=["vip"]), True),
        (Condition(without_tags=["home"]), False),
        (Condition(least=Decimal(1), languages=["ro"], tags=["home"], without_tags=["home"]), False),
    ],
)
def test_conditions(condition: Condition, holds: bool) -> None:
    assert condition.holds(OWED.amount, "ro-RO", OWED.tags) is holds
    policy = Policy(rungs=(Rung(0, condition=condition), Rung(5)))
    first = first_rung(policy, OWED, at("2026-03-20T12:00"))
    assert first is not None
    assert first.rung.name == ("0" if holds else "+5d")
    following = next_rung(policy, OWED, -1, at("2026-03-20T12:00"))
    assert following is not None
    assert following.rung.name == ("0" if holds else "+5d")


def test_a_message_may_cost_its_share() -> None:
    policy = Policy(costs={"sms": Decimal("0.35")}, share=10)
    ron, eur = Money(350, "RON"), Money(100, "EUR")
    assert not too_dear(policy, "sms", [ron])
    assert too_dear(policy, "sms", [Money(349, "RON")])
    assert not too_dear(policy, "sms", [Money(100, "RON"), Money(250, "RON")])  # several debts bear one message
    assert not too_dear(policy, "email", [Money(1, "RON")])
    assert not too_dear(policy, "sms", [eur])  # cannot be compared
    assert too_dear(Policy(costs={"sms": Decimal("0.35")}), "sms", [Money(34, "RON")])


def test_the_same_payers_are_left_out_and_about_as_many_as_asked() -> None:
    tenth, third = Policy(hold_out=10), Policy(hold_out=30)
    out = {payer for payer in range(5_000) if held_out(tenth, payer)}
    assert 400 < len(out) < 600
    assert out == {payer for payer in range(5_000) if held_out(tenth, payer)}
    assert out < {payer for payer in range(5_000) if held_out(third, payer)}
    assert not any(held_out(Policy(), payer) for payer in range(100))


def test_tones_and_days() -> None:
    assert gravest([Tone.FRIENDLY, Tone.FINAL, Tone.FIRM]) is Tone.FINAL
    assert [when_of(DUE, day) for day in (date(2026, 3, 28), DUE, date(2026, 3, 30))] == ["before", "today", "after"]
