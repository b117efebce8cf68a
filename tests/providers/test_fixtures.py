"""Exchanges and webhooks as the vendors write them, one to a file; each says where it comes from.

A file names the `call` (`parse_webhook` with the body to sign, or a method with its arguments), the `exchange` of requests that the
adapter makes and answers that it gets, and what it makes of them. A field `*` of a form is there, and new each time (a nonce).
A folder `fixtures/<name>` is played on `<name>_bench`.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.ports.errors import AdapterError
from gateway.ports.http import HttpResponse
from gateway.ports.provider import RefundRequest
from gateway.ports.values import Money
from gateway.testing.provider_bench import ProviderBench
from gateway.testing.provider_steps import a_request

FOLDER = Path(__file__).parent / "fixtures"
FIXTURES: dict[str, Any] = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text(encoding="utf-8"))
    for path in sorted(FOLDER.glob("*/*.json"))
}


class Replay:
    """An HttpClient that wants the written requests, in order, and gives the written answers."""

    def __init__(self, exchange: list[dict[str, Any]]) -> None:
        self.left = list(exchange)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
    ) -> HttpResponse:
        step = self.left.pop(0)
        parts = urlsplit(url)
        asked: dict[str, Any] = {"method": method, "path": parts.path}
        if parts.query:
            asked["query"] = dict(parse_qsl(parts.query, keep_blank_values=True))
        if body is not None:
            wanted = step["request"].get("form")
            form = dict(parse_qsl(body.decode(), keep_blank_values=True)) if wanted is not None else {}
            fresh = {name: "*" for name in form if (wanted or {}).get(name) == "*"}
            asked |= {"json": json.loads(body)} if wanted is None else {"form": form | fresh}
        if "headers" in step["request"]:
            asked["headers"] = {name: (headers or {}).get(name) for name in step["request"]["headers"]}
        assert asked == step["request"]
        answer = step["response"]["body"]
        raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        return HttpResponse(step["response"]["status"], {}, raw)


def test_each_says_where_it_comes_from() -> None:
    assert FIXTURES
    assert all(fixture["origin"] and fixture["call"] and "expect" in fixture for fixture in FIXTURES.values())
    assert {folder.name for folder in FOLDER.iterdir()} == {name.partition("/")[0] for name in FIXTURES}


@pytest.mark.parametrize("name", FIXTURES)
async def test_fixture(name: str) -> None:
    fixture = FIXTURES[name]
    opened = importlib.import_module(f"tests.providers.{name.partition('/')[0]}_bench").open_bench()
    async with opened as bench:
        replay = Replay(fixture.get("exchange", []))
        provider = bench.plugin.create(bench.settings, replay)
        try:
            outcome: Any = await getattr(provider, fixture["call"])(*arguments(bench, fixture))
        except AdapterError as error:
            outcome = error

        assert told(outcome, fixture["expect"]) == fixture["expect"]
        assert replay.left == []


def arguments(bench: ProviderBench, fixture: dict[str, Any]) -> list[Any]:
    """Those of the call; money is written `["123.45", "RON"]`."""
    given = {
        name: Money.parse(*value) if name in ("amount", "paid", "refunded") else value
        for name, value in fixture.get("with", {}).items()
    }
    match fixture["call"]:
        case "parse_webhook":
            return [bench.sign(given["body"].encode(), bench.clock.now())]
        case "create_payment" | "find_payment":
            return [a_request(bench, **given)]
        case "refund_payment":
            return [RefundRequest(**given)]
        case "fetch_refund":
            return [RefundRequest(**{**given, "external_id": given["of"]}), given["external_id"]]
    return list(given.values())


def told(outcome: Any, expected: Any) -> Any:
    """Those facts that the fixture speaks of, written as it writes them."""
    if isinstance(expected, list):
        return [told(each, want) for each, want in zip(outcome, expected, strict=True)]
    if not isinstance(expected, dict):
        return outcome
    return {
        name: kind_of(outcome, want) if name == "error" else shown(getattr(outcome, name, "not there"))
        for name, want in expected.items()
    }


def kind_of(outcome: Any, wanted: str) -> str:
    """An adapter's own kind of a port's error counts as that one."""
    kinds = [kind.__name__ for kind in type(outcome).__mro__]
    return wanted if wanted in kinds else kinds[0]


def shown(value: Any) -> Any:
    if isinstance(value, Money):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
