"""What stands before the handlers: keys and their scopes, allowances, and what is told of a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from gateway.domain.keys import Scope
from gateway.services import keys
from gateway.store.database import StoreUnavailable
from tests.gateway.api.conftest import INVOICE, Api


class TestKeys:
    async def test_without_a_key_is_401(self, edge: Api) -> None:
        answer = await edge.client.get("/v1/invoices")
        problem = await answer.json(content_type=None)
        assert (answer.status, problem["type"]) == (401, "/problems/unauthenticated")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="achit"'

    async def test_a_wrong_key_is_401_before_the_body_is_read(self, edge: Api) -> None:
        wrong = edge.key[:-1] + ("x" if edge.key[-1] != "x" else "y")
        answer, _ = await edge.call("POST", "/v1/invoices", raw=b"x" * 1_000_000, key=wrong)
        assert answer.status == 401

    async def test_a_key_does_only_what_its_scopes_say(self, edge: Api) -> None:
        reader = await keys.create(edge.ctx, edge.biller, "reader", [Scope.READ])
        writer = await keys.create(edge.ctx, edge.biller, "writer", [Scope.WRITE])
        assert (await edge.call("GET", "/v1/invoices", key=reader))[0].status == 200
        answer, problem = await edge.call("POST", "/v1/invoices", INVOICE, key=reader)
        assert (answer.status, problem["type"]) == (403, "/problems/missing-scope")
        assert (await edge.call("GET", "/v1/invoices", key=writer))[0].status == 403
        assert (await edge.call("POST", "/v1/invoices", INVOICE, key=writer))[0].status == 201

    async def test_a_revoked_key_ends_at_once(self, edge: Api) -> None:
        await edge.ok("GET", "/v1/invoices")
        await keys.revoke(edge.ctx, edge.biller, 1)
        answer, _ = await edge.call("GET", "/v1/invoices")
        assert answer.status == 401


class TestRates:
    async def test_the_allowance_is_on_every_answer(self, edge: Api) -> None:
        for method, path in (("GET", "/v1/invoices"), ("GET", "/v1/invoices/inv_0000009"), ("POST", "/v1/invoices")):
            answer, _ = await edge.call(method, path)
            assert int(answer.headers["RateLimit-Limit"]) == 600
            assert int(answer.headers["RateLimit-Remaining"]) < 600
            assert "RateLimit-Reset" in answer.headers

    async def test_too_many_are_429_and_say_when(self, edge: Api) -> None:
        refused = None
        for _ in range(2_000):
            answer, problem = await edge.call("GET", "/v1/push-endpoints")
            if answer.status == 429:
                refused = answer, problem
                break
        assert refused is not None
        assert refused[1]["type"] == "/problems/rate-limited"
        assert int(refused[0].headers["Retry-After"]) >= 1
        answer, _ = await edge.call("POST", "/v1/invoices", INVOICE)
        assert answer.status == 201  # writes have their own allowance


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.configure(**before)


class TestFaultsOfOurs:
    async def test_a_fault_is_500_with_an_id_and_the_log_has_the_rest(
        self, edge: Api, lines: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("the inside story")

        monkeypatch.setattr("gateway.services.invoices.get", broken)
        answer, problem = await edge.call("GET", "/v1/invoices/inv_0000001")
        assert (answer.status, problem["type"]) == (500, "/problems/internal")
        assert "inside" not in json.dumps(problem)
        (line,) = [line for line in lines if line["event"] == "api.fault"]
        assert line["correlation_id"] == problem["correlation_id"]
        assert line["route"] == "/v1/invoices/{invoice_id}"

    async def test_a_database_that_does_not_answer_is_503(self, edge: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        async def full(*_: Any, **__: Any) -> None:
            raise StoreUnavailable("disk full at /secret/place")

        monkeypatch.setattr("gateway.services.invoices.issue", full)
        answer, problem = await edge.call("POST", "/v1/invoices", INVOICE)
        assert (answer.status, problem["type"]) == (503, "/problems/unavailable")
        assert "secret" not in json.dumps(problem)
        assert answer.headers["Retry-After"] == "5"
