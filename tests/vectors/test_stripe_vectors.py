"""Stripe's own material: its request schemas judge each form that we send, and its example answers are read.

The schemas are of 2023-08-16, the newest whole description to be had; `test_stripe_sdk.py` holds the names against the version
that we pin.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from gateway.ports.provider import PaymentStatus, RefundStatus
from gateway.ports.values import Money
from gateway.testing.provider_steps import a_refund, a_request, opened
from tests.fakes.stripe import decoded
from tests.providers.stripe_answers import answered, everything_sent
from tests.providers.stripe_bench import StripeBench, open_bench

NEWER = {"allowed_payment_method_types"}  # than the schemas: it took the place of payment_method_types on 2026-09-30
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def bench() -> AsyncIterator[StripeBench]:
    async with open_bench() as bench:
        yield bench


class TestRequests:
    async def test_the_official_schemas_take_each_form(self, bench: StripeBench, vectors: Path) -> None:
        described = json.loads((vectors / "stripe" / "stripe_requests_subset.json").read_bytes())["paths"]
        paths = {
            "/".join("{id}" if part.startswith("{") else part for part in path.split("/")): path for path in described
        }
        forms = [(path, form) for method, path, form in await everything_sent(bench) if method == "POST"]
        seen = set()
        for path, form in forms:
            operation = described[paths[path]]["post"]
            schema = operation["requestBody"]["content"][FORM]["schema"]
            known = {name: value for name, value in form.items() if name not in NEWER}
            jsonschema.Draft202012Validator(schema).validate(typed(known, schema))
            seen.add(path)

        assert seen == {"/v1/checkout/sessions", "/v1/checkout/sessions/{id}/expire", "/v1/refunds"}

    async def test_and_refuse_a_wrong_one(self, bench: StripeBench, vectors: Path) -> None:
        described = json.loads((vectors / "stripe" / "stripe_requests_subset.json").read_bytes())["paths"]
        schema = described["/v1/checkout/sessions"]["post"]["requestBody"]["content"][FORM]["schema"]
        await opened(bench)
        form = decoded(bench.wire.sent[0].body.decode())
        form.pop("allowed_payment_method_types")
        good = copy.deepcopy(form)
        jsonschema.Draft202012Validator(schema).validate(typed(good, schema))
        form["line_items"][0]["price_data"]["unit_amount"] = "123.45"
        wrong = [
            form,
            {**good, "locale": "uk"},
            {**good, "customer": {"email": "x"}},
            {**good, "line_items": [{"price": {}}]},
            {**good, "reference": "ACH1K7"},
            {name: value for name, value in good.items() if name != "success_url"},
        ]
        for each in wrong:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.Draft202012Validator(schema).validate(typed(each, schema))


class TestAnswers:
    @pytest.fixture
    def examples(self, vectors: Path) -> Mapping[str, Any]:
        resources: Mapping[str, Any] = json.loads((vectors / "stripe" / "fixtures3.json").read_bytes())["resources"]
        return resources

    async def test_a_session_is_read(self, bench: StripeBench, examples: Mapping[str, Any]) -> None:
        provider = answered(examples["checkout.session"])
        update = await provider.fetch_payment("cs_test")
        session = await provider.create_payment(a_request(bench))

        assert update.external_id == session.external_id == examples["checkout.session"]["id"]
        assert (update.status, update.reference, update.received) == (PaymentStatus.PENDING, None, None)
        assert session.redirect_url.startswith("https://checkout.stripe.com/")
        assert session.expires_at == datetime.fromtimestamp(1_234_567_890, UTC)

    async def test_a_whole_payment_is_read(self, examples: Mapping[str, Any]) -> None:
        """The examples put into one another, as `expand` does."""
        charge = {**examples["charge"], "balance_transaction": {**examples["balance_transaction"], "fee": 59}}
        intent = {
            **examples["payment_intent"],
            "latest_charge": charge,
            "amount_received": 1_099,
            "status": "succeeded",
        }
        whole = {
            **examples["checkout.session"],
            "payment_intent": intent,
            "payment_status": "paid",
            "status": "complete",
        }
        update = await answered(whole).fetch_payment("cs_test")

        assert (update.status, update.received, update.fee) == (
            PaymentStatus.PAID,
            Money(1_099, "USD"),
            Money(59, "USD"),
        )
        assert (update.refunded, update.reversed, update.reason) == (Money(0, "USD"), Money(0, "USD"), None)

    async def test_a_failed_try_is_read(self, examples: Mapping[str, Any]) -> None:
        whole = {**examples["checkout.session"], "payment_intent": examples["payment_intent"]}
        update = await answered(whole).fetch_payment("cs_test")

        assert (update.status, update.reason) == (PaymentStatus.PENDING, "idempotency_error")

    async def test_a_refund_is_read(self, bench: StripeBench, examples: Mapping[str, Any]) -> None:
        update = await answered(examples["refund"]).fetch_refund(a_refund(bench, "cs_1"), "re_1")

        assert update is not None
        assert (update.status, update.amount) == (RefundStatus.DONE, Money(100, "USD"))

    async def test_an_event_of_something_else_is_none_of_ours(
        self, bench: StripeBench, examples: Mapping[str, Any]
    ) -> None:
        body = orjson.dumps(examples["event"])

        assert await bench.provider().parse_webhook(bench.sign(body, bench.clock.now())) == ()

    async def test_an_event_of_each_kind_that_is_not_ours(
        self, bench: StripeBench, examples: Mapping[str, Any]
    ) -> None:
        kinds = {
            "checkout.session.completed": "checkout.session",
            "charge.refunded": "charge",
            "refund.failed": "refund",
            "charge.dispute.created": "dispute",
            "payment_intent.payment_failed": "payment_intent",
        }
        for kind, name in kinds.items():
            event = {**examples["event"], "type": kind, "data": {"object": examples[name]}}
            signed = bench.sign(orjson.dumps(event), bench.clock.now())

            assert list(await bench.provider().parse_webhook(signed)) == [], kind
        assert bench.wire.sent == []


def typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """A form's texts as the types that the schema has for them; a text that is none of them stays, and is found wrong."""
    for one in schema.get("anyOf", ()):
        if isinstance(value, {"object": dict, "array": list}.get(one.get("type"), str)):
            return typed(value, one)
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        more = schema.get("additionalProperties")
        return {
            name: typed(each, inner.get(name, more if isinstance(more, dict) else {})) for name, each in value.items()
        }
    if isinstance(value, list):
        return [typed(each, schema.get("items", {})) for each in value]
    if schema.get("type") == "integer" and value.isdigit():
        return int(value)
    return value
