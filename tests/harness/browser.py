"""A real Chromium, and what axe finds on a page in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
]
# Only what is wrong is worked out in full: a long page has thousands of places where nothing is.
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser of this test alone. Raises LookupError where there is no Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        raise LookupError("no Chromium on this machine")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        await launched.close()


async def faults(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds, by rule and place."""
    found = await Axe().run(page, options=OPTIONS if options is None else options)
    return [f"{fault['id']}: {node['target']}" for fault in found.response["violations"] for node in fault["nodes"]]
