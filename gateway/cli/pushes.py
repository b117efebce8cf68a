"""`achit push`: what was pushed to billing systems and how they answered; and pushing it again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.cli.options import AsJson, ConfigFile, Limit, OfBiller, StateFolder, carry_out
from gateway.cli.output import Columns, Json, at, counted, say, show_json, show_table


def group() -> typer.Typer:
    pushes = typer.Typer(no_args_is_help=True, help="Status pushes to billing systems.")
    pushes.command()(endpoints)
    pushes.command()(log)
    pushes.command()(replay)
    return pushes


def endpoints(
    biller: OfBiller = None, config: ConfigFile = None, state: StateFolder = None, as_json: AsJson = False
) -> None:
    """List where events are pushed, and up to which sequence each endpoint has them."""
    rows = carry_out(config, state, "push.endpoints", biller=biller)
    if as_json:
        show_json(rows)
        return
    columns: Columns = {
        "endpoint": "id",
        "biller": "biller",
        "url": "url",
        "state": lambda row: "on" if row["enabled"] else f"off: {row['disabled_reason'] or 'by the biller'}",
        "sequence": "sequence",
        "events": lambda row: " ".join(row["events"]) or "all",
    }
    show_table(rows, columns, empty="there is no push endpoint")


def log(
    biller: OfBiller = None,
    endpoint: Annotated[str | None, typer.Option("--endpoint", metavar="ID", help="Of this endpoint alone.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only those that are out of tries.")] = False,
    limit: Limit = 50,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """List pushes, the newest first, each with the answer to its last try. Instants are UTC."""
    only = "dead" if dead else None
    rows = carry_out(config, state, "push.log", biller=biller, endpoint=endpoint, only=only, limit=limit)
    if as_json:
        show_json(rows)
        return
    columns: Columns = {
        "push": "id",
        "endpoint": "endpoint",
        "event": "event_type",
        "sequence": "sequence",
        "state": "state",
        "tries": "tries",
        "created": at("created_at"),
        "last answer": _last_answer,
    }
    show_table(rows, columns, empty="no such push was sent yet")


def replay(
    push: Annotated[str | None, typer.Argument(metavar="[PUSH]", help="Its id, such as psh_000001C.")] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="ID", help="Instead: all events of this endpoint ...")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="INSTANT", help="... from this instant on, such as 2026-11-23T09:00:00Z."),
    ] = None,
    config: ConfigFile = None,
    state: StateFolder = None,
) -> None:
    """Push one event again, or every event of an endpoint since an instant; with the ids that they had."""
    from gateway.cli.failing import WrongUse

    match push, endpoint, since:
        case str(), None, None:
            again = carry_out(config, state, "push.replay", push=push)
            say(f"{again['id']} will be pushed again")
        case None, str(), str():
            instant = _instant(since).isoformat()
            done = carry_out(config, state, "push.replay_since", endpoint=endpoint, since=instant)
            say(f"{counted(done['count'], 'event')} will be pushed again")
        case _:
            raise WrongUse("give the id of a push, or --endpoint with --since")


def _last_answer(push: Json) -> str:
    if not push["log"]:
        return ""
    last = push["log"][-1]
    return f"{last['code'] or last['error']} in {last['ms']} ms"


def _instant(text: str) -> datetime:
    """An instant with its offset; a day alone begins at midnight UTC."""
    from gateway.cli.failing import WrongUse

    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{text} is not an instant such as 2026-11-23T09:00:00Z") from None
    if read.tzinfo is None and len(text) > len("2026-11-23"):
        raise WrongUse(f"{text} has no offset: write Z for UTC, or one such as +02:00")
    return read if read.tzinfo else read.replace(tzinfo=UTC)
