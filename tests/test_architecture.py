"""The rules of the house, held to account; each checker is also shown a breach, so that none of these tests is blind."""

from __future__ import annotations

import ast
import dataclasses
import shutil
import subprocess
import sys
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from gateway.api.routes import api_document
from gateway.ports.channel import ChannelPlugin
from gateway.ports.provider import ProviderPlugin
from gateway.ports.values import Secret
from gateway.registry import Registry, name_faults
from gateway.settings import ConfigError, settings_from
from gateway.store.schema import metadata
from tests.harness import house
from tests.harness.house import ROOT, adapters, name_of, python_files, tracked

ADAPTERS = [(kind, name) for kind in house.ADAPTERS for name in adapters(kind)]

# What is still too long. It may only shrink: a file that fits again must leave the list.
TOO_LONG = {"gateway/store/migrations/versions/0001_the_first_schema.py"}  # made by Alembic
# What may name a word that is not ours, because the name is somebody else's.
FOREIGN_WORDS: set[tuple[str, str]] = set()
# Who may read the machine's clock: the clock, those who put it in place, the stand-ins of the demo's vendors, log lines,
# and an adapter's default where a mail or a signed call must bear its date (it is made of settings and client alone).
READS_THE_CLOCK = (
    "gateway/clock.py",
    "gateway/app.py",
    "gateway/cli",
    "gateway/demo/",
    "gateway/logs.py",
    "channels/email/",
    "providers/euplatesc/",
)
# Adapters without a page or fixtures. They may only get fewer.
WITHOUT_A_PAGE: set[str] = set()
WITHOUT_FIXTURES = {"providers/bank_transfer", "providers/sandbox"}  # a vendor of ours, and none


def longest(path: Path) -> int:
    """How many lines a file may have."""
    folder, *rest = path.relative_to(ROOT).parts
    single = len(rest) == 1
    return {"channels": 200, "providers": 300}.get(folder, 350) if single else 350


def found(check: Callable[[Any], Iterable[tuple[int, str]]], path: Path) -> list[str]:
    return [f"{name_of(path)}:{line}: {what}" for line, what in check(ast.parse(path.read_text()))]


def test_a_file_is_short_enough_to_be_read() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in tracked(".py")}
    long = {name_of(path): count for path, count in lines.items() if count > longest(path)}
    assert {name: count for name, count in long.items() if name not in TOO_LONG} == {}
    assert long.keys() >= TOO_LONG, "a file is short again: take it off the list"


def test_the_tests_are_no_packages() -> None:
    assert [name_of(path) for path in tracked(".py") if path.name == "__init__.py" and "tests" in path.parts] == []


def test_every_package_says_what_it_is_for() -> None:
    silent = [path for path in python_files(*house.CODE) if not ast.get_docstring(ast.parse(path.read_text()))]
    migrations = ROOT / "gateway" / "store" / "migrations" / "versions"
    assert [name_of(path) for path in silent if path.parent != migrations] == []


def test_the_words_are_ours() -> None:
    breaches = [
        f"{name_of(path)}:{line}: {name}"
        for path in python_files("gateway")
        for line, name in house.synonyms(ast.parse(path.read_text()))
        if (name_of(path), name) not in FOREIGN_WORDS
    ]
    assert breaches == []
    named = [*metadata.tables, *(column.name for table in metadata.tables.values() for column in table.columns)]
    schemas = api_document("https://pay.example")["components"]["schemas"]
    named += [name for schema in schemas.values() for name in schema.get("properties", ())]
    assert list(house.synonyms(ast.parse("\n".join(f"{name} = 0" for name in named)))) == []


def test_money_is_written_in_one_place() -> None:
    writers = {name_of(path) for path in python_files(*house.CODE) if found(house.money_writes, path)}
    assert writers == {"gateway/store/payments.py", "gateway/store/refunds.py"}


def test_money_has_one_door() -> None:
    users = {name_of(path) for path in python_files("gateway") if found(house.sums, path)}
    assert users == {"gateway/services/payments.py", "gateway/services/given_back.py"}
    store = ast.parse((ROOT / "gateway" / "store" / "payments.py").read_text())
    functions = {node.name for node in store.body if isinstance(node, ast.FunctionDef)}
    assert functions >= house.MONEY_FUNCTIONS, "the names that the checker looks for have changed"


def test_sql_is_in_the_store_alone() -> None:
    files = [path for path in python_files(*house.CODE) if not name_of(path).startswith("gateway/store/")]
    assert [breach for path in files for breach in found(house.sql, path)] == []


def test_only_the_clock_reads_the_clock() -> None:
    readers = [path for path in python_files(*house.CODE) if not name_of(path).startswith(READS_THE_CLOCK)]
    assert [breach for path in readers for breach in found(house.clock_reads, path)] == []


def test_modules_keep_no_state() -> None:
    assert [breach for path in python_files(*house.CODE) for breach in found(house.module_state, path)] == []


def test_no_file_names_a_registry_a_machine_or_unfinished_work() -> None:
    itself = {Path(house.__file__), Path(__file__)}
    texts = tracked(".py", ".md", ".toml", ".txt", ".html", ".css", ".js", ".json", ".svg", ".yml", "")
    assert [
        f"{name_of(path)}: {what}"
        for path in texts
        if path not in itself
        for what in house.unwelcome(path.read_text(errors="replace"))
    ] == []


@pytest.mark.parametrize(
    ("check", "breach", "fine"),
    [
        (house.synonyms, "class CustomerOrder: ...", "class Payer: ..."),
        (house.synonyms, "def f(transaction_id): ...", "statement.order_by(invoice.c.id)"),
        (house.synonyms, 'answer = {"notifications": []}', 'answer = {"deliveries": []}'),
        (house.money_writes, 'values = {"paid_minor": paid}', 'values = {"paid_minor": 0}'),
        (house.money_writes, "statement.values(received_minor=1)", "Attempt(received_minor=1)"),
        (house.money_writes, 'row["reversed_minor"] = 5', 'assert row["reversed_minor"] == 5'),
        (house.money_writes, "conn.execute(sa.insert(payment_update), rows)", "sa.select(payment_update)"),
        (house.money_writes, "payment_attempt.update()", "payment_attempt.select()"),
        (house.money_writes, 'sa.text("UPDATE invoice SET paid_minor = 1")', 'sa.text("SELECT paid_minor")'),
        (house.sums, "payments.write(conn, before, attempt, change, now)", "payments.get(conn, 1)"),
        (house.sums, "from gateway.store.payments import record", "from gateway.store.payments import Line"),
        (house.sql, "sa.select(invoice)", "def body(conn: sa.Connection): ..."),
        (house.sql, "conn.execute(statement)", "await database.read(body)"),
        (house.clock_reads, "datetime.now(UTC)", "clock.now()"),
        (house.clock_reads, "now = time.time", "time.monotonic()"),
        (house.module_state, "cache = {}", "TABLE = {1: 2}"),
        (house.module_state, "seen: set[int] = set()", "def f():\n    seen = set()"),
        (house.module_state, "def f():\n    global hits", "LIMIT = 5"),
    ],
)
def test_the_checkers_bite(check: Callable[[ast.AST], Iterable[object]], breach: str, fine: str) -> None:
    assert list(check(ast.parse(breach)))
    assert not list(check(ast.parse(fine)))


def test_unwelcome_texts_are_seen() -> None:
    texts = ["see https://py" + "pi.org/x", "cd /wo" + "rk/main", "TO" + "DO: later", "open('/ho" + "me/ana/x')"]
    assert all(list(house.unwelcome(text)) for text in texts)
    assert not list(house.unwelcome("the work of /tmp, https://example.com/home/work, a to-do"))


def _no_secret(written: object) -> Secret:
    raise ValueError("is not a secret")


@pytest.mark.parametrize(("kind", "name"), ADAPTERS)
class TestAdapter:
    def plugin(self, kind: str, name: str) -> ChannelPlugin[Any] | ProviderPlugin[Any]:
        registry = Registry()
        return registry.channel(name) if kind == "channels" else registry.provider(name)

    def test_it_is_found_by_its_name_and_documents_its_settings(self, kind: str, name: str) -> None:
        plugin = self.plugin(kind, name)
        fields = dataclasses.fields(plugin.settings)
        assert fields
        assert [field.name for field in fields if not field.metadata.get("doc")] == []

    def test_its_settings_are_of_kinds_that_a_file_can_hold(self, kind: str, name: str) -> None:
        declared = self.plugin(kind, name).settings
        hints = typing.get_type_hints(declared)
        unfit = dict.fromkeys(hints, object())
        with pytest.raises(ConfigError) as error:  # and no TypeError, which an unknown kind would raise
            settings_from(declared, unfit, secret=_no_secret)
        assert {fault.where for fault in error.value.faults} == hints.keys()

    def test_it_has_tests_fixtures_and_a_page(self, kind: str, name: str) -> None:
        assert list((ROOT / "tests" / kind).glob(f"test_{name}*.py"))
        fixtures = ROOT / "tests" / kind / "fixtures" / name
        assert fixtures.is_dir() is (f"{kind}/{name}" not in WITHOUT_FIXTURES)
        assert bool(list((ROOT / "docs").rglob(f"{name}.md"))) is (f"{kind}/{name}" not in WITHOUT_A_PAGE)


def test_each_top_level_name_has_one_owner() -> None:
    assert name_faults() == []


def test_the_import_contracts_bite(tmp_path: Path) -> None:
    """A copy of the tree with one breach of each contract: all five are seen."""
    for package in house.CODE:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    breaches = {
        "gateway/domain/breach.py": "import gateway.store",
        "gateway/services/breach.py": "import channels.email",
        "channels/breach.py": "import gateway.clock, channels.email",
        "providers/breach.py": "import channels.email",
    }
    for name, text in breaches.items():
        (tmp_path / name).write_text(text)
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 1, done.stdout
    assert "Contracts: 0 kept, 5 broken." in done.stdout
