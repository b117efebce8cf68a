"""Commands that run until they are told to stop: the demo, the server, a worker; and the benchmarks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.options import AsJson, ConfigFile, StateFolder

if TYPE_CHECKING:
    from gateway.config import Config

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


class Role(StrEnum):
    """What a process does. One process does all, unless the database is PostgreSQL."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"

    @property
    def parts(self) -> Sequence[str]:
        return ("web", "worker") if self is Role.ALL else (self.value,)


class Scenario(StrEnum):
    """What `demo --once` walks through."""

    LOOP = "loop"
    CHAT = "chat"
    FAILOVER = "failover"


def demo(
    once: Annotated[bool, typer.Option("--once", help="Run a scenario once without a browser; exit 0 or 1.")] = False,
    scenario: Annotated[
        Scenario, typer.Option("--scenario", help="With --once: from invoice to push, a conversation, or an outage.")
    ] = Scenario.LOOP,
    as_json: AsJson = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="Port of the page on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address, open nothing.")] = False,
) -> None:
    """Show the whole promise on this machine: a phone, a bank and a billing system in one page, no account anywhere."""
    from gateway.app import running
    from gateway.demo import box

    raise typer.Exit(
        box.main(running, once=once, scenario=scenario.value, as_json=as_json, port=port, open_browser=not no_browser)
    )


def serve(
    config: ConfigFile = None,
    state: StateFolder = None,
    role: Annotated[
        Role, typer.Option("--role", help="web and worker as separate processes need PostgreSQL.")
    ] = Role.ALL,
) -> None:
    """Serve the API, the pay pages and the webhooks, and do the work. SIGTERM ends it gracefully."""
    from gateway.cli.configured import find_config

    _run(find_config(config, state, make=True), role)


def worker(config: ConfigFile = None, state: StateFolder = None) -> None:
    """Do the work alone, beside processes that serve: the same as serve --role worker."""
    from gateway.cli.configured import find_config

    _run(find_config(config, state, make=True), Role.WORKER)


def bench(context: typer.Context) -> None:
    """Measure this machine: each leg beside its floor. Runs from a checkout; options are passed on, such as --json."""
    import subprocess
    import sys

    import gateway
    from gateway.cli.failing import WrongUse

    checkout = Path(gateway.__file__).parents[1]
    if not (checkout / "benchmarks" / "__main__.py").is_file():
        raise WrongUse(f"the benchmarks are not installed: clone the repository and run there; {checkout} is none")
    done = subprocess.run([sys.executable, "-m", "benchmarks", *context.args], cwd=checkout, check=False)  # noqa: S603
    raise typer.Exit(done.returncode)


def _run(config: Config, role: Role) -> None:
    from gateway import logs
    from gateway.cli.failing import WrongUse

    if role is not Role.ALL and config.database.url.reveal().startswith("sqlite:"):
        raise WrongUse(f"SQLite is for one process: --role {role} needs a PostgreSQL database; serve does both")
    logs.configure(config.logs.level, json=config.logs.format == "json")
    asyncio.run(_serve(config, role))


async def _serve(config: Config, role: Role) -> None:
    """Runs until SIGTERM or SIGINT; what is under way then ends first, unless a second signal does not wait for it."""
    import signal

    import structlog

    from gateway import __version__
    from gateway.app import running

    log = structlog.get_logger()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(config, roles=role.parts) as gateway:
        log.info(
            "serving",
            url=gateway.url or None,
            operations_url=gateway.operations_url,
            **({"lmtp": gateway.lmtp} if gateway.lmtp else {}),
            role=role,
            version=__version__,
        )
        await stop.wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        log.info("stopping")
    log.info("stopped")
