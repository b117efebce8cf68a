"""Texts that a vendor keeps and has to approve: a body with numbered places, and what stands in them in one message.

Both come of one rendering: `{{ amount|money|place }}` writes the place's number and puts the value into a list, so what is
registered and what is sent cannot disagree. A kept text is named by all that it says, so another text is never taken for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Template as Source
from jinja2 import pass_context
from jinja2.runtime import Context

from gateway.ports.channel import Template, TemplateText

LONGEST_BODY, LONGEST_BUTTON = 1024, 20
_PLACE = re.compile(r"\{\{([0-9]+)\}\}")
_EDGE = re.compile(r"\A\W*\{\{[0-9]+\}\}|\{\{[0-9]+\}\}\W*\Z")
_TOUCHING = re.compile(r"\}\}\s*\{\{")


@pass_context
def placed(context: Context, value: object) -> str:
    """The filter `place`: the number of a new place. What stands there is one line without runs of spaces, and never empty."""
    values: list[str] = context["places"]
    values.append(" ".join(str(value).split()) or "-")
    return f"{{{{{len(values)}}}}}"


@dataclass(frozen=True, slots=True)
class Kept:
    """One rendering. `url` and `path` are the two halves of the button's address; where links are not sent there is no button."""

    body: str
    values: Sequence[str]
    button: str = ""
    url: str = ""
    path: str = ""

    @classmethod
    def of(cls, source: Source, given: Mapping[str, Any], button: str, address: str) -> Kept:
        places: list[str] = []
        body = source.render({**given, "places": places}).strip()
        if not button:
            return cls(body, tuple(places))
        url, slash, path = address.rpartition("/")
        return cls(body, tuple(places), button, url + slash, path)

    def name(self, kind: str) -> str:
        """The kind, and a mark of all that a vendor approves of."""
        said = "\0".join((self.body, self.button, self.url))
        return f"{kind}_{hashlib.sha256(said.encode()).hexdigest()[:8]}"

    @property
    def text(self) -> str:
        """As the payer reads it."""
        return _PLACE.sub(lambda match: self.values[int(match[1]) - 1], self.body)

    def kept(self, kind: str, language: str) -> TemplateText:
        """What a vendor is to keep, with these values as the examples."""
        return TemplateText(self.name(kind), language, self.body, self.values, self.button, self.url, self.path)

    def sent(self, kind: str, language: str) -> Template:
        """What a message says of it."""
        return Template(self.name(kind), self.values, self.path if self.button else None, language)


def kept_faults(text: TemplateText) -> list[str]:
    """What a vendor would refuse: its rules for places, and its lengths."""
    checks = (
        (len(text.body) > LONGEST_BODY, f"is longer than {LONGEST_BODY} characters"),
        (len(text.button) > LONGEST_BUTTON, f"its button {text.button!r} is longer than {LONGEST_BUTTON} characters"),
        (_EDGE.search(text.body), "begins or ends with a place"),
        (_TOUCHING.search(text.body), "has two places with nothing between them"),
        (not text.examples, "has no place, so it says the same to everybody"),
    )
    return [fault for wrong, fault in checks if wrong]
