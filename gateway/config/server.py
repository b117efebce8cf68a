"""`achit.toml`: where Achit listens, stores and keeps its keys. Nothing of a biller is here."""

from __future__ import annotations

import glob
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, PrivateAttr, ValidationInfo, field_validator

from gateway.config.shapes import AS_TUPLE, Duration, Place, Section, place, read_section, read_toml, url_of
from gateway.ports.values import Secret
from gateway.settings import Fault
from gateway.vault import new_key, parse_key

FILE = "achit.toml"


@dataclass(frozen=True, slots=True)
class Listen:
    """An address to listen on. Port 0 means any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the ring that seals secrets at rest; `secret` is the base64 of 32 bytes."""

    id: str
    secret: Secret


def _listen(written: object) -> Listen:
    if isinstance(written, Listen):
        return written
    host, colon, port = str(written).rpartition(":")
    if not isinstance(written, str) or not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise ValueError('is written as "host:port", such as "127.0.0.1:8080"')
    return Listen(host.removeprefix("[").removesuffix("]"), int(port))


def _public_url(text: str) -> str:
    parts = url_of(text)
    if parts.path not in ("", "/") or parts.query:
        raise ValueError("is a host alone, without a path")
    return f"{parts.scheme}://{parts.netloc}"


def _network(written: object) -> Any:
    if not isinstance(written, str):
        raise ValueError('is written as "10.1.0.0/16"')
    return ipaddress.ip_network(written)


def _key(written: object, info: ValidationInfo) -> Key:
    if isinstance(written, Key):
        return written
    if not isinstance(written, dict) or not isinstance(key_id := written.get("id"), str) or not 1 <= len(key_id) <= 64:
        raise ValueError('a key is written as { id = "k1", env = "NAME" } or { id = "k1", file = "path" }')
    source = {name: value for name, value in written.items() if name != "id"}
    match source:
        case {"value": str(value), **rest} if not rest:
            secret = Secret(value)
        case _:
            secret = place(info).secret(source)
    parse_key(secret)
    return Key(key_id, secret)


Address = Annotated[Listen, PlainValidator(_listen)]
Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, PlainValidator(_network)]


class Server(Section):
    """`public_url` is what payers, vendors and billers reach; `operations_listen` (health, metrics) is yours alone.

    `trusted_proxies`: networks whose `X-Forwarded-For` is believed, for counting guesses by the address they come from.
    """

    listen: Address = Listen("127.0.0.1", 8080)
    public_url: Annotated[str, AfterValidator(_public_url)] = "http://127.0.0.1:8080"
    operations_listen: Address = Listen("127.0.0.1", 8081)
    trusted_proxies: Annotated[tuple[Network, ...], AS_TUPLE] = ()


def _database_url(written: object, info: ValidationInfo) -> Secret:
    if isinstance(written, Secret):
        return written
    url = written if isinstance(written, str) else place(info).secret(written).reveal()
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return Secret(f"sqlite:///{(place(info).folder / url.removeprefix('sqlite:///')).absolute()}")
    if url.startswith(("postgresql://", "postgres://")):
        return Secret(url)
    raise ValueError("a database url begins with sqlite:/// or postgresql://")


class Database(Section):
    """`sqlite:///file` (from the folder of this file) or `postgresql://user@host/name`; may be `{ env = "NAME" }`."""

    url: Annotated[Secret, PlainValidator(_database_url)]


class Secrets(Section):
    """The key ring. The first key seals, every key opens: to rotate, put a new one in front."""

    keys: Annotated[tuple[Annotated[Key, PlainValidator(_key)], ...], AS_TUPLE]

    @field_validator("keys")
    @classmethod
    def _usable(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if not keys:
            raise ValueError("at least one key is needed")
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("two keys have the same id")
        return keys

    @property
    def ring(self) -> dict[str, bytes]:
        """The keys as `Vault` wants them; `current` names the one that seals."""
        return {key.id: parse_key(key.secret) for key in self.keys}

    @property
    def current(self) -> str:
        return self.keys[0].id


class Logs(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Push(Section):
    """`allow_networks`: private networks that status pushes may reach, for billing systems on premise."""

    allow_networks: Annotated[tuple[Network, ...], AS_TUPLE] = ()


class RequestLimits(Section):
    """What one request, and one API key, may take. A connection on which no request is under way is closed after `idle_timeout`."""

    body_bytes: int = Field(default=262_144, ge=4_096, le=16_777_216)
    request_timeout_s: Duration = Field(default=30, alias="request_timeout")
    idle_timeout_s: Duration = Field(default=75, alias="idle_timeout")
    reads_per_minute: int = Field(default=6_000, ge=1)
    writes_per_minute: int = Field(default=6_000, ge=1)


class Lmtp(Section):
    """The mail server of this host may hand bounces and replies over here (LMTP, RFC 2033). It asks for no proof: keep it to the host.

    A message longer than `message_bytes` is refused for good.
    """

    enabled: bool = False
    listen: Address = Listen("127.0.0.1", 8024)
    message_bytes: int = Field(default=10_485_760, ge=65_536, le=67_108_864)


def _folder(written: object, info: ValidationInfo) -> Path:
    if not isinstance(written, str) or not (folder := place(info).folder / written).is_dir():
        raise ValueError("is not a folder")
    return folder


class Config(Section):
    """`achit.toml`, read and checked."""

    server: Server = Server()
    database: Database
    secrets: Secrets
    logs: Logs = Logs()
    push: Push = Push()
    limits: RequestLimits = RequestLimits()
    lmtp: Lmtp = Lmtp()
    templates_dir: Annotated[Path, PlainValidator(_folder)] | None = None
    billers: str = "billers/*.toml"
    _folder: Path = PrivateAttr(default=Path())
    _warnings: tuple[Fault, ...] = PrivateAttr(default=())

    @property
    def folder(self) -> Path:
        """Where the relative paths of the file start."""
        return self._folder

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """What is not wrong and not wise."""
        return self._warnings

    def biller_files(self) -> list[Path]:
        """The files that `billers` matches now, by name."""
        return [Path(name) for name in sorted(glob.glob(str(self.folder / self.billers)))]


def load_config(path: Path, *, environment: Mapping[str, str] | None = None) -> Config:
    """Reads `achit.toml`. Raises ConfigError with all its faults; what is only unwise is in `Config.warnings`."""
    values = read_toml(path)
    where = Place(path.parent.absolute(), os.environ if environment is None else environment)
    config = read_section(Config, values, where, f"{path.name}: ")
    config._folder = where.folder
    config._warnings = tuple(_warnings(path.name, values, config))
    return config


def _warnings(file: str, values: Mapping[str, Any], config: Config) -> list[Fault]:
    warnings = [
        Fault(f"{file}: secrets.keys[{index}]", "is written in the file: use env or file", warning=True)
        for index, key in enumerate(values["secrets"]["keys"])
        if "value" in key
    ]
    url = url_of(config.server.public_url)
    if url.scheme == "http" and not _loopback(url.hostname or ""):
        warnings.append(Fault(f"{file}: server.public_url", "payers will come over plain http", warning=True))
    if config.lmtp.enabled and not _loopback(config.lmtp.listen.host):
        warnings.append(Fault(f"{file}: lmtp.listen", "takes mail from other hosts, without proof", warning=True))
    if "billers" in values and not config.biller_files():
        warnings.append(Fault(f"{file}: billers", "matches no file", warning=True))
    return warnings


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def default_config(state: Path, *, listen: str = "127.0.0.1:8080", operations_listen: str = "127.0.0.1:8081") -> Config:
    """What serves without any file: SQLite in `state`, sealed with a key that is made there once, for its owner alone.

    Raises OSError when `state` cannot be written, ConfigError when the key that lies there is not one.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_key(state / "key")
    values = {
        "server": {"listen": listen, "public_url": f"http://{listen}", "operations_listen": operations_listen},
        "database": {"url": "sqlite:///achit.db"},
        "secrets": {"keys": [{"id": "k1", "file": "key"}]},
        "logs": {"format": "console"},
    }
    config = read_section(Config, values, Place(state.absolute(), {}), f"{state}: ")
    config._folder = state.absolute()
    return config


def _make_key(path: Path) -> None:
    """Writes a fresh key unless there is one; whole or not at all, so that two processes agree on one key."""
    if path.exists():
        return
    draft = path.with_name(f".key.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(new_key().reveal() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
