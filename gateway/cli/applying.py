"""`achit apply`: every biller's file is read before the first one is applied, so that a fault in one stops all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from gateway.cli.configured import operate
from gateway.cli.failing import WrongUse
from gateway.cli.output import Json
from gateway.config import Config, load_billers
from gateway.control import pack_biller
from gateway.registry import Registry


def apply_all(config: Config) -> Iterator[Json]:
    """Applies one biller after the other and gives each result at once: a secret must be seen though the next one fails."""
    files = config.biller_files()
    if not files:
        raise WrongUse(f"no file matches {config.billers} in {config.folder}")
    for biller in load_billers(files, Registry()):
        yield asyncio.run(operate(config, "apply", {"biller": pack_biller(biller)}, migrate=True))
