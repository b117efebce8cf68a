"""What a log line may not hold, taken out of it: contact points, bank accounts, pay-link proofs, keys. Pure.

It hides what it recognises, by form in any text and by name in any field. It is the last net, not a licence: code logs
ids, never a payer's words or a vendor's body.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

HIDDEN = "•••"
_MAX_DEPTH = 6

# Fields, by their name or the last word of it, whose whole value is hidden.
_SECRET_WORDS = frozenset(
    ("secret", "password", "passwd", "token", "authorization", "signature", "cookie", "body", "payload", "otp", "pin")
)
_SECRET_NAMES = frozenset(("api_key", "private_key", "secrets", "tokens"))
# Fields that hold a payer's contact point, name or words, of which one character is left.
_PERSONAL_NAMES = frozenset(
    ("to", "phone", "email", "address", "recipient", "chat", "chat_id", "iban", "payer_name", "first_name", "last_name")
) | frozenset(("text", "subject", "html"))

_CLASS = r"\s@<>\"(),:;\[\]\\•"  # what ends a local part; a mask does too
_EMAIL = re.compile(rf"(?<![^{_CLASS}])([^{_CLASS}])[^{_CLASS}]*+@(?=[\w.\[-])")
_QUOTED_EMAIL = re.compile(r"\"[^\"\n]{1,256}\"@(?=[\w.\[-])")
_ENCODED_EMAIL = re.compile(r"(?<![\w.+%-])([\w.+-])(?:[\w.+-]|%(?!40)[0-9A-Fa-f]{2})*+%40(?=[\w.-])")
_USERINFO = re.compile(r"://[^/\s@\"'<>]*+@")

# The first 7 characters of a token are the link's number; the 11 behind them are the proof (gateway/signing.py).
_TOKEN = re.compile(r"(/[a-z]{1,12}/[0-9A-Za-z]{7}|(?<![0-9A-Za-z])0[0-9A-Za-z]{6})[0-9A-Za-z]{11}(?![0-9A-Za-z])")

_DIGITS = re.compile(r"\d[\d ().\-/]{7}")
_PHONE = re.compile(
    r"(?:\+|%2[Bb])\(?\d(?:[ ().\-/]{0,3}\d){7,14}"  # +40 712 345 123
    r"|(?<![0-9A-Za-z])(?<!\d\.)\d{9,15}(?![0-9A-Za-z])"  # 0712345123, 40712345123
    r"|(?<![0-9A-Za-z])\(?0\d{2,8}\)?(?:[ .\-/]{1,2}\d{2,4}){2,4}(?![0-9A-Za-z])"  # 0712 345 123, (021) 123 45 67
)
_IBAN = re.compile(r"(?<![0-9A-Za-z])([A-Z]{2}\d{2})(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?(?![0-9A-Za-z])")
_BOT_TOKEN = re.compile(r"(?<!\d)(\d{6,20}):[A-Za-z0-9_-]{30,}")

_KEY = re.compile(r"\b(whsec|wsk|sk|rk|ak|achit)_[\w+/=-]{8,}")
_SCHEME = re.compile(r"\b(bearer|basic)\s+[^\s\"',]{6,}", re.IGNORECASE)
_PARAMETER = re.compile(
    r"([?&;](?:[a-z_]*(?:token|secret|password|signature)|sig|code|key)=)[^&;\s\"'<>]+", re.IGNORECASE
)
_SQL_VALUES = re.compile(r"\[parameters: [^\n]*")  # SQLAlchemy writes a failed statement's values into its error


def mask(text: str) -> str:
    """The text with every phone number, e-mail address, IBAN, link proof, key and credential made unusable."""
    if "[parameters: " in text:
        text = _SQL_VALUES.sub(f"[parameters: {HIDDEN}]", text)
    if "://" in text:
        text = _USERINFO.sub(f"://{HIDDEN}@", text)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1{HIDDEN}", text)
    if " " in text or "_" in text:
        text = _SCHEME.sub(rf"\1 {HIDDEN}", _KEY.sub(rf"\1_{HIDDEN}", text))
    if "@" in text:
        text = _EMAIL.sub(rf"\1{HIDDEN}@", _QUOTED_EMAIL.sub(f"{HIDDEN}@", text))
    if "%40" in text:
        text = _ENCODED_EMAIL.sub(rf"\1{HIDDEN}%40", text)
    if len(text) >= 18:
        text = _TOKEN.sub(r"\1…", text)
        text = _BOT_TOKEN.sub(rf"\1:{HIDDEN}", text)
        text = _IBAN.sub(_hide_iban, text)
    if _DIGITS.search(text):
        text = _PHONE.sub(_hide_phone, text)
    return text


def masked(value: object, name: str = "", depth: int = 0) -> object:
    """The value in plain types: text masked, hidden fields hidden, anything unknown as its masked `str`."""
    if name and (hidden := _by_name(value, name)) is not None:
        return hidden
    if isinstance(value, str):
        return mask(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {mask(str(key)): masked(item, str(key), depth + 1) for key, item in value.items()}
    if isinstance(value, Sequence | AbstractSet):
        return [masked(item, "", depth + 1) for item in value]
    return mask(str(value))


def _by_name(value: object, name: str) -> object | None:
    name = name.lower().replace("-", "_")
    if value is None or isinstance(value, bool):
        return None
    if name in _SECRET_NAMES or name.rpartition("_")[2] in _SECRET_WORDS:
        return HIDDEN
    if name in _PERSONAL_NAMES and isinstance(value, str | int):
        text = str(value)
        seen = mask(text)
        return seen if seen != text else text[:1] + HIDDEN
    return None


def _hide_phone(match: re.Match[str]) -> str:
    plus = "+" if match[0][0] in "+%" else ""
    digits = re.sub(r"\D", "", match[0].removeprefix("%2B").removeprefix("%2b"))
    if len(digits) < (8 if plus else 9):
        return match[0]
    return f"{plus}{digits[: min(3, len(digits) - 7)]}••••{digits[-3:]}"


def _hide_iban(match: re.Match[str]) -> str:
    return f"{match[1]}••••{match[0][-4:]}" if 15 <= len(match[0].replace(" ", "")) <= 34 else match[0]
