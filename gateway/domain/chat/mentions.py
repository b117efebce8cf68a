"""What a message names that has to be looked up before it is answered: links to pay pages, pay codes, other addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.domain.chat.values import Link, Mentions
from gateway.domain.paycodes import found_in

LONGEST = 4096  # characters of a message that are searched
MOST = 3  # codes and links of a message
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"']{1,500}|(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}(?::\d{1,5})?/[^\s<>\"']{0,400}",
    re.IGNORECASE,
)
_PAGE = re.compile(
    r"(?:https?://)?([a-z0-9.-]{1,253}(?::\d{1,5})?)/p/([0-9A-Za-z]{18})(?:[/?#].*)?", re.IGNORECASE | re.DOTALL
)
_ALONE = 80  # characters of a message that is a code
_SAID_ALONE = 4  # words beside a code, at the most, where the code is what is said (its second half may be one)


def mentions(text: str) -> Mentions:
    """The links, pay codes and other addresses of a message, each once, in their order. Never raises."""
    text = text[:LONGEST]
    links: dict[str, Link] = {}
    others: dict[str, None] = {}
    for address in addresses(text):
        if page := _PAGE.fullmatch(address):
            links[address] = Link(address, page[1].lower(), page[2])
        else:
            others[address] = None
    rest = _ADDRESS.sub(" ", text)
    return Mentions(tuple(links.values())[:MOST], tuple(found_in(rest))[:MOST], tuple(others)[:MOST])


def addresses(text: str) -> Iterator[str]:
    """Everything in a text that a telephone would make a link of."""
    for match in _ADDRESS.finditer(text[:LONGEST]):
        yield match[0].rstrip(".,;:!?)]}»”’")


def only_code(text: str) -> str | None:
    """The pay code of a message that says little besides; None when there is no such code."""
    found = found_in(text[:_ALONE])
    said = len(re.findall(r"\w+", text[:_ALONE])) - 1
    return found[0] if len(found) == 1 and len(text) < _ALONE and said <= _SAID_ALONE else None
