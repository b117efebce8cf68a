"""The client certificate of HTTP out, against a server that speaks to nobody without one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trustme

from gateway.outbound import OutboundClient
from gateway.ports.errors import OutcomeUnknown, Rejected, RetryLater
from gateway.ports.http import ClientCertificate
from gateway.ports.values import Secret
from gateway.testing.clock import FakeClock
from tests.harness.wire import serve_tls


async def test_the_certificate_is_shown_where_it_is_asked_for_and_nowhere_else(clock: FakeClock) -> None:
    issuer = trustme.CA()
    async with (
        serve_tls("127.0.0.1", speaks_to=issuer) as (port, trusting),
        OutboundClient(clock, tls=trusting) as client,
    ):
        url = f"https://127.0.0.1:{port}/"
        for name in ("one.example", "two.example", "one.example"):
            answer = await client.request("POST", url, submits=True, identity=_identity(issuer, name))
            assert answer.body.decode() == name, "no connection of another identity is used"
        for nobody in (None, _identity(trustme.CA(), "one.example")):
            with pytest.raises((RetryLater, OutcomeUnknown)):  # TLS 1.3 refuses after the request may have left
                await client.request("POST", url, submits=True, identity=nobody)


async def test_the_server_is_proven_all_the_same(clock: FakeClock) -> None:
    issuer = trustme.CA()
    for trusted, name in ((False, "127.0.0.1"), (True, "other.example.com")):
        async with (
            serve_tls(name, speaks_to=issuer) as (port, trusting),
            OutboundClient(clock, tls=trusting if trusted else None) as client,
        ):
            url, ours = f"https://127.0.0.1:{port}/", _identity(issuer, "one.example")
            with pytest.raises(RetryLater, match="Certificate"):
                await client.request("POST", url, submits=True, identity=ours)


@pytest.mark.parametrize("part", ["certificate", "key"])
async def test_what_is_no_certificate_is_refused_without_a_word_of_it(clock: FakeClock, part: str) -> None:
    good = _identity(trustme.CA(), "one.example")
    bad = replace(good, **{part: Secret("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")})
    async with OutboundClient(clock) as client:
        with pytest.raises(Rejected, match="invalid_certificate") as caught:
            await client.request("POST", "https://127.0.0.1:9/", submits=True, identity=bad)
    assert "c2VjcmV0" not in str(caught.value) + repr(bad)


def _identity(issuer: trustme.CA, name: str) -> ClientCertificate:
    leaf = issuer.issue_cert(name)
    chain = "".join(blob.bytes().decode() for blob in leaf.cert_chain_pems)
    return ClientCertificate(Secret(chain), Secret(leaf.private_key_pem.bytes().decode()))
