"""`achit chat`: a developer's tool that tries phrases on what is really owed; it sends nothing unless it is told to."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from gateway.cli.options import AsJson, BillerName, ConfigFile, StateFolder, carry_out
from gateway.cli.output import Json, remark, say

REMEMBERED = 20  # lines that a dry run takes again, so that an answer is one


def chat(
    payer: Annotated[
        str, typer.Option("--payer", metavar="REFERENCE", help="Whose messages they are: your reference of the payer.")
    ],
    channel: Annotated[
        str | None,
        typer.Option(
            "--channel", metavar="NAME", show_default="the first that reaches the payer", help="Where they are written."
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Really take each message: what it asks for is done, and the answer is sent.")
    ] = False,
    biller: BillerName = None,
    config: ConfigFile = None,
    state: StateFolder = None,
    as_json: AsJson = False,
) -> None:
    """Try what a payer might write, one message a line on standard input: what is understood, what follows, what is answered.

    A dry run: each line is taken after those before it, and everything is undone. `>remind:1` presses a button.
    """
    if live:
        remark(f"Live: {payer} gets the answers.")
    texts: list[str] = []
    for line in _lines():
        texts = [*texts, line][-REMEMBERED:]
        tried = carry_out(
            config, state, "chat.try", biller=biller, payer=payer, channel=channel, texts=texts, live=live
        )
        say(_as_json(line, tried) if as_json else "\n".join(_told(line, tried)))


def _lines() -> Iterator[str]:
    """What is not empty; somebody at a terminal is asked for the next."""
    by_hand = sys.stdin.isatty()
    while True:
        if by_hand:
            typer.echo("> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return
        if text := line.strip():
            yield text


def _as_json(text: str, tried: Json) -> str:
    import orjson

    return orjson.dumps({"text": text} | tried).decode()


def _told(text: str, tried: Json) -> Iterator[str]:
    yield f"{tried['channel']} < {text}"
    yield f"  intent  {tried['intent'] or '(not read: too many messages)'}"
    for fact in tried["facts"]:
        said = ", ".join(f"{name} {value}" for name, value in fact["data"].items() if value not in (None, "", []))
        yield f"  event   {fact['type']}{f': {said}' if said else ''}"
    if tried["answer"] is None:
        yield "  silence"
    for place, line in enumerate((tried["answer"] or "").splitlines()):
        yield f"  {'answer  ' if place == 0 else '        '}{line}"
    for button in tried["buttons"]:
        yield f"  button  {button['text']}  {button.get('url') or '>' + button['data']}"
    yield ""
