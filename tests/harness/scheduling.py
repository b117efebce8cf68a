"""Which tests go to one worker of `pytest -n`."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

# Files whose fixtures are made once a file, at the price of a build or of a server that starts. A table and not marks:
# what runs the workers sees names alone, and the groups that pytest-xdist makes of marks (3.8) are lost on pytest 9.2.
TOGETHER = frozenset(
    {
        "tests/benchmarks/test_smoke.py",
        "tests/channels/test_email_smtp.py",
        "tests/e2e/test_bad_input.py",
        "tests/e2e/test_bad_webhooks.py",
        "tests/test_wheel.py",
    }
)


class Scheduling(LoadScopeScheduling):
    """Each test goes to the worker that is free, but those of a file of `TOGETHER` to one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in TOGETHER else nodeid
