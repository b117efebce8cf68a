"""What the floors that listen have in common: an aiohttp application on a free port, as a child process."""

from __future__ import annotations

from aiohttp import web

from benchmarks import child


async def serve(app: web.Application) -> None:
    """Listens until the parent lets go."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    await child.obey({"port": runner.addresses[0][1]}, {})
    await runner.cleanup()
