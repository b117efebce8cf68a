"""Runs a contract outside pytest, to prove that it fails for an adapter that is broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest


def cases(contract: type[Any]) -> list[str]:
    """The names of the contract's cases."""
    return sorted(name for name in dir(contract) if name.startswith("test_"))


async def failing_cases(
    contract: type[Any], open_bench: Callable[[], AbstractAsyncContextManager[Any]], *names: str
) -> dict[str, BaseException]:
    """Runs every case, or those of these names, on a bench of its own and returns those that failed; a skipped one did not fail."""
    failures: dict[str, BaseException] = {}
    for name in names or cases(contract):
        async with open_bench() as bench:
            try:
                await getattr(contract(), name)(bench)
            except pytest.skip.Exception:
                continue
            except (Exception, pytest.fail.Exception) as failure:
                failures[name] = failure
    return failures
