"""Refunds over HTTP: a key, an amount, a state; what is refused names its field. The money came elsewhere."""

from __future__ import annotations

from typing import Any

from tests.gateway.api.conftest import Api, MakeApi

KEY = {"Idempotency-Key": "k-1"}


async def paid(api: Api, value: str = "123.45", number: str = "2026-000123") -> tuple[str, str]:
    """A paid invoice and its payment, by their ids."""
    issued = await api.issue(number=number)
    money = {"value": value, "currency": "RON"}
    body = {"amount": money, "received_on": "2026-11-25", "source": "cash_desk", "reference": f"R {number}"}
    shown = await api.ok("POST", f"/v1/invoices/{issued['id']}/payments", body)
    return issued["id"], shown["payments"][0]["id"]


def ron(value: str) -> dict[str, str]:
    return {"value": value, "currency": "RON"}


async def test_it_is_due_then_done_and_everything_shows_it(api: Api) -> None:
    invoice_id, payment = await paid(api)
    body = {"amount": ron("20.00"), "reason": "requested", "reopen": True}
    answer, made = await api.call("POST", f"/v1/payments/{payment}/refunds", body, headers=KEY)
    assert answer.status == 201
    assert made | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "payment": payment,
        "invoice": invoice_id,
        "state": "due",
        "reason": "requested",
        "amount": ron("20.00"),
        "waived": ron("0.00"),
        "by": None,
        "reference": None,
        "code": None,
        "created_at": "",
        "updated_at": "",
        "done_at": None,
    }
    again, same = await api.call("POST", f"/v1/payments/{payment}/refunds", body, headers=KEY)
    assert (again.status, same) == (200, made)
    assert (await api.ok("GET", f"/v1/payments/{payment}/refunds"))["items"] == [made]
    assert (await api.ok("GET", "/v1/refunds?state=due"))["items"] == [made]

    done = await api.ok("POST", f"/v1/refunds/{made['id']}/done", {"reference": "OP 1187"})
    assert (done["state"], done["by"], done["reference"]) == ("done", "person", "OP 1187")
    assert await api.ok("POST", f"/v1/refunds/{made['id']}/done", {"reference": "OP 1187"}) == done
    assert await api.ok("GET", f"/v1/refunds/{made['id']}") == done
    shown = await api.ok("GET", f"/v1/invoices/{invoice_id}")
    assert (shown["status"], shown["paid"], shown["refunded"], shown["outstanding"]) == (
        "partly_paid",
        ron("103.45"),
        ron("20.00"),
        ron("20.00"),
    )
    (one,) = shown["payments"]
    assert (one["received"], one["refunded"]) == (ron("123.45"), ron("20.00"))
    assert [row["id"] for row in shown["refunds"]] == [made["id"]]
    events = (await api.ok("GET", f"/v1/invoices/{invoice_id}/events"))["items"]
    assert [event["type"] for event in events][-3:] == ["refund.due", "refund.succeeded", "invoice.reopened"]


async def test_without_an_amount_all_that_is_left_goes_back(edge: Api) -> None:
    _, payment = await paid(edge)
    first = await edge.ok("POST", f"/v1/payments/{payment}/refunds", {"amount": ron("23.45"), "key": "k-1"})
    rest = await edge.ok("POST", f"/v1/payments/{payment}/refunds", {"key": "k-2"})
    assert (first["amount"], rest["amount"], rest["waived"]) == (ron("23.45"), ron("100.00"), ron("100.00"))
    answer, problem = await edge.call("POST", f"/v1/payments/{payment}/refunds", {"key": "k-3"})
    assert (answer.status, problem["type"], problem["errors"][0]["path"]) == (409, "/problems/wrong-state", "amount")


WRONG: tuple[tuple[dict[str, Any], dict[str, str], int, list[str]], ...] = (
    ({}, {}, 422, ["key"]),
    ({"key": "k-2"}, KEY, 422, ["key"]),
    ({"key": "with space"}, {}, 422, ["key"]),
    ({"amount": ron("123.46")}, KEY, 409, ["amount"]),
    ({"amount": {"value": "1.00", "currency": "EUR"}}, KEY, 422, ["amount.currency"]),
    ({"amount": ron("0.00")}, KEY, 422, ["amount.value"]),
    ({"reason": "because"}, KEY, 422, ["reason"]),
    ({"reopen": "yes", "extra": 1}, KEY, 422, ["reopen", "extra"]),
)


async def test_what_is_wrong_is_named(edge: Api) -> None:
    _, payment = await paid(edge)
    for body, headers, status, paths in WRONG:
        answer, problem = await edge.call("POST", f"/v1/payments/{payment}/refunds", body, headers=headers)
        assert (answer.status, [fault["path"] for fault in problem["errors"]]) == (status, paths)
    assert (await edge.ok("GET", "/v1/refunds"))["items"] == []


async def test_a_key_used_for_something_else_says_what_differs(edge: Api) -> None:
    _, payment = await paid(edge)
    await edge.ok("POST", f"/v1/payments/{payment}/refunds", {"amount": ron("1.00")}, headers=KEY)
    for body, differs in (
        ({"amount": ron("2.00")}, ["amount.value"]),
        ({}, ["amount"]),
        ({"amount": ron("1.00"), "reason": "fraud", "reopen": True}, ["reason", "reopen"]),
    ):
        answer, problem = await edge.call("POST", f"/v1/payments/{payment}/refunds", body, headers=KEY)
        assert (answer.status, [fault["path"] for fault in problem["errors"]]) == (409, differs)
    other_invoice, _ = await paid(edge, number="2026-000124")
    answer, problem = await edge.call("POST", f"/v1/invoices/{other_invoice}/deliveries", {}, headers=KEY)
    assert (answer.status, problem["errors"][0]["path"]) == (409, "operation")


async def test_pages_follow_a_cursor_and_a_state(edge: Api) -> None:
    _, payment = await paid(edge)
    made = [
        await edge.ok("POST", f"/v1/payments/{payment}/refunds", {"amount": ron("1.00"), "key": f"k-{number}"})
        for number in range(5)
    ]
    await edge.ok("POST", f"/v1/refunds/{made[2]['id']}/done", {"reference": "x"})
    seen, cursor = [], ""
    while True:
        page = await edge.ok("GET", f"/v1/refunds?state=due&limit=3{cursor}")
        seen += [row["id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [made[number]["id"] for number in (4, 3, 1, 0)]
    answer, problem = await edge.call("GET", "/v1/refunds?state=lost")
    assert (answer.status, problem["errors"][0]["path"]) == (400, "state")


async def test_one_that_no_provider_can_make_is_not_sent(edge: Api) -> None:
    _, payment = await paid(edge)
    made = await edge.ok("POST", f"/v1/payments/{payment}/refunds", {"key": "k-1"})
    answer, problem = await edge.call("POST", f"/v1/refunds/{made['id']}/retry")
    assert (answer.status, problem["type"]) == (409, "/problems/wrong-state")


async def test_another_billers_are_not_found(api: Api, make_api: MakeApi) -> None:
    _, payment = await paid(api)
    made = await api.ok("POST", f"/v1/payments/{payment}/refunds", {"key": "k-1"})
    other = await make_api(api.ctx, "beta")
    for method, path, body in (
        ("POST", f"/v1/payments/{payment}/refunds", {"key": "k-1"}),
        ("GET", f"/v1/payments/{payment}/refunds", None),
        ("GET", f"/v1/refunds/{made['id']}", None),
        ("POST", f"/v1/refunds/{made['id']}/done", {"reference": "x"}),
        ("POST", f"/v1/refunds/{made['id']}/retry", None),
    ):
        answer, _ = await other.call(method, path, body)
        assert answer.status == 404, path
    assert (await other.ok("GET", "/v1/refunds"))["items"] == []
