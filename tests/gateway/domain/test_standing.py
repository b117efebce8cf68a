"""What the pay page says of payments: each state of an attempt, each row of `docs/payment-states.md`."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.claims import Claim, ClaimKind, ClaimState
from gateway.domain.invoices import Invoice, InvoiceStatus
from gateway.domain.payments import Attempt, AttemptStatus
from gateway.domain.standing import LATELY, LEASE, REASONS, Notice, Stage, notice, reason_of, stage
from gateway.rendering import Renderer

A, S, N, V = AttemptStatus, Stage, Notice, InvoiceStatus
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - 2 * LATELY
TYPED = {"transfer": {"iban": "RO49AAAA1B31007593840000", "name": "Acme", "reference": "RF18539007547034"}}
PAGE = Path(__file__).parents[3] / "docs" / "payment-states.md"

INVOICE = Invoice(
    1, 1, 1, "F-1", V.OPEN, "RON", 100, 0, date(2026, 11, 1), date(2026, 12, 8), {}, 0, LONG_AGO, LONG_AGO, None
)
PENDING = Attempt(
    1, 1, 1, 1, "card", A.PENDING, "RON", 100, 0, 0, "x1", "F-1-1", "ro", None, "https://bank", None, None,
    NOW + 30 * MINUTE, None, 0, LONG_AGO, LONG_AGO,
)  # fmt: skip
WORD = Claim(1, 1, 1, 1, ClaimKind.ALREADY_PAID, ClaimState.OPEN, date(2026, 11, 28), {}, NOW, NOW)


def tried(status: AttemptStatus = A.PENDING, **changes: Any) -> Attempt:
    return replace(PENDING, status=status, **changes)


def transferring(**changes: Any) -> Attempt:
    return replace(PENDING, method="transfer", hand_over=TYPED, created_at=NOW, **changes)


@pytest.mark.parametrize(
    ("attempts", "claims", "returned", "said"),
    [
        ([], [], False, S.NONE),
        ([tried(A.ACCEPTED)], [], False, S.ACCEPTED),
        ([tried(A.ACCEPTED), tried(A.UNKNOWN), tried(created_at=NOW)], [], False, S.ACCEPTED),
        ([tried(A.UNKNOWN, external_id=None)], [], False, S.UNKNOWN),
        ([tried(A.CREATED, external_id=None, created_at=NOW)], [], False, S.ELSEWHERE),
        ([tried(created_at=NOW - LEASE + MINUTE)], [], False, S.ELSEWHERE),
        ([tried(external_id=None, created_at=NOW)], [], False, S.ELSEWHERE),  # a bill in a chat
        ([tried(created_at=NOW - LEASE)], [], False, S.WAITING),
        ([tried(created_at=NOW)], [], True, S.WAITING),
        ([tried(created_at=NOW, closing_at=NOW)], [], False, S.NONE),
        ([tried(status) for status in (A.FAILED, A.EXPIRED, A.CANCELLED, A.PAID, A.REVERSED)], [], False, S.NONE),
        ([transferring()], [], False, S.NONE),
        ([transferring()], [WORD], False, S.TRANSFERRED),
        ([transferring(closing_at=NOW)], [WORD], False, S.NONE),
        ([], [WORD], False, S.NONE),
        ([transferring(), tried(created_at=NOW)], [WORD], False, S.ELSEWHERE),
    ],
)
def test_what_is_under_way(attempts: list[Attempt], claims: list[Claim], returned: bool, said: Stage) -> None:
    assert stage(INVOICE, attempts, claims, NOW, returned=returned) is said
    for over in (V.PAID, V.VOID):
        assert stage(replace(INVOICE, status=over), attempts, claims, NOW, returned=returned) is S.NONE


@pytest.mark.parametrize(
    ("status", "attempts", "due_back", "said"),
    [
        (V.OPEN, [], [], (N.NONE, "")),
        (V.OPEN, [tried(A.FAILED, reason="insufficient_funds")], [], (N.FAILED, "insufficient_funds")),
        (V.OPEN, [tried(A.FAILED, reason="http_502")], [], (N.FAILED, "technical")),
        (V.OPEN, [tried(A.FAILED)], [], (N.FAILED, "unknown")),
        (V.OPEN, [tried(A.FAILED), tried(A.PENDING)], [], (N.NONE, "")),
        (V.OPEN, [tried(A.FAILED), tried(A.CANCELLED, reason="superseded")], [], (N.FAILED, "unknown")),
        (V.OPEN, [tried(A.FAILED), transferring()], [], (N.FAILED, "unknown")),
        (V.OPEN, [tried(A.CANCELLED, updated_at=NOW)], [], (N.CANCELLED, "")),
        (V.OPEN, [tried(A.CANCELLED)], [], (N.NONE, "")),
        (V.OPEN, [tried(A.EXPIRED, updated_at=NOW)], [], (N.EXPIRED, "")),
        (V.OPEN, [tried(A.EXPIRED)], [], (N.NONE, "")),
        (V.OPEN, [tried(A.REVERSED)], [], (N.REVERSED, "")),
        (V.PARTLY_PAID, [tried(A.PAID)], [], (N.NONE, "")),
        (V.PAID, [tried(A.FAILED), tried(A.PAID)], [], (N.NONE, "")),
        (V.PAID, [tried(A.PAID), tried(A.PAID)], ["duplicate"], (N.DUPLICATE, "")),
        (V.PAID, [tried(A.PAID)], ["overpaid"], (N.OVERPAID, "")),
        (V.PAID, [tried(A.PAID)], ["overpaid", "duplicate"], (N.DUPLICATE, "")),
        (V.VOID, [tried(A.PAID)], ["void"], (N.ON_VOID, "")),
        (V.VOID, [tried(A.FAILED)], [], (N.NONE, "")),
    ],
)
def test_what_came_of_it(
    status: InvoiceStatus, attempts: list[Attempt], due_back: list[str], said: tuple[Notice, str]
) -> None:
    assert notice(replace(INVOICE, status=status), attempts, dict.fromkeys(due_back, ""), NOW) == said


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("declined", "declined"), ("CARD_DECLINED", "declined"), ("lost_card", "declined"),
        ("card_expired", "expired_card"), ("3ds_failed", "authentication_failed"), ("abandoned", "cancelled"),
        ("limit", "limit_exceeded"), ("timeout", "expired"), ("no_answer", "technical"), ("http_500", "technical"),
        ("AM04", "unknown"), ("", "unknown"), (None, "unknown"),
    ],
)  # fmt: skip
def test_vendors_names_of_one_reason(code: str | None, reason: str) -> None:
    assert reason_of(code) == reason


def rows(title: str) -> dict[str, list[str]]:
    """The table under that heading, by its code."""
    section = PAGE.read_text("utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in re.findall(r"^\| `.*$", section, re.M)]
    return {code.strip("` "): rest for code, *rest in cells}


@pytest.mark.parametrize(
    ("title", "codes", "groups"),
    [
        ("Under way", {each.value for each in S if each}, ("stage", "stage_next", "stage_other")),
        ("What came of it", {each.value for each in N if each}, ("notice", "notice_next")),
        ("Why it failed, and what to do next", REASONS | {"unknown"}, ("reason",)),
    ],
)
@pytest.mark.parametrize("locale", ["ro", "en"])
def test_each_row_of_the_page_is_what_payers_read(
    title: str, codes: set[str], groups: tuple[str, ...], locale: str
) -> None:
    renderer, found = Renderer(), rows(title)

    assert found.keys() == codes
    for code, cells in found.items():
        without = {"accepted": "stage_other", "payment_failed": "notice_next"}.get(code)
        said = [renderer.label(group, code, locale) for group in groups if group != without]
        assert cells[-2 if locale == "ro" else -1] == " · ".join(said), code
        assert all(len(words) > 10 for words in said), code
