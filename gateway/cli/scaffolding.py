"""Writes a new provider's files from `gateway/cli/scaffold`: small, complete, and green from the first minute on."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

TEMPLATES = Path(__file__).parent / "scaffold"
FILES = {
    "provider.py.txt": "providers/{name}.py",
    "fake.py.txt": "tests/fakes/{name}.py",
    "bench.py.txt": "tests/providers/{name}_bench.py",
    "contract.py.txt": "tests/providers/test_{name}_contract.py",
    "create.json.txt": "tests/providers/fixtures/{name}/create.json",
    "webhook_paid.json.txt": "tests/providers/fixtures/{name}/webhook_paid.json",
    "page.md.txt": "docs/providers/{name}.md",
}
_NEEDED = ("pyproject.toml", "gateway/ports/provider.py", "providers/__init__.py", "tests/providers")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def name_fault(name: str) -> str | None:
    """What is wrong with the name of an adapter; None when nothing is."""
    if not _NAME.fullmatch(name):
        return "a name is lower-case letters, digits and _, from a letter on, at most 32"
    if keyword.iskeyword(name):
        return "is a word of Python's own and cannot be imported"
    return None


def missing_from(root: Path) -> list[str]:
    """What a checkout of Achit has and this folder has not."""
    return [needed for needed in _NEEDED if not (root / needed).exists()]


def taken(name: str, root: Path) -> list[str]:
    """The files of an adapter of this name that are there already."""
    paths = [path.format(name=name) for path in FILES.values()]
    return [path for path in (*paths, f"providers/{name}") if (root / path).exists()]


def write(name: str, root: Path) -> list[str]:
    """Writes the files and gives their paths. The name is good and none of them exists; one that does raises OSError."""
    written = []
    for template, path in FILES.items():
        target = root / path.format(name=name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(_filled((TEMPLATES / template).read_text(encoding="utf-8"), name))
        written.append(path.format(name=name))
    return written


def _filled(text: str, name: str) -> str:
    camel = "".join(part.capitalize() for part in name.split("_"))
    for word, value in (("VENDORNAME", name.upper()), ("VendorName", camel), ("vendorname", name)):
        text = text.replace(word, value)
    return text
