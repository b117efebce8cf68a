"""`achit provider`: what the author of an adapter starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import remark, say


def group() -> typer.Typer:
    providers = typer.Typer(no_args_is_help=True, help="Adapters of vendors that move money.")
    providers.callback()(_providers)
    providers.command()(new)
    return providers


def _providers() -> None:
    """Adapters of vendors that move money."""


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The adapter's name, such as acme_pay.")],
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", show_default="here", help="The checkout of Achit to write into.")
    ] = Path(),
) -> None:
    """Write a new provider: adapter, stand-in of its vendor, contract tests, a fixture and its page. Overwrites nothing.

    What it writes is complete and passes every check; its vendor is made up. Change adapter and stand-in together, as the docs of
    the real vendor say.
    """
    from gateway.cli import scaffolding
    from gateway.cli.failing import WrongUse
    from gateway.control import Refused

    if fault := scaffolding.name_fault(name):
        raise WrongUse(f"{name!r}: {fault}")
    if missing := scaffolding.missing_from(into):
        raise WrongUse(f"{into.absolute()} is not a checkout of Achit: there is no {', no '.join(missing)}")
    if there := scaffolding.taken(name, into):
        raise Refused(f"there is a provider {name} already; nothing was written", there)
    for path in scaffolding.write(name, into):
        say(path)
    remark(_NEXT.format(name=name))


_NEXT = """
Next:
  1. See that it is green: python -m pytest tests/providers/test_{name}_contract.py
  2. Read docs/how-to/add-a-provider.md, then make tests/fakes/{name}.py refuse what the vendor refuses, and providers/{name}.py say
     what the vendor's docs say. Put exchanges that the docs show, or a test account sent, into tests/providers/fixtures/{name}.
  3. Declare in PROVIDER what the vendor can do (refunds, cancels, finds_payments, lists_payments): each brings its cases.
  4. Write docs/providers/{name}.md anew; in its last table say of each fact where it comes from and how it was verified.
  5. Add {name} to PROVIDERS in docs/generate.py and run it. Then: make test"""
