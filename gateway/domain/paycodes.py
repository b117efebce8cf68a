"""Pay codes: what a payer types to find an invoice, made from its id by a secret permutation, so that none is stored.

Ten characters of Crockford's base32, shown as `7K3QM-2PXWD`: 45 bits and a check character. The check is over GF(32) with another
weight at each place, so it catches every wrong character and every two that changed places, neighbours or not.
With a million invoices one valid code in 35 million is somebody's; what a code opens needs a second proof all the same.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.ports.values import Money, decimals

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WIDTH = 10
_LEFT, _RIGHT = 22, 23  # bits of the halves that the permutation mixes in turn
MAX_ID = 2 ** (_LEFT + _RIGHT) - 1
_ROUNDS = 10  # as many as NIST SP 800-38G has for its Feistel ciphers of so small a domain
_VALUE = {character: value for value, character in enumerate(ALPHABET)} | {"O": 0, "I": 1, "L": 1}
_APART = str.maketrans("", "", " \t\r\n\u00a0-\u2010\u2011\u2012\u2013\u2014")
_IN_TEXT = re.compile(  # looks ahead, so that the word before a code does not hide it
    r"(?<![0-9A-Za-z])(?=([0-9A-Za-z]{5})([- \u2010-\u2014]?)([0-9A-Za-z]{5})(?![0-9A-Za-z]))"
)


def _powers() -> tuple[int, ...]:
    """The powers of x modulo x^5 + x^2 + 1, which all differ."""
    power, found = 1, []
    for _ in range(WIDTH):
        found.append(power)
        power = power << 1 ^ (0b100101 if power & 0b10000 else 0)
    return tuple(found)


_WEIGHTS = _powers()[::-1]  # of the places from the left; the check character's own is 1


def _times(a: int, b: int) -> int:
    product = 0
    for bit in range(5):
        if b >> bit & 1:
            product ^= a << bit
    for bit in (8, 7, 6, 5):
        if product >> bit & 1:
            product ^= 0b100101 << (bit - 5)
    return product


def _weighed(values: Sequence[int]) -> int:
    total = 0
    for value, weight in zip(values, _WEIGHTS, strict=False):
        total ^= _times(value, weight)
    return total


def written(text: str) -> str | None:
    """A code as it is printed, from what a person typed: any case, spaces or none, O for 0, I and L for 1. None: it is not one."""
    typed = text.translate(_APART).upper()
    values = [_VALUE.get(character, -1) for character in typed]
    if len(values) != WIDTH or -1 in values or _weighed(values):
        return None
    plain = "".join(ALPHABET[value] for value in values)
    return f"{plain[:5]}-{plain[5:]}"


def found_in(text: str) -> list[str]:
    """The codes in a message, as they are printed, each once.

    One word in 32 passes the check, so letters alone are words and digits alone a phone number, unless they are all that the
    message says or have the hyphen of a code.
    """
    whole = written(text)
    if whole is not None:
        return [whole]
    codes: list[str] = []
    for left, between, right in _IN_TEXT.findall(text):
        mixed = re.search("[0-9]", left + right) and re.search("[A-Za-z]", left + right)
        code = written(left + right) if mixed or between not in ("", " ") else None
        if code is not None and code not in codes:
            codes.append(code)
    return codes


class PayCodes:
    """The codes of one key ring. The first key makes them, every key reads them, so that printed ones outlive a rotation."""

    __slots__ = ("_keys", "_made")

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) < 32 for key in keys):
            raise ValueError("pay codes are made with at least one key, of 32 bytes or more")
        self._keys = tuple(keys)
        self._made = lru_cache(4096)(self._make)  # an invoice is shown many times in its first minutes

    def issue(self, invoice_id: int) -> str:
        """The invoice's code. Raises ValueError when the id is outside 0 to 2**45 - 1."""
        return self._made(invoice_id)

    def _make(self, invoice_id: int) -> str:
        if not 0 <= invoice_id <= MAX_ID:
            raise ValueError("the number does not fit a pay code")
        left, right = invoice_id >> _RIGHT, invoice_id & (1 << _RIGHT) - 1
        for turn in range(0, _ROUNDS, 2):
            left ^= _mixed(self._keys[0], turn, right, _LEFT)
            right ^= _mixed(self._keys[0], turn + 1, left, _RIGHT)
        number = left << _RIGHT | right
        values = [number >> 5 * place & 31 for place in range(WIDTH - 2, -1, -1)]
        plain = "".join(ALPHABET[value] for value in (*values, _weighed(values)))
        return f"{plain[:5]}-{plain[5:]}"

    def candidates(self, code: str) -> tuple[int, ...]:
        """The ids that a code may stand for, one for each key of the ring; none when it is not a code. Proves nothing."""
        known = written(code)
        if known is None:
            return ()
        number = 0
        for character in known.replace("-", "")[:-1]:
            number = number << 5 | _VALUE[character]
        return tuple(_opened(key, number) for key in self._keys)


def _opened(key: bytes, number: int) -> int:
    left, right = number >> _RIGHT, number & (1 << _RIGHT) - 1
    for turn in range(_ROUNDS - 2, -1, -2):
        right ^= _mixed(key, turn + 1, left, _RIGHT)
        left ^= _mixed(key, turn, right, _LEFT)
    return left << _RIGHT | right


def _mixed(key: bytes, turn: int, half: int, bits: int) -> int:
    digest = hmac.digest(key, b"%d.%d" % (turn, half), "sha256")
    return int.from_bytes(digest[:4], "big") & (1 << bits) - 1


TAIL = 4  # characters of the client code that prove its owner
_SUM_AND_UNIT = re.compile(
    r"\s*([a-z]{2,4}\.?|[€$£])?\s*([0-9][0-9.,'\s\u00a0\u202f]*?)\s*([a-z]{2,4}\.?|[€$£])?\s*", re.IGNORECASE
)
_UNITS = {"RON": ("ron", "lei", "leu"), "EUR": ("eur", "euro", "€"), "USD": ("usd", "$"), "GBP": ("gbp", "£")}


def proves(proof: str, reference: str, sums: Sequence[Money]) -> bool:
    """Whether `proof` is what only who holds the invoice knows: the end of the payer's client code, or one of its sums.

    A client code with less than four letters and digits is too easily guessed, and proves nothing.
    """
    own, given = _letters(reference), _letters(proof)
    by_code = len(own) >= TAIL and hmac.compare_digest(given.encode(), own[-TAIL:].encode())
    whole = len(own) >= TAIL and hmac.compare_digest(given.encode(), own.encode())
    by_sum = [_says(proof, money) for money in sums]
    return by_code or whole or any(by_sum)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum()).upper()


def _says(text: str, money: Money) -> bool:
    """Whether a person who wrote `text` meant this sum: `1.234,50 lei`, `1234.50`, `1,234.5`, `RON 1 234,50`."""
    match = _SUM_AND_UNIT.fullmatch(text)
    if match is None:
        return False
    units = _UNITS.get(money.currency, (money.currency.lower(),))
    if any(unit and unit.lower().rstrip(".") not in units for unit in (match[1], match[3])):
        return False
    return _minor(match[2], decimals(money.currency)) == money.minor


def _minor(written_sum: str, places: int) -> int | None:
    bare = re.sub(r"[\s\u00a0\u202f']", "", written_sum)
    whole, mark, fraction = bare, "", ""
    cut = max(bare.rfind("."), bare.rfind(","))
    if cut >= 0:
        whole, mark, fraction = bare[:cut], bare[cut], bare[cut + 1 :]
    if mark and (not 1 <= len(fraction) <= places or mark in whole):
        if len(fraction) != 3:
            return None
        whole, fraction = bare, ""  # the mark parted thousands
    groups = re.split("[.,]", whole)
    if not all(group.isdigit() and group.isascii() for group in groups) or any(len(each) != 3 for each in groups[1:]):
        return None
    digits = "".join(groups) + fraction.ljust(places, "0")
    return int(digits) if len(digits) <= 20 and (not fraction or fraction.isdigit()) else None
