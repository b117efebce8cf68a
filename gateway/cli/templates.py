"""`achit template`: what payers read, to look at before anybody gets it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.cli.options import ConfigFile
from gateway.cli.output import say

if TYPE_CHECKING:
    from gateway.rendering import Renderer


def group() -> typer.Typer:
    templates = typer.Typer(no_args_is_help=True, help="What payers read.")
    templates.callback()(_templates)
    templates.command()(preview)
    return templates


def _templates() -> None:
    """What payers read."""


def preview(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="invoice_issued, payment_received, payment_refunded ...")],
    channel: Annotated[
        Literal["email", "sms", "telegram", "whatsapp"], typer.Option("--channel", help="As what.")
    ] = "email",
    locale: Annotated[str, typer.Option("--locale", metavar="TAG", help="In which language, such as ro or en.")] = "ro",
    biller: Annotated[
        str | None, typer.Option("--biller", metavar="SLUG", help="With this biller's own templates.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write its parts as files into this folder.")
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show a message as a payer would get it, with sample values. Sends nothing and needs no database."""
    from jinja2 import TemplateError

    from gateway.cli.failing import WrongUse
    from gateway.rendering import KINDS
    from gateway.rendering import preview as parts_of

    if kind not in KINDS:
        raise WrongUse(f"there is no message {kind}; there is {', '.join(KINDS)}")
    renderer = _renderer(config)
    if not renderer.language(locale, "", biller=biller):
        raise WrongUse(f"there is no language {locale}; there is {', '.join(renderer.languages)}")
    if biller is not None and biller not in renderer.billers:
        raise WrongUse(f"{biller} has no templates of its own")
    try:
        parts = parts_of(renderer, kind, channel, locale, biller=biller)
    except TemplateError as error:
        raise WrongUse(f"{biller}: {kind} for {channel}: {error}") from None
    if out is None and not open_it:
        for name, text in parts.items():
            say(f"--- {name}\n{text.rstrip()}\n")
        return
    folder = _write(parts, out)
    for name in parts:
        say(str(folder / name))
    if open_it:
        import webbrowser

        shown = "email.html" if "email.html" in parts else "short.txt"
        webbrowser.open((folder / shown).absolute().as_uri())


def _renderer(config: Path | None) -> Renderer:
    from gateway.app import make_renderer
    from gateway.config import load_config
    from gateway.config.server import FILE
    from gateway.rendering import Renderer

    if config is None and not Path(FILE).exists():
        return Renderer()
    return make_renderer(load_config(config or Path(FILE)))


def _write(parts: Mapping[str, str], out: Path | None) -> Path:
    """Writes the parts into `out`, or into a new folder that stays: the browser reads it when this command has ended."""
    import tempfile

    folder = out or Path(tempfile.mkdtemp(prefix="achit-preview-"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in parts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
