"""Whole conversations: what is answered and done, message by message. `>` is a pressed button."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from gateway.domain.chat import AlreadyPaid, Cancel, Dispute, Person, Plan, Policy, Promise, Remind, Stop
from gateway.domain.chat.values import Action
from gateway.ports.values import Money
from tests.harness.chat import DEBTS, POLICY, ZONE, conversation, debt, situation

FRIDAY = datetime(2026, 11, 27, 9, tzinfo=ZONE)
NEXT_MONDAY = date(2026, 11, 30)


def lei(minor: int) -> Money:
    return Money(minor, "RON")


Said = tuple[str, str, tuple[Action, ...]]
DIALOGUES: dict[str, tuple[int, list[Said]]] = {
    "remind, change, cancel": (1, [
        ("Bună ziua, cât am de plată?", "owe_one", ()),
        ("amintește-mi vineri", "remind_set", (Remind((1,), FRIDAY),)),
        ("mai bine maine la 12", "remind_set", (Remind((1,), datetime(2026, 11, 24, 12, tzinfo=ZONE)),)),
        ("ANULEAZĂ", "remind_cancelled", (Cancel((1,)),)),
        ("vineri", "remind_set", (Remind((1,), FRIDAY),)),
        ("da", "kept", ()),
    ]),
    "remind, asked when": (1, [
        ("mai târziu", "remind_when", ()),
        ("2", "remind_set", (Remind((1,), FRIDAY),)),
    ]),
    "remind all that is owed": (3, [
        ("reminder vineri", "remind_set", (Remind((1, 2, 3), FRIDAY),)),
        ("nu", "remind_cancelled", (Cancel((1, 2, 3)),)),
    ]),
    "a promise on a Monday": (1, [
        ("platesc luni", "day_which", ()),
        ("a doua", "promise_set", (Promise((1,), NEXT_MONDAY),)),
        ("de fapt joi", "promise_set", (Promise((1,), date(2026, 11, 26)),)),
    ]),
    "no money": (1, [
        ("nu am bani", "promise_when", ()),
        ("pe 15", "promise_set", (Promise((1,), date(2026, 12, 15)),)),
        ("mersi", "thanks", ()),
        ("mersi", "", ()),
    ]),
    "pay day": (1, [
        ("plătesc după salariu", "day_of_pay", ()),
        ("10", "promise_set", (Promise((1,), date(2026, 12, 10)),)),
    ]),
    "past and too late": (1, [
        ("amintește-mi pe 5 noiembrie", "day_passed", ()),
        ("da", "remind_set", (Remind((1,), datetime(2026, 12, 5, 9, tzinfo=ZONE)),)),
        ("mai bine pe 15 martie", "day_too_late", ()),
        ("ok", "remind_set", (Remind((1,), datetime(2026, 12, 27, 9, tzinfo=ZONE)),)),
        ("31 noiembrie", "day_missing", ()),
        ("las-o", "kept", ()),
    ]),
    "a list, by number": (3, [
        ("ce facturi am", "owe_many", ()),
        ("2", "pay_one", ()),
        ("toate", "pay_all", ()),
        ("plătesc FF-1003", "pay_one", ()),
        ("plătesc 50 lei", "pay_one", ()),
        ("achit ultima", "pay_one", ()),
    ]),
    "already paid": (3, [
        ("am plătit deja", "which_debt", ()),
        ("prima", "paid_how", (AlreadyPaid((1,)),)),
        ("transfer, ieri, ref 558123", "paid_noted", (AlreadyPaid((1,), "bank", date(2026, 11, 22), "558123", more=True),)),
    ]),
    "already paid, all in one": (3, [
        ("am plătit a doua pe 20 la poștă", "paid_noted", (AlreadyPaid((2,), "post", date(2026, 11, 20)),)),
        ("am platit FF-1003 vineri cash", "paid_noted", (AlreadyPaid((3,), "cash", date(2026, 11, 20)),)),
    ]),
    "not mine": (3, [
        ("nu e a mea factura", "which_debt", ()),
        ("FF-1002", "dispute_not_mine", (Dispute((2,), "not_mine"),)),
    ]),
    "why": (1, [
        ("contest factura", "dispute_why", ()),
        ("2", "dispute_wrong_amount", (Dispute((1,), "wrong_amount"),)),
        ("trebuia să fie 100 lei", "dispute_wrong_amount", (Dispute((1,), "wrong_amount", lei(10_000)),)),
    ]),
    "in parts": (1, [
        ("pot plăti în rate?", "plan_how", ()),
        ("20 lei", "plan_least", ()),
        ("jumătate", "plan_offer", ()),
        ("nu", "kept", ()),
        ("in 3 rate", "plan_offer_many", ()),
        ("da", "plan_set", (Plan(1, ((date(2026, 11, 23), lei(4115)), (date(2026, 12, 23), lei(4115)), (date(2027, 1, 22), lei(4115)))),)),
        ("in 9 rate", "plan_too_many", ()),
    ]),
    "a part now, the rest on a day": (1, [
        ("dau 100 lei acum și restul pe 15 decembrie", "plan_offer", ()),
        ("da", "plan_set", (Plan(1, ((date(2026, 11, 23), lei(10_000)), (date(2026, 12, 15), lei(2_345)))),)),
    ]),
    "an amount of one among several": (3, [
        ("plătesc 30 lei", "which_debt", ()),
        ("1", "plan_offer", ()),
    ]),
    "not understood": (1, [
        ("asdf", "not_understood", ()),
        ("qwerty", "not_understood_again", ()),
        ("da", "person", (Person("not_understood"),)),
        ("cât am", "owe_one", ()),
        ("asdf", "not_understood", ()),
    ]),
    "not understood for ever": (1, [
        ("asdf", "not_understood", ()),
        ("qwerty", "not_understood_again", ()),
        ("zxcv", "not_understood_again", ()),
        ("bnm", "", ()),
        ("hjk", "", ()),
    ]),
    "angry": (1, [
        ("sunteți niște hoți", "person_offered", ()),
        ("da", "person", (Person("asked"),)),
    ]),
    "stop, in a question": (3, [
        ("am plătit", "which_debt", ()),
        ("STOP", "stopped", (Stop(),)),
        ("vreau să nu mai trimiteți atâtea mesaje pe zi", "stop_hint", ()),
        ("da", "stopped", (Stop(),)),
    ]),
    "something else is asked in between": (3, [
        ("am plătit", "which_debt", ()),
        ("amintește-mi vineri", "remind_set", (Remind((1, 2, 3), FRIDAY),)),
        ("plătesc mâine", "promise_set", (Promise((1, 2, 3), date(2026, 11, 24)),)),
    ]),
    "a day and no more": (1, [
        ("vineri", "day_for", ()),
        ("2", "promise_set", (Promise((1,), date(2026, 11, 27)),)),
    ]),
    "buttons": (2, [
        (">list", "owe_many", ()),
        (">pay:2", "pay_one", ()),
        (">remind:2", "remind_when", ()),
        (">remind:2:2026-11-27T09:00", "remind_set", (Remind((2,), FRIDAY),)),
        (">cancel:2", "remind_cancelled", (Cancel((2,)),)),
        (">paid:1:card", "paid_noted", (AlreadyPaid((1,), "card", more=True),)),
        (">keep", "kept", ()),
    ]),
}  # fmt: skip
ENGLISH: dict[str, tuple[int, list[Said]]] = {
    "remind": (1, [
        ("what do I owe", "owe_one", ()),
        ("remind me friday", "remind_set", (Remind((1,), FRIDAY),)),
        ("no, tomorrow at noon", "remind_set", (Remind((1,), datetime(2026, 11, 24, 12, tzinfo=ZONE)),)),
        ("cancel", "remind_cancelled", (Cancel((1,)),)),
    ]),
    "already paid": (3, [
        ("I already paid", "which_debt", ()),
        ("the second one", "paid_how", (AlreadyPaid((2,)),)),
        ("by card yesterday", "paid_noted", (AlreadyPaid((2,), "card", date(2026, 11, 22), more=True),)),
    ]),
    "in parts": (1, [
        ("can I pay half now and the rest on 15 December", "plan_offer", ()),
        ("yes please", "plan_set", (Plan(1, ((date(2026, 11, 23), lei(6_173)), (date(2026, 12, 15), lei(6_172)))),)),
    ]),
    "promise": (3, [
        ("I can't pay now", "promise_when", ()),
        ("on friday", "promise_set", (Promise((1, 2, 3), date(2026, 11, 27)),)),
    ]),
    "Romanian in an English conversation": (1, [
        ("cât am de plată", "owe_one", ()),
        ("DEZABONARE", "stopped", (Stop(),)),
    ]),
}  # fmt: skip


def told(locale: str, debts: int, said: list[Said]) -> list[Said]:
    turns = conversation(situation(debts, locale=locale), [text for text, *_ in said])
    return [
        (text, turn.answer.name if turn.answer else "", tuple(turn.actions))
        for (text, *_), turn in zip(said, turns, strict=True)
    ]


@pytest.mark.parametrize("name", DIALOGUES)
def test_in_romanian(name: str) -> None:
    assert told("ro", *DIALOGUES[name]) == DIALOGUES[name][1]


@pytest.mark.parametrize("name", ENGLISH)
def test_in_english(name: str) -> None:
    assert told("en", *ENGLISH[name]) == ENGLISH[name][1]


@pytest.mark.parametrize(
    ("debts", "policy", "text", "answer"),
    [
        ((debt(1, due_on=date(2026, 10, 1)),), POLICY, "amintește-mi mâine", "wait_over"),
        ((debt(1, due_on=date(2026, 10, 1)),), POLICY, "plătesc mâine", "wait_over"),
        ((debt(1, due_on=date(2026, 10, 1)),), POLICY, "plătesc azi", "promise_today"),
        ((debt(1, postponed=3),), POLICY, "amintește-mi mâine", "wait_used"),
        ((debt(1, postponed=3),), POLICY, "plătesc azi", "promise_today"),
        ((debt(1, postponed=2),), POLICY, "amintește-mi mâine", "remind_set"),
        (DEBTS[:1], Policy(), "în rate", "plan_none"),
        ((debt(1, due_on=date(2026, 9, 1)),), POLICY, "în rate", "plan_late"),
        (DEBTS[:1], POLICY, "plătesc 20 euro", "plan_currency"),
        (DEBTS[:1], POLICY, "plătesc 500 lei", "pay_less"),
        ((), POLICY, "plătesc", "nothing_owed"),
        ((), POLICY, "am plătit", "nothing_owed"),
        ((debt(1, processing=True),), POLICY, "a ajuns plata?", "status_processing"),
        ((debt(1, processing=True),), POLICY, "am plătit", "status_processing"),
        ((debt(1, processing=True),), POLICY, "plătesc", "status_processing"),
        ((debt(1, amount=lei(99_999)),), POLICY, "e plătită factura?", "status_partly"),
        (DEBTS[:1], POLICY, "e plătită factura?", "status_open"),
        (DEBTS[:1], POLICY, "vreau chitanța", "receipt_none"),
        (DEBTS[:1], POLICY, "nu mai e nevoie să-mi amintiți", "remind_none"),
    ],
)
def test_within_what_the_biller_allows(debts: tuple[object, ...], policy: Policy, text: str, answer: str) -> None:
    [turn] = conversation(situation(debts, policy=policy), [text])  # type: ignore[arg-type]

    assert turn.answer is not None
    assert turn.answer.name == answer


@pytest.mark.parametrize(
    ("text", "answer"), [("am plătit", "paid_seen"), ("a ajuns plata?", "status_paid"), ("chitanța", "receipt")]
)
def test_after_it_is_paid(text: str, answer: str) -> None:
    settled = (debt(9, paid=True, paid_on=date(2026, 11, 20)),)

    [turn] = conversation(situation((), settled=settled), [text])

    assert turn.answer is not None
    assert (turn.answer.name, turn.answer.values["paid_on"]) == (answer, date(2026, 11, 20))
