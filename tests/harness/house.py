"""What the rules of the house look at: the files of the project, their syntax trees, and the words in their names."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ADAPTERS = ("channels", "providers")
CODE = ("gateway", *ADAPTERS)

SYNONYMS = {
    "order": "invoice",
    "transaction": "payment",
    "customer": "payer",
    "merchant": "biller",
    "tenant": "biller",
    "notification": "delivery",
}
MONEY_COLUMNS = {"paid_minor", "received_minor", "reversed_minor", "refunded_minor"}
MONEY_TABLES = {"payment_attempt", "payment_update", "refund"}
MONEY_FUNCTIONS = {"write", "write_credit", "write_refund", "note_refunded", "record"}
_WRITES = {"insert", "update", "delete"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def tracked(*suffixes: str) -> list[Path]:
    """The project's files, as git knows them; those that are new too. Without git, all that is not hidden."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = (
        done.stdout.splitlines() if done.returncode == 0 else [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
    )
    files = [ROOT / name for name in names if not name.startswith(".venv/")]
    return sorted(path for path in files if path.is_file() and (not suffixes or path.suffix in suffixes))


def python_files(*folders: str) -> list[Path]:
    return [path for path in tracked(".py") if path.relative_to(ROOT).parts[0] in folders]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def adapters(folder: str) -> list[str]:
    """The names of the adapters that lie in `channels` or `providers`."""
    found = {path.relative_to(ROOT / folder).parts[0].removesuffix(".py") for path in python_files(folder)}
    return sorted(found - {"__init__"})


def synonyms(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that the code gives to things with a word that is not ours: line and name."""
    for node in ast.walk(tree):
        for name in _named(node):
            words = {word.lower().removesuffix("s") for word in _WORD.findall(name)}
            if words & SYNONYMS.keys():
                yield getattr(node, "lineno", 0), name


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            yield name
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            yield name
        case ast.Dict(keys=keys):
            yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def money_writes(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Where a statement would change money: a money column given a value other than 0, or a money table written."""
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys, values=values):
                pairs = [
                    (key.value, value) for key, value in zip(keys, values, strict=True) if isinstance(key, ast.Constant)
                ]
            case ast.Call(func=ast.Attribute(attr="values"), keywords=keywords):
                pairs = [(keyword.arg, keyword.value) for keyword in keywords]
            case ast.Assign(targets=[ast.Subscript(slice=ast.Constant(value=key))], value=value):
                pairs = [(key, value)]
            case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr=verb)) if (
                table in MONEY_TABLES and verb in _WRITES
            ):
                yield node.lineno, f"{table}.{verb}"
                continue
            case ast.Call(func=ast.Attribute(attr=verb) | ast.Name(id=verb), args=[ast.Name(id=table), *_]) if (
                table in MONEY_TABLES and verb in _WRITES
            ):
                yield node.lineno, f"{verb}({table})"
                continue
            case ast.Constant(value=str(text)) if re.search(
                rf"(?i)\b(insert|update)\b.*\b({'|'.join(MONEY_COLUMNS)})\b", text
            ):
                yield node.lineno, text
                continue
            case _:
                continue
        for key, value in pairs:
            if key in MONEY_COLUMNS and not (isinstance(value, ast.Constant) and value.value == 0):
                yield node.lineno, str(key)


def sums(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Uses of the functions of `store.payments` that change what is paid, received or due back."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="payments"), attr=name) if name in MONEY_FUNCTIONS:
                yield node.lineno, f"payments.{name}"
            case ast.ImportFrom(module="gateway.store.payments", names=names):
                yield from ((node.lineno, alias.name) for alias in names if alias.name in MONEY_FUNCTIONS)


def sql(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Statements that are made or run."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="sa"), attr=name) if name in {"select", "text", "func", *_WRITES}:
                yield node.lineno, f"sa.{name}"
            case ast.Call(func=ast.Attribute(attr="execute" | "exec_driver_sql" as name)):
                yield node.lineno, name


def clock_reads(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Calls and mentions of the machine's wall clock."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if (module, name) in _CLOCKS:
                yield node.lineno, f"{module}.{name}"


_CLOCKS = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
}


def module_state(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Module-level names that are filled later: `global` statements, and empty containers to be added to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"global {', '.join(node.names)}"
    for node in tree.body:
        match node:
            case (
                ast.Assign(
                    value=ast.Dict(keys=[])
                    | ast.List(elts=[])
                    | ast.Call(func=ast.Name(id="dict" | "list" | "set"), args=[])
                )
                | ast.AnnAssign(
                    value=ast.Dict(keys=[])
                    | ast.List(elts=[])
                    | ast.Call(func=ast.Name(id="dict" | "list" | "set"), args=[])
                )
            ):
                yield node.lineno, "an empty container"


def unwelcome(text: str) -> Iterator[str]:
    """Registry hosts, paths of one machine, and unfinished work, in any text."""
    yield from (match[0] for match in _UNWELCOME.finditer(text))


_UNWELCOME = re.compile(
    "|".join(
        [
            r"\bpypi\.(?:org|python\.org)|\bfiles\.pythonhosted|\bregistry\.(?:npmjs|yarnpkg)|\bregistry\.npm\.|--(?:extra-)?index-url",
            r"(?<![\w.])/(?:work|root|home|Users)/[\w.]",
            r"\b(?:TODO|FIXME|HACK)\b",
        ]
    )
)
