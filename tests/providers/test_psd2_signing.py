"""The PSD2 provider's proofs: the seal over a request, the settings that hold it, and the certificate that is shown in TLS."""

from __future__ import annotations

import functools
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.outbound import OutboundClient
from gateway.ports.errors import Rejected, RetryLater
from gateway.ports.values import Money, Secret
from gateway.settings import ConfigError, settings_from, settings_to_json
from gateway.testing.clock import FakeClock
from gateway.testing.provider_bench import Wire
from gateway.testing.provider_steps import a_request
from providers.psd2 import PROVIDER, Settings
from providers.psd2.banks import BANKS, SEPA, XML, Bank, Signing
from providers.psd2.settings import iban_holds
from providers.psd2.signing import Seal, belong, certificate_header, digest, key_id
from tests.fakes.psd2 import XS2A
from tests.providers.psd2_bench import STRICT, Psd2Bench, known, open_bench, sealed, settings_for


@pytest.fixture
async def bench() -> AsyncIterator[Psd2Bench]:
    async with open_bench() as bench:
        yield bench


@functools.cache
def another_key() -> Secret:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    how = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Secret(key.private_bytes(*how).decode())


def test_digest() -> None:
    """The digest of the Berlin Group's implementation, and that of nothing, which a GET has."""
    assert digest(b'{"hello": "world"}') == "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="
    assert digest(b"") == "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_how_a_certificate_is_named_and_shown() -> None:
    certificate = x509.load_pem_x509_certificate(sealed()[0].reveal().encode())
    der, pem = certificate_header(certificate, "der"), certificate_header(certificate, "pem")

    assert key_id(certificate) == "SN=1f3a77c02211,CA=CN=Test Issuing CA,O=Test Trust Services,C=RO"
    assert key_id(certificate, "%20") == "SN=1f3a77c02211,CA=CN=Test%20Issuing%20CA,O=Test%20Trust%20Services,C=RO"
    assert pem == f"-----BEGIN CERTIFICATE-----{der}-----END CERTIFICATE-----"
    assert re.fullmatch(r"[A-Za-z0-9+/]+=*", der)


async def test_what_is_signed(bench: Psd2Bench) -> None:
    """Of the headers that the bank wants those that the request has, in the bank's order; also of one without a body."""
    session = await bench.provider().create_payment(a_request(bench))
    await bench.provider().fetch_payment(session.external_id)
    named = [re.search(r'headers="([^"]+)"', sent.headers["Signature"]) for sent in bench.wire.sent[:2]]

    assert [match and match[1] for match in named] == [
        "(request-target) digest x-request-id psu-ip-address tpp-redirect-uri date",
        "(request-target) digest x-request-id date",
    ]
    assert bench.xs2a.refused == []


async def test_the_bank_refuses_what_was_changed_on_the_way(bench: Psd2Bench) -> None:
    """The fake bank bites: each part that is signed, changed, is refused."""

    class Changes(Wire):
        def __init__(self, name: str, value: str, body: bytes = b"") -> None:
            super().__init__(bench.wire._http)
            self.name, self.value, self.body = name, value, body

        async def request(self, method: str, url: str, *, headers: Any = None, body: Any = None, **rest: Any) -> Any:
            changed = {**headers, self.name: self.value} if self.name else headers
            return await super().request(method, url, headers=changed, body=body + self.body, **rest)

    other = "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    for wire in (
        Changes("PSU-IP-Address", "192.0.2.99"),
        Changes("TPP-Redirect-URI", "https://evil.example/"),
        Changes("Digest", other),
        Changes("", "", b" "),
    ):
        with pytest.raises(Rejected, match="signature_invalid"):
            await bench.plugin.create(bench.settings, wire).create_payment(a_request(bench))
    assert bench.xs2a.payments == {}


async def test_a_request_that_nobody_signed_is_refused(bench: Psd2Bench) -> None:
    with known(replace(STRICT, signing=None)), pytest.raises(Rejected, match="signature_invalid"):
        await bench.provider().create_payment(a_request(bench))  # the digest is missing first


def test_a_seal_is_a_certificate_and_its_own_key() -> None:
    certificate, _ = sealed()
    with pytest.raises(ValueError, match="not that of the certificate"):
        Seal(certificate, another_key())
    assert belong(*sealed())
    assert not belong(certificate, another_key())


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"banks": ()}, "banks: names none; there are bt, cec"),
    ({"banks": ("nobank",)}, "banks: there is no 'nobank'"),
    ({"creditor_name": ""}, "creditor_name: has 1 to 70"),
    ({"creditor_name": "x" * 71}, "creditor_name: has 1 to 70"),
    ({"ibans": {}}, "ibans: names no account"),
    ({"ibans": {"XXX": "DE89370400440532013000"}}, "ibans: 'XXX' is no currency"),
    ({"ibans": {"EUR": "DE89370400440532013001"}}, "ibans: the one for EUR is not an IBAN"),
    ({"client_ids": {}}, "client_ids: bt is missing"),
    ({"client_ids": {"bt": "x", "ing": "y"}}, "client_ids: 'ing' is of no bank in banks"),
    ({"base_urls": {"bt": "ftp://x"}}, "base_urls: bt has no known address"),
    ({"pkce_secret": None}, "pkce_secret: bt authorises by OAuth"),
    ({"pkce_secret": Secret("short")}, "pkce_secret: bt authorises by OAuth"),
    ({"fallback_address": "nowhere"}, "fallback_address: is not an IP address"),
    ({"qseal_key": None}, "qseal_certificate, qseal_key: one without the other"),
    ({"qwac_certificate": Secret("x")}, "qwac_certificate, qwac_key: one without the other"),
    (
        {"qwac_certificate": Secret("x"), "qwac_key": Secret("y")},
        "qwac_certificate, qwac_key: not a certificate and its key",
    ),
    ({"qseal_key": Secret("nonsense")}, "qseal_certificate, qseal_key: not a certificate and its RSA key"),
    ({"extra_headers": {"ing/PSU-ID": "x"}}, "extra_headers: 'ing/PSU-ID' is of no bank in banks"),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
def test_a_fault_is_named_by_its_setting(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        settings_for(BANKS["bt"], "https://x.invalid", **changes)


@pytest.mark.parametrize(
    ("bank", "changes", "fault"),
    [
        ("cec", {"base_urls": {}}, "base_urls: cec has no known address"),
        ("cec", {"client_secrets": {}}, "client_secrets: cec is missing"),
        ("cec", {"qseal_certificate": None, "qseal_key": None}, "qseal_certificate, qseal_key: cec wants both"),
        ("ing", {"client_ids": {}}, "client_ids: ing is missing"),
        ("comdirect", {"debtor_accounts": {}}, "debtor_accounts: comdirect takes no payment without"),
    ],
)
def test_what_one_bank_wants(bank: str, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=re.escape(fault)):
        settings_for(BANKS[bank], "https://x.invalid", **changes)


def test_settings_are_written_as_a_file_and_come_back() -> None:
    """Mappings too, of texts and of secrets."""
    settings = settings_for(BANKS["bt"], "https://x.invalid", accepted_is_paid=True)
    shown = settings_to_json(settings)

    assert shown["client_secrets"] == {"bt": "client-secret-61f0"}
    assert settings_from(Settings, shown, secret=Secret) == settings
    with pytest.raises(ConfigError, match="ibans: must be a table"):
        settings_from(Settings, {**shown, "ibans": "RO49"}, secret=Secret)
    with pytest.raises(ConfigError, match="ibans: RON must be a text in quotes"):
        settings_from(Settings, {**shown, "ibans": {"RON": 5}}, secret=Secret)


def test_ibans() -> None:
    assert iban_holds("RO49 AAAA 1B31 0075 9384 0000")
    assert not any(
        map(iban_holds, ("", "RO49AAAA1B31007593840001", "ro49aaaa1b31007593840000", "1234AAAA1B31007593840000"))
    )


async def test_an_order_in_pain_001() -> None:
    """The bank reads it as XML, with a name that XML has its own signs for."""
    bank = Bank("xml", "XML", "DE", "", SEPA, signing=Signing(), certificate="der", content_type=XML, debtor=True)
    async with open_bench(bank=bank, creditor_name="Apă & Canal <Iași>") as bench:
        await bench.provider().create_payment(a_request(bench, amount=Money(12_345, "EUR")))
        (payment,) = bench.xs2a.payments.values()

        assert bench.wire.sent[0].body.isascii()
        assert payment.order == {
            "instructedAmount": {"amount": "123.45", "currency": "EUR"},
            "debtorAccount": {"iban": "RO66BACX0000001234567890"},
            "creditorAccount": {"iban": "DE89370400440532013000"},
            "creditorName": "Apa Canal Iasi",
            "endToEndIdentification": "ACH1K7",
            "remittanceInformationUnstructured": "RF18539007547034 Energie martie, Ana Popescu",
        }


async def test_the_certificate_is_shown_in_tls() -> None:
    """A bank that speaks to nobody without one; another's, or none, is no connection at all."""
    authority, clock = trustme.CA(), FakeClock()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    authority.configure_trust(trusting)
    authority.configure_trust(serving)
    serving.verify_mode = ssl.CERT_REQUIRED

    def shown(leaf: trustme.LeafCert) -> dict[str, Secret]:
        chain = "".join(blob.bytes().decode() for blob in leaf.cert_chain_pems)
        return {"qwac_certificate": Secret(chain), "qwac_key": Secret(leaf.private_key_pem.bytes().decode())}

    ours, stranger = authority.issue_cert("pisp.acme.example"), trustme.CA().issue_cert("pisp.acme.example")
    with known(STRICT):
        async with XS2A(STRICT, clock, tls=serving) as xs2a, OutboundClient(clock, tls=trusting) as http:
            bench = Psd2Bench(xs2a, http, PROVIDER, **shown(ours))
            session = await bench.provider().create_payment(a_request(bench))
            await bench.provider().fetch_payment(session.external_id)
            assert len(xs2a.payments) == 1

            for other in ({"qwac_certificate": None, "qwac_key": None}, shown(stranger)):
                with pytest.raises(RetryLater):
                    await bench.provider(replace(bench.settings, **other)).fetch_payment(session.external_id)
