"""Conversations to test with: a payer with debts, a Monday morning, and the grammars that are shipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.chat import Debt, Grammars, Policy, Situation, Turn, Who, decide
from gateway.ports.values import Money
from gateway.rendering.grammars import load
from gateway.rendering.sources import templates_root

ZONE = ZoneInfo("Europe/Bucharest")
NOW = datetime(2026, 11, 23, 10, tzinfo=ZONE)  # a Monday
POLICY = Policy(parts=4)
CORPUS = Path(__file__).parents[1] / "gateway" / "domain" / "chat" / "corpus"


@lru_cache(maxsize=1)
def grammars() -> Grammars:
    faults: list[str] = []
    found = load(templates_root() / "locales", faults)
    assert faults == []
    return found


def debt(invoice_id: int, minor: int = 12_345, due_on: date = date(2026, 11, 27), **more: Any) -> Debt:
    money = Money(minor, more.pop("currency", "RON"))
    token = f"{invoice_id:018}"
    return Debt(
        invoice_id,
        more.pop("number", f"FF-{1000 + invoice_id}"),
        more.pop("amount", money),
        money,
        due_on,
        f"https://pay.acme.example/p/{token}",
        **more,
    )


DEBTS = (debt(1), debt(2, 5_000, date(2026, 12, 5)), debt(3, 9_900, date(2026, 12, 15)))


def situation(debts: int | Sequence[Debt] = 1, **more: Any) -> Situation:
    """One payer who owes so much; `who` says otherwise."""
    owed = DEBTS[:debts] if isinstance(debts, int) else tuple(debts)
    who = more.pop("who", (Who(7, "C-1001", owed, more.pop("settled", ())),))
    return Situation(NOW, ZONE, more.pop("locale", "ro"), "Acme Energie", more.pop("policy", POLICY), who, **more)


def turn(at: Situation, text: str) -> Turn:
    """`>pay:1` is a button."""
    return (
        decide(at, "", text[1:], grammar=grammars()) if text.startswith(">") else decide(at, text, grammar=grammars())
    )


def conversation(at: Situation, texts: Iterable[str]) -> Iterator[Turn]:
    """One turn after another, each with the state that the one before it left."""
    for text in texts:
        decided = turn(at, text)
        yield decided
        at = replace(at, state=decided.state)


def phrases(name: str) -> Iterator[tuple[str, str, str]]:
    """The lines of a corpus: phrase, intent, slots."""
    for line in (CORPUS / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            phrase, intent, *slots = line.split("\t")
            yield phrase, intent, slots[0] if slots else ""
