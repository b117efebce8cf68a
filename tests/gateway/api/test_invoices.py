"""Invoices over HTTP, on both engines: what is taken, what is answered, and what happens when it is sent again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gateway.api import answers
from tests.gateway.api.conftest import INVOICE, Api, MakeApi

FULL: dict[str, Any] = INVOICE | {
    "description": "Electricity\nNovember",
    "lines": [
        {"description": "Energy", "quantity": "150", "unit": "kWh", "unit_price": "0.7563"},
        {"description": "Meter", "amount": "10.00"},
        {"description": "Discount", "unit_price": "-0.005"},
        {"description": "As agreed"},
    ],
    "document_url": "https://portal.example.ro/2026-000123.pdf",
    "metadata": {"contract": "2026/118"},
    "deliver": [{"channel": "email", "wait": "30m"}, {"channel": "sms"}],
    "deliver_at": "2026-11-24T09:00:00+02:00",
}


def valid(shown: Any, model: type[Any] = answers.Invoice) -> Any:
    """The body is what the document says, in every field."""
    return model.model_validate(shown, strict=False)


async def test_an_invoice_is_issued_with_all_that_a_biller_needs(api: Api) -> None:
    answer, shown = await api.call("POST", "/v1/invoices", FULL)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/invoices/{shown['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    valid(shown)
    assert shown["amount"] == shown["outstanding"] == {"value": "123.45", "currency": "RON"}
    assert shown["paid"] == {"value": "0.00", "currency": "RON"}
    assert (shown["status"], shown["icon"], shown["sequence"]) == ("open", "open", 1)
    assert shown["payer"]["phone"] == "+40722123456"
    assert (shown["payer"]["locale"], shown["payer"]["time_zone"]) == ("ro", "Europe/Bucharest")
    assert [line["amount"] for line in shown["lines"]] == ["113.45", "10.00", "-0.01", None]
    assert shown["metadata"] == {"contract": "2026/118"}
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/p/[0-9A-Za-z]{18}", shown["pay_url"])
    assert shown["icon_url"]["svg"] == f"{shown['pay_url']}/icon.svg"
    assert shown["qr_url"]["png"] == f"{shown['pay_url']}/qr.png"
    assert f'href="{shown["pay_url"]}"' in shown["html"]["pay_button"]
    assert "123,45" in shown["html"]["pay_button"]
    assert f'src="{shown["icon_url"]["svg"]}"' in shown["html"]["status_icon"]
    (delivery,) = shown["deliveries"]
    assert (delivery["channel"], delivery["address"], delivery["status"]) == ("email", "ana@example.ro", "queued")
    assert delivery["due_at"] == "2026-11-24T07:00:00.000Z"


async def test_the_answer_is_the_same_when_it_is_read(api: Api) -> None:
    issued = await api.ok("POST", "/v1/invoices", FULL)
    assert await api.ok("GET", f"/v1/invoices/{issued['id']}") == issued


async def test_the_same_again_is_the_same_invoice(api: Api) -> None:
    issued = await api.issue()
    again = INVOICE | {"deliver": None, "description": "", "metadata": {}}
    again["payer"] = again["payer"] | {"phone": "+40 722 123 456", "telegram": None}
    answer, shown = await api.call("POST", "/v1/invoices", again)
    assert (answer.status, shown) == (200, issued)
    listed = await api.ok("GET", "/v1/invoices")
    assert [item["id"] for item in listed["items"]] == [issued["id"]]


async def test_another_body_under_the_same_number_is_refused_by_what_differs(api: Api) -> None:
    await api.issue()
    other = INVOICE | {
        "amount": {"value": "99.00", "currency": "RON"},
        "payer": INVOICE["payer"] | {"email": "b@example.ro"},
    }
    answer, problem = await api.call("POST", "/v1/invoices", other)
    assert (answer.status, problem["type"]) == (409, "/problems/different-request")
    assert [fault["path"] for fault in problem["errors"]] == ["amount.value", "payer.email"]
    valid(problem, answers.Problem)


async def test_an_idempotency_key_is_kept_with_what_it_named(api: Api) -> None:
    keyed = {"Idempotency-Key": "run-7/1"}
    first, shown = await api.call("POST", "/v1/invoices", INVOICE, headers=keyed)
    again, same = await api.call("POST", "/v1/invoices", INVOICE, headers=keyed)
    assert (first.status, again.status) == (201, 200)
    assert same == shown
    other, problem = await api.call("POST", "/v1/invoices", INVOICE | {"number": "2026-000999"}, headers=keyed)
    assert (other.status, [fault["path"] for fault in problem["errors"]]) == (409, ["number"])
    assert (await api.ok("GET", "/v1/invoices?number=2026-000999"))["items"] == []


async def test_a_key_names_a_request_of_one_biller_only(api: Api, make_api: MakeApi) -> None:
    keyed = {"Idempotency-Key": "run-7/1"}
    await api.ok("POST", "/v1/invoices", INVOICE, headers=keyed)
    rival = await make_api(api.ctx, "rival")
    answer, _ = await rival.call("POST", "/v1/invoices", INVOICE, headers=keyed)
    assert answer.status == 201


async def test_another_billers_things_are_not_found(api: Api, make_api: MakeApi) -> None:
    issued = await api.issue()
    rival = await make_api(api.ctx, "rival")
    path = f"/v1/invoices/{issued['id']}"
    money = {
        "amount": {"value": "1.00", "currency": "RON"},
        "received_on": "2026-11-23",
        "source": "x",
        "reference": "1",
    }
    for method, at, body in (
        ("GET", path, None),
        ("PATCH", path, {"due_on": "2026-12-31"}),
        ("POST", f"{path}/void", {}),
        ("POST", f"{path}/deliveries", {}),
        ("POST", f"{path}/payments", money),
        ("GET", f"{path}/events", None),
    ):
        answer, problem = await rival.call(method, at, body)
        assert (answer.status, problem["type"]) == (404, "/problems/not-found"), (method, at)
    assert (await rival.ok("GET", "/v1/invoices"))["items"] == []
    assert (await rival.ok("GET", "/v1/events"))["items"] == []
    assert (await api.ok("GET", path))["status"] == "open"


async def test_no_delivery_when_none_is_wanted(api: Api) -> None:
    issued = await api.issue(deliver=[])
    assert issued["deliveries"] == []
    assert issued["sequence"] == 1


async def test_a_channel_that_the_biller_has_not_is_named(api: Api) -> None:
    answer, problem = await api.call(
        "POST", "/v1/invoices", INVOICE | {"deliver": [{"channel": "sms"}, {"channel": "fax"}]}
    )
    assert (answer.status, problem["type"]) == (422, "/problems/invalid-body")
    assert [fault["path"] for fault in problem["errors"]] == ["deliver[1].channel"]
    assert (await api.ok("GET", "/v1/invoices"))["items"] == []


async def test_amount_and_due_date_change_while_it_is_open(api: Api) -> None:
    issued = await api.issue()
    path = f"/v1/invoices/{issued['id']}"
    changed = valid_of(
        await api.ok("PATCH", path, {"amount": {"value": "99.00", "currency": "RON"}, "due_on": "2027-01-15"})
    )
    assert (changed["outstanding"]["value"], changed["due_on"]) == ("99.00", "2027-01-15")
    events = (await api.ok("GET", f"{path}/events"))["items"]
    assert [event["type"] for event in events] == ["invoice.issued", "invoice.changed"]
    assert events[1]["data"]["changed"]["due_on"] == {"from": "2026-12-08", "to": "2027-01-15"}
    again = await api.ok("POST", "/v1/invoices", INVOICE)  # the request is still the one that was made
    assert again["amount"]["value"] == "99.00"


def valid_of(shown: Any) -> Any:
    valid(shown)
    return shown


CANNOT_CHANGE: tuple[tuple[Any, str], ...] = (
    ({"amount": {"value": "9.00", "currency": "EUR"}}, "amount.currency"),
    ({"due_on": "2026-11-19"}, "due_on"),
    ({}, ""),
    ({"amount": None, "due_on": None}, ""),
    ({"number": "7"}, "number"),
)


async def test_what_cannot_change_is_named(api: Api) -> None:
    issued = await api.issue()
    for change, path in CANNOT_CHANGE:
        answer, problem = await api.call("PATCH", f"/v1/invoices/{issued['id']}", change)
        assert answer.status == 422
        assert path in [fault["path"] for fault in problem["errors"]], problem
    assert await api.ok("GET", f"/v1/invoices/{issued['id']}") == issued


async def test_void_withdraws_once_and_for_all(api: Api) -> None:
    issued = await api.issue()
    path = f"/v1/invoices/{issued['id']}"
    void = valid_of(await api.ok("POST", f"{path}/void", {"reason": "issued twice"}))
    assert (void["status"], void["icon"], void["html"]["pay_button"]) == ("void", "void", "")
    assert [delivery["status"] for delivery in void["deliveries"]] == ["revoked"]
    assert await api.ok("POST", f"{path}/void") == void
    answer, problem = await api.call("PATCH", path, {"due_on": "2026-12-31"})
    assert (answer.status, problem["type"]) == (409, "/problems/wrong-state")
    answer, problem = await api.call("POST", f"{path}/deliveries")
    assert (answer.status, problem["type"]) == (409, "/problems/wrong-state")


async def test_one_more_message(api: Api) -> None:
    issued = await api.issue(deliver=[])
    path = f"/v1/invoices/{issued['id']}"
    answer, made = await api.call("POST", f"{path}/deliveries", {"deliver": [{"channel": "email"}]})
    assert answer.status == 201
    valid(made, answers.DeliveryList)
    assert [item["channel"] for item in made["items"]] == ["email"]
    answer, by_policy = await api.call("POST", f"{path}/deliveries")
    assert [item["channel"] for item in by_policy["items"]] == ["sms"]
    shown = await api.ok("GET", path)
    assert [item["channel"] for item in shown["deliveries"]] == ["email", "sms"]


MONEY = {
    "amount": {"value": "100.00", "currency": "RON"},
    "received_on": "2026-11-23",
    "source": "cash_desk",
    "reference": "receipt 1",
    "note": "at Cluj",
}


async def test_money_received_elsewhere_settles_the_invoice(api: Api) -> None:
    issued = await api.issue()
    path = f"/v1/invoices/{issued['id']}"
    answer, shown = await api.call("POST", f"{path}/payments", MONEY)
    assert answer.status == 201
    valid(shown)
    assert (shown["status"], shown["outstanding"]["value"]) == ("partly_paid", "23.45")
    (payment,) = shown["payments"]
    assert (payment["source"], payment["reference"], payment["received_on"]) == ("cash_desk", "receipt 1", "2026-11-23")
    rest = MONEY | {"amount": {"value": "23.45", "currency": "RON"}, "reference": "receipt 2"}
    paid = await api.ok("POST", f"{path}/payments", rest)
    assert (paid["status"], paid["icon"], paid["outstanding"]["value"]) == ("paid", "paid", "0.00")
    assert paid["settled_at"] is not None
    valid(paid)


async def test_the_same_money_again_changes_nothing_and_other_money_is_refused(api: Api) -> None:
    issued = await api.issue()
    path = f"/v1/invoices/{issued['id']}"
    _, shown = await api.call("POST", f"{path}/payments", MONEY)
    answer, again = await api.call("POST", f"{path}/payments", MONEY)
    assert (answer.status, again) == (200, shown)
    other = MONEY | {"amount": {"value": "100.01", "currency": "RON"}}
    answer, problem = await api.call("POST", f"{path}/payments", other)
    assert (answer.status, problem["type"]) == (409, "/problems/different-request")
    assert [fault["path"] for fault in problem["errors"]] == ["amount"]


async def test_too_much_money_is_kept_and_due_back(api: Api) -> None:
    issued = await api.issue()
    money = MONEY | {"amount": {"value": "200.00", "currency": "RON"}}
    shown = valid_of(await api.ok("POST", f"/v1/invoices/{issued['id']}/payments", money))
    (refund,) = shown["refunds"]
    assert (refund["reason"], refund["amount"]["value"], refund["state"]) == ("overpaid", "76.55", "due")


async def test_a_biller_does_not_speak_for_a_provider(edge: Api) -> None:
    issued = await edge.issue()
    for source in ("webhook", "poll", "Cash", "", "a b"):
        answer, problem = await edge.call("POST", f"/v1/invoices/{issued['id']}/payments", MONEY | {"source": source})
        assert (answer.status, problem["errors"][0]["path"]) == (422, "source")


async def test_pages_follow_a_cursor_and_filters_hold_together(api: Api) -> None:
    made = []
    for number in range(7):
        payer = INVOICE["payer"] | {"reference": f"C-{number % 2}"}
        made.append(await api.issue(number=f"N-{number}", due_on=f"2026-12-0{number + 1}", payer=payer, deliver=[]))
        api.clock.advance(seconds=60)
    await api.ok("POST", f"/v1/invoices/{made[3]['id']}/void")

    seen: list[str] = []
    path = "/v1/invoices?limit=3"
    while True:
        page = valid_page(await api.ok("GET", path))
        seen += [item["number"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"/v1/invoices?limit=3&cursor={page['next_cursor']}"
    assert seen == [f"N-{number}" for number in reversed(range(7))]

    async def numbers(query: str) -> list[str]:
        return [item["number"] for item in (await api.ok("GET", f"/v1/invoices?{query}"))["items"]]

    assert await numbers("status=void") == ["N-3"]
    assert await numbers("status=open&payer=C-1") == ["N-5", "N-1"]
    assert await numbers("due_after=2026-12-03&due_before=2026-12-05") == ["N-4", "N-3", "N-2"]
    assert await numbers("number=N-2") == ["N-2"]
    assert await numbers(f"created_after={made[5]['created_at']}") == ["N-6", "N-5"]
    assert await numbers(f"created_before={made[2]['created_at']}") == ["N-1", "N-0"]
    assert await numbers(f"created_after={made[2]['created_at']}&created_before={made[4]['created_at']}") == [
        "N-3",
        "N-2",
    ]
    assert await numbers("payer=nobody") == []


def valid_page(page: Any) -> Any:
    answers.InvoicePage.model_validate(page, strict=False)
    return page


WRONG_QUERIES = {
    "limit=0": "limit", "limit=201": "limit", "limit=5.0": "limit", "limit=%2B5": "limit", "limit=٥": "limit",
    "cursor=x": "cursor", "cursor=c": "cursor", "cursor=c12345678901": "cursor", "cursor=": "cursor", "status=late": "status",
    "due_before=soon": "due_before", "created_after=2026-11-23": "created_after",
    "created_before=2026-11-23": "created_before", "sort=number": "sort",
    "number=": "number", "number=%00": "number", "limit=5&limit=6": "limit", "status=open&status=open": "status",
}  # fmt: skip


async def test_a_wrong_query_names_the_parameter(edge: Api) -> None:
    answered = {}
    for query in WRONG_QUERIES:
        answer, problem = await edge.call("GET", f"/v1/invoices?{query}")
        assert (answer.status, problem["type"]) == (400, "/problems/invalid-query"), query
        answered[query] = ",".join(fault["path"] for fault in problem["errors"])
    assert answered == WRONG_QUERIES


async def test_an_id_that_is_not_there_is_not_found(edge: Api) -> None:
    await edge.issue()
    for name in (
        "inv_0000009",
        "inv_",
        "evt_0000001",
        "inv_00000001",
        "1",
        "inv_zzzzzzzzzz",
        "..%2f..%2fetc",
        "inv_000000%00",
    ):
        answer, problem = await edge.call("GET", f"/v1/invoices/{name}")
        assert (answer.status, problem["type"]) == (404, "/problems/not-found"), name


async def test_the_region_of_the_biller_reads_the_phone(edge: Api, tmp_path: Path) -> None:
    payer = INVOICE["payer"] | {"phone": "0044 7911 123456", "whatsapp": "0733 123 456"}
    shown = await edge.issue(payer=payer)
    assert (shown["payer"]["phone"], shown["payer"]["whatsapp"]) == ("+447911123456", "+40733123456")


async def test_overdue_goes_by_the_day_where_the_biller_is(edge: Api) -> None:
    issued = await edge.issue(due_on="2026-11-23")
    path = f"/v1/invoices/{issued['id']}"
    edge.clock.advance(seconds=13 * 3600 - 1)  # 09:00 UTC is 11:00 in Bucharest
    assert (await edge.ok("GET", path))["icon"] == "open"
    edge.clock.advance(seconds=1)
    assert (await edge.ok("GET", path))["icon"] == "overdue"
