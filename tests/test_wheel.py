"""`pip install .` into an empty environment gives a working Achit, from any folder: all that it needs is in the wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.harness.house import CODE, ROOT, name_of, tracked

pytestmark = pytest.mark.timeout(240)


def run(command: list[str | Path], folder: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs a command in `folder`, with nothing of the repository or the tests in its environment."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ACHIT_", "VIRTUAL_ENV"))
    }
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=200)
    assert not check or done.returncode == 0, f"{done.args}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as an installer would: from the source distribution, with the backend that is already here."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of an environment that holds the wheel; the dependencies are lent by this one, so no network."""
    folder = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    if find_spec("pip"):
        installer: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install", "--no-index"]
    else:
        installer = [shutil.which("uv") or "uv", "pip", "install", "--python", python, "--offline"]
    run([*installer, "--no-deps", wheel], folder)
    site = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).stdout.strip())
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_holds_every_file_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    code = {name_of(path) for path in tracked() if path.relative_to(ROOT).parts[0] in CODE}
    templates = {f"gateway/{name_of(path)}" for path in tracked() if path.relative_to(ROOT).parts[0] == "templates"}
    assert templates
    assert any("migrations/versions" in name for name in code)
    assert code | templates <= names
    about = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - about == code | templates
    assert any(name.endswith("licenses/LICENSE") for name in about)


def test_a_database_is_made_and_templates_are_found_from_another_folder(installed: Path, tmp_path: Path) -> None:
    code = """
import asyncio, pathlib, gateway, channels, providers
from gateway.registry import name_faults
from gateway.store.database import open_database

async def main():
    database = await open_database(f"sqlite:///{pathlib.Path.cwd()}/achit.db")
    await database.migrate()
    assert await database.schema_is_current()
    await database.aclose()

asyncio.run(main())
home = pathlib.Path(gateway.__file__).parent
assert name_faults() == [], name_faults()
assert list((home / "templates").rglob("*.html"))
print(home.parent)
"""
    site = run([installed / "python", "-W", "error", "-c", code], tmp_path).stdout.strip()
    assert Path(site).is_relative_to(installed.parent)


@pytest.mark.parametrize("command", [["achit"], ["python", "-m", "gateway"]])
def test_the_command_runs_from_another_folder(installed: Path, tmp_path: Path, command: list[str]) -> None:
    shown = run([installed / command[0], *command[1:], "--help"], tmp_path).stdout
    for name in ("demo", "serve", "migrate", "check"):
        assert name in shown


def test_the_whole_loop_runs_from_another_folder(installed: Path, tmp_path: Path) -> None:
    done = run([installed / "achit", "demo", "--once", "--json"], tmp_path, check=False)
    told = json.loads(done.stdout)
    assert told["ok"] is True, done.stdout + done.stderr
    assert done.returncode == 0
    assert [step["step"] for step in told["steps"]]
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"
