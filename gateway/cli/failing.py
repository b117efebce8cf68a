"""What is said when a command cannot be carried out: sentences for the operator, and the exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.control import Refused
from gateway.rendering import BadTemplates
from gateway.settings import ConfigError
from gateway.store.database import DatabaseInUse, StoreUnavailable

REFUSED, WRONG = 1, 2


class WrongUse(Exception):
    """The command cannot be meant like this."""


@dataclass(frozen=True, slots=True)
class Failure:
    lines: Sequence[str]
    code: int


def failure_of(error: BaseException) -> Failure | None:
    """The sentences for an error that an operator can do something about; None for one that is a fault of ours."""
    match error:
        case WrongUse():
            return Failure([str(error)], WRONG)
        case ConfigError():
            return Failure([str(fault) for fault in error.faults], WRONG)
        case BadTemplates():
            return Failure(error.faults, WRONG)
        case Refused():
            return Failure([str(error), *(f"  {line}" for line in error.details)], REFUSED)
        case DatabaseInUse() | StoreUnavailable():
            return Failure([str(error)], REFUSED)
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return Failure([f"{where}{(error.strerror or str(error)).lower()}"], REFUSED)
        case _:
            return None
