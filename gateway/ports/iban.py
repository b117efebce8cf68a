"""IBAN (ISO 13616): length by country and the two check digits, as they are printed and as machines take them.

Lengths are those of the SWIFT registry, release 101. A country that is not in it has no IBAN.
"""

from __future__ import annotations

import re

_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
LENGTHS = {country: length for length, countries in _LENGTHS.items() for country in countries.split()}
_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]+", re.ASCII)


def plain(text: str) -> str:
    """`text` as an IBAN without spaces, in capitals. Raises ValueError with the reason, which does not repeat it."""
    number = "".join(text.split()).upper()
    if not _SHAPE.fullmatch(number):
        raise ValueError("an IBAN is a country, two digits, and letters and digits")
    length = LENGTHS.get(number[:2])
    if length is None:
        raise ValueError(f"{number[:2]} has no IBAN")
    if len(number) != length:
        raise ValueError(f"an IBAN of {number[:2]} has {length} characters, not {len(number)}")
    if int("".join(str(int(character, 36)) for character in number[4:] + number[:4])) % 97 != 1:
        raise ValueError("its check digits are wrong: a character is missing, added or changed")
    return number
