"""What can go wrong between the core and a vendor. The core decides what follows from the class alone.

An adapter raises these and nothing else. The first line of a docstring is the default message, so that a log line,
the docs and the code say the same. No error holds a secret, a signature or a body.
"""

from __future__ import annotations


class AdapterError(Exception):
    """A vendor call did not succeed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().split("\n")[0])


class RetryLater(AdapterError):
    """The vendor cannot answer now; nothing was done.

    `after_s` is the vendor's own wish in seconds, when it said one.
    """

    def __init__(self, message: str | None = None, *, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Rejected(AdapterError):
    """The vendor refused for good; the same call would be refused again.

    `code` is the vendor's code. `unreachable` says that the address itself is the reason (hard bounce, STOP, blocked):
    the core then suppresses the address on that channel.
    """

    def __init__(self, code: str, message: str | None = None, *, unreachable: bool = False) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.unreachable = unreachable


class OutcomeUnknown(AdapterError):
    """The call may or may not have taken effect; ask before doing it again."""


class InvalidSignature(AdapterError):
    """The webhook is not proven to come from the vendor."""


class MalformedWebhook(AdapterError):
    """The webhook is genuine, and cannot be read."""


class NotSupported(AdapterError):
    """The vendor or the account has no such ability."""
