"""EPC QR codes: the payloads that an independent decoder reads in them are the published ones."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.domain import references
from gateway.ports.values import Money
from gateway.rendering.elements.qr import epc_code
from tests.gateway.rendering.pixels import decoded


@pytest.fixture
def published(vectors: Path) -> dict[str, Any]:
    path = vectors / "epc-qr" / "vectors.json"
    loaded: dict[str, Any] = orjson.loads(path.read_bytes())
    return loaded


def test_each_payload_is_the_published_one(published: dict[str, Any]) -> None:
    assert len(published["vectors"]) == 3
    for vector in published["vectors"]:
        given = dict(vector["in"])
        amount = Money(int(Decimal(given.pop("amount")) * 100), "EUR")
        code = epc_code(given.pop("name"), given.pop("iban"), amount, **given)
        assert decoded(code) == vector["payload"]


def test_each_reference_is_judged_as_published(published: dict[str, Any]) -> None:
    for vector in published["iso11649"]:
        assert references.valid(vector["reference"]) is vector["valid"], vector["reference"]
