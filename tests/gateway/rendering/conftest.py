"""One renderer for all tests that only read: building it is the slow part, and it holds no state."""

from __future__ import annotations

import pytest

from gateway.rendering import Renderer


@pytest.fixture(scope="session")
def renderer() -> Renderer:
    return Renderer()
