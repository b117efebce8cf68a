"""HTTP signatures (draft-cavage-http-signatures) by a qualified seal (QSEAL): digest, signature and certificate headers.

RSASSA-PKCS1-v1_5 with SHA-256 over `name: value` of each listed header, joined by line feeds, without one at the end.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.ports.values import Secret
from providers.psd2.banks import Bank, Signing

CERTIFICATE_HEADER = "TPP-Signature-Certificate"
_TARGET = "(request-target)"


class Seal:
    """A certificate and its key. Raises ValueError, without either, when they do not belong together or cannot be read."""

    __slots__ = ("_certificate", "_key")

    def __init__(self, certificate: Secret, key: Secret) -> None:
        self._certificate = x509.load_pem_x509_certificate(certificate.reveal().encode())
        # Whether its numbers are a key at all takes a tenth of a second to see; that it is the certificate's is seen below.
        loaded: Any = serialization.load_pem_private_key(
            key.reveal().encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
        public = self._certificate.public_key()
        if not isinstance(loaded, rsa.RSAPrivateKey) or not isinstance(public, rsa.RSAPublicKey):
            raise ValueError("a seal is an RSA key")
        if loaded.public_key().public_numbers() != public.public_numbers():
            raise ValueError("the key is not that of the certificate")
        self._key = loaded

    def headers(self, bank: Bank, method: str, url: str, sent: Mapping[str, str], body: bytes) -> dict[str, str]:
        """What this bank wants added to a request with the headers `sent`."""
        added: dict[str, str] = {}
        if bank.certificate:
            added[CERTIFICATE_HEADER] = certificate_header(self._certificate, bank.certificate)
        if bank.signing is not None:
            added["Digest"] = digest(body)
            names, text = signing_text(bank.signing, method, url, {**sent, **added})
            proof = base64.b64encode(self._key.sign(text.encode(), padding.PKCS1v15(), SHA256())).decode()
            parts = {
                "keyId": key_id(self._certificate, bank.signing.space),
                "algorithm": bank.signing.algorithm,
                "headers": names,
                "signature": proof,
            }
            added["Signature"] = ",".join(f'{name}="{value}"' for name, value in parts.items())
        return added


def belong(certificate: Secret, key: Secret) -> bool:
    """Whether a key of any kind, without a password, is that of the first certificate of a chain."""
    try:
        shown = x509.load_pem_x509_certificate(certificate.reveal().encode()).public_key()
        ours = serialization.load_pem_private_key(
            key.reveal().encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    how = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return ours.public_key().public_bytes(*how) == shown.public_bytes(*how)


def digest(body: bytes) -> str:
    """The `Digest` header (RFC 3230) of a body, of an empty one too."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def key_id(certificate: x509.Certificate, space: str = " ") -> str:
    """`SN=<serial in hex>,CA=<issuer, RFC 4514>`, as the Berlin Group writes it."""
    issuer = certificate.issuer.rfc4514_string().replace(" ", space)
    return f"SN={certificate.serial_number:x},CA={issuer}"


def certificate_header(certificate: x509.Certificate, shape: str) -> str:
    """The certificate in one line: base64 of DER (`der`), or with the PEM's first and last line around it (`pem`)."""
    body = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----" if shape == "pem" else body


def signing_text(signing: Signing, method: str, url: str, headers: Mapping[str, str]) -> tuple[str, str]:
    """The names that are signed, in order, and the text that the signature is over."""
    parts = urlsplit(url)
    target = f"{method.lower()} {parts.path}" + (f"?{parts.query}" if parts.query else "")
    values = {name.lower(): value for name, value in headers.items()} | {_TARGET: target}
    names = [name for name in signing.headers if name in values]
    return " ".join(names), "\n".join(f"{name}: {values[name]}" for name in names)
