"""The command `achit`. It reads files and terminals, and shows; what a command does is in `gateway.control` and `gateway.app`.

Nothing heavy is imported before a command is chosen, so that `achit --help` is instant.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, Exit, TyperException

from gateway import __version__
from gateway.cli import (
    chat,
    dates,
    invoices,
    keys,
    mail,
    providers,
    pushes,
    reconcile,
    refunds,
    reminders,
    routes,
    serving,
    setup,
    tasks,
    templates,
    whatsapp,
)


class Commands(TyperGroup):
    """Ends a command that cannot be carried out with sentences on standard error and an exit code, never with a trace.

    1: it was refused, or faults were found. 2: the command or the configuration is wrong. 130: interrupted.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (Exit, Abort, TyperException):
            raise  # the command line's own: an end, help, wrong options
        except KeyboardInterrupt:
            raise Exit(130) from None
        except Exception as error:
            from gateway.cli.failing import failure_of

            failure = failure_of(error)
            if failure is None:
                raise
            for line in failure.lines:
                typer.echo(f"achit: {line}", err=True)
            raise Exit(failure.code) from None


def main() -> None:
    """Runs the command line of this process; the exit code is the process's."""
    application()()


def application() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="achit",
        cls=Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # a trace with local variables could show a secret
    )
    app.callback()(_root)
    run = "Run"
    app.command(rich_help_panel=run)(serving.demo)
    app.command(rich_help_panel=run)(serving.serve)
    app.command(rich_help_panel=run)(serving.worker)
    app.command(rich_help_panel=run, context_settings=serving.PASS_ON)(serving.bench)
    set_up = "Set up"
    app.command(rich_help_panel=set_up)(setup.check)
    app.command(rich_help_panel=set_up)(setup.migrate)
    app.command(rich_help_panel=set_up)(setup.apply)
    app.command(rich_help_panel=set_up)(setup.webhooks)
    app.add_typer(keys.group(), name="key", rich_help_panel=set_up)
    app.add_typer(templates.group(), name="template", rich_help_panel=set_up)
    app.command(rich_help_panel=set_up)(dates.dates)
    app.command(rich_help_panel=set_up)(chat.chat)
    app.add_typer(whatsapp.group(), name="whatsapp", rich_help_panel=set_up)
    app.add_typer(invoices.group(), name="invoice", rich_help_panel="Bill")
    app.add_typer(mail.group(), name="email", rich_help_panel="Bill")
    app.add_typer(reminders.group(), name="reminders", rich_help_panel="Bill")
    app.add_typer(routes.group(), name="route", rich_help_panel="Bill")
    app.add_typer(refunds.group(), name="refund", rich_help_panel="Bill")
    look_after = "Look after"
    app.command(rich_help_panel=look_after)(setup.backup)
    app.command(rich_help_panel=look_after)(setup.restore)
    app.add_typer(reconcile.group(), name="reconcile", rich_help_panel=look_after)
    app.add_typer(tasks.group(), name="tasks", rich_help_panel=look_after)
    app.add_typer(pushes.group(), name="push", rich_help_panel=look_after)
    app.add_typer(providers.group(), name="provider", rich_help_panel="Extend")
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """A self-hosted payment-channel gateway: invoice in, message out, paid, green, pushed."""
