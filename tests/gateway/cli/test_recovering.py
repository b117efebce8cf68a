"""Restore, and a key that is lost: nothing that was given out is given out twice, and nothing is thrown away."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.domain import ids
from gateway.store.database import Database
from gateway.store.schema import biller
from gateway.store.sequences import SKIP, skip_ahead
from gateway.testing.clock import START
from gateway.vault import new_key
from tests.gateway.cli.terminal import ACME, Terminal


def send(terminal: Terminal, number: str) -> dict[str, Any]:
    sent: dict[str, Any] = terminal.ok("invoice", "send", terminal.invoice(number=number), "--json").json["invoice"]
    return sent


class TestRestore:
    def test_a_backup_is_the_database_again_and_its_numbers_move_on(self, terminal: Terminal) -> None:
        terminal.ok("apply")
        first = send(terminal, "A-1")
        terminal.ok("backup", "monday.db")
        lost = send(terminal, "A-2")
        lines = terminal.ok("restore", "monday.db").lines
        assert lines[0] == "monday.db is the database now"
        assert lines[2] == "acme: events go on after sequence 1"

        assert terminal.ok("invoice", "show", "A-1", "--json").json["invoice"]["pay_url"] == first["pay_url"]
        assert terminal.refused("invoice", "show", "A-2") == ["achit: there is no invoice A-2"]
        again = send(terminal, "A-2")
        assert again["id"] not in (first["id"], lost["id"])
        assert again["pay_url"] != lost["pay_url"]
        events = terminal.ok("invoice", "show", "A-2", "--json").json["events"]
        assert [event["sequence"] for event in events] == [2]
        assert terminal.ok("check").lines[0] == "no faults, no warnings"

        kept = terminal.folder / "var" / lines[1].rpartition("/")[2]
        with contextlib.closing(sqlite3.connect(kept)) as connection:
            assert connection.execute("SELECT number FROM invoice").fetchall() == [("A-1",), ("A-2",)]
        state = {path.name for path in (terminal.folder / "var").iterdir()}
        assert not [name for name in state if "restoring" in name]

    def test_no_number_is_given_twice_on_either_engine(self, on_either: Terminal) -> None:
        on_either.ok("apply")
        send(on_either, "A-1")
        if (on_either.folder / "var").exists():
            on_either.ok("backup", "copy.db")
            on_either.ok("restore", "copy.db")
        else:
            on_either.ok("restore")
        invoice = send(on_either, "A-2")
        [event] = on_either.ok("invoice", "show", "A-2", "--json").json["events"]
        [delivery] = invoice["deliveries"]
        for kind, public in (
            (ids.INVOICE, invoice["id"]),
            (ids.EVENT, event["id"]),
            (ids.DELIVERY, delivery["id"]),
        ):
            number = ids.read(kind, public)
            assert number is not None
            assert number > SKIP
        tasks = on_either.ok("tasks", "--json").json["tasks"]
        delivering = [task for task in tasks if task["kind"] == "deliver"]
        assert sorted(task["id"] > SKIP for task in delivering) == [False, True]

    def test_it_works_where_there_is_nothing_yet(self, terminal: Terminal) -> None:
        terminal.ok("apply")
        send(terminal, "A-1")
        terminal.ok("backup", "copy.db")
        for path in (terminal.folder / "var").iterdir():
            path.unlink()
        (terminal.folder / "var").rmdir()
        assert terminal.ok("restore", "copy.db").lines == [
            "copy.db is the database now",
            "acme: events go on after sequence 1",
        ]
        assert (terminal.folder / "var" / "achit.db").stat().st_mode & 0o777 == 0o600

    def test_what_is_no_backup_changes_nothing(self, terminal: Terminal) -> None:
        terminal.ok("apply")
        send(terminal, "A-1")
        terminal.write("letter.db", "dear aunt " * 400)
        with contextlib.closing(sqlite3.connect(terminal.folder / "other.db")) as other:
            other.execute("CREATE TABLE aunt (name)")
        terminal.ok("backup", "cut.db")
        whole = (terminal.folder / "cut.db").read_bytes()
        (terminal.folder / "cut.db").write_bytes(whole[: len(whole) // 2])
        for name in ("letter.db", "other.db", "cut.db"):
            [line] = terminal.refused("restore", name)
            assert line.startswith((f"achit: {name} is no backup of Achit", f"achit: {name} is damaged"))
        assert terminal.refused("restore", "none.db", code=2) == ["achit: there is no file none.db"]
        assert terminal.refused("restore", code=2) == ["achit: say which FILE to restore"]
        terminal.ok("invoice", "show", "A-1")

    def test_a_running_server_is_not_pulled_from_under(self, terminal: Terminal) -> None:
        terminal.ok("apply")
        terminal.ok("backup", "copy.db")
        with terminal.serving():
            [line] = terminal.refused("restore", "copy.db")
            assert "is in use by another Achit process" in line
            terminal.ok("tasks")

    def test_postgres_takes_no_file(self, on_postgres: Terminal) -> None:
        [line] = on_postgres.refused("restore", "copy.db", code=2)
        assert "pg_restore" in line


async def test_a_table_that_never_had_a_row_moves_on_too(database: Database) -> None:
    for _ in range(2):
        await database.write(lambda conn: skip_ahead(conn, 5_000))
    row = {"slug": "acme", "config": {}, "created_at": START, "updated_at": START}
    insert = biller.insert().values(row).returning(biller.c.id)
    assert await database.write(lambda conn: conn.execute(insert).scalar_one()) > 10_000


class TestLostKey:
    def test_files_are_sealed_again_and_a_push_secret_is_made_anew(self, terminal: Terminal) -> None:
        terminal.write("billers/acme.toml", f'{ACME}[[push]]\nurl = "http://127.0.0.1:9/achit"\n')
        terminal.ok("apply")
        before = send(terminal, "A-1")
        key = terminal.ok("key", "create").out.strip()
        [endpoint] = terminal.ok("push", "endpoints", "--json").json
        file = terminal.folder / "achit.toml"
        file.write_text(file.read_text().replace('id = "k1"', 'id = "k2"'))
        terminal.environment["ACHIT_KEY"] = new_key().reveal()

        terminal.ok("apply")
        with terminal.serving() as server:
            request = urllib.request.Request(
                f"{server.url}/v1/push-endpoints/{endpoint['id']}/rotate",
                method="POST",
                headers={"Authorization": f"Bearer {key}"},
            )
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert json.load(answer)["secret"].startswith("whsec_")
            with pytest.raises(urllib.error.HTTPError) as gone:
                urllib.request.urlopen(f"{server.url}{urlsplit(before['pay_url']).path}", timeout=20)
            assert gone.value.code == 404
            gone.value.close()
            after = terminal.ok("invoice", "show", "A-1", "--json").json["invoice"]
            with urllib.request.urlopen(f"{server.url}{urlsplit(after['pay_url']).path}", timeout=20) as page:
                assert page.status == 200
            assert terminal.ok("check").lines[0] == "no faults, no warnings"
