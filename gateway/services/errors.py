"""What a service refuses, and why. The API turns each into a problem document, the command line into a sentence."""

from __future__ import annotations


class ServiceError(Exception):
    """The request cannot be carried out."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class NotFound(ServiceError):
    """There is no such thing, or it is another biller's."""


class Conflict(ServiceError):
    """It contradicts what is there already. `differs` names the fields."""

    def __init__(self, message: str, *, differs: list[str] | None = None, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.differs = differs or []


class Invalid(ServiceError):
    """A value that only the service can judge (a channel that the biller has not, a currency that is not the invoice's)."""


class Unavailable(ServiceError):
    """A vendor cannot serve this now; trying again later may help."""


class StillAsked(Unavailable):
    """A vendor has not said yet whether it took what was asked before; until then it is not asked for again."""
