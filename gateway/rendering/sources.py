"""Where templates and static files come from: our folder, and a biller's folder laid over it. Read once, when the
renderer is built.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gateway.domain.invoices import IconState
from gateway.rendering.elements.icons import icon_svg
from gateway.rendering.inlining import inlined
from gateway.rendering.values import MESSAGES

SYMBOLS = "paypage/symbols/"
_CSS = "base/email.css"
_FOLDERS = ("base", "paypage", *MESSAGES)
_SUFFIXES = (".html", ".txt", ".css", ".svg")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


def templates_root() -> Path:
    """Our templates: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(str(files("gateway")))
    packaged = package / "templates"
    return packaged if packaged.is_dir() else package.parent / "templates"


def read_sources(folders: Sequence[Path], faults: list[str]) -> dict[str, str]:
    """Template sources by name (`invoice_issued/email.html`), a later folder over the first, which is ours; the CSS of
    emails inlined.

    Appends to `faults` what cannot be read or inlined, and a biller's file that is none of ours to replace: a
    misspelt name would otherwise be silently without effect. Only a method's symbol, and parts named `_...`, are new.
    """
    sources: dict[str, str] = {}
    for place, folder in enumerate(folders):
        for name, file in _templates(folder, everything=place > 0):
            known = place == 0 or name in sources or name.startswith(SYMBOLS) or file.name.startswith("_")
            if not known or file.suffix not in _SUFFIXES:
                faults.append(f"{name}: replaces nothing; ours are in the folders {', '.join(_FOLDERS)}")
                continue
            try:
                sources[name] = file.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{name}: {error}")
    css = sources.pop(_CSS, "")
    for name, source in sources.items():
        if name.endswith("/email.html") or (name.startswith("base/") and name.endswith(".html")):
            try:
                sources[name] = inlined(source, css, name)
            except ValueError as error:
                faults.append(str(error) if name in str(error) else f"{name}: {error}")
    return sources


def _templates(folder: Path, *, everything: bool) -> Iterator[tuple[str, Path]]:
    """Files by name. Our folder also holds what others render; a biller's holds templates, languages and static
    files.
    """
    for file in _inside(folder):
        name = file.relative_to(folder).as_posix()
        top = name.split("/")[0]
        if top in _FOLDERS or (everything and top not in ("static", "locales")):
            yield name, file


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file. Its name holds a hash of its content, so it may be cached for ever."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """Static files by hashed name (`paypage.3f2a9c1e07.css`), and the hashed name of each plain one."""

    files: Mapping[str, Asset]
    names: Mapping[str, str]

    def url(self, name: str) -> str:
        """The path of a static file on our host. Raises KeyError on a name that is not there."""
        return f"/static/{self.names[name]}"


def read_assets(folders: Sequence[Path], faults: list[str]) -> Assets:
    """The static files of `folders`, a later one over an earlier one, and the status icons. Appends to `faults`."""
    found: dict[str, Asset] = {}
    for state in IconState:
        found[f"icon-{state}.svg"] = Asset(icon_svg(state).encode(), _TYPES[".svg"])
    for folder in folders:
        for file in _inside(folder / "static"):
            name = file.relative_to(folder / "static").as_posix()
            if file.suffix not in _TYPES:
                faults.append(f"static/{name}: only {', '.join(sorted(_TYPES))} are served")
                continue
            try:
                found[name] = Asset(file.read_bytes(), _TYPES[file.suffix])
            except OSError as error:
                faults.append(f"static/{name}: {error}")
    names = {name: _hashed(name, asset.body) for name, asset in found.items()}
    return Assets({names[name]: asset for name, asset in found.items()}, names)


def _hashed(name: str, body: bytes) -> str:
    stem, _, suffix = name.replace("/", "-").rpartition(".")
    return f"{stem}.{hashlib.sha256(body).hexdigest()[:10]}.{suffix}"


def _inside(folder: Path) -> Iterator[Path]:
    return (file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith("."))
