"""What the strict bank checks of a request: its signature, and its order in JSON and as pain.001. Shares nothing with the adapter."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from xml.etree import ElementTree

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from providers.psd2.banks import Bank

RETRY_AFTER_S = 9
_AMOUNT = re.compile(r"-?[0-9]{1,14}(\.[0-9]{1,3})?")
_SEPA = re.compile(r"[a-zA-Z0-9/\-?:().,'+ ]+")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}")
_FIELDS = {
    "endToEndIdentification", "instructedAmount", "debtorAccount", "creditorAccount", "creditorName", "creditorAgent",
    "remittanceInformationUnstructured",
}  # fmt: skip


class Refused(Exception):
    """What the bank will not have: an HTTP status and a code of its tppMessages."""

    def __init__(self, status: int, code: str, text: str = "") -> None:
        super().__init__(f"{status} {code} {text}")
        self.status, self.code, self.text = status, code, text


def verify(method: str, target: str, headers: dict[str, str], certificate: x509.Certificate, bank: Bank) -> None:
    """Checks a `Signature` header by the certificate. Raises Refused."""
    assert bank.signing is not None
    given = {name.lower(): value for name, value in headers.items()}
    if "signature" not in given:
        raise Refused(401, "SIGNATURE_MISSING")
    parts = dict(re.findall(r'(\w+)="([^"]*)"', given["signature"]))
    serial = re.fullmatch(r"SN=([0-9a-fA-F]+),CA=(.+)", parts.get("keyId", ""))
    issuer = certificate.issuer.rfc4514_string()
    if serial is None or int(serial[1], 16) != certificate.serial_number or serial[2].replace("%20", " ") != issuer:
        raise Refused(401, "SIGNATURE_INVALID", "keyId")
    if bank.signing.space not in serial[2] and " " in issuer:
        raise Refused(401, "SIGNATURE_INVALID", "keyId's spaces")
    if parts.get("algorithm") != bank.signing.algorithm:
        raise Refused(401, "SIGNATURE_INVALID", "algorithm")
    names = parts.get("headers", "").split()
    must = [name for name in bank.signing.headers if name in given or name == "(request-target)"]
    if names != must or not {"digest", "x-request-id"} <= set(names):
        raise Refused(401, "SIGNATURE_INVALID", "headers")
    given["(request-target)"] = f"{method.lower()} {target}"
    text = "\n".join(f"{name}: {given[name]}" for name in names)
    try:
        certificate.public_key().verify(  # type: ignore[union-attr,call-arg]
            base64.b64decode(parts["signature"], validate=True), text.encode(), padding.PKCS1v15(), SHA256()
        )
    except (InvalidSignature, ValueError, KeyError):
        raise Refused(401, "SIGNATURE_INVALID") from None


def currency_of(order: dict[str, Any], *, debtor: bool) -> str:
    """The order's currency, after all that the interface says of an order. Raises Refused."""
    amount = order.get("instructedAmount")
    wrong = sorted(order.keys() - _FIELDS)
    if not isinstance(amount, dict) or not _AMOUNT.fullmatch(str(amount.get("amount"))):
        wrong.append("instructedAmount")
    for name in ("creditorAccount", *(("debtorAccount",) if debtor or "debtorAccount" in order else ())):
        account = order.get(name)
        if not isinstance(account, dict) or not _IBAN.fullmatch(str(account.get("iban"))):
            wrong.append(name)
    for name, longest in (
        ("creditorName", 70),
        ("endToEndIdentification", 35),
        ("remittanceInformationUnstructured", 140),
    ):
        text = order.get(name)
        if not isinstance(text, str) or not _SEPA.fullmatch(text) or len(text) > longest:
            wrong.append(name)
    if wrong or not isinstance(amount, dict):
        raise Refused(400, "FORMAT_ERROR", ", ".join(wrong))
    return str(amount["currency"])


def order_of_xml(body: bytes) -> dict[str, Any]:
    """The same of a pain.001.001.03."""
    space = "{urn:iso:std:iso:20022:tech:xsd:pain.001.001.03}"
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise Refused(400, "FORMAT_ERROR", "not XML") from None

    def text(path: str) -> str:
        return (root.findtext("." + "".join(f"//{space}{step}" for step in path.split("/"))) or "").strip()

    amount = root.find(f".//{space}InstdAmt")
    if root.tag != f"{space}Document" or amount is None or text("GrpHdr/CtrlSum") != amount.text:
        raise Refused(400, "FORMAT_ERROR", "pain.001")
    return {
        "instructedAmount": {"amount": amount.text, "currency": amount.get("Ccy")},
        "debtorAccount": {"iban": text("DbtrAcct/IBAN")},
        "creditorAccount": {"iban": text("CdtrAcct/IBAN")},
        "creditorName": text("Cdtr/Nm"),
        "endToEndIdentification": text("EndToEndId"),
        "remittanceInformationUnstructured": text("Ustrd"),
    }


def order_of_json(body: bytes) -> dict[str, Any]:
    try:
        raw = json.loads(body)
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        raise Refused(400, "FORMAT_ERROR", "not an object")
    return raw


def answer(request: web.Request, raw: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    sent = {"X-Request-ID": request.headers["X-Request-ID"], **(headers or {})}
    return web.json_response(raw, status=status, headers=sent)


def refusal(error: Refused, request: web.Request) -> web.Response:
    said = {"tppMessages": [{"category": "ERROR", "code": error.code, "text": error.text or "no"}]}
    headers = {"Retry-After": str(RETRY_AFTER_S)} if error.status == 429 else {}
    return web.json_response(said, status=error.status, headers=headers)
