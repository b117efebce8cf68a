"""One SQLite file and two processes: the second is refused. A disk that is full: refused too, cleanly, until there is space."""

from __future__ import annotations

import contextlib
import random
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from gateway.demo.bank import Outcome
from tests.harness.books import Books, check_dead_file, hold_up, unsettled
from tests.harness.journeys import Journey, Load
from tests.harness.processes import Installation, Process
from tests.harness.vendors_seen import Vendors, vendors_at

pytestmark = pytest.mark.timeout(180)  # a process is waited for, and other tests may have the processors


async def test_the_second_process_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'achit.db'}")
    books, load = Books(installation.database_url), Load(random.Random(21))
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        async with installation.serving() as first:
            for arguments in (("serve",), ("serve", "--role", "all")):
                second = await installation.start(*arguments)
                assert await second.ended() == 1
                [line] = second.lines
                held_by = f"{installation.file} is in use by another Achit process (pid {first.pid})"
                assert line.startswith(f"achit: {held_by}; stop it first, or use PostgreSQL")
            for role in ("web", "worker"):
                part = await installation.start("serve", "--role", role)
                assert await part.ended() == 2
                assert part.lines == [
                    f"achit: SQLite is for one process: --role {role} needs a PostgreSQL database; serve does both"
                ]
            load.add(5)
            await load.run(installation.url, key, vendors)
            await books.until(unsettled(vendors), 30)
            assert first.complaints == []
            await first.kill()
        async with installation.serving() as third:  # the lock dies with its process
            assert await third.stop() == 0
        await hold_up(books, load, vendors, kills=1)


class SmallDisk:
    """A file system of 24 MB, and a file that takes what is left of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, server: Process) -> None:
        with self._filler.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * 4096)

    def free(self, server: Process) -> None:
        self._filler.unlink()


class NoFileMayGrow:
    """What an unprivileged test can do: the kernel refuses every byte behind the end of the largest file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, server: Process) -> None:
        largest = max(file.stat().st_size for file in self.folder.glob("achit.db*"))
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def free(self, server: Process) -> None:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture(params=["a small disk", "no file may grow"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk | NoFileMayGrow]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "no file may grow":
        yield NoFileMayGrow(folder)
        return
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a file system can be mounted by root alone")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


async def test_a_full_disk_refuses_cleanly_and_loses_nothing(disk: SmallDisk | NoFileMayGrow, tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{disk.folder / 'achit.db'}")
    books, load = Books(installation.database_url), Load(random.Random(22))
    async with vendors_at(installation.url) as vendors:
        installation.write(vendors.biller(), vendors.secrets)
        key = await installation.prepare()
        headers = {"Authorization": f"Bearer {key}"}
        async with installation.serving() as server, aiohttp.ClientSession(headers=headers) as session:
            load.add(5)
            await load.run(installation.url, key, vendors)
            owed = Journey(len(load.journeys) + 1, ("telegram",), ())
            load.journeys.append(owed)
            assert await owed.go(session, installation.url, vendors)
            payment = await started(session, owed)
            await books.until(unsettled(vendors), 30)

            disk.fill(server)
            refused = await until_refused(session, installation, load, vendors)
            assert refused == (503, "application/problem+json", "/problems/unavailable", "5")
            assert (await asked(session, "POST", f"{owed.pay_url}/attempts"))[0] == 503
            for url in (owed.pay_url, f"{owed.pay_url}/icon.svg", f"{installation.url}/v1/invoices"):
                assert (await asked(session, "GET", url))[0] == 200
            await vendors.bank.choose(payment, Outcome.PAID)
            assert vendors.bank.postings[-1].status == 503  # so the bank comes again
            assert server.child.returncode is None

            disk.free(server)
            load.add(5)
            await load.run(installation.url, key, vendors)
            assert load.waiting == []
            assert server.complaints == []
            assert await server.stop() == 0  # gives back what it could not acknowledge
        async with installation.serving() as server:
            await books.until(unsettled(vendors), 60)
            assert await server.stop() == 0
            assert server.complaints == []
        await hold_up(books, load, vendors, kills=5)
        check_dead_file(installation.file, tmp_path / "copy")


async def started(session: aiohttp.ClientSession, journey: Journey) -> str:
    """The bank's id of a payment that waits for its payer."""
    form = {"method": "bank"}
    async with session.post(f"{journey.pay_url}/attempts", data=form, allow_redirects=False) as answer:
        return answer.headers["Location"].rpartition("/")[2]


async def asked(session: aiohttp.ClientSession, method: str, url: str) -> tuple[int, str]:
    form = {"method": "card"} if method == "POST" else None  # the bank's payment is open already, and is taken up again
    async with session.request(method, url, data=form, allow_redirects=False) as answer:
        return answer.status, answer.content_type


async def until_refused(
    session: aiohttp.ClientSession, installation: Installation, load: Load, vendors: Vendors
) -> tuple[int, str, str, str]:
    """Posts invoices while there is room, which count like all others; gives how the first one behind it is refused."""
    while True:
        journey = Journey(len(load.journeys) + 1, ("email",), ())
        async with session.post(f"{installation.url}/v1/invoices", json=journey.body()) as answer:
            made = await answer.json(content_type=None)
            if answer.status != 201:
                return answer.status, answer.content_type, made["type"], answer.headers["Retry-After"]
        journey.invoice_id, journey.pay_url = made["id"], made["pay_url"]
        load.journeys.append(journey)
        assert len(load.journeys) < 5_000
