"""`achit demo`: the box until Ctrl-C, or a scenario once. Prints one URL, or one report; log lines go to standard error."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import webbrowser
from contextlib import suppress

import orjson

from gateway import logs
from gateway.demo.box.feed import Json
from gateway.demo.box.once import headless
from gateway.demo.box.start import Box, Run


def main(
    run: Run,
    *,
    once: bool = False,
    scenario: str = "loop",
    as_json: bool = False,
    port: int | None = None,
    open_browser: bool = True,
) -> int:
    """The command. `run` is `gateway.app.running`; `port` is the page's, None for a free one.

    Gives 0; 1 when the scenario failed, or the port is taken.
    """
    logs.configure("warning")
    if once:
        return _report(asyncio.run(headless(run, scenario)), as_json=as_json)
    try:
        asyncio.run(_serve(run, port or 0, open_browser=open_browser))
    except OSError as error:
        sys.stderr.write(f"achit demo: {error.strerror or error}\n")
        return 1
    except KeyboardInterrupt:  # where the loop takes no signal handlers
        pass
    return 0


def _report(report: Json, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(orjson.dumps(report).decode() + "\n")
    else:
        for step in report["steps"]:
            sys.stdout.write(f"{step['step']:<18}{step['ms']:>9.1f} ms\n")
        sys.stdout.write("ok\n" if report["ok"] else f"failed: {report['error']}\n")
    return 0 if report["ok"] else 1


async def _serve(run: Run, port: int, *, open_browser: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    async with Box(run, port=port) as box:
        sys.stdout.write(f"{box.url}\n")
        sys.stdout.flush()
        if open_browser and _has_screen():
            await asyncio.to_thread(_open, box.url)
        await stop.wait()


def _has_screen() -> bool:
    """Whether a browser could be seen; one for terminals is not what is meant."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(url: str) -> None:
    with suppress(webbrowser.Error):
        webbrowser.open(url)
