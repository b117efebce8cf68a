"""Where a payer can be reached: reads what a biller wrote and gives the one spelling that is stored and sent to.

Pure: whether an address exists is for the vendor to say, so nothing here asks anybody.
"""

from __future__ import annotations

import re

import phonenumbers

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_MAILBOX = re.compile(rf"{_LOCAL}(?:\.{_LOCAL})*", re.ASCII)
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}", re.ASCII)
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_UNKNOWN = phonenumbers.PhoneNumberType.UNKNOWN
_COSTLY = (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)


def normalise_phone(text: str, region: str) -> str:
    """The number in E.164 (`+40722123456`). `region` (ISO 3166, `RO`) is where a number without a country code is.

    Raises ValueError, with a reason fit for a biller's eyes, on what is not a number, cannot be dialled there, or would cost
    the biller a premium. The numbering plans are those of the installed `phonenumbers` metadata.
    """
    number = _split(text)
    kind = _UNKNOWN if number is None else phonenumbers.number_type(number)
    if number is None or kind == _UNKNOWN:
        number = _parsed(text, region)
        kind = phonenumbers.number_type(number)
    if kind == _UNKNOWN:
        raise ValueError(f"no such number in the plan of +{number.country_code}")
    if kind in _COSTLY:
        raise ValueError("premium-rate numbers are not messaged")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _split(text: str) -> phonenumbers.PhoneNumber | None:
    """A number that is in E.164 already, without the long way through the parser; None when it may be something else."""
    if _E164.fullmatch(text):
        for width in (2, 1, 3):
            national = text[1 + width :]
            if int(text[1 : 1 + width]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE and national[0] != "0":
                return phonenumbers.PhoneNumber(int(text[1 : 1 + width]), int(national))
    return None


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValueError("this is not a phone number") from None
    if number.extension:
        raise ValueError("a number with an extension cannot be messaged")
    return number


def normalise_email(text: str) -> str:
    """The address with its domain in lower-case ASCII (IDNA); the mailbox keeps its case, as RFC 5321 wants.

    Raises ValueError on quoted mailboxes, address literals, mailboxes outside ASCII, and on anything that is not an address.
    """
    mailbox, at, domain = text.rpartition("@")
    if not at:
        raise ValueError("an email address has an @")
    if not mailbox.isascii():
        raise ValueError("the part before the @ must be ASCII")
    if len(mailbox) > 64 or not _MAILBOX.fullmatch(mailbox):
        raise ValueError("the part before the @ is not a mailbox name")
    try:
        host = domain.lower() if domain.isascii() else domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise ValueError("the part after the @ is not a domain") from None
    if not _DOMAIN.fullmatch(host) or host.rpartition(".")[2].isdigit():
        raise ValueError("the part after the @ is not a domain")
    if len(mailbox) + len(host) > 253:
        raise ValueError("the address is too long")
    return f"{mailbox}@{host}"


def normalise_locale(text: str) -> str:
    """A BCP 47 tag in its usual spelling: `RO-ro` becomes `ro-RO`. Raises ValueError on what is not a tag."""
    if len(text) > 35 or not _LANGUAGE_TAG.fullmatch(text):
        raise ValueError("a locale is a BCP 47 tag, such as ro or en-GB")
    language, *rest = text.replace("_", "-").split("-")
    return "-".join([language.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    if len(part) == 2:
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()
