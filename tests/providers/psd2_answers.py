"""Answers of a bank that no strict bank gives: each written out, for every call alike."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.ports.http import HttpResponse
from gateway.ports.values import Money
from providers.psd2 import Psd2Provider
from providers.psd2.banks import Bank
from providers.psd2.wire import Order
from tests.providers.psd2_bench import STRICT, known, settings_for


class Answers:
    """An HttpClient with one answer for every call."""

    def __init__(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        self._answer = HttpResponse(status, headers or {}, raw)

    async def request(self, *_: Any, **__: Any) -> HttpResponse:
        return self._answer


def answered(status: int, body: object, bank: Bank = STRICT, **changes: Any) -> Psd2Provider:
    with known(bank):
        return Psd2Provider(settings_for(bank, "http://127.0.0.1:9", **changes), Answers(status, body))


def id_of(bank: Bank = STRICT, payment: str = "p-1", currency: str = "RON") -> str:
    return Order(bank, bank.product(currency) or "", Money(12_345, currency), payment).external_id
