"""Reminders over HTTP: set, listed, taken back; disputes closed; tags kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.domain.ids import INVOICE, read
from gateway.services import claims, wishes
from gateway.store import invoices as invoices_store
from tests.gateway.api.conftest import Api

AT = "2026-11-25T10:00:00.000Z"


def number_of(invoice: dict[str, str]) -> int:
    number = read(INVOICE, invoice["id"])
    assert number is not None
    return number


async def test_a_reminder_is_set_listed_and_taken_back(api: Api) -> None:
    invoice = await api.issue()
    body = {"at": AT, "channels": [{"channel": "sms", "wait": "2h"}, {"channel": "email"}], "tone": "firm"}
    answer, made = await api.call("POST", f"/v1/invoices/{invoice['id']}/reminders", body)
    assert answer.status == 201
    assert made["id"].startswith("rem_")
    expected = {"invoice": invoice["id"], "number": "2026-000123", "payer": "C-1042", "source": "biller", "step": None}
    expected |= {"tone": "firm", "status": "planned", "reason": None, "due_at": AT, "delivery": None}
    assert {name: made[name] for name in expected} == expected
    assert made["channels"] == ["sms", "email"]

    assert await api.ok("GET", "/v1/reminders") == {"items": [made], "next_cursor": None}
    assert (await api.ok("GET", f"/v1/reminders?due_before={AT}"))["items"] == []
    assert (await api.ok("GET", "/v1/reminders?due_before=2026-11-25T10:00:01Z"))["items"] == [made]
    assert (await api.ok("GET", "/v1/reminders?status=sent"))["items"] == []

    path = f"/v1/invoices/{invoice['id']}/reminders"
    assert await api.ok("DELETE", f"{path}?reminder={made['id']}") == {"count": 1}
    (gone,) = (await api.ok("GET", f"/v1/reminders?status=revoked&invoice={invoice['id']}"))["items"]
    assert (gone["id"], gone["reason"]) == (made["id"], "cancelled")
    assert await api.ok("DELETE", path) == {"count": 0}
    events = await api.ok("GET", f"/v1/invoices/{invoice['id']}/events")
    assert [event["type"] for event in events["items"]][-2:] == ["reminder.planned", "reminder.revoked"]


async def test_pages_go_on_where_they_stopped(api: Api) -> None:
    invoice = await api.issue()
    made = [await api.ok("POST", f"/v1/invoices/{invoice['id']}/reminders", {"at": AT}) for _ in range(3)]
    first = await api.ok("GET", "/v1/reminders?limit=2")
    last = await api.ok("GET", f"/v1/reminders?limit=2&cursor={first['next_cursor']}")
    assert [one["id"] for one in first["items"] + last["items"]] == [one["id"] for one in made]
    assert last["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "at"),
        ({"at": "tomorrow"}, "at"),
        ({"at": AT, "tone": "angry"}, "tone"),
        ({"at": AT, "channels": []}, "channels"),
        ({"at": AT, "channels": [{"channel": "pigeon"}]}, "channels[0].channel"),
        ({"at": AT, "when": 1}, "when"),
    ],
)
async def test_what_is_wrong_is_named(edge: Api, body: dict[str, object], path: str) -> None:
    invoice = await edge.issue()
    answer, problem = await edge.call("POST", f"/v1/invoices/{invoice['id']}/reminders", body)
    assert answer.status == 422
    assert [fault["path"] for fault in problem["errors"]] == [path]


async def test_what_is_not_there(edge: Api) -> None:
    invoice = await edge.issue()
    for method, path in (
        ("POST", "/v1/invoices/inv_000009Z/reminders"),
        ("DELETE", "/v1/invoices/inv_000009Z/reminders"),
        ("DELETE", f"/v1/invoices/{invoice['id']}/reminders?reminder=rem_000009Z"),
        ("POST", "/v1/invoices/inv_000009Z/disputes/close"),
    ):
        answer, _ = await edge.call(
            method, path, {"at": AT} if path.endswith("Z/reminders") and method == "POST" else None
        )
        assert answer.status == 404, path
    await edge.ok("POST", f"/v1/invoices/{invoice['id']}/void")
    answer, _ = await edge.call("POST", f"/v1/invoices/{invoice['id']}/reminders", {"at": AT})
    assert answer.status == 409


async def test_anothers_reminders_are_not_there(edge: Api, make_api: object) -> None:
    invoice = await edge.issue()
    made = await edge.ok("POST", f"/v1/invoices/{invoice['id']}/reminders", {"at": AT})
    other = await make_api(edge.ctx, "other")  # type: ignore[operator]
    assert (await other.ok("GET", "/v1/reminders"))["items"] == []
    answer, _ = await other.call("DELETE", f"/v1/invoices/{invoice['id']}/reminders?reminder={made['id']}")
    assert answer.status == 404


async def test_only_what_the_biller_set_is_taken_back(api: Api) -> None:
    invoice = await api.issue()
    invoice_id, now = number_of(invoice), api.clock.now()

    def own(conn: object) -> object:
        found = invoices_store.get(conn, invoice_id)  # type: ignore[arg-type]
        payer = invoices_store.get_payer(conn, found.payer_id)  # type: ignore[arg-type, union-attr]
        at = datetime(2026, 11, 26, 10, tzinfo=UTC)
        return wishes.set_own(conn, api.biller, payer, [invoice_id], at, now)  # type: ignore[arg-type]

    await api.ctx.db.write(own)
    assert await api.ok("DELETE", f"/v1/invoices/{invoice['id']}/reminders") == {"count": 0}
    (kept,) = (await api.ok("GET", "/v1/reminders"))["items"]
    assert kept["source"] == "payer"


async def test_a_dispute_is_closed_once(api: Api) -> None:
    invoice = await api.issue()
    invoice_id, now = number_of(invoice), api.clock.now()
    path = f"/v1/invoices/{invoice['id']}"
    assert (await api.ok("POST", f"{path}/disputes/close"))["status"] == "open"

    def disputes(conn: object) -> object:
        found = invoices_store.get(conn, invoice_id)  # type: ignore[arg-type]
        payer = invoices_store.get_payer(conn, found.payer_id)  # type: ignore[arg-type, union-attr]
        return claims.dispute(conn, api.biller, payer, [invoice_id], "not_mine", now, text="nu e a mea")  # type: ignore[arg-type]

    await api.ctx.db.write(disputes)
    for _ in range(2):
        await api.ok("POST", f"{path}/disputes/close", {"note": "read again"})
    events = (await api.ok("GET", f"{path}/events"))["items"]
    (opened,) = [event["data"] for event in events if event["type"] == "dispute.opened"]
    (closed,) = [event["data"] for event in events if event["type"] == "dispute.closed"]
    assert (opened["reason"], opened["text"]) == ("not_mine", "nu e a mea")
    assert closed == {"claim": opened["claim"], "by": "biller", "note": "read again"}


async def test_tags_are_kept_and_shown(api: Api) -> None:
    payer = {"reference": "C-1042", "name": "Ana Pop", "email": "ana@example.ro", "tags": ["vip", "Cluj Napoca"]}
    invoice = await api.issue(payer=payer)
    assert invoice["payer"]["tags"] == ["vip", "Cluj Napoca"]
    stored = await api.ctx.db.read(lambda conn: invoices_store.get_payer(conn, 1))
    assert stored.tags == ["vip", "Cluj Napoca"]
    answer, problem = await api.call("POST", "/v1/invoices", {"number": "2", "payer": payer | {"tags": [" x"]}})
    assert answer.status == 422
    assert "payer.tags[0]" in [fault["path"] for fault in problem["errors"]]
