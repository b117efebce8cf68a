"""One more message about an invoice, named by an Idempotency-Key: sent once, whatever is repeated."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.api import answers
from tests.gateway.api.conftest import INVOICE, Api

KEYED = {"Idempotency-Key": "again-7"}
BOTH = {"deliver": [{"channel": "sms", "wait": "0s"}, {"channel": "email", "wait": "0s"}]}


async def send(api: Api, invoice: Any, body: Any = None, **headers: str) -> tuple[int, Any]:
    answer, said = await api.call(
        "POST", f"/v1/invoices/{invoice['id']}/deliveries", BOTH if body is None else body, headers=headers or KEYED
    )
    return answer.status, said


def differs(problem: Any) -> list[str]:
    answers.Problem.model_validate(problem, strict=False)
    return [fault["path"] for fault in problem["errors"]]


async def test_the_same_request_again_sends_nothing_and_gives_the_same(api: Api) -> None:
    issued = await api.issue(deliver=[])
    status, made = await send(api, issued)
    assert (status, [item["channel"] for item in made["items"]]) == (201, ["sms", "email"])
    other = {"Idempotency-Key": "again-8"}
    assert (await send(api, issued, **other))[0] == 201  # and what was made later is no part of the answer
    status, same = await send(api, issued)
    assert (status, same) == (200, made)
    answers.DeliveryList.model_validate(same, strict=False)
    shown = await api.ok("GET", f"/v1/invoices/{issued['id']}")
    assert len(shown["deliveries"]) == 4


async def test_at_the_same_time_it_is_sent_once(api: Api) -> None:
    issued = await api.issue(deliver=[])
    answered = await asyncio.gather(*(send(api, issued) for _ in range(5)))
    assert sorted(status for status, _ in answered) == [200] * 4 + [201]
    assert len({str([item["id"] for item in said["items"]]) for _, said in answered}) == 1
    assert len((await api.ok("GET", f"/v1/invoices/{issued['id']}"))["deliveries"]) == 2


async def test_another_request_under_the_key_is_told_what_differs(api: Api) -> None:
    issued, second = await api.issue(deliver=[]), await api.issue(number="N-2", deliver=[])
    await send(api, issued)
    later = BOTH | {"deliver_at": "2026-12-01T09:00:00Z"}
    for invoice, body, paths in (
        (issued, {}, ["deliver"]),
        (issued, {"deliver": BOTH["deliver"][:1]}, ["deliver"]),
        (issued, later, ["deliver_at"]),
        (second, BOTH, ["invoice"]),
    ):
        status, problem = await send(api, invoice, body)
        assert (status, problem["type"], differs(problem)) == (409, "/problems/different-request", paths)
    assert len((await api.ok("GET", f"/v1/invoices/{issued['id']}"))["deliveries"]) == 2
    assert (await api.ok("GET", f"/v1/invoices/{second['id']}"))["deliveries"] == []


async def test_a_key_of_another_operation_is_told_so(api: Api) -> None:
    issued = await api.ok("POST", "/v1/invoices", INVOICE | {"deliver": []}, headers=KEYED)
    status, problem = await send(api, issued)
    assert (status, differs(problem)) == (409, ["operation"])
    await send(api, issued, **{"Idempotency-Key": "again-8"})
    answer, problem = await api.call("POST", "/v1/invoices", INVOICE, headers={"Idempotency-Key": "again-8"})
    assert (answer.status, differs(problem)) == (409, ["operation"])


async def test_nobody_to_send_to_and_nothing_to_ask_for(api: Api) -> None:
    """An empty answer is repeated too; and what was sent is still told when the invoice is settled, with its state then."""
    nobody = await api.issue(deliver=[], payer={"reference": "C-2", "name": "Ion"})
    assert await send(api, nobody, {}) == (201, {"items": []})
    assert await send(api, nobody, {}) == (200, {"items": []})
    issued = await api.issue(number="N-2", deliver=[])
    key = {"Idempotency-Key": "again-8"}
    await send(api, issued, **key)
    await api.ok("POST", f"/v1/invoices/{issued['id']}/void")
    status, said = await send(api, issued, **key)
    assert (status, [item["status"] for item in said["items"]]) == (200, ["revoked", "revoked"])
    assert (await send(api, issued, **{"Idempotency-Key": "again-9"}))[0] == 409
