"""`achit check`: all is well, or every fault is named at once by its place; it repairs and makes nothing."""

from __future__ import annotations

import asyncio
import fcntl
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.store import outbox
from gateway.store.database import open_database
from gateway.store.schema import account, push_endpoint
from gateway.testing.clock import START
from gateway.vault import new_key
from tests.gateway.cli.terminal import ACME, Terminal


def change(terminal: Terminal, *statements: Any) -> None:
    """Changes the database behind Achit's back."""
    url = f"sqlite:///{terminal.folder / 'var' / 'achit.db'}"

    async def body() -> None:
        database = await open_database(url)
        try:
            for statement in statements:
                await database.write(statement if callable(statement) else lambda conn, s=statement: conn.execute(s))
        finally:
            await database.aclose()

    asyncio.run(body())


def found(terminal: Terminal, code: int = 1) -> tuple[list[str], list[str]]:
    done = terminal.run("check", "--json")
    assert done.code == code, done
    assert done.json["ok"] is (code == 0)
    return done.json["faults"], done.json["warnings"]


def test_all_is_well(on_either: Terminal) -> None:
    on_either.ok("apply")
    assert on_either.ok("check").lines == [
        "no faults, no warnings",
        "looked at the installation, the configuration, the templates, 1 biller, the database and its accounts",
    ]


def test_a_database_that_is_not_there_is_a_fault_and_is_not_made(terminal: Terminal) -> None:
    faults, _ = found(terminal)
    assert faults == [f"database: there is no {terminal.folder / 'var' / 'achit.db'} yet: run achit migrate"]
    assert not (terminal.folder / "var").exists()


def test_a_database_that_is_not_migrated_is_a_fault_and_is_left_alone(on_postgres: Terminal) -> None:
    for _ in range(2):
        assert found(on_postgres)[0] == ["database: is not of this version: run achit migrate"]


def test_a_database_that_is_none_is_a_fault(terminal: Terminal) -> None:
    terminal.write("var/achit.db", "this is a letter to my aunt, and no database at all" * 40)
    file = terminal.folder / "var" / "achit.db"
    assert found(terminal)[0] == [f"database: {file} cannot be opened: file is not a database"]
    assert terminal.refused("tasks") == [f"achit: {file} cannot be opened: file is not a database"]


def test_every_fault_of_every_part_is_named_at_once(terminal: Terminal) -> None:
    terminal.ok("apply")
    text = (terminal.folder / "achit.toml").read_text()
    terminal.write(
        "achit.toml", 'templates_dir = "own"\n' + text.replace("http://127.0.0.1:8080", "http://pay.example")
    )
    terminal.write("own/acme/invoice_issued/short.txt", "{% if %}")
    terminal.write("billers/acme.toml", ACME.replace("from_number", "from_nunber"))
    terminal.write("billers/beta.toml", ACME.replace('"acme"', '"beta"').replace("ACME_BANK_KEY", "BETA_BANK_KEY"))
    terminal.write("billers/gamma.toml", "[biller")
    change(terminal, account.update().where(account.c.name == "acme.sms").values(settings=b"\x01\x02k1" + bytes(40)))
    change(terminal, account.update().where(account.c.name == "acme.bank").values(adapter="abacus"))
    faults, warnings = found(terminal)
    beginnings = [
        "templates: acme: invoice_issued/short.txt",
        "acme.toml: channels.sms.from_nunber: unknown setting",
        "beta.toml: providers.bank.api_key: the environment variable BETA_BANK_KEY is not set",
        "gamma.toml: is not TOML",
        "account acme.sms: ",
        "account acme.bank: no provider adapter 'abacus'",
    ]
    for beginning in beginnings:
        assert [fault for fault in faults if fault.startswith(beginning)], (beginning, faults)
    assert warnings == ["achit.toml: server.public_url: payers will come over plain http"]


def test_faults_of_the_configuration_do_not_hide_those_of_the_installation(terminal: Terminal) -> None:
    terminal.write("achit.toml", "[server]\nlisten = 7\n")
    faults, _ = found(terminal)
    assert {fault.split(": ")[1] for fault in faults} == {"server.listen", "database", "secrets"}


def test_a_key_that_is_gone_from_the_ring_is_named(terminal: Terminal) -> None:
    terminal.write("billers/acme.toml", ACME + '[[push]]\nurl = "http://127.0.0.1:9/achit"\n')
    terminal.ok("apply")
    file = terminal.folder / "achit.toml"
    file.write_text(file.read_text().replace('id = "k1"', 'id = "k2"'))
    terminal.environment["ACHIT_KEY"] = new_key().reveal()
    lost = "the key 'k1' that sealed this value is not in the ring"
    assert found(terminal)[0] == [
        f"account acme.sms: {lost}",
        f"account acme.bank: {lost}",
        f"push endpoint http://127.0.0.1:9/achit: {lost}",
    ]
    terminal.ok("apply")  # what the files hold is sealed again
    assert found(terminal)[0] == [f"push endpoint http://127.0.0.1:9/achit: {lost}"]


def test_what_is_unwise_is_a_warning_and_exit_code_0(terminal: Terminal) -> None:
    terminal.write("billers/acme.toml", ACME + '[[push]]\nurl = "http://127.0.0.1:9/achit"\n')
    terminal.ok("apply")

    def kill_a_task(conn: sa.Connection) -> None:
        [held] = outbox.claim(conn, "a worker", START.replace(year=2030), START.replace(year=2031), 1)
        outbox.dead(conn, held, "worn out")

    change(terminal, kill_a_task, push_endpoint.update().values(enabled=False, disabled_reason="it answered 410"))
    terminal.write("billers/acme.toml", ACME.replace("+40312345678", "+40312345679"))
    faults, warnings = found(terminal, code=0)
    assert faults == []
    assert warnings == [
        "push endpoint http://127.0.0.1:9/achit: is switched off: it answered 410",
        "tasks: push: 1 dead: see achit tasks --dead",
        "biller acme: its file is not applied: run achit apply",
    ]
    assert terminal.ok("check").lines[-2] == "no faults, 3 warnings"


def test_an_account_that_is_switched_off_only_warns(terminal: Terminal) -> None:
    terminal.ok("apply")
    broken = account.update().where(account.c.name == "acme.bank").values(adapter="abacus", enabled=False)
    change(terminal, broken)
    _, warnings = found(terminal, code=0)
    assert [warning.split(":")[0] for warning in warnings] == ["account acme.bank", "biller acme"]


def test_a_file_in_use_by_a_process_that_takes_no_commands(terminal: Terminal) -> None:
    terminal.ok("apply")
    with (terminal.folder / "var" / "achit.db.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        [fault] = found(terminal)[0]
        assert "is in use by another Achit process" in fault
        [line] = terminal.refused("tasks")
        assert "is in use by another Achit process" in line
        assert "It takes no commands" in line


@pytest.mark.parametrize("name", ["gateway", "channels", "providers"])
def test_another_owner_of_our_names_is_a_fault(terminal: Terminal, tmp_path: Path, name: str) -> None:
    """A distribution that also brings this package, installed in a folder of its own beside ours."""
    terminal.ok("apply")
    site = tmp_path / "site"
    about = site / "intruder-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: intruder\nVersion: 1.0\n")
    (about / "top_level.txt").write_text(f"{name}\n")
    (about / "RECORD").write_text(f"{name}/__init__.py,,\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        faults, _ = found(terminal)
    assert faults == [f"installation: {name} is also a package of intruder: install achit on its own"]
