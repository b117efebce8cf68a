"""Berlin Group material that nobody here wrote: signatures, and banks' recorded answers, replayed through the adapter.

The recordings are WireMock mappings; the small replayer below matches a request as a mapping says and answers as it says. What a
sandbox recorded of its own (a payer's id, an account to debit) comes from the account's settings for sandboxes.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.ports.errors import Rejected
from gateway.ports.http import HttpResponse
from gateway.ports.provider import PaymentRequest, PaymentStatus
from gateway.ports.values import Money, Secret
from gateway.testing.clock import START
from providers.psd2 import Psd2Provider, Settings
from providers.psd2.banks import BANKS, Signing
from providers.psd2.oauth import Token
from providers.psd2.signing import certificate_header, key_id, signing_text
from providers.psd2.wire import Order
from tests.providers.psd2_bench import sealed

HEADERS = {
    "Accept": "application/json",
    "Date": "Sun, 06 Aug 2019 15:02:37 GMT",
    "PSU-ID": "anton.brueckner",
    "PSU-IP-Address": "1.1.1.1",
    "X-Request-ID": "2f77a125-aa7a-45c0-b414-cea25a116035",
    "Digest": "SHA-256=cE4iyBDKyP5qdfUyHuB4eZf5iqA5pSAjTzl8l89Oh20=",
}
SIGNED = Signing(("accept", "date", "psu-id", "psu-ip-address", "x-request-id", "digest"), "SHA256withRSA")


@pytest.fixture
def signing(vectors: Path) -> Path:
    return vectors / "psd2" / "signing"


def certificate_of(signing: Path) -> x509.Certificate:
    der = base64.b64decode((signing / "tpp_signature_certificate.txt").read_text().strip())
    return x509.load_der_x509_certificate(der)


def parts_of(path: Path) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', path.read_text()))


def test_our_text_is_what_their_signature_is_over(signing: Path) -> None:
    """Theirs holds over what we would sign, under the name that we would give the key."""
    certificate, theirs = certificate_of(signing), parts_of(signing / "correct_signature.txt")
    names, text = signing_text(SIGNED, "POST", "https://bank.example/v1/payments", HEADERS)
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(base64.b64decode(theirs["signature"]), text.encode(), padding.PKCS1v15(), SHA256())

    assert (theirs["keyId"], theirs["headers"], theirs["algorithm"]) == (key_id(certificate), names, SIGNED.algorithm)
    assert certificate_header(certificate, "der") == (signing / "tpp_signature_certificate.txt").read_text().strip()


def test_what_they_call_wrong_is_wrong_to_us(signing: Path) -> None:
    certificate = certificate_of(signing)
    public = certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    wrong = {name: parts_of(signing / f"signature_wrong_{name}.txt") for name in ("hash", "headers", "keyid")}

    assert wrong["keyid"]["keyId"] != key_id(certificate)
    for name in ("hash", "headers"):
        signed = Signing(tuple(wrong[name]["headers"].split()), "SHA256withRSA")
        _, text = signing_text(signed, "POST", "https://bank.example/v1/payments", HEADERS)
        with pytest.raises((InvalidSignature, ValueError)):
            public.verify(
                base64.b64decode(wrong[name]["signature"], validate=True), text.encode(), padding.PKCS1v15(), SHA256()
            )


@pytest.mark.parametrize("name", ["certificateValid", "certificateWithDNSValid", "certificateInvalid"])
def test_a_certificate_is_named_by_its_serial_and_issuer(signing: Path, name: str) -> None:
    """Also a qualified one with fields that only a payment service provider has."""
    certificate = x509.load_pem_x509_certificate((signing / f"{name}.crt").read_bytes())
    match = re.fullmatch(r"SN=([0-9a-f]+),CA=CN=.+|SN=([0-9a-f]+),CA=OU=.+", key_id(certificate))

    assert match is not None
    assert int(match[1] or match[2], 16) == certificate.serial_number
    assert " " not in key_id(certificate, "%20")


@dataclass
class Recorded:
    """An HttpClient that answers as one bank's mappings do, and refuses, as WireMock does, what none of them matches."""

    mappings: list[dict[str, Any]]
    matched: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        submits: bool,
        timeout_s: float = 15.0,
        identity: object = None,
    ) -> HttpResponse:
        path, given = urlsplit(url).path, {name.lower(): value for name, value in (headers or {}).items()}
        for mapping in self.mappings:
            wanted = mapping["request"]
            if (
                wanted["method"] == method
                and _path_fits(wanted, path)
                and all(_header_fits(rule, given.get(name.lower())) for name, rule in wanted.get("headers", {}).items())
                and all(_body_fits(rule, body or b"") for rule in wanted.get("bodyPatterns", ()))
            ):
                self.matched.append(mapping["name"])
                answer = mapping["response"]
                text = answer.get("body", "").replace("{{request.port}}", "8080")
                return HttpResponse(answer["status"], {"content-type": "x"}, text.encode())
        self.unmatched.append(f"{method} {path}")
        return HttpResponse(404, {}, b"")


def _path_fits(wanted: Mapping[str, Any], path: str) -> bool:
    if "urlPattern" in wanted:
        return re.fullmatch(wanted["urlPattern"], path) is not None
    return path in (wanted.get("url"), wanted.get("urlPath"))


def _header_fits(rule: Mapping[str, str], value: str | None) -> bool:
    if value is None:
        return False
    return re.fullmatch(rule["matches"], value) is not None if "matches" in rule else value == rule["equalTo"]


def _body_fits(rule: Mapping[str, Any], body: bytes) -> bool:
    if "contains" in rule:
        return rule["contains"] in body.decode()
    if "equalToXml" in rule:
        return _same_xml(ElementTree.fromstring(rule["equalToXml"]), ElementTree.fromstring(body))
    return _holds(json.loads(rule["equalToJson"]), json.loads(body))  # extra elements are ignored, each mapping says


def _holds(wanted: Any, given: Any, name: str = "") -> bool:
    if isinstance(wanted, dict):
        return isinstance(given, dict) and all(
            key in given and _holds(value, given[key], key) for key, value in wanted.items()
        )
    if isinstance(wanted, str) and wanted.startswith("${json-unit.regex}"):
        return re.fullmatch(wanted.removeprefix("${json-unit.regex}"), given) is not None
    if wanted == "${json-unit.any-string}":
        return isinstance(given, str)
    if name == "amount":  # "1" and "1.00" are one amount to the interface
        return Decimal(wanted) == Decimal(given)
    return bool(wanted == given)


def _same_xml(wanted: ElementTree.Element, given: ElementTree.Element) -> bool:
    text = (wanted.text or "").strip()
    return (
        wanted.tag == given.tag
        and wanted.attrib == given.attrib
        and (text == "${xmlunit.ignore}" or text == (given.text or "").strip())
        and len(wanted) == len(given)
        and all(_same_xml(*pair) for pair in zip(wanted, given, strict=True))
    )


@dataclass(frozen=True)
class Case:
    """One bank: what its sandbox knew, and what is to come of it. `folder` is of the recordings, `creditor` who was paid in them."""

    bank: str
    folder: str
    debtor: str
    creditor: str
    goes: str | None  # the beginning of where the payer is sent; None: the recorded way is not one that we take
    status: PaymentStatus
    name: str = "Acme"
    minor: int = 2_099
    extra: tuple[tuple[str, str], ...] = ()


CASES = [
    Case("ing", "ing", "", "AT611904300234573201", "http://localhost:8080/redirect", PaymentStatus.PAID, "Laura Musterfrau", 100),
    Case("deutsche_bank", "deutsche-bank", "DE25648730420109480400", "DE17215730140403340300", "http://localhost:8080/redirect", PaymentStatus.PENDING, extra=(("PSU-ID", "6154033403"),)),  # noqa: E501
    Case("deutsche_bank", "deutsche-bank", "DE76215730140403343700", "DE76215730140403343700", None, PaymentStatus.PENDING, extra=(("PSU-ID", "6154033437"),)),  # noqa: E501
    Case("commerzbank", "commerzbank", "DE86999999990000001000", "DE86999999990000001000", "https://authorise.example/?", PaymentStatus.PENDING),  # noqa: E501
    Case("comdirect", "comdirect", "FR8230066631856742938741993", "FR8230066631856742938741993", "https://authorise.example/?", PaymentStatus.PENDING),  # noqa: E501
    Case("sparkasse", "sparkasse", "DE86999999990000001000", "DE86999999990000001000", None, PaymentStatus.PENDING, extra=(("PSU-ID", "chipTAN"), ("TPP-Redirect-Preferred", "false"))),  # noqa: E501
    Case("fiducia", "fiducia", "DE39499999600000005111 GENODE40960", "DE86999999990000001000", None, PaymentStatus.PENDING, extra=(("PSU-ID", "VRK1234567890ALL"),)),  # noqa: E501
    Case("adorsys", "adorsys", "DE38760700240320465700", "DE38760700240320465700", None, PaymentStatus.ACCEPTED, extra=(("PSU-ID", "max.musterman"),)),  # noqa: E501
]  # fmt: skip


def recorded(vectors: Path, case: Case) -> Recorded:
    folder = vectors / "psd2" / "bank-recordings" / f"{case.folder}-adapter"
    texts = [path.read_text().replace(_NO_IBAN, _AN_IBAN) for path in sorted(folder.glob("*.json"))]
    return Recorded([json.loads(text) for text in texts])


_NO_IBAN, _AN_IBAN = (
    "AT861921125678901234",
    "AT611904300234573201",
)  # of ING's sandbox, with wrong check digits; a right one


def account(case: Case) -> Settings:
    certificate, key = sealed()
    return Settings(
        banks=(case.bank,),
        creditor_name=case.name,
        ibans={"EUR": case.creditor},
        client_ids={case.bank: "PSDDE-BAFIN-911360"},
        base_urls={case.bank: "https://bank.example"},  # some mappings are of a whole path
        qseal_certificate=certificate,
        qseal_key=key,
        pkce_secret=Secret("p" * 32),
        debtor_accounts={case.bank: case.debtor} if case.debtor else {},
        extra_headers={f"{case.bank}/{name}": value for name, value in case.extra},
    )


def an_order(case: Case) -> PaymentRequest:
    return PaymentRequest(
        idempotency_key="key-1",
        amount=Money(case.minor, "EUR"),
        reference="SandboxTPPTest1",
        description="just",
        return_url="https://pay.example.ro/p/t/return",
        webhook_url="https://pay.example.ro/hooks/providers/acme.bank",
        expires_at=START + timedelta(minutes=30),
        locale="ro",
        method="bank",
        choice=case.bank,
        payer_address="192.0.2.7",
        state="st",
    )


def with_what_was_not_recorded(bank: Recorded, case: Case) -> None:
    """The token that ING's recordings carry and do not give; the metadata that others' only link to; which authorisations there are."""
    added: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"urlPattern": ".*/authorisations", "method": "GET"}, {"authorisationIds": ["a-1"]}),
        (
            {"urlPattern": ".*/.well-known/openid-configuration", "method": "GET"},
            {"authorization_endpoint": "https://authorise.example/"},
        ),
    ]
    if case.bank == "ing":
        headers = next(m["request"]["headers"] for m in bank.mappings if "headers" in m["request"])
        token = headers["Authorization"]["equalTo"].removeprefix("Bearer ")
        added.append(({"url": "/oauth2/token", "method": "POST"}, {"access_token": token, "expires_in": 900}))
    bank.mappings += [
        {"name": "not recorded", "request": request, "response": {"status": 200, "body": json.dumps(answer)}}
        for request, answer in added
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.bank}-{'redirect' if case.goes else 'embedded'}")
async def test_a_banks_recording(vectors: Path, case: Case) -> None:
    """Its order is matched as the bank wanted it; its answer sends the payer on, or is refused where it wants their password of us."""
    bank = recorded(vectors, case)
    orders = [m["name"] for m in bank.mappings if m["response"]["status"] == 201]
    with_what_was_not_recorded(bank, case)
    provider = Psd2Provider(account(case), bank, lambda: START)
    profile = BANKS[case.bank]
    if case.goes is None:
        with pytest.raises(Rejected, match="no_redirect"):
            await provider.create_payment(an_order(case))
        external_id = Order(profile, profile.product("EUR") or "", Money(case.minor, "EUR"), "as-recorded").external_id
    else:
        session = await provider.create_payment(an_order(case))
        assert session.redirect_url.startswith(case.goes)
        external_id = session.external_id
    assert set(bank.matched) & set(orders), "the bank knows this order"

    if profile.oauth:  # these recordings show a payment to who brings the token that they gave for the code
        kept = await provider.complete_payment(external_id, an_order(case), {"code": "PIS_VALID_CODE"})
        assert kept is not None
        assert Token.kept(kept).refresh is not None
        update, _ = await provider.fetch_completed(external_id, kept)
    else:
        update = await provider.fetch_payment(external_id)

    assert bank.unmatched == []
    assert update.status is case.status
    assert update.received == (Money(case.minor, "EUR") if case.status is PaymentStatus.PAID else None)


async def test_the_authorisations_that_two_banks_recorded(vectors: Path) -> None:
    """All of comdirect's are finalised, none failed: the payment waits, though its status alone would not say so."""
    case = next(case for case in CASES if case.bank == "comdirect")
    bank = recorded(vectors, case)
    provider = Psd2Provider(account(case), bank, lambda: START)
    order = Order(BANKS["comdirect"], "sepa-credit-transfers", Money(2_099, "EUR"), "PAYMENT_ID_RCVD_SCT")
    kept = await provider.complete_payment(order.external_id, an_order(case), {"code": "PIS_VALID_CODE"})
    assert kept is not None
    await provider.fetch_completed(order.external_id, kept)

    looked_at = [re.sub(r".*_(?=[a-z0-9-]+$)", "", name) for name in bank.matched]
    assert looked_at == ["token", "status", "authorisations", "11111111-1111-1111-1111-111111111111"]
    assert bank.unmatched == []
