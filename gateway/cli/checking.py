"""`achit check`: every fault of every part at once, each by its place. A part that cannot be looked at is a fault of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway import control
from gateway.app import make_renderer, open_context
from gateway.cli.configured import find_config, quiet_logs
from gateway.cli.failing import WrongUse
from gateway.cli.output import counted
from gateway.config import BillerConfig, Config, ConfigError, load_billers
from gateway.registry import Registry, name_faults
from gateway.rendering import BadTemplates, Renderer
from gateway.rendering import check as template_faults
from gateway.settings import Fault
from gateway.store.database import DatabaseInUse, StoreUnavailable, open_database


@dataclass
class Report:
    """What was found, as sentences, and what was looked at."""

    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    def add(self, found: Iterable[Fault]) -> None:
        for fault in found:
            (self.warnings if fault.warning else self.faults).append(str(fault))


def check_all(config: Path | None, state: Path | None) -> Report:
    """Looks at everything that can be looked at; what is missing is reported and never made."""
    quiet_logs()
    report = Report(looked_at=["the installation"])
    report.add(Fault("installation", what) for what in name_faults())
    found = _configuration(config, state, report)
    renderer = _templates(found, report)
    if found is not None:
        billers = _billers(found, report)
        asyncio.run(_database(found, billers, renderer, report))
    return report


def _configuration(config: Path | None, state: Path | None, report: Report) -> Config | None:
    report.looked_at.append("the configuration")
    try:
        found = find_config(config, state)
    except ConfigError as error:
        report.add(error.faults)
    except (WrongUse, OSError) as error:
        report.add([Fault("configuration", str(error))])
    else:
        report.add(found.warnings)
        return found
    return None


def _templates(config: Config | None, report: Report) -> Renderer:
    """The templates that can be used: without the billers' own, when those have faults."""
    report.looked_at.append("the templates")
    try:
        renderer = make_renderer(config) if config else Renderer()
    except BadTemplates as error:
        report.add(Fault("templates", what) for what in error.faults)
        return Renderer()
    report.add(Fault("templates", what) for what in template_faults(renderer))
    return renderer


def _billers(config: Config, report: Report) -> list[BillerConfig]:
    files = config.biller_files()
    report.looked_at.append(counted(len(files), "biller"))
    billers: list[BillerConfig] = []
    faults: list[Fault] = []
    for file in files:  # one with a fault hides no other from what follows
        try:
            billers += load_billers([file], Registry())
        except ConfigError as error:
            faults += error.faults
    if not faults:
        try:
            load_billers(files, Registry())
        except ConfigError as error:
            faults += error.faults
    report.add(faults)
    return billers


async def _database(config: Config, billers: list[BillerConfig], renderer: Renderer, report: Report) -> None:
    arguments = {"billers": [control.pack_biller(biller) for biller in billers]}
    try:
        found = await _look(config, arguments, renderer)
    except ConfigError as error:
        report.add(error.faults)
    except control.Refused as error:
        report.add(Fault("database", what) for what in (str(error), *error.details))
    except (DatabaseInUse, StoreUnavailable, OSError, sqlite3.Error) as error:
        report.add([Fault("database", str(error))])
    else:
        report.looked_at.append("the database and its accounts")
        report.add(Fault(one["where"], one["what"], one["warning"]) for one in found)


async def _look(config: Config, arguments: dict[str, Any], renderer: Renderer) -> Any:
    """What the running server finds, or what is found in the database itself."""
    url = config.database.url.reveal()
    beside = control.socket_beside(url)
    if beside is not None:
        try:
            return await control.ask(beside, "check", arguments)
        except control.NobodyListens:
            pass
        if not (file := beside.with_suffix("")).exists():
            raise control.Refused(f"there is no {file} yet: run achit migrate")
    database = await open_database(url)
    try:
        if not await database.schema_is_current():
            raise control.Refused("is not of this version: run achit migrate")
        async with open_context(config, database=database, migrate=False, renderer=renderer) as ctx:
            return await control.perform(ctx, "check", arguments)
    finally:
        await database.aclose()
