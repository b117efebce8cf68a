"""What an operator asks of Achit, whoever carries it out: the command itself, or the server that has the database open.

SQLite belongs to one process, so a command that finds it in use hands its operation to that process over a socket beside
the database file. Operations are named, take and give plain JSON values, and cannot tell which way they came.
"""

from __future__ import annotations

from gateway.control.operations import OPERATIONS, perform
from gateway.control.packing import pack_biller
from gateway.control.shared import Refused
from gateway.control.wire import NobodyListens, ask, listening, socket_beside

__all__ = [
    "OPERATIONS",
    "NobodyListens",
    "Refused",
    "ask",
    "listening",
    "pack_biller",
    "perform",
    "socket_beside",
]
