"""What payers open: see `handlers`."""

from __future__ import annotations

from gateway.api.paypage.handlers import PayPages

__all__ = ["PayPages"]
