"""Whatever is written: no error, no wait, nothing of anybody else, nothing past what the biller allows."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.chat import Chosen, Plan, Policy, Promise, Remind, State, Stop, Turn, Who
from gateway.domain.chat.hearing import VERBS
from gateway.domain.chat.mentions import mentions
from tests.harness.chat import NOW, debt, grammars, phrases, situation, turn

CORPORA = [phrase for name in ("ro_phrases.tsv", "en_phrases.tsv") for phrase, *_ in phrases(name)]
ROUGH = [
    "2",
    "da",
    "nu",
    "toate",
    "vineri",
    "mâine la 9",
    "100 lei",
    "50%",
    "3 rate",
    ",",
    "nu",
    "FF-1002",
    "99999999999",
    "€",
    "31.02",
    "👍",
    "\u0000",
    "HJ41Y-Q026X",
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.one_of(st.sampled_from(CORPORA), st.sampled_from(ROUGH), st.text(max_size=8)), min_size=1, max_size=4
    ).map(" ".join),
)
NUMBERS = st.sampled_from(["", "1", "2", "3", "11", "12", "99", "*", "1,2", "1,11", "x"])
PRESSES = st.builds(
    ":".join,
    st.tuples(
        st.sampled_from([*VERBS, "zzz"]),
        NUMBERS,
        st.sampled_from(
            [
                "2026-11-27",
                "2026-11-27T09:00",
                "2026-11-01",
                "2030-01-01",
                "card",
                "not_mine",
                "2",
                "3",
                "2:6173:2026-11-23:2026-12-23",
                "2:1:2026-11-23:2036-12-23",
                "",
            ]
        ),
    ).map(lambda parts: [part for part in parts if part]),
)
WHO = (Who(7, "A", (debt(1), debt(2, 5_000)), (debt(3, paid=True),)), Who(8, "B", (debt(11), debt(12, 1))))
POLICY = Policy(parts=4)
LATEST = debt(1).due_on + timedelta(days=POLICY.latest_days)


def holds(decided: Turn, chosen: int | None) -> None:
    """What is true of every turn."""
    owner = next((one.payer_id for one in decided.actions if isinstance(one, Chosen)), chosen)
    mine = {one.invoice_id for who in WHO if who.payer_id == owner for one in (*who.debts, *who.settled)}
    for action in decided.actions:
        if (numbers := getattr(action, "invoice_ids", None)) is not None:
            assert numbers
            assert set(numbers) <= mine
        if isinstance(action, Remind):
            assert action.at > NOW
            assert action.at.date() <= LATEST
        if isinstance(action, Promise):
            assert NOW.date() <= action.on <= LATEST
        if isinstance(action, Plan):
            owed = next(one.outstanding for who in WHO for one in who.debts if one.invoice_id == action.invoice_id)
            assert action.invoice_id in mine
            assert sum(money.minor for _, money in action.parts) == owed.minor
            assert 2 <= len(action.parts) <= POLICY.parts
            assert action.parts[0][1].minor * 100 >= owed.minor * POLICY.least_share
            assert all(money.minor > 0 for _, money in action.parts)
            assert sorted({day for day, _ in action.parts}) == [day for day, _ in action.parts]
    if decided.answer:
        shown = {one.invoice_id for one in (*decided.answer.items, *decided.answer.pay)}
        assert shown <= mine
        assert all(len(choice.data.encode()) <= 64 for choice in decided.answer.choices)
    assert json.loads(json.dumps(dict(decided.state.data))) == dict(decided.state.data)


@settings(max_examples=600)
@given(st.lists(st.one_of(TEXTS, PRESSES.map(">{}".format)), min_size=1, max_size=4), st.sampled_from([None, 7, 8]))
def test_every_turn_of_every_conversation(texts: list[str], chosen: int | None) -> None:
    state = State()
    for text in texts:
        decided = turn(situation(who=WHO, chosen=chosen, policy=POLICY, state=state), text)
        holds(decided, chosen)
        chosen = next((one.payer_id for one in decided.actions if isinstance(one, Chosen)), chosen)
        state = decided.state


@settings(max_examples=600)
@given(st.lists(st.sampled_from([*CORPORA, *ROUGH]), min_size=2, max_size=3).map(", ".join))
def test_a_message_that_says_more_stops_nothing(text: str) -> None:
    """No two phrases together are a STOP, unless each of them is one or is polite."""
    stopped = [one for one in turn(situation(1), text).actions if isinstance(one, Stop)]

    if stopped:
        alone = [turn(situation(1), part).intent.value for part in text.split(", ")]
        assert set(alone) <= {"stop", "thanks", "help", "none"}
        assert "stop" in alone


@given(TEXTS)
def test_a_stranger_learns_nothing(text: str) -> None:
    found = turn(replace(situation(who=()), found=()), text)

    assert not found.answer or not (
        set(found.answer.values) - {"biller", "support"} or found.answer.items or found.answer.pay
    )


@given(st.text(max_size=200))
def test_mentions_never_fail(text: str) -> None:
    found = mentions(text)

    assert len(found.codes) <= 3
    assert all(len(code) == 9 for code in found.codes)


LONG = [
    *(text * (4096 // len(text.encode())) for text in (
        "x ", "platesc ", "aminteste", "1234 ", "nu am platit ", "a-b'c", "9", "www.", "a.", "ABCD-", "https://", "ș", "👍", "(", "1.234,",
        "stop ", " ", "azi maine vineri ", "platessc amintestte facturra ",
    )),
    " ".join(a + b + c + d for d in ("aminteste", "facturat", "platesc") for c in "aeiou" for a in "bcdfg" for b in "aeiou"),
]  # fmt: skip


@pytest.mark.parametrize("text", LONG, ids=[text[:12] for text in LONG])
def test_four_kilobytes_take_less_than_five_milliseconds(text: str) -> None:
    """Of the processor's time, the best of five: other people use this machine."""
    at = situation(3, state=turn(situation(3), "am plătit").state)
    turn(at, text)

    def taken() -> float:
        began = time.process_time()
        turn(at, text)
        mentions(text)
        return time.process_time() - began

    assert grammars()
    assert min(taken() for _ in range(5)) < 0.005
