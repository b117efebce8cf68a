"""Commands that make an Achit ready and keep it safe: schema, billers, checks, backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, StateFolder, carry_out
from gateway.cli.output import counted, remark, say, show_json


def migrate(config: ConfigFile = None, state: StateFolder = None) -> None:
    """Bring the database to this version. Forward only; safe from several processes at once."""
    import asyncio

    from gateway.cli.configured import find_config, operate

    asyncio.run(operate(find_config(config, state, make=True), "migrate", {}, migrate=True))
    say("the database is of this version")


def apply(config: ConfigFile = None, state: StateFolder = None, as_json: AsJson = False) -> None:
    """Serve what the billers' files say. The secret of a new push endpoint is shown this once.

    A secret that a file names by env is read from the environment of this command, also when a server does the work.
    """
    from gateway.cli.applying import apply_all
    from gateway.cli.configured import find_config

    results = []
    for result in apply_all(find_config(config, state, make=True)):
        results.append(result)
        if not as_json:
            say(f"{result['biller']}: {'applied' if result['changed'] else 'unchanged'}")
            for url, secret in result["push_secrets"].items():
                say(f"  push secret of {url}: {secret}")
                remark("  keep it now: it is not shown again")
    if as_json:
        show_json(results)


def webhooks(biller: BillerName = None, config: ConfigFile = None, state: StateFolder = None) -> None:
    """Tell the vendors that want to be told (Telegram) where a biller's webhooks go. The same again is fine."""
    done = carry_out(config, state, "webhooks", biller=biller)
    say(f"{done['biller']}: registered")


def check(config: ConfigFile = None, state: StateFolder = None, as_json: AsJson = False) -> None:
    """Name everything that is wrong: configuration, billers, templates, database, accounts. Changes nothing.

    The exit code is 1 when there is a fault; warnings leave it 0.
    """
    from gateway.cli.checking import check_all

    report = check_all(config, state)
    if as_json:
        show_json({"ok": not report.faults, "faults": report.faults, "warnings": report.warnings})
    else:
        for kind, found in (("fault", report.faults), ("warning", report.warnings)):
            for one in found:
                say(f"{kind}: {one}")
        say(f"{counted(len(report.faults), 'fault')}, {counted(len(report.warnings), 'warning')}")
        say(f"looked at {', '.join(report.looked_at)}")
    raise typer.Exit(1 if report.faults else 0)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    config: ConfigFile = None,
    state: StateFolder = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE when it is there already.")] = False,
) -> None:
    """Copy the SQLite database while it is in use. The copy is consistent, and appears whole or not at all."""
    from gateway.cli.configured import find_config
    from gateway.cli.failing import WrongUse

    target, database = file.resolve(), find_config(config, state).database.url.reveal().removeprefix("sqlite:///")
    if target.is_dir() or not target.parent.is_dir():
        raise WrongUse(f"{file} is a folder" if target.is_dir() else f"there is no folder {target.parent}")
    if str(target).removeprefix(str(Path(database).resolve())) in ("", "-wal", "-shm", ".lock", ".sock"):
        raise WrongUse(f"{file} belongs to the database itself")
    if target.exists() and not force:
        raise WrongUse(f"{file} is there already; --force replaces it")
    made = carry_out(config, state, "backup", file=str(target))
    say(f"{file}: {made['bytes']} bytes")
    remark("what is secret in it is sealed by the keys of the configuration: keep those too, in another place")


def restore(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The backup; none on PostgreSQL, after pg_restore.")
    ] = None,
    config: ConfigFile = None,
    state: StateFolder = None,
) -> None:
    """Make a backup the database again. What was there is kept; nothing that was numbered since is numbered again.

    The server must be stopped. On PostgreSQL run it once after pg_restore, without FILE.
    """
    import asyncio

    from gateway.cli.configured import find_config, quiet_logs
    from gateway.cli.failing import WrongUse
    from gateway.cli.restoring import restore_postgres, restore_sqlite

    quiet_logs()
    found = find_config(config, state, make=True)
    if found.database.url.reveal().startswith("sqlite:"):
        if file is None:
            raise WrongUse("say which FILE to restore")
        kept, last = asyncio.run(restore_sqlite(found, file))
        say(f"{file} is the database now")
        if kept is not None:
            say(f"what was there is kept as {kept}")
    else:
        if file is not None:
            raise WrongUse("PostgreSQL is restored by pg_restore; then run achit restore without FILE")
        last = asyncio.run(restore_postgres(found))
    for slug, sequence in last.items():
        say(f"{slug}: events go on after sequence {sequence}")
