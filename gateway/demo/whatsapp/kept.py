"""The templates of the stand-in's business account: what Meta checks before it keeps one, and what one says when it is filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.demo.whatsapp.people import PhoneButton

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_PLACE = re.compile(r"\{\{(\d+)\}\}")
_EDGE = re.compile(r"\A\W*\{\{\d+\}\}|\{\{\d+\}\}\W*\Z")
_CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
_BAD_VALUE = re.compile(r"[\n\t]| {5,}")


class Refused(Exception):
    """An error of the API: `status` is the HTTP status, `code` Meta's."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(slots=True)
class KeptTemplate:
    """One text in one language. `button_url` ends with its place, or there is no button."""

    id: str
    name: str
    language: str
    category: str
    body: str
    button: str = ""
    button_url: str = ""
    status: str = "APPROVED"
    rejected_reason: str = "NONE"

    def shown(self) -> dict[str, Any]:
        """As the API lists it."""
        return {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "category": self.category,
            "status": self.status,
            "rejected_reason": self.rejected_reason,
        }

    def filled(self, components: Sequence[Mapping[str, Any]]) -> tuple[str, tuple[PhoneButton, ...]]:
        """What the payer reads. Raises Refused when the values are not as many as the places, or not fit to stand there."""
        values = _values(components, "body")
        if len(values) != len(set(_PLACE.findall(self.body))):
            raise Refused(132000, "Number of parameters does not match the expected number of params")
        if any(not value or _BAD_VALUE.search(value) for value in values):
            raise Refused(132012, "Parameter format does not match format in the created template")
        suffixes = _values(components, "button")
        if len(suffixes) != bool(self.button):
            raise Refused(132000, "Button parameters do not match the template's buttons")
        text = _PLACE.sub(lambda match: values[int(match[1]) - 1], self.body)
        return text, tuple(PhoneButton(self.button, url=_PLACE.sub(suffix, self.button_url)) for suffix in suffixes)


def _values(components: Sequence[Mapping[str, Any]], kind: str) -> list[str]:
    found = [one for one in components if one.get("type") == kind]
    if any(one.get("sub_type") != "url" or one.get("index") != "0" for one in found if kind == "button"):
        raise Refused(100, "Invalid parameter: button")
    given = [parameter for one in found for parameter in one.get("parameters", ())]
    if any(parameter.get("type") != "text" or not isinstance(parameter.get("text"), str) for parameter in given):
        raise Refused(132012, "Parameter format does not match format in the created template")
    return [parameter["text"] for parameter in given]


def checked(given: Mapping[str, Any], number: int) -> KeptTemplate:
    """A template to be kept. Raises Refused with what Meta says of one that is not well made."""
    parts = {str(part.get("type", "")).upper(): part for part in given.get("components", ())}
    body = str(parts.get("BODY", {}).get("text", ""))
    places = [int(place) for place in _PLACE.findall(body)]
    examples = parts.get("BODY", {}).get("example", {}).get("body_text", [[]])[0]
    buttons = parts.get("BUTTONS", {}).get("buttons", [])
    button = buttons[0] if buttons else {}
    url = str(button.get("url", ""))
    checks = (
        (_NAME.fullmatch(str(given.get("name", ""))) is None, "Invalid parameter: name"),
        (not given.get("language"), "Invalid parameter: language"),
        (given.get("category") not in _CATEGORIES, "Invalid parameter: category"),
        (not 0 < len(body) <= 1024, "Invalid parameter: body"),
        (places != list(range(1, len(places) + 1)), "Variables are not numbered from 1 on"),
        (_EDGE.search(body) is not None, "Variables can't be at the start or end of the template"),
        (len(examples) != len(places), "Message template components are missing example values"),
        (len(buttons) > 1, "This stand-in keeps one button"),
        (bool(button) and not 0 < len(str(button.get("text", ""))) <= 25, "Invalid parameter: button"),
        (bool(button) and not _is_url(url), "Invalid parameter: button url"),
        (bool(button) and not (url.endswith("{{1}}") and button.get("example")), "The URL's variable needs an example"),
    )
    for wrong, why in checks:
        if wrong:
            raise Refused(100, why)
    return KeptTemplate(
        id=str(1_689_556_908_129_000 + number),
        name=str(given["name"]),
        language=str(given["language"]),
        category=str(given["category"]),
        body=body,
        button=str(button.get("text", "")),
        button_url=url,
    )


def _is_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
