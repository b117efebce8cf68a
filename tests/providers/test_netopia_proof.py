"""NETOPIA's token: what is accepted, and every way in which one can be wrong."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.ports.errors import InvalidSignature
from gateway.ports.values import WebhookRequest
from providers.netopia.proof import proven, public_key
from tests.fakes.netopia import POS, keys, pem, token

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())
BODY = b'{"order":{"orderID":"A"}}'


def check(given: str, body: bytes = BODY, *names: str) -> None:
    trusted = [public_key(pem(name)) for name in names or ("present",)]
    proven(WebhookRequest(body, {"verification-token": given}, "http://x", NOW), trusted, POS)


def certificate(name: str) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "NETOPIA")])
    builder = x509.CertificateBuilder(subject, subject, keys(name).public_key(), 1, NOW, NOW + timedelta(days=1))
    return builder.sign(keys(name), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_the_three_algorithms(algorithm: str) -> None:
    check(token(BODY, NOW, algorithm=algorithm))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": POS},
        {"aud": ["OTHER", POS]},
        {"exp": None},
        {"iat": None, "nbf": None, "exp": None},
        {"iat": UNIX * 1000, "nbf": UNIX * 1000, "exp": (UNIX + 60) * 1000},
        {"iat": UNIX + 200, "nbf": UNIX + 200, "exp": UNIX - 200},  # two clocks
    ],
)
def test_what_vendors_write_in_several_ways(claims: dict[str, Any]) -> None:
    check(token(BODY, NOW, **claims))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "Evil"},
        {"iss": None},
        {"aud": "OTHER"},
        {"aud": []},
        {"aud": None},
        {"aud": [POS.lower()]},
        {"aud": [[POS]]},
        {"aud": {POS: 1}},
        {"sub": None},
        {"sub": ""},
        {"sub": "\ud800"},
        {"exp": UNIX - 3600},
        {"exp": (UNIX - 3600) * 1000},
        {"exp": 0},
        {"nbf": UNIX + 3600},
        {"iat": (UNIX + 3600) * 1000},
    ],
)
def test_claims_that_do_not_fit(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidSignature):
        check(token(BODY, NOW, **claims))


@pytest.mark.parametrize("odd", ["soon", True, [1], {}, -1, 10**20, "", 1e300])
def test_a_time_that_is_none(odd: object) -> None:
    """Signed by hand: a library would not write these."""
    head = _part({"alg": "RS512"})
    whole = jwt.decode(token(BODY, NOW), options={"verify_signature": False})
    said = _part({**whole, "exp": odd})
    with pytest.raises(InvalidSignature):
        check(f"{head}.{said}.{_signed(f'{head}.{said}')}")


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"alg": "HS512"}, {"alg": "PS512"}, {"alg": ["RS512"]}, {}, [], None]
)
def test_another_algorithm_under_a_true_signature(header: object) -> None:
    _, said, _ = token(BODY, NOW).split(".")
    head = _part(header)
    with pytest.raises(InvalidSignature):
        check(f"{head}.{said}.{_signed(f'{head}.{said}')}")


def test_an_extension_that_we_do_not_know_is_refused() -> None:
    _, said, _ = token(BODY, NOW).split(".")
    head = _part({"alg": "RS512", "crit": ["b64"], "b64": False})
    with pytest.raises(InvalidSignature):
        check(f"{head}.{said}.{_signed(f'{head}.{said}')}")


def test_none_and_the_public_key_as_a_shared_secret() -> None:
    claims = jwt.decode(token(BODY, NOW), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, "none")
    head, said = _part({"alg": "HS512", "typ": "JWT"}), unsigned.split(".")[1]
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA512)
    forged = base64.urlsafe_b64encode(mac.sign(f"{head}.{said}".encode(), pem("present").encode())).rstrip(b"=")
    for each in (unsigned, f"{head}.{said}.{forged.decode()}"):
        with pytest.raises(InvalidSignature):
            check(each)


@pytest.mark.parametrize(
    "odd", ["", "x", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "\udc80.a.b", "A" * 20_000, "[" * 9_000 + ".a.b"]
)
def test_what_is_no_token(odd: str) -> None:
    with pytest.raises(InvalidSignature):
        check(odd)


def test_a_deep_header_is_no_token() -> None:
    with pytest.raises(InvalidSignature):
        check(base64.urlsafe_b64encode(b"[" * 6_000).decode().rstrip("=") + ".a.b")


def test_padding_and_foreign_letters_are_refused() -> None:
    head, said, signature = token(BODY, NOW).split(".")
    for changed in (f"{head}.{said}.{signature}==", f"{head}.{said}.{signature}\n", f"{head}.{said}.!{signature}"):
        with pytest.raises(InvalidSignature):
            check(changed)


def test_the_very_bytes_are_signed() -> None:
    given = token(BODY, NOW)
    check(given)
    for other in (BODY + b"\n", BODY.replace(b":", b": "), b""):
        with pytest.raises(InvalidSignature):
            check(given, other)


def test_two_keys_while_one_replaces_the_other() -> None:
    check(token(BODY, NOW, "old"), BODY, "present", "old")
    with pytest.raises(InvalidSignature):
        check(token(BODY, NOW, "old"))
    with pytest.raises(InvalidSignature):
        check(token(BODY, NOW, "stranger"), BODY, "present", "old")


def test_a_certificate_holds_the_key() -> None:
    assert public_key(certificate("present")).public_numbers() == keys("present").public_key().public_numbers()
    assert public_key(f"\n{pem('old')}\n").public_numbers() == keys("old").public_key().public_numbers()


def test_another_kind_of_key_is_refused() -> None:
    elliptic = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(ValueError, match="RSA"):
        public_key(elliptic.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    for odd in ("", "x", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"):
        with pytest.raises(ValueError):
            public_key(odd)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _signed(text: str) -> str:
    algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA512)
    return base64.urlsafe_b64encode(algorithm.sign(text.encode(), keys("present"))).decode().rstrip("=")
