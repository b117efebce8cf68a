"""Terminals on a fresh database: SQLite, PostgreSQL, or the test runs once on each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.cli.terminal import Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """On an SQLite file that is not there yet."""
    return Terminal.at(tmp_path, "sqlite:///var/achit.db")


@pytest.fixture
def on_postgres(tmp_path: Path, postgres_url: str) -> Terminal:
    """On an empty PostgreSQL database."""
    return Terminal.at(tmp_path, postgres_url)


@pytest.fixture(params=["terminal", "on_postgres"], ids=["sqlite", "postgres"])
def on_either(request: pytest.FixtureRequest) -> Terminal:
    found: Terminal = request.getfixturevalue(request.param)
    return found
