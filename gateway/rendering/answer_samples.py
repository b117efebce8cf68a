"""Answers of a conversation to check a catalogue with: each text with the longest of everything that it may have to say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from gateway.domain.chat import Answer, Choice, Debt
from gateway.ports.values import MAX_MINOR, Money

_DAY = date(2026, 9, 30)  # a Wednesday in September: the longest day there is, in both languages
_AT = datetime(2026, 9, 30, 18, 30)  # noqa: DTZ001 (shown as it is)
_NUMBER = "SERIE-LUNGĂ/2026-000000123456"
_URL = f"https://{'h' * 30}/p/3kTMd9pQ2xVb7RnLw4"

# Texts that a link goes with, that hold a list, and the choices that stand in an SMS.
LINKED = (
    "owe_one", "pay_one", "pay_all", "pay_less", "status_partly", "status_open", "receipt",
    "remind_cancelled", "promise_set", "promise_today", "wait_over", "wait_used", "plan_set", "code_right",
    "factor_right",
)  # fmt: skip
LISTED = ("owe_many", "which_debt")
_DAYS = tuple(Choice("day", "", {"on": _DAY}) for _ in range(3))
_INSTANTS = tuple(Choice("instant", "", {"at": _AT}) for _ in range(3))
CHOICES = {
    "remind_when": _DAYS,
    "promise_when": _DAYS,
    "day_which": _INSTANTS,
    "which_payer": tuple(Choice("payer", "", {"label": "Bloc 12, scara B, ap. 34"}) for _ in range(4)),
    "paid_how": (Choice("how_bank", ""), Choice("how_cash", ""), Choice("how_card", "")),
    "dispute_why": (Choice("not_mine", ""), Choice("wrong_amount", ""), Choice("other", "")),
    "language_which": (Choice("language_ro", ""), Choice("language_en", ""), Choice("language_ro", "")),
}
NAMES = (
    "nothing_owed", "not_owed", "owe_one", "owe_many", "pay_one", "pay_all", "pay_less", "status_paid",
    "status_processing", "status_partly", "status_open", "receipt", "receipt_none", "remind_when",
    "remind_set", "remind_none", "remind_cancelled", "promise_when", "promise_set", "promise_today",
    "day_for", "day_passed", "day_missing", "day_too_late", "day_which", "day_wanted", "day_of_pay",
    "wait_over", "wait_used", "plan_none", "plan_late", "plan_how", "plan_too_many", "plan_least",
    "plan_offer", "plan_offer_many", "plan_set", "plan_currency", "which_debt", "which_payer", "paid_seen",
    "paid_noted", "paid_how", "dispute_why", "dispute_not_mine", "dispute_wrong_amount", "dispute_other",
    "stop_hint", "stopped", "stopped_everywhere", "started", "language_set", "language_which", "not_ours",
    "verify_what", "genuine", "genuine_sent", "person", "person_at", "person_offered", "help", "thanks",
    "kept", "not_understood", "not_understood_again", "unknown", "code_right", "code_right_no_link",
    "factor_right", "factor_paid", "factor_wrong", "factor_none",
)  # fmt: skip


def longest_answers(name: str) -> Iterator[Answer]:
    """The answer of this name with the greatest amount of each number of decimals."""
    for currency in ("RON", "EUR", "JPY", "KWD"):
        money = Money(MAX_MINOR, currency)
        debt = Debt(1, _NUMBER, money, money, _DAY, _URL)
        values = {
            **dict.fromkeys(("amount", "total", "first", "least"), money),
            "last": money if name.startswith("plan_offer") else _DAY,
            **dict.fromkeys(("due", "paid_on", "on", "first_on", "last_on"), _DAY),
            "about": (30, 9) if name == "day_missing" else _DAY,
            "at": _AT,
            "number": _NUMBER,
            "biller": "Întreprinderea Națională de Apă și Canalizare",
            "support": "0800 123 456, clienti@acme.example",
            "site": "plati.acme.example",
            **dict.fromkeys(("count", "times", "most", "left", "more"), 99),
            "parts": ((_DAY, money), (_DAY, money)),
        }
        yield Answer(
            name,
            values,
            CHOICES.get(name, ()),
            [debt] * 12 if name in LISTED else (),
            [debt] if name in LINKED and name != "code_right" else (),
            _URL if name == "code_right" else "",
        )


def everyday_answer(name: str) -> Answer:
    """The answer of this name as a payer of our sample biller might get it."""
    first, last = Money(6_200, "RON"), Money(6_145, "RON")
    values = {
        "number": "FF-2026-001234",
        "at": datetime(2026, 11, 27, 9),  # noqa: DTZ001 (shown as it is)
        "on": date(2026, 12, 5),
        "about": date(2026, 11, 5),
        "first": first,
        "first_on": date(2026, 11, 23),
        "last": last,
        "last_on": date(2026, 12, 15),
        "biller": "Acme Energie",
    }
    return Answer(name, values)
