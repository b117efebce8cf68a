"""Where third-party test data lies. It is read in place and never copied into the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def vectors_folder() -> Path:
    """`$ACHIT_VECTORS`, else `shared/vectors` beside the repository. It need not exist."""
    return Path(os.environ.get("ACHIT_VECTORS") or ROOT.parent / "shared" / "vectors").absolute()


def vectors_or_skip(*parts: str) -> Path:
    """The folder or file of that name; skips the test, with the reason on show, where there is none."""
    path = vectors_folder().joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no third-party data at {path} (set ACHIT_VECTORS)")
    return path
