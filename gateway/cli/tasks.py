"""`achit tasks`: the work that waits, and the work that is out of tries."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.options import AsJson, ConfigFile, Limit, StateFolder, carry_out
from gateway.cli.output import Columns, at, counted, say, show_json, show_table


def group() -> typer.Typer:
    tasks = typer.Typer(invoke_without_command=True)
    tasks.callback()(list_)
    tasks.command()(replay)
    return tasks


def list_(
    context: typer.Context,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that are out of tries.")] = False,
    limit: Limit = 50,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """List the tasks of the outbox: what waits for its time or its next try, and what is dead. Instants are UTC."""
    if context.invoked_subcommand is not None:
        return
    states = ["dead"] if dead else ["due", "dead"]
    found = carry_out(config, state, "tasks", states=states, limit=limit)
    if as_json:
        show_json(found)
        return
    columns: Columns = {
        "task": "id",
        "kind": "kind",
        "key": "key",
        "state": lambda row: "running" if row["lease_by"] else row["state"],
        "tries": "tries",
        "due": at("due_at"),
        "destination": "destination",
        "last error": "last_error",
    }
    show_table(found["tasks"], columns, empty="there is no dead task" if dead else "there is no task")
    hidden = sum(found["counts"].values()) - len(found["tasks"])
    if hidden > 0:
        say(f"and {hidden} more")


def replay(
    task: Annotated[int | None, typer.Argument(metavar="[TASK]", help="Its number.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every dead task.")] = False,
    config: ConfigFile = None,
    state: StateFolder = None,
) -> None:
    """Give a dead task all its tries again, now."""
    from gateway.cli.failing import WrongUse

    if (task is None) is not every:
        raise WrongUse("give the number of a task, or --all")
    done = carry_out(config, state, "tasks.replay", task=task)
    say(f"{counted(done['count'], 'task')} will be tried again")
