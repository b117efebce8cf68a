"""The document is true: it is OpenAPI 3.1, its examples are valid, and what it says is what the application does."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import schemathesis
import schemathesis.specs.openapi.schemas  # here, and not by the thread that explores: parsing code in two threads at once can fail
from jsonschema import Draft202012Validator
from schemathesis.engine import events, from_schema

from gateway.api import cursor, fields, models
from gateway.api.errors import KINDS
from gateway.api.routes import OPERATIONS, api_document
from gateway.domain.events import EventType
from gateway.ports.values import CURRENCIES, Money, decimals
from tests.gateway.api.conftest import Api


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api_document("http://127.0.0.1:8080")


def validator(document: dict[str, Any], name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def each(value: Any, key: str) -> Iterator[Any]:
    """Every value under `key`, however deep."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from each(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from each(inner, key)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in each(document, "$ref"):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_every_schema_is_one_and_every_pattern_is_an_expression(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for pattern in each(document, "pattern"):
        if isinstance(pattern, str):
            re.compile(pattern)


def test_operations_are_named_once_and_described(document: dict[str, Any]) -> None:
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(OPERATIONS)
    assert all(operation["summary"] and operation["description"] and operation["responses"] for operation in operations)
    assert {tag["name"] for tag in document["tags"]} == {operation["tags"][0] for operation in operations}


def test_every_example_is_taken(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        for value in operation.examples.values():
            assert operation.body is not None
            operation.body.model_validate_json(orjson.dumps(value))
            validator(document, operation.body.__name__).validate(value)


def test_the_whole_vocabulary_is_in_it(document: dict[str, Any]) -> None:
    pushed = document["webhooks"]["event"]["post"]["description"]
    assert all(f"`{kind.value}`" in pushed for kind in EventType)
    assert document["components"]["schemas"]["EventType"]["enum"] == [kind.value for kind in EventType]
    said = {name for response in document["components"]["responses"] for name in response.split("-or-")}
    assert said <= set(KINDS)


@pytest.mark.parametrize(
    "value", ["0", "0.00", "1", "1.00", "1.000", "0.01", "0.001", "-1.00", "01.00", "9999999999999.99", "10000000000000.01",
              "999999999999999", "1000000000000001", "999999999999.999", "1.", ".5", "1,00", "+1", " 1", ""],
)  # fmt: skip
def test_the_schema_of_an_amount_is_as_strict_as_the_code(document: dict[str, Any], value: str) -> None:
    checks = validator(document, "Amount")
    for currency in [*sorted(CURRENCIES), "XXX", "ron"]:
        sent = {"value": value, "currency": currency}
        try:
            accepted = models.Amount.model_validate(sent).money.minor > 0
        except ValueError:
            accepted = False
        assert checks.is_valid(sent) is accepted, sent


def test_an_amount_reads_back() -> None:
    for currency in CURRENCIES:
        money = Money(1_234_567, currency)
        assert models.Amount(currency=currency, value=money.value).money == money
        assert len(money.value.partition(".")[2]) == decimals(currency)


def test_every_pattern_is_explained_in_words() -> None:
    patterns = {value for name, value in vars(fields).items() if name.startswith("_") and isinstance(value, str)}
    patterns -= {fields._DATE, fields._INSTANT, fields._TIME}
    patterns = {pattern for pattern in patterns if pattern.startswith("^")}
    assert patterns | {cursor.PATTERN} == set(fields.PATTERN_MEANS)


async def test_the_document_is_served_and_not_sent_twice(edge: Api) -> None:
    answer, served = await edge.call("GET", "/v1/openapi.json")
    assert served == api_document(edge.ctx.public_url)
    again = await edge.client.get("/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status == 304


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated host names are unknown at once; a real name server takes seconds to say so, and may be out of reach."""
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if host in ("127.0.0.1", "localhost"):
            return real(host, *arguments, **options)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.usefixtures("no_names")
class TestAgainstTheApplication:
    """Schemathesis sends valid and broken requests, the same ones in every run, to every operation of the real thing."""

    @pytest.mark.parametrize("examples", [8, pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
    @pytest.mark.parametrize("place", sorted({one.path.removesuffix("/stream") for one in OPERATIONS}))
    async def test_no_mismatch_and_no_fault(self, edge: Api, place: str, examples: int) -> None:
        issued = await edge.issue()
        endpoint = await edge.ok("POST", "/v1/push-endpoints", {"url": "http://127.0.0.1:1/erp"})
        base = str(edge.client.make_url("")).rstrip("/")
        settings = {
            "seed": 1,
            "headers": {"Authorization": f"Bearer {edge.key}"},
            "generation": {"max-examples": examples, "deterministic": True, "database": "none", "no-shrink": True},
            "phases": {"stateful": {"enabled": False}},
            "parameters": {"invoice_id": issued["id"], "endpoint_id": endpoint["id"]},
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422", "429"]}},
        }
        found = await asyncio.to_thread(explore, base, place, settings)
        assert not found.failures, "\n".join(found.failures)
        assert len(found.operations) == len([one for one in OPERATIONS if one.path == place])
        assert found.statuses & {200, 201, 202, 404}
        assert found.statuses & {400, 404, 405, 422}


@dataclass
class Found:
    failures: list[str] = field(default_factory=list)
    operations: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)


def explore(base: str, place: str, settings: dict[str, Any]) -> Found:
    """Runs in a thread of its own, as a client would, against the server that is up. A stream does not end, so it is left out."""
    schema = schemathesis.openapi.from_url(f"{base}/v1/openapi.json", config=schemathesis.Config.from_dict(settings))
    schema.config.update(base_url=base)
    schema = schema.include(path=place)
    found = Found()
    for event in from_schema(schema).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                for checks in recorder.checks.values():
                    refused = [(check.name, check.failure_info) for check in checks if check.failure_info is not None]
                    found.failures += [
                        f"{recorder.label}: {name}: {info.failure}\n{info.code_sample}" for name, info in refused
                    ]
                for interaction in recorder.interactions.values():
                    if interaction.response is not None:
                        found.statuses.add(interaction.response.status_code)
                found.operations.add(recorder.label)
            case events.NonFatalError() | events.FatalError():
                found.failures.append(str(event))
    return found
