"""One renderer for all tests that only read: building it is the slow part, and it holds no state."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.rendering import Renderer
from gateway.rendering.samples import sample_page
from tests.harness.payer_site import Site


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()


@pytest.fixture
async def site(renderer: Renderer) -> AsyncIterator[Site]:
    made = Site(renderer, sample_page("invoice"))
    await made.start()
    made.forms = (made.bank_origin,)
    yield made
    await made.biller.close()
    await made.bank.close()
