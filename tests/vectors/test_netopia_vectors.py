"""NETOPIA's IPNs made with the key pair of the official SDK, its documented answers, and that SDK as a judge of our fake."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.ports.errors import InvalidSignature, OutcomeUnknown, Rejected
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentStatus
from gateway.ports.values import Money, Secret, WebhookRequest
from gateway.testing.provider_steps import a_request
from providers.netopia import NetopiaProvider, Settings
from providers.netopia.wire import Block, parse
from tests.fakes.netopia import POS, pem, token
from tests.providers.netopia_bench import open_bench

SIGNED_AT = datetime.fromtimestamp(1795449600 + 120, UTC)  # the vectors' `iat`, and a minute after the end of `expired`
SDK = importlib.util.find_spec("netopia_sdk") is not None


class NoWire:
    async def request(self, *_: object, **__: object) -> HttpResponse:
        raise AssertionError("nobody is asked")


def settings(pos_signature: str, key: str) -> Settings:
    return Settings("http://127.0.0.1:9", Secret("k"), pos_signature, key, "plati@example.ro")


async def test_ipns(vectors: Path) -> None:
    given = orjson.loads((vectors / "netopia" / "ipn_vectors.json").read_bytes())
    assert len(given["vectors"]) == 11
    said: dict[str, PaymentStatus | None] = {}
    for vector in given["vectors"]:
        provider = NetopiaProvider(settings(vector["pos_signature"], given["public_key_pem"]), NoWire())
        headers = {name.lower(): value for name, value in vector["headers"].items()}
        received_at = datetime.fromtimestamp(1795449600 + 600, UTC) if vector["name"] == "expired" else SIGNED_AT
        request = WebhookRequest(vector["body"].encode(), headers, "http://127.0.0.1:9/hooks", received_at)
        said[vector["name"]] = None
        with contextlib.nullcontext() if vector["valid"] else pytest.raises(InvalidSignature):
            (update,) = await provider.parse_webhook(request)
            said[vector["name"]] = update.status
            assert (update.external_id, update.reference) == ("1309088:B-2026-000123", "B-2026-000123")
            paid = update.status is PaymentStatus.PAID
            assert update.received == (Money(12_350, "RON") if paid else None)
            assert update.reason == (None if paid else "insufficient_funds")

    assert {name for name, status in said.items() if status is None} == {
        each["name"] for each in given["vectors"] if not each["valid"]
    }
    assert said["status_12_declined"] is PaymentStatus.FAILED


async def test_documented_answers(vectors: Path) -> None:
    samples = orjson.loads((vectors / "netopia" / "doc_samples.json").read_bytes())
    blocks = {name: Block.read(parse(orjson.dumps(each))) for name, each in samples.items() if name != "source"}

    assert {name: (block.ntp_id, block.said, block.code, block.amount) for name, block in blocks.items()} == {
        "start_success_no_3ds": ("1309088", PaymentStatus.PAID, "00", Money(20_000, "RON")),
        "start_3ds_required": ("1310396", PaymentStatus.PENDING, "100", Money(20_000, "RON")),
        "start_error_order_closed": ("1309088", PaymentStatus.PAID, "56", Money(20_000, "RON")),
        "verify_auth_success": ("1310396", PaymentStatus.PAID, "00", Money(20_000, "RON")),
    }


@pytest.mark.parametrize(
    ("name", "error"), [("start_error_order_closed", Rejected), ("start_success_no_3ds", OutcomeUnknown)]
)
async def test_documented_answers_to_start(vectors: Path, name: str, error: type[Exception]) -> None:
    """Those that a hosted page does not give: closed is refused; approved without a page is asked about."""
    sample = orjson.loads((vectors / "netopia" / "doc_samples.json").read_bytes())[name]

    class Answer:
        async def request(self, *_: object, **__: object) -> HttpResponse:
            return HttpResponse(200, {}, orjson.dumps(sample))

    async with open_bench() as bench:
        with pytest.raises(error):
            await NetopiaProvider(bench.settings, Answer()).create_payment(a_request(bench))


def sdk_says(body: bytes, given: str, key: str = "present") -> Any:
    """What the official SDK says of an IPN."""
    if not SDK:
        pytest.skip("netopia-sdk is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        ipn = importlib.import_module("netopia_sdk.ipn")
    logging.getLogger("netopia_sdk").handlers.clear()  # it opens one on the terminal
    return ipn.IpnVerifier(POS, [POS], pem(key)).verify(given, body.decode())


async def test_the_sdk_takes_the_fakes_ipns_and_so_do_we() -> None:
    now = datetime.now(UTC)  # the SDK reads the machine's clock
    async with open_bench() as bench:
        provider, vendor = bench.provider(), bench.vendor
        session = await provider.create_payment(a_request(bench))
        ntp_id = session.external_id.partition(":")[0]
        for row in (3, 5, 12, 4):
            vendor.pays(ntp_id, row)
            body = vendor.ipn(ntp_id)
            given = token(body, now)
            judged = sdk_says(body, given)
            headers = {"verification-token": given}
            (update,) = await provider.parse_webhook(WebhookRequest(body, headers, "http://x", now))

            assert (judged.errorType, judged.status) == (0, row)
            assert (update.status is PaymentStatus.PAID) is (row in (3, 5))


async def test_the_sdk_refuses_what_we_refuse() -> None:
    now = datetime.now(UTC)
    body = b'{"order":{"orderID":"A"},"payment":{"ntpID":"1","status":3,"amount":1,"currency":"RON"}}'
    provider = NetopiaProvider(settings(POS, pem("present")), NoWire())
    for given, sent in (
        (token(body, now, "stranger"), body),
        (token(body, now), body.replace(b'"amount":1', b'"amount":2')),
        (token(body, now, iss="Evil"), body),
        (token(body, now, aud=["OTHER"]), body),
        (token(body, now, exp=int(now.timestamp()) - 3600), body),
    ):
        assert sdk_says(sent, given).errorType == 2
        with pytest.raises(InvalidSignature):
            await provider.parse_webhook(WebhookRequest(sent, {"verification-token": given}, "http://x", now))
