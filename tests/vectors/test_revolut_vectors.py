"""Revolut's own material: a signature that its documentation publishes, and its OpenAPI description of the Merchant API.

Every request of ours is held against the description's schemas, and every answer of the stand-in, so that the stand-in is true.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest

from gateway.ports.errors import InvalidSignature, OutcomeUnknown, Rejected
from gateway.ports.provider import PaymentStatus, RefundRequest
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.provider_bench import Fault
from gateway.testing.provider_steps import a_request, parsed
from providers.revolut import DISPUTE_EVENTS, ORDER_EVENTS, RevolutProvider, Settings
from providers.revolut.orders import ORDERS, PAYMENTS, REASONS, Dispute, Order, refund_of, update_of
from tests.harness.vectors import ROOT
from tests.providers.revolut_bench import Answers, RevolutBench, open_bench

FIXTURES = ROOT / "tests" / "providers" / "fixtures" / "revolut"
OURS = {
    ("POST", "/api/orders"),
    ("GET", "/api/orders"),
    ("GET", "/api/orders/{order_id}"),
    ("POST", "/api/orders/{order_id}/cancel"),
    ("POST", "/api/orders/{order_id}/refund"),
    ("GET", "/api/disputes"),
    ("GET", "/api/disputes/{dispute_id}"),
}


@pytest.fixture
async def bench() -> AsyncIterator[RevolutBench]:
    async with open_bench() as bench:
        yield bench


@pytest.fixture
def described(vectors: Path) -> dict[str, Any]:
    return _document(vectors / "revolut" / "merchant-2026-04-20.json")


@cache
def _document(path: Path) -> dict[str, Any]:
    """The description, with `anyOf` where a field chooses between shapes that overlap: there its own `oneOf` fits nothing."""

    def told_apart(node: dict[str, Any]) -> dict[str, Any]:
        return {"anyOf" if name == "oneOf" and "discriminator" in node else name: each for name, each in node.items()}

    document: dict[str, Any] = json.loads(path.read_bytes(), object_hook=told_apart)
    return document


class TestSignature:
    @pytest.fixture
    def published(self, vectors: Path) -> dict[str, str]:
        vector: dict[str, str] = json.loads((vectors / "revolut" / "signature_vector.json").read_bytes())
        return vector

    def provider(self, secret: str) -> RevolutProvider:
        return RevolutProvider(Settings(Secret("sk"), Secret(secret)), Answers(404, {}))

    def webhook(self, published: dict[str, str], *, body: str = "", late_s: float = 0.0) -> WebhookRequest:
        headers = {name.lower(): published[name] for name in ("Revolut-Request-Timestamp", "Revolut-Signature")}
        at = datetime.fromtimestamp(int(published["Revolut-Request-Timestamp"]) / 1_000, UTC)
        received_at = at + timedelta(seconds=late_s)
        return WebhookRequest((body or published["body"]).encode(), headers, "https://x.example", received_at)

    async def test_the_published_one_is_proven(self, published: dict[str, str]) -> None:
        """It is one of the Business API, signed alike: its event is none of the Merchant API's, so it says nothing."""
        provider = self.provider(published["signing_secret"])

        assert await provider.parse_webhook(self.webhook(published, late_s=299)) == ()

    async def test_it_is_not_proven_by_another_secret_later_or_changed(self, published: dict[str, str]) -> None:
        right = self.provider(published["signing_secret"])
        changed = published["body"].replace("completed", "completes")
        for provider, webhook in (
            (self.provider("wsk_another"), self.webhook(published)),
            (right, self.webhook(published, late_s=301)),
            (right, self.webhook(published, body=changed)),
        ):
            with pytest.raises(InvalidSignature):
                await provider.parse_webhook(webhook)


class TestDescription:
    async def test_all_that_we_say_and_hear(self, bench: RevolutBench, described: dict[str, Any]) -> None:
        """Every call that the adapter can make, good and refused, with and without disputes."""
        await everything(bench)
        called = set()
        for method, path, headers, body in bench.revolut.requests:
            template, operation, parameters = operation_of(described, method, path)
            called.add((method, template))
            _check_parameters(described, parameters, path, template, headers)
            if body is None:
                assert "requestBody" not in operation
            else:
                validate(
                    described, operation["requestBody"]["content"]["application/json"]["schema"], body, strict=True
                )
        for method, path, status, answer in bench.revolut.answers:
            _, operation, _ = operation_of(described, method, path)
            schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
            validate(described, schema, answer, strict=True)

        assert called == OURS
        assert {status for *_, status, _ in bench.revolut.answers} >= {200, 201, 400, 401, 404, 409, 422, 500}

    async def test_our_webhooks_are_as_described(self, bench: RevolutBench, described: dict[str, Any]) -> None:
        session = await bench.provider().create_payment(a_request(bench))
        bench.account.pay(session.external_id)
        schemas = described["components"]["schemas"]
        told = json.loads(bench.webhook_body(session.external_id))
        validate(described, schemas["Webhook-Order-Event"], told, strict=True)
        bench.account.dispute(session.external_id, "lost")
        told = json.loads(bench.webhook_body(session.external_id))
        validate(described, schemas["Webhook-Dispute-Event"], told, strict=True)

    def test_our_fixtures_are_as_described(self, described: dict[str, Any]) -> None:
        fixtures = [json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*.json"))]
        steps = [step for fixture in fixtures for step in fixture.get("exchange", [])]
        for step in steps:
            asked, answer = step["request"], step["response"]
            _, operation, _ = operation_of(described, asked["method"], asked["path"])
            told = operation["responses"].get(str(answer["status"]), operation["responses"]["500"])
            validate(described, told["content"]["application/json"]["schema"], answer["body"], strict=True)
            if "json" in asked:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                validate(described, schema, asked["json"], strict=True)

        assert len(steps) > 15

    async def test_a_wrong_one_is_seen(self, described: dict[str, Any]) -> None:
        schema = described["components"]["schemas"]["Order-Creation-v7"]
        good = {"amount": 1, "currency": "RON"}
        validate(described, schema, good, strict=True)
        for wrong in ({"amount": "1"}, {"currency": "RONS"}, {"amout": 1}, {"merchant_order_data": {"ref": "x"}}):
            with pytest.raises(jsonschema.ValidationError):
                validate(described, schema, good | wrong, strict=True)

    def test_every_word_has_its_row(self, described: dict[str, Any]) -> None:
        schemas = described["components"]["schemas"]
        events = set(schemas["Webhook-Callback-Event"]["enum"])
        ours = {event for event in events if re.match("ORDER_(?!INCREMENTAL)|DISPUTE_", event)}

        assert set(ORDERS) == set(schemas["Order-State"]["enum"])
        assert set(PAYMENTS) == set(schemas["Payment-State-v2"]["enum"])
        assert ours == ORDER_EVENTS | DISPUTE_EVENTS
        assert set(REASONS) < set(schemas["Decline-Reason-v2"]["enum"])

    def test_published_orders_are_read(self, described: dict[str, Any]) -> None:
        examples = described["components"]["examples"]
        orders = {
            name: Order.read(example["value"])
            for name, example in examples.items()
            if re.match("Res-(Order|Refund)-(?!Capture)", name) and name != "Res-Orders-List-v2"
        }
        updates = {name: update_of(order, ()) for name, order in orders.items()}

        assert len(orders) > 15
        assert updates["Res-Order-Min"].status is PaymentStatus.PENDING
        assert updates["Res-Order-Min"].received == Money(0, "GBP")
        assert updates["Res-Order-Cancel-Min"].status is PaymentStatus.CANCELLED
        assert updates["Res-Order-Cancel-Min"].received == Money(0, "GBP")
        assert refund_of(orders["Res-Refund-Additional"]).amount == Money(100, "GBP")
        assert orders["Res-Refund-Additional"].refund_of

    def test_published_lists_are_read(self, described: dict[str, Any]) -> None:
        examples = described["components"]["examples"]
        orders = [Order.read(each) for each in examples["Res-Orders-List-v2"]["value"]["orders"]]
        disputes = [Dispute.read(each) for each in examples["Res-Dispute-List"]["value"]]
        authorised = next(order for order in orders if order.state == "authorised")

        assert [order.received.minor for order in orders[:2]] == [4_999, 12_500]
        assert (authorised.status, authorised.received.minor) == (PaymentStatus.ACCEPTED, 0)
        assert disputes
        assert {Dispute.read(examples[name]["value"]).state for name in examples if name.startswith("Res-Dispute-Card")}


async def everything(bench: RevolutBench) -> None:
    """Lets the adapter make each of its calls, with the answers that it can get."""
    provider, account = bench.provider(), bench.account
    asked = a_request(bench, return_url="https://pay.example.ro/p/abc/return")
    session = await provider.create_payment(asked)
    await provider.create_payment(a_request(bench, reference="TWO", amount=Money(500, "JPY")))
    await provider.find_payment(asked)
    account.try_to_pay(session.external_id, "declined", reason="insufficient_funds")
    await provider.fetch_payment(session.external_id)
    account.pay(session.external_id, fees=[{"type": "acquiring", "amount": 12, "currency": "RON"}])
    back = RefundRequest("key", session.external_id, Money(45, "RON"), asked.amount, "R1", "duplicate")
    refund = await provider.refund_payment(back)
    await provider.refund_payment(back)
    await provider.fetch_refund(back, refund.external_id)
    await bench.fail_refund(session.external_id)
    await provider.fetch_refund(back, None)
    account.dispute(session.external_id, "lost", minor=100)
    await parsed(bench, bench.webhook_body(session.external_id))
    await provider.list_payments(bench.clock.now() - timedelta(days=1), bench.clock.now() + timedelta(days=1))
    other = await provider.create_payment(a_request(bench, reference="THREE"))
    await provider.cancel_payment(other.external_id)
    await provider.fetch_payment(other.external_id)
    stranger = bench.provider(dataclasses.replace(bench.settings, api_key=Secret("sk_another")))
    for refused in (
        provider.cancel_payment(session.external_id),
        provider.fetch_payment("6516e61c-d279-a454-a837-bc52ce55ed49"),
        stranger.fetch_payment(session.external_id),
        provider.fetch_payment("x"),
    ):
        with pytest.raises(Rejected):
            await refused
    bench.arm(Fault.SERVER_ERROR)
    with pytest.raises(OutcomeUnknown):
        await provider.create_payment(a_request(bench, reference="FOUR"))


def operation_of(described: dict[str, Any], method: str, path: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """The path's template, the operation, and every parameter of it."""
    path = urlsplit(path).path
    for template, item in described["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in item:
            operation = item[method.lower()]
            parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
            return template, operation, [resolved(described, each) for each in parameters]
    raise AssertionError(f"not described: {method} {path}")


def _check_parameters(
    described: dict[str, Any], parameters: list[dict[str, Any]], path: str, template: str, headers: dict[str, str]
) -> None:
    given = parse_qsl(urlsplit(path).query, strict_parsing=True) if "?" in path else []
    names = {each["name"] for each in parameters if each["in"] == "query"}
    assert {name for name, _ in given} <= names, f"{template} knows no such parameters"
    lowered = {name.lower(): value for name, value in headers.items()}
    values = {
        "header": [(each["name"], lowered.get(each["name"].lower())) for each in parameters if each["in"] == "header"],
        "query": given,
    }
    for each in parameters:
        told = [value for name, value in values.get(each["in"], []) if name == each["name"] and value is not None]
        assert told or not each.get("required") or each["in"] == "path", f"{template} needs {each['name']}"
        schema = resolved(described, each["schema"])
        for value in told:
            one: Any = int(value) if schema.get("type") == "integer" else value
            validate(described, schema, [one] if schema.get("type") == "array" else one)


def resolved(described: dict[str, Any], node: Any) -> Any:
    """`node` with what it refers to in its place."""
    while isinstance(node, dict) and "$ref" in node:
        target: Any = described
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def validate(described: dict[str, Any], schema: dict[str, Any], value: Any, *, strict: bool = False) -> None:
    """Holds `value` against a schema of the description; `strict` refuses fields that it does not name, at any depth."""
    root = {**schema, "components": described["components"]}
    jsonschema.Draft202012Validator(root, format_checker=jsonschema.FormatChecker()).validate(value)
    if strict:
        unknown = list(_unknown(described, schema, value, ""))
        if unknown:
            raise jsonschema.ValidationError(f"not described: {unknown}")


def _unknown(described: dict[str, Any], schema: Any, value: Any, at: str) -> Iterator[str]:
    schema = resolved(described, schema)
    if "oneOf" in schema or "anyOf" in schema or "allOf" in schema:
        return  # one of several shapes: the validator has judged it
    if isinstance(value, list) and "items" in schema:
        for number, each in enumerate(value):
            yield from _unknown(described, schema["items"], each, f"{at}[{number}]")
    if isinstance(value, dict) and "properties" in schema:
        for name, each in value.items():
            if name not in schema["properties"]:
                yield f"{at}.{name}"
            else:
                yield from _unknown(described, schema["properties"][name], each, f"{at}.{name}")
