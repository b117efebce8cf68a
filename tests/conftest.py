"""Fixtures that every test may use: a clock that stands still, real databases, third-party data."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog
from playwright.async_api import Browser

from gateway.store.database import Database, open_database
from gateway.testing.clock import FakeClock
from tests.harness.browser import chromium
from tests.harness.compiled import share_compiled_statements, share_compiled_templates
from tests.harness.databases import ENGINES, Databases
from tests.harness.postgres import Cluster, free_port, running_cluster
from tests.harness.scheduling import Scheduling
from tests.harness.vectors import vectors_or_skip
from tests.harness.wire import dead_port

# The same examples on every machine and at any load: a run that was green is green. `make soak` searches on.
hypothesis.settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "search", max_examples=2_000, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same")
_KEPT = {"ACHIT_VECTORS", "ACHIT_TEST_POSTGRES_URL"}


def pytest_configure() -> None:
    """What the developer's shell says about the product must not reach the tests."""
    for name in [name for name in os.environ if name.startswith("ACHIT_") and name not in _KEPT]:
        del os.environ[name]
    # A run in the background of a shell ignores interrupts, and so would every command that a test starts and interrupts.
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    share_compiled_templates()
    share_compiled_statements()
    # structlog's own way to show a traceback draws every local variable: seconds of work for a fault that a test wants.
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vectors() -> Path:
    return vectors_or_skip()


@pytest.fixture(name="dead_port")
def _dead_port() -> int:
    return dead_port()


@pytest.fixture(name="free_port")
def _free_port() -> Callable[[], int]:
    return free_port


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with contextlib.AsyncExitStack() as stack:
        try:
            launched = await stack.enter_async_context(chromium())
        except LookupError as error:
            pytest.skip(str(error))
        yield launched


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """The server of this test process; started by the first test that asks."""
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(running_cluster())
        except LookupError as error:
            pytest.skip(str(error))
        yield cluster


@pytest.fixture
async def postgres_url(postgres: Cluster) -> AsyncIterator[str]:
    """The URL of a fresh, empty database; gone after the test."""
    name = await postgres.create()
    yield postgres.url_of(name)
    await postgres.drop(name)


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return Databases(tmp_path_factory.mktemp("databases"), lambda: request.getfixturevalue("postgres"))


@pytest.fixture(params=ENGINES)
async def database_url(request: pytest.FixtureRequest, databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh database with the newest schema, once on each engine."""
    if request.param == "postgres":
        request.getfixturevalue("postgres")
    url = await databases.make(request.param)
    yield url
    await databases.drop(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated database; the test runs once on each engine."""
    opened = await open_database(database_url)
    yield opened
    await opened.aclose()
