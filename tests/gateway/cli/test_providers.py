"""`achit provider new`: what it writes is a provider that passes every gate, and it overwrites nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.scaffolding import FILES
from tests.gateway.cli.terminal import Terminal
from tests.harness.house import CODE, ROOT, unwelcome

SHORT, LONG = "ab", "a_vendor_whose_name_is_very_long"  # the formatter wraps lines by their length

PLAYED = "tests/providers/test_fixtures.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the command wants to see of a checkout."""
    for name in ("gateway/ports/provider.py", "providers/__init__.py", "tests/providers/.keep", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """What an adapter and its checks need of a checkout."""
    for package in CODE:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "tests" / "providers").mkdir(parents=True)
    shutil.copy(ROOT / PLAYED, tmp_path / PLAYED)
    return tmp_path


def run(folder: Path, *command: str | Path) -> str:
    """Runs one of the environment's programs there, on that checkout and not on this one."""
    program = Path(sys.executable).with_name(str(command[0]))
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(checkout: Path, name: str) -> list[str]:
    lines = Terminal(checkout).ok("provider", "new", name).lines
    assert lines == [path.format(name=name) for path in FILES.values()]
    return lines


@pytest.mark.timeout(180)
def test_it_passes_every_gate_as_it_is_written(whole: Path) -> None:
    """Style, types, who may import whom, and all that ProviderContract asks of it, in a copy of this checkout."""
    paths = [path for name in (SHORT, LONG) for path in written(whole, name)]
    sources = [path for path in paths if path.endswith(".py")]
    tests = [path for path in sources if "/test_" in path]

    run(whole, "ruff", "check", "--no-cache", *sources)
    run(whole, "ruff", "format", "--no-cache", "--check", *sources)
    run(whole, "mypy", "--cache-dir", os.devnull, "--explicit-package-bases", *sources)
    assert "Contracts: 5 kept, 0 broken." in run(whole, "lint-imports", "--no-cache")
    told = run(whole, "python", "-m", "pytest", "-p", "no:cacheprovider", "-q", PLAYED, *tests)
    passed = int(told.rpartition(" passed")[0].split()[-1])
    assert passed > 2 * 35, told
    loaded = f"from gateway.registry import Registry; print(Registry().provider({LONG!r}).name)"
    assert run(whole, "python", "-c", loaded) == f"{LONG}\n"


def test_its_rules_are_those_of_the_house(checkout: Path) -> None:
    for path in written(checkout, LONG):
        text = (checkout / path).read_text()
        assert list(unwelcome(text)) == []
        assert "vendorname" not in text.lower()
        assert len(text.splitlines()) <= 300
    fixtures = list((checkout / f"tests/providers/fixtures/{LONG}").iterdir())
    assert fixtures
    assert all("made up" in json.loads(fixture.read_text())["origin"] for fixture in fixtures)
    page = (checkout / f"docs/providers/{LONG}.md").read_text()
    assert "| fact | source | verified how |" in page
    assert f'adapter = "{LONG}"' in page


def test_what_comes_next_is_said_to_the_person_alone(checkout: Path) -> None:
    done = Terminal(checkout).ok("provider", "new", "acme_pay")

    assert "tests/providers/test_acme_pay_contract.py" in done.err
    assert "docs/how-to/add-a-provider.md" in done.err
    assert "Next" not in done.out


@pytest.mark.parametrize("name", ["Acme", "1pay", "acme-pay", "acme.pay", "../x", "", "x" * 33, "plăți", "class"])
def test_a_wrong_name_is_named_and_nothing_is_written(checkout: Path, name: str) -> None:
    done = Terminal(checkout).run("provider", "new", "--", name)

    assert done.code == 2
    assert repr(name) in done.err
    assert len([path for path in checkout.rglob("*") if path.is_file()]) == 4


def test_a_name_that_is_taken_loses_nothing(checkout: Path) -> None:
    there = checkout / "tests" / "providers" / "acme_bench.py"
    there.write_text("mine")
    done = Terminal(checkout).run("provider", "new", "acme")
    (checkout / "providers" / "parcel").mkdir()
    package = Terminal(checkout).run("provider", "new", "parcel")

    assert (done.code, package.code) == (1, 1)
    assert "tests/providers/acme_bench.py" in done.err
    assert "providers/parcel" in package.err
    assert there.read_text() == "mine"
    assert not (checkout / "providers" / "acme.py").exists()


def test_it_writes_into_a_checkout_alone(tmp_path: Path, checkout: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = Terminal(elsewhere).run("provider", "new", "acme")

    assert done.code == 2
    assert "no providers/__init__.py" in done.err
    assert list(elsewhere.iterdir()) == []
    assert Terminal(elsewhere).ok("provider", "new", "acme", "--into", "..").lines
    assert (checkout / "providers" / "acme.py").exists()
