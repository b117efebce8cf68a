"""Who is told what: strangers nothing, a payer nothing of another, and "genuine" only of what was found to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from gateway.domain.chat import (
    Answer,
    Chosen,
    CodeGiven,
    FactorGiven,
    Found,
    Policy,
    Remind,
    Situation,
    State,
    Who,
    answers,
)
from tests.harness.chat import NOW, ZONE, conversation, debt, phrases, situation, turn

LINK = "https://pay.acme.example/p/3kTMd9pQ2xVb7RnLw4"
SENT = datetime(2026, 11, 20, 9, tzinfo=ZONE)
OURS = Found(LINK, ours=True, invoice_id=1, number="FF-1001", sent_at=SENT)
TWO = (Who(7, "Bloc A", (debt(1), debt(2))), Who(8, "Bloc B", (debt(11), debt(12))))


def stranger(**more: object) -> Situation:
    found = (replace(OURS, ours=False), OURS)
    return replace(situation(who=()), found=found, policy=Policy(support="0800 123", site="acme.example"), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["ro", "en"])
def test_a_stranger_is_told_nothing(language: str) -> None:
    """Whatever of all that we know how to read they write, the answer has the biller's name and no more."""
    told = []
    for part in ("held_out", "phrases", "blind"):
        for phrase, *_ in phrases(f"{language}_{part}.tsv"):
            answer = turn(replace(stranger(), locale=language), phrase).answer
            if answer and (set(answer.values) - {"biller", "support"} or answer.items or answer.pay or answer.pay_url):
                told.append((phrase, answer.name))

    assert told == []


@pytest.mark.parametrize(
    "text",
    [">pay:1", ">list", ">remind:1:2026-11-27", ">paid:1:card", ">who:7", ">agree:1:2:1:2026-11-23:2026-12-01", LINK],
)
def test_a_stranger_presses_in_vain(text: str) -> None:
    found = turn(stranger(), text)

    assert found.actions == ()
    assert found.answer is not None
    assert found.answer.name in ("unknown", "not_ours")


def test_a_strangers_code_is_looked_up_and_then_the_second_factor() -> None:
    [given] = conversation(stranger(), ["codul e hj41y-qo26x"])
    asked = answers.code_right(stranger(), kept="inv_1", pay_url=LINK)
    [checked] = conversation(stranger(state=asked.state), ["1.234,50 lei"])
    [digits] = conversation(stranger(state=asked.state), ["Cred că 0042"])
    wrong = answers.factor_wrong(stranger(state=asked.state))
    [again] = conversation(stranger(state=wrong.state), ["0043"])

    assert (given.actions, given.answer) == ((CodeGiven("HJ41Y-Q026X"),), None)
    assert asked.answer == Answer("code_right", {"biller": "Acme Energie"}, pay_url=LINK)
    assert checked.actions == (FactorGiven("123450", Decimal("1234.50"), "inv_1"),)
    assert digits.actions == (FactorGiven("0042", Decimal(42), "inv_1"),)
    assert again.actions == (FactorGiven("0043", Decimal(43), "inv_1"),)
    assert wrong.answer == Answer("factor_wrong", {"left": 2})
    last = answers.factor_wrong(stranger(state=answers.factor_wrong(stranger(state=wrong.state)).state))
    assert (last.answer, last.state) == (Answer("factor_none", {"biller": "Acme Energie"}), State())


def test_stop_ends_even_the_second_factor() -> None:
    state = answers.code_right(stranger(), kept="inv_1").state

    [stopped] = conversation(stranger(state=state), ["STOP"])

    assert stopped.answer is not None
    assert stopped.answer.name == "stopped"


def test_strangers_are_not_talked_to_for_ever() -> None:
    turns = [*conversation(stranger(), ["cât am?", "cat am de plata", "plătesc", "plătesc", "plătesc"])]

    assert [turn.answer.name if turn.answer else "" for turn in turns] == ["unknown", "unknown", "unknown", "", ""]


def test_of_several_payers_one_is_chosen() -> None:
    """By a question; what was written is read again for who was chosen, and their debts alone are spoken of."""
    asked, answered = conversation(situation(who=TWO), ["amintește-mi vineri", "2"])
    [later] = conversation(situation(who=TWO, chosen=8), ["cât am"])

    assert asked.answer is not None
    assert asked.answer.name == "which_payer"
    assert asked.answer.values == {"labels": ("Bloc A", "Bloc B")}
    assert asked.actions == ()
    assert answered.actions == (Chosen(8), Remind((11, 12), datetime(2026, 11, 27, 9, tzinfo=ZONE)))
    assert later.answer is not None
    assert [one.invoice_id for one in later.answer.items] == [11, 12]


def test_a_button_of_another_payer_behind_the_address_changes_to_them() -> None:
    found = turn(situation(who=TWO, chosen=7), ">pay:12")

    assert found.actions == (Chosen(8),)
    assert found.answer is not None
    assert [one.invoice_id for one in found.answer.pay] == [12]


@pytest.mark.parametrize(
    "press",
    [
        ">pay:99",
        ">remind:99:2026-11-27",
        ">paid:99:card",
        ">dispute:99:not_mine",
        ">plan:99:2",
        ">cancel:99",
        ">who:99",
    ],
)
def test_a_made_up_id_does_nothing(press: str) -> None:
    found = turn(situation(2), press)

    assert found.actions == ()
    assert found.answer is not None
    assert found.answer.pay == ()


@pytest.mark.parametrize(
    "press",
    [
        "",
        "pay:" + "1" * 30,
        "remind:1:never",
        "paid:1:gold",
        "agree:1:2:x:2026-11-23:2026-12-01",
        "agree:1:99:1:a:b",
        "pay:1,2,x",
        "ștop",
    ],
)
def test_what_is_no_button_of_ours_is_read_as_text(press: str) -> None:
    assert turn(situation(1), f">{press}").intent == "none"


@pytest.mark.parametrize(
    ("text", "found", "answer"),
    [
        (f"e de la voi? {LINK}", (OURS,), "genuine_sent"),
        (LINK, (replace(OURS, sent_at=None),), "genuine"),
        (LINK, (replace(OURS, ours=False),), "not_ours"),
        (LINK, (), "not_ours"),
        (f"{LINK} https://evil.example/pay", (OURS,), "not_ours"),
        (f"https://evil.example/p/3kTMd9pQ2xVb7RnLw4 {LINK}", (OURS,), "not_ours"),
        ("https://pay.acme.example@evil.example/p/3kTMd9pQ2xVb7RnLw4", (OURS,), "not_ours"),
        ("plătește aici: bit.ly/3xyz", (), "not_ours"),
        ("sunteți chiar voi?", (), "verify_what"),
        ("e frauda?", (replace(OURS, ours=False),), "not_ours"),
    ],
)
def test_genuine_is_what_was_found_to_be(text: str, found: tuple[Found, ...], answer: str) -> None:
    verified = turn(situation(1, found=found), text)

    assert verified.answer is not None
    assert verified.answer.name == answer


def test_a_forwarded_message_without_a_link_is_not_ours() -> None:
    verified = turn(situation(1, forwarded=True), "Ai o factura restanta, suna la 0900 123 123")

    assert verified.answer is not None
    assert verified.answer.name == "not_ours"


def test_a_payers_own_code_shows_their_invoice() -> None:
    mine = situation(2, found=(Found("HJ41Y-Q026X", ours=True, invoice_id=2),))

    assert turn(mine, "HJ41Y Q026X").answer == turn(situation(2), ">pay:2").answer
    assert turn(situation(2), "hj41yq026x").actions == (CodeGiven("HJ41Y-Q026X"),)


def test_old_questions_lapse() -> None:
    state = turn(situation(3), "am plătit").state
    assert state.until is not None

    late = replace(situation(3, state=state), now=state.until.replace(minute=NOW.minute + 1))

    assert turn(situation(3, state=state), "2").actions != ()
    assert turn(late, "2").actions == ()


def test_without_links_there_are_codes() -> None:
    policy = Policy(link_free=True, site="acme.example")
    paying = turn(situation((debt(1, pay_code="HJ41Y-Q026X"),), policy=policy), "plătesc").answer

    assert paying is not None
    assert [(one.pay_url, one.pay_code) for one in paying.pay] == [("", "HJ41Y-Q026X")]
    assert paying.site == "acme.example"
