"""A payer's browser without JavaScript: it reads a page's forms, and presses their buttons as HTML says."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import aiohttp


@dataclass
class Form:
    """What a press of one of its buttons would post, and where."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") == "post":
            self.found.append(Form(given["action"]))
        elif tag == "input" and given.get("type") == "hidden":
            self.found[-1].fields[given["name"]] = given["value"]
        elif tag == "button" and given.get("type", "submit") == "submit":
            self.found[-1].buttons.append((given.get("name", ""), given.get("value", "")))


@dataclass(frozen=True)
class Shown:
    """What came of a visit or a press: a page, or where the browser is sent (which it does not follow by itself)."""

    url: str
    status: int
    text: str
    location: str | None

    @property
    def forms(self) -> list[Form]:
        parser = _Forms()
        parser.feed(self.text)
        return parser.found

    @property
    def methods(self) -> list[str]:
        return [value for form in self.forms for name, value in form.buttons if name == "method"]


class Payer:
    """A visitor. Nothing that they do proves anything."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def open(self, url: str) -> Shown:
        async with self._session.get(url, allow_redirects=False) as answer:
            return await _shown(url, answer)

    async def press(self, page: Shown, name: str = "", value: str = "") -> Shown:
        """The one button of this name and value."""
        (form,) = (form for form in page.forms if (name, value) in form.buttons)
        url = urljoin(page.url, form.action)
        data = form.fields | ({name: value} if name else {})
        async with self._session.post(url, data=data, allow_redirects=False) as answer:
            return await _shown(url, answer)

    async def follow(self, page: Shown) -> Shown:
        """Goes where the page sends the browser."""
        assert page.location is not None, f"{page.status} sends nobody anywhere"
        return await self.open(urljoin(page.url, page.location))


async def _shown(url: str, answer: aiohttp.ClientResponse) -> Shown:
    return Shown(url, answer.status, await answer.text(), answer.headers.get("Location"))
