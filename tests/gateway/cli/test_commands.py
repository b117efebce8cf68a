"""Commands on a database that nobody else has open: from the first apply to an invoice's timeline, on both engines."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.gateway.cli.terminal import ACME, INVOICE, Terminal


@pytest.fixture
def ready(terminal: Terminal) -> Terminal:
    """On SQLite, with the biller applied."""
    terminal.ok("apply")
    return terminal


class TestFirstSteps:
    def test_apply_key_send_show(self, on_either: Terminal) -> None:
        assert on_either.ok("apply").lines == ["acme: applied"]
        made = on_either.ok("key", "create", "--biller", "acme", "--name", "till")
        key = made.out.strip()
        assert key.startswith("ak_")
        assert "not shown again" in made.err
        sent = on_either.ok("invoice", "send", on_either.invoice(), "--biller", "acme")
        assert sent.lines[0] == "A-1 is issued"
        assert any("http://127.0.0.1:8080/p/" in line for line in sent.lines)
        shown = on_either.ok("invoice", "show", "A-1", "--biller", "acme").out
        for part in ("A-1  123.45 RON  open", "Ana Pop (C-1042)", "+40722123456, queued", "invoice.issued"):
            assert part in shown
        [listed] = on_either.ok("key", "list", "--json").json
        assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("till", ["read", "write"], None)
        assert key.startswith(listed["id"])
        assert key not in on_either.ok("key", "list").out

    def test_applying_again_changes_nothing_and_another_text_does(self, on_either: Terminal) -> None:
        on_either.ok("apply")
        assert on_either.ok("apply").lines == ["acme: unchanged"]
        on_either.write("billers/acme.toml", ACME.replace("+40312345678", "+40312345679"))
        assert on_either.ok("apply").lines == ["acme: applied"]
        assert on_either.ok("apply", "--json").json == [{"biller": "acme", "changed": False, "push_secrets": {}}]

    def test_a_new_push_secret_is_shown_once(self, ready: Terminal) -> None:
        ready.write("billers/acme.toml", ACME + '[[push]]\nurl = "http://127.0.0.1:9/achit"\n')
        lines = ready.ok("apply").lines
        assert lines[0] == "acme: applied"
        assert lines[1].startswith("  push secret of http://127.0.0.1:9/achit: whsec_")
        assert ready.ok("apply").lines == ["acme: unchanged"]
        [endpoint] = ready.ok("push", "endpoints", "--json").json
        assert (endpoint["biller"], endpoint["url"]) == ("acme", "http://127.0.0.1:9/achit")
        assert "secret" not in json.dumps(endpoint)

    def test_a_fault_in_one_file_applies_none(self, terminal: Terminal) -> None:
        terminal.write("billers/beta.toml", ACME.replace('"acme"', '"beta"').replace("from_number", "from_nunber"))
        assert terminal.refused("apply", code=2) == [
            'achit: beta.toml: channels.sms.from_nunber: unknown setting; did you mean "from_number"?'
        ]
        terminal.ok("migrate")
        assert terminal.refused("key", "list") == ["achit: there is no biller yet: write a file and run achit apply"]

    def test_a_push_url_that_may_not_be_called_is_refused(self, terminal: Terminal) -> None:
        terminal.write("billers/acme.toml", ACME + '[[push]]\nurl = "https://10.0.0.1/achit"\n')
        [line] = terminal.refused("apply")
        assert line.startswith("achit: url: ")

    def test_a_command_before_the_database_says_what_to_run(self, on_either: Terminal) -> None:
        said = ["achit: the database is not of this version: run achit migrate"]
        assert on_either.refused("key", "list") == said
        on_either.ok("migrate")
        assert on_either.refused("key", "list") != said

    def test_without_a_configuration_a_folder_is_enough(self, tmp_path: Path) -> None:
        bare = Terminal(tmp_path)
        assert bare.refused("key", "list", code=2) == [
            "achit: there is no achit.toml here and no state in ./var; say --config FILE or --state DIR"
        ]
        assert not (tmp_path / "var").exists()
        bare.ok("migrate", "--state", "mine")
        assert bare.refused("key", "list", "--state", "mine") == [
            "achit: there is no biller yet: write a file and run achit apply"
        ]
        assert (tmp_path / "mine" / "achit.db").exists()
        assert bare.refused("apply", "--state", "mine", code=2)[0].startswith("achit: no file matches billers/*.toml")

    def test_a_configuration_elsewhere_is_named_by_option_or_environment(self, ready: Terminal, tmp_path: Path) -> None:
        file, elsewhere = str(ready.folder / "achit.toml"), tmp_path / "elsewhere"
        elsewhere.mkdir()
        other = Terminal(elsewhere, dict(ready.environment))
        assert other.ok("key", "list", "--config", file, "--json").json == []
        other.environment["ACHIT_CONFIG"] = file
        assert other.ok("key", "list", "--json").json == []
        assert other.refused("key", "list", "--state", "x", code=2) == ["achit: give --config or --state, not both"]


class TestKeys:
    def test_a_key_has_the_scopes_that_were_asked_for(self, ready: Terminal) -> None:
        made = ready.ok("key", "create", "--scope", "read", "--json").json
        assert (made["biller"], made["scopes"]) == ("acme", ["read"])
        assert made["key"].startswith(made["id"] + "_")
        assert ready.run("key", "create", "--scope", "delete").code == 2

    @pytest.mark.parametrize("whole", [True, False])
    def test_a_key_is_revoked_once_by_its_beginning_or_all_of_it(self, ready: Terminal, whole: bool) -> None:
        made = ready.ok("key", "create", "--json").json
        named = made["key"] if whole else made["id"]
        assert ready.ok("key", "revoke", named).lines == [f"{made['id']} is revoked"]
        assert ready.ok("key", "list", "--json").json[0]["revoked_at"]
        assert ready.refused("key", "revoke", named) == ["achit: there is no such key, or it is revoked already"]

    def test_what_is_no_key_is_said(self, ready: Terminal) -> None:
        [line] = ready.refused("key", "revoke", "seven")
        assert "achit key list" in line


class TestInvoices:
    def test_the_same_again_changes_nothing(self, ready: Terminal) -> None:
        first = ready.ok("invoice", "send", ready.invoice(), "--json").json
        again = ready.ok("invoice", "send", "-", "--json", typed=json.dumps(INVOICE)).json
        assert (first["new"], again["new"]) == (True, False)
        assert first["invoice"] == again["invoice"]
        assert ready.ok("invoice", "send", ready.invoice()).lines[0].startswith("A-1 was issued before")

    def test_another_content_of_the_number_is_refused_by_field(self, ready: Terminal) -> None:
        ready.ok("invoice", "send", ready.invoice())
        changed = ready.invoice(amount={"value": "99.00", "currency": "RON"}, due_on="2026-12-09")
        head, *fields = ready.refused("invoice", "send", changed)
        assert head == "achit: invoice A-1 exists with another content"
        assert sorted(fields) == ["achit:   amount.value differs", "achit:   due_on differs"]

    def test_every_fault_of_a_body_is_named(self, ready: Terminal) -> None:
        wrong = ready.invoice(amount={"value": "1.2", "currency": "RON"}, due_on="tomorrow", extra=1)
        head, *faults = ready.refused("invoice", "send", wrong)
        assert head == "achit: The body is not valid"
        assert [fault.split(":")[1].strip() for fault in faults] == ["amount.value", "due_on", "extra"]

    @pytest.mark.parametrize(
        ("typed", "said", "code"),
        [
            (b"{", "achit: The body is not JSON", 1),
            (b"\xff", "achit: - is not UTF-8", 2),
            (json.dumps(INVOICE | {"payer": INVOICE["payer"] | {"phone": "12"}}).encode(), "achit: The body is", 1),
            (json.dumps(INVOICE | {"deliver": [{"channel": "pigeon"}]}).encode(), "achit: deliver[0]", 1),
        ],
    )
    def test_what_cannot_be_issued_is_said(self, ready: Terminal, typed: bytes, said: str, code: int) -> None:
        assert ready.refused("invoice", "send", "-", typed=typed, code=code)[0].startswith(said)

    def test_a_file_that_is_not_there_and_a_number_that_is_not_there(self, ready: Terminal) -> None:
        assert ready.refused("invoice", "send", "no.json") == ["achit: no.json: no such file or directory"]
        assert ready.refused("invoice", "show", "A-9") == ["achit: there is no invoice A-9"]

    def test_with_two_billers_one_must_be_named(self, ready: Terminal) -> None:
        ready.write("billers/beta.toml", ACME.replace('"acme"', '"beta"'))
        ready.ok("apply")
        assert ready.refused("invoice", "send", ready.invoice()) == [
            "achit: say which biller, with --biller: acme, beta"
        ]
        assert ready.refused("invoice", "show", "A-1", "--biller", "gamma") == [
            "achit: there is no biller gamma; there is acme, beta"
        ]
        ready.ok("invoice", "send", ready.invoice(), "--biller", "beta")
        assert ready.refused("invoice", "show", "A-1", "--biller", "acme") == ["achit: there is no invoice A-1"]


class TestBackup:
    def test_a_copy_is_whole_private_and_never_overwrites_by_accident(self, ready: Terminal) -> None:
        ready.ok("invoice", "send", ready.invoice())
        copy = ready.folder / "copy.db"
        assert ready.ok("backup", "copy.db").lines == [f"copy.db: {copy.stat().st_size} bytes"]
        assert copy.stat().st_mode & 0o777 == 0o600
        connection = sqlite3.connect(copy)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT number FROM invoice").fetchall() == [("A-1",)]
        connection.close()
        assert ready.refused("backup", "copy.db", code=2) == ["achit: copy.db is there already; --force replaces it"]
        ready.ok("backup", "copy.db", "--force")

    @pytest.mark.parametrize("name", ["achit.db", "achit.db-wal", "achit.db.lock"])
    def test_the_database_itself_is_never_the_target(self, ready: Terminal, name: str) -> None:
        (ready.folder / "link").symlink_to("var")
        for folder in ("var", "link"):
            lines = ready.refused("backup", f"{folder}/{name}", "--force", code=2)
            assert lines == [f"achit: {folder}/{name} belongs to the database itself"]

    def test_a_target_that_cannot_be_is_said(self, ready: Terminal) -> None:
        assert ready.refused("backup", "var", code=2) == ["achit: var is a folder"]
        assert ready.refused("backup", "no/copy.db", code=2)[0].startswith("achit: there is no folder")

    def test_postgres_has_its_own_tool(self, on_postgres: Terminal) -> None:
        on_postgres.ok("migrate")
        [line] = on_postgres.refused("backup", "copy.db")
        assert "pg_dump" in line
        assert not (on_postgres.folder / "copy.db").exists()


class TestWrongUse:
    @pytest.mark.parametrize(
        "command",
        [
            ("tasks", "replay"),
            ("tasks", "replay", "7", "--all"),
            ("push", "replay"),
            ("push", "replay", "psh_0000001", "--endpoint", "pep_0000001"),
            ("push", "replay", "--endpoint", "pep_0000001"),
            ("push", "replay", "--endpoint", "pep_0000001", "--since", "yesterday"),
            ("push", "replay", "--endpoint", "pep_0000001", "--since", "2026-11-23T09:00:00"),
            ("serve", "--role", "web"),
            ("serve", "--role", "worker"),
            ("worker",),
            ("template", "preview", "invoice_paid"),
            ("template", "preview", "invoice_issued", "--locale", "xx"),
            ("template", "preview", "invoice_issued", "--biller", "acme"),
        ],
    )
    def test_it_is_a_sentence_and_exit_code_2(self, ready: Terminal, command: tuple[str, ...]) -> None:
        [line] = ready.refused(*command, code=2)
        assert line.startswith("achit: ")

    def test_splitting_the_roles_of_one_file_is_refused_clearly(self, ready: Terminal) -> None:
        assert ready.refused("serve", "--role", "web", code=2) == [
            "achit: SQLite is for one process: --role web needs a PostgreSQL database; serve does both"
        ]

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            (("push", "replay", "psh_0000009"), "achit: there is no push psh_0000009"),
            (("push", "replay", "7"), "achit: there is no push 7"),
            (("push", "log", "--endpoint", "pep_0000009"), "achit: there is no push endpoint pep_0000009"),
            (("tasks", "replay", "77"), "achit: there is no dead task 77"),
        ],
    )
    def test_what_is_not_there_is_exit_code_1(self, ready: Terminal, command: tuple[str, ...], said: str) -> None:
        assert ready.refused(*command) == [said]

    def test_faults_of_the_configuration_are_all_named(self, terminal: Terminal) -> None:
        terminal.write("achit.toml", '[server]\nlisten = 7\nport = 8\n[database]\nurl = "mysql://x"\n')
        lines = terminal.refused("tasks", code=2)
        assert [line.removeprefix("achit: achit.toml: ").split(":")[0] for line in lines] == [
            "server.listen", "server.port", "database.url", "secrets",
        ]  # fmt: skip
