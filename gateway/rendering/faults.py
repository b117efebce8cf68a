"""What can be wrong with templates. Found when the renderer is built, never while a message waits to be sent."""

from __future__ import annotations

from collections.abc import Sequence


class BadTemplates(Exception):
    """Templates or catalogues cannot be used. `faults` names every one found, with its file."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)
