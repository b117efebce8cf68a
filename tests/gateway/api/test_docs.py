"""The documentation page: made of the document alone, searchable without a script, and fit for everybody."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup
from playwright.async_api import Browser

from gateway.api import answers, examples
from gateway.api.docs import prose
from gateway.api.errors import KINDS
from gateway.api.routes import OPERATIONS, api_document
from tests.gateway.api.conftest import Api
from tests.harness.browser import faults


async def page(edge: Api, path: str = "/docs") -> str:
    answer = await edge.client.get(path)
    assert (answer.status, answer.content_type) == (200, "text/html")
    return await answer.text()


async def test_everything_in_the_document_is_on_the_page(edge: Api) -> None:
    html = await page(edge)
    anchors = set(re.findall(r' id="([^"]+)"', html))
    assert {one.name for one in OPERATIONS} <= anchors
    assert {f"problem-{name}" for name in KINDS} <= anchors
    assert {f"shape-{name}" for name in api_document("")["components"]["schemas"]} <= anchors
    assert all(one.path in html for one in OPERATIONS)


async def test_every_link_leads_somewhere(edge: Api) -> None:
    html = await page(edge)
    anchors = set(re.findall(r' id="([^"]+)"', html))
    links = set(re.findall(r'href="([^"]+)"', html))
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    for link in links:
        if not link.startswith("#"):
            assert (await edge.client.get(link)).status == 200, link


async def test_the_policy_is_strict_and_the_page_needs_no_more(edge: Api) -> None:
    answer = await edge.client.get("/docs")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    html = await answer.text()
    assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", html)
    assert not re.findall(r'(?:src|href|action)="https?:', html)


async def test_a_search_is_answered_by_the_server(edge: Api) -> None:
    found = await page(edge, "/docs?q=Withdraw+INVOICE")
    assert 'id="void_invoice"' in found
    assert 'id="read_events"' not in found
    assert "0 results" in await page(edge, "/docs?q=nothing-like-it")
    hostile = await page(edge, "/docs?q=%22%3E%3Cscript%3E" + "x" * 500)
    assert "<script" not in hostile
    assert len(re.findall("x", hostile)) < 500


async def test_the_page_is_not_sent_twice(edge: Api) -> None:
    first = await edge.client.get("/docs")
    again = await edge.client.get("/docs", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


def test_prose_escapes_all_but_its_own_marks() -> None:
    assert prose("a **b** `c<d>` <i>\n\n- e\n- f") == Markup(
        "<p>a <strong>b</strong> <code>c&lt;d&gt;</code> &lt;i&gt;</p>\n<ul><li>e</li><li>f</li></ul>"
    )
    assert prose("") == ""


def test_the_examples_of_answers_are_what_is_answered() -> None:
    answers.Invoice.model_validate(examples.ISSUED, strict=False)
    answers.Event.model_validate(examples.PAID, strict=False)


async def test_the_example_has_the_fields_that_are_really_answered(edge: Api) -> None:
    issued = await edge.ok("POST", "/v1/invoices", examples.SMALLEST)
    assert list(issued) == list(examples.ISSUED)
    assert list(issued["deliveries"][0]) == list(examples.ISSUED["deliveries"][0])
    assert (await edge.call("POST", "/v1/invoices", examples.FULLEST | {"deliver": []}))[0].status == 201


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("dark", 1440), pytest.param("light", 320, marks=pytest.mark.soak)])
async def test_axe_finds_nothing_and_nothing_is_blocked(edge: Api, browser: Browser, scheme: str, width: int) -> None:
    said: list[str] = []
    opened = await browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    opened.on("console", lambda message: said.append(message.text))
    await opened.goto(str(edge.client.make_url("/docs")))
    assert said == []
    assert await opened.evaluate("document.documentElement.scrollWidth") <= width
    assert (
        await opened.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "flex"
    )  # the style is there
    assert await faults(opened) == []
    await opened.set_viewport_size({"width": 320, "height": 900})
    assert await opened.evaluate("document.documentElement.scrollWidth") <= 320
    await opened.get_by_label("Search the API").fill("void")
    await opened.get_by_role("button", name="Search").click()
    await opened.get_by_role("heading", name="Withdraw an invoice").wait_for()
    await opened.close()
