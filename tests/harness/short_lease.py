"""`python -m gateway` with leases of ten seconds, so that a test need not wait a minute for a killed worker's tasks."""

from __future__ import annotations

from datetime import timedelta

from gateway import worker
from gateway.cli import main

if __name__ == "__main__":
    worker.LEASE, worker.WORK = timedelta(seconds=10), timedelta(seconds=8)
    main()
