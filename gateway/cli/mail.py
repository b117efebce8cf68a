"""`achit email`: what a mail server calls."""

from __future__ import annotations

import base64
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Exit

from gateway.cli.options import ConfigFile, StateFolder, carry_out

TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the message and tries again
MOST_BYTES = 16_777_216


class ForMailServers(TyperGroup):
    """Ends in 0 or 75 alone: for any other code a mail server would send the message back to the payer."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exit as ended:
            raise Exit(TEMPORARY if ended.exit_code else 0) from None
        except Exception as error:
            from gateway.cli.failing import failure_of

            failure = failure_of(error)
            for line in failure.lines if failure else [str(error) or type(error).__name__]:
                typer.echo(f"achit: {line}", err=True)
            raise Exit(TEMPORARY) from None


def group() -> typer.Typer:
    emails = typer.Typer(cls=ForMailServers, no_args_is_help=True, help="Take mail from a mail server.")
    emails.callback()(_emails)
    emails.command()(receive)
    return emails


def _emails() -> None:
    """Take mail from a mail server."""


def receive(
    account: Annotated[
        str | None,
        typer.Argument(metavar="[ACCOUNT]", help="Such as acme.email; without it, whose address the mail was sent to."),
    ] = None,
    config: ConfigFile = None,
    state: StateFolder = None,
) -> None:
    """Take one raw message (RFC 5322) on standard input: a bounce, a complaint or an answer. For a pipe of Postfix or Exim.

    Ends with 0 when the message is stored, and with 75 (try again) in every other case; never with a code that bounces it.
    """
    mail = sys.stdin.buffer.read(MOST_BYTES)
    while sys.stdin.buffer.read(1_048_576):
        pass  # attachments; a closed pipe would be a failure to the mail server
    carry_out(config, state, "email.receive", account=account, mail=base64.b64encode(mail).decode())
