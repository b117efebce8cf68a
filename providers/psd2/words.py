"""What the Berlin Group's codes mean here: tables, and nothing else. Source: NextGenPSD2 1.3.11, its YAML."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.ports.provider import PaymentStatus

P = PaymentStatus
STATUSES: Mapping[str, PaymentStatus] = {
    "RCVD": P.PENDING,
    "PDNG": P.PENDING,
    "PATC": P.PENDING,  # one of several people has authorised
    "ACTC": P.PENDING,
    "ACCP": P.PENDING,
    "ACFC": P.PENDING,
    "ACWC": P.PENDING,
    "PART": P.PENDING,
    "ACSP": P.ACCEPTED,  # being executed; the last word of many banks on the day
    "ACWP": P.ACCEPTED,
    "ACSC": P.PAID,  # debited at the payer's bank
    "ACCC": P.PAID,  # and credited at the biller's
    "RJCT": P.FAILED,
    "CANC": P.CANCELLED,
}
UNAUTHORISED = frozenset({"RCVD", "PDNG", "PATC", "ACTC", "ACCP"})  # the payer may still be at it, or have failed
NO_MORE = frozenset({"CANC", "RJCT"})

# What a refusal is to the payer, of the catalogue's reasons; all other codes are shown as such in events alone.
REASONS: Mapping[str, str] = {
    "CANC": "cancelled",
    "RJCT": "declined",
    "FUNDS_NOT_AVAILABLE": "insufficient_funds",
    "PAYMENT_FAILED": "declined",
    "PSU_CREDENTIALS_INVALID": "authentication_failed",
    "SCA_INVALID": "authentication_failed",
    "RESOURCE_EXPIRED": "expired",
    "SERVICE_BLOCKED": "bank_unavailable",
}
SCA_FAILED, UNCONFIRMED = "failed", "unconfirmed"

LATER = frozenset({"ACCESS_EXCEEDED", "TOKEN_UNKNOWN", "TOKEN_INVALID", "TOKEN_EXPIRED", "INTERNAL_SERVER_ERROR"})
UNKNOWN_PAYMENT = frozenset(
    {"RESOURCE_UNKNOWN", "PRODUCT_UNKNOWN", "PRODUCT_INVALID", "SERVICE_INVALID", "FORMAT_ERROR"}
)
EXPIRED = "RESOURCE_EXPIRED"

# Where the payer goes on, the likeliest first; a link that wants the payer's bank password from us is not among them.
START_AUTHORISATION = ("startAuthorisation", "startAuthorisationWithAuthenticationMethodSelection")
