"""`achit.toml`: what is right is read, and all that is wrong is said at once, by its place."""

from __future__ import annotations

import base64
import ipaddress
import os
import stat
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, Listen, default_config, load_config
from gateway.ports.values import Secret
from gateway.vault import Vault, new_key, parse_key
from tests.harness.tables import NEVER, faults_of, write

KEY = new_key().reveal()
MINIMAL = """
    [database]
    url = "sqlite:///var/achit.db"
    [secrets]
    keys = [{ id = "k1", env = "ACHIT_KEY" }]
"""


class TestServer:
    def test_a_minimal_file_gets_the_defaults(self, tmp_path: Path) -> None:
        config = load_config(write(tmp_path / "achit.toml", MINIMAL), environment={"ACHIT_KEY": KEY})
        assert config.server.listen == Listen("127.0.0.1", 8080)
        assert config.server.public_url == "http://127.0.0.1:8080"
        assert config.database.url.reveal() == f"sqlite:///{tmp_path}/var/achit.db"
        assert (config.secrets.ring, config.secrets.current) == ({"k1": base64.b64decode(KEY)}, "k1")
        assert (config.folder, config.warnings) == (tmp_path, ())
        assert config.limits.request_timeout_s == 30
        assert config.templates_dir is None

    def test_a_full_file(self, tmp_path: Path) -> None:
        (tmp_path / "ours").mkdir()
        write(tmp_path / "old.key", KEY + "\n")
        write(tmp_path / "billers" / "b.toml", "")
        write(tmp_path / "billers" / "a.toml", "")
        write(tmp_path / "billers" / "a.txt", "")
        file = write(
            tmp_path / "achit.toml",
            """
            templates_dir = "ours"
            billers = "billers/*.toml"
            [server]
            listen = "0.0.0.0:80"
            public_url = "https://pay.example.com/"
            operations_listen = "[::1]:9000"
            [database]
            url = { env = "DATABASE" }
            [secrets]
            keys = [{ id = "2026", env = "KEY" }, { id = "2025", file = "old.key" }]
            [logs]
            level = "warning"
            format = "console"
            [push]
            allow_networks = ["10.1.0.0/16", "fd00:1::/32"]
            [limits]
            body_bytes = 65536
            request_timeout = "2m"
            idle_timeout = "30s"
            reads_per_minute = 10
            writes_per_minute = 5
            """,
        )
        new = new_key().reveal()
        config = load_config(file, environment={"KEY": new, "DATABASE": f"postgresql://achit:{NEVER}@db/achit"})
        assert config.server.listen == Listen("0.0.0.0", 80)
        assert config.server.public_url == "https://pay.example.com"
        assert str(config.server.operations_listen) == "[::1]:9000"
        assert config.database.url == Secret(f"postgresql://achit:{NEVER}@db/achit")
        assert config.secrets.current == "2026"
        assert config.secrets.ring == {"2026": base64.b64decode(new), "2025": base64.b64decode(KEY)}
        assert config.logs.model_dump() == {"level": "warning", "format": "console"}
        assert config.push.allow_networks == (ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32"))
        assert config.limits.model_dump() == {
            "body_bytes": 65536,
            "request_timeout_s": "120s",
            "idle_timeout_s": "30s",
            "reads_per_minute": 10,
            "writes_per_minute": 5,
        }
        assert config.templates_dir == tmp_path / "ours"
        assert [path.name for path in config.biller_files()] == ["a.toml", "b.toml"]
        assert config.warnings == ()
        for secret in (NEVER, KEY, new):
            assert secret not in repr(config)
        sealed = Vault(config.secrets.ring, config.secrets.current).seal(b"x", b"here")
        assert sealed[2:6] == b"2026"

    def test_all_faults_are_reported_at_once(self, tmp_path: Path) -> None:
        file = write(
            tmp_path / "achit.toml",
            f"""
            templates_dir = "nowhere"
            biller = "billers/*.toml"
            folder = "x"
            [server]
            lisen = "127.0.0.1:8080"
            public_url = "pay.example.com"
            operations_listen = 8081
            [database]
            url = "mysql://{NEVER}@localhost"
            [secrets]
            keys = [{{ id = "k1", env = "NOT_SET" }}, {{ id = "k2", value = "{NEVER}" }}, {{ env = "X" }}]
            [logs]
            level = "loud"
            [push]
            allow_networks = ["10.1.2.3/16", "everything"]
            [limits]
            body_bytes = 1
            request_timeout = 30
            reads_per_minute = true
            [pusch]
            """,
        )
        with pytest.raises(ConfigError) as error:
            load_config(file, environment={})
        assert faults_of(error) == {
            "achit.toml: templates_dir": "is not a folder",
            "achit.toml: biller": 'unknown key; did you mean "billers"?',
            "achit.toml: folder": "unknown key",
            "achit.toml: server.lisen": 'unknown key; did you mean "listen"?',
            "achit.toml: server.public_url": "is not a URL that begins with https:// or http://",
            "achit.toml: server.operations_listen": 'is written as "host:port", such as "127.0.0.1:8080"',
            "achit.toml: database.url": "a database url begins with sqlite:/// or postgresql://",
            "achit.toml: secrets.keys[0]": "the environment variable NOT_SET is not set",
            "achit.toml: secrets.keys[1]": "a key is written as the base64 of 32 bytes",
            "achit.toml: secrets.keys[2]": (
                'a key is written as { id = "k1", env = "NAME" } or { id = "k1", file = "path" }'
            ),
            "achit.toml: logs.level": "should be 'debug', 'info', 'warning' or 'error'",
            "achit.toml: push.allow_networks[0]": "10.1.2.3/16 has host bits set",
            "achit.toml: push.allow_networks[1]": "'everything' does not appear to be an IPv4 or IPv6 network",
            "achit.toml: limits.body_bytes": "should be greater than or equal to 4096",
            "achit.toml: limits.request_timeout": (
                'a duration is written as a number and s, m, h or d, such as "15s" or "3d"'
            ),
            "achit.toml: limits.reads_per_minute": "should be a valid integer",
            "achit.toml: pusch": 'unknown key; did you mean "push"?',
        }

    def test_missing_tables_are_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as error:
            load_config(write(tmp_path / "achit.toml", ""))
        assert faults_of(error) == {"achit.toml: database": "is missing", "achit.toml: secrets": "is missing"}

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"absent.toml: cannot be read: no such file"):
            load_config(tmp_path / "absent.toml")
        with pytest.raises(ConfigError, match=r"achit.toml: is not TOML: .* \(at line 2, column 8\)"):
            load_config(write(tmp_path / "achit.toml", "\nlisten 8080"))
        (tmp_path / "achit.toml").write_bytes(b"a = '\xff'")
        with pytest.raises(ConfigError, match=r"achit.toml: is not TOML"):
            load_config(tmp_path / "achit.toml")

    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ("[]", "at least one key is needed"),
            ('[{ id = "a", env = "K" }, { id = "a", env = "K" }]', "two keys have the same id"),
            ('"K"', "should be a valid tuple"),
        ],
    )
    def test_a_key_ring_that_is_none(self, tmp_path: Path, keys: str, said: str) -> None:
        text = f'database.url = "sqlite:///x"\nsecrets.keys = {keys}\n'
        with pytest.raises(ConfigError) as error:
            load_config(write(tmp_path / "achit.toml", text), environment={"K": KEY})
        assert faults_of(error) == {"achit.toml: secrets.keys": said}

    def test_what_is_unwise_is_a_warning(self, tmp_path: Path) -> None:
        file = write(
            tmp_path / "achit.toml",
            f"""
            billers = "none/*.toml"
            server.public_url = "http://pay.example.com"
            database.url = "sqlite:///x"
            secrets.keys = [{{ id = "k1", value = "{KEY}" }}]
            """,
        )
        config = load_config(file)
        assert {fault.where: fault.what for fault in config.warnings} == {
            "achit.toml: secrets.keys[0]": "is written in the file: use env or file",
            "achit.toml: server.public_url": "payers will come over plain http",
            "achit.toml: billers": "matches no file",
        }
        assert all(fault.warning for fault in config.warnings)

    @pytest.mark.parametrize(
        "url", ["https://x.example/path", "https://u:p@x.example", "ftp://x.example", "https://", ""]
    )
    def test_a_public_url_is_a_host_alone(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(ConfigError) as error:
            load_config(
                write(tmp_path / "achit.toml", MINIMAL + f'\n[server]\npublic_url = "{url}"'),
                environment={"ACHIT_KEY": KEY},
            )
        assert list(faults_of(error)) == ["achit.toml: server.public_url"]


class TestDefault:
    def test_it_makes_a_key_once_for_its_owner_alone(self, tmp_path: Path) -> None:
        state = tmp_path / "deep" / "state"
        first, second = default_config(state), default_config(state)
        assert first.secrets == second.secrets
        assert stat.S_IMODE((state / "key").stat().st_mode) == 0o600
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
        assert os.listdir(state) == ["key"]
        assert first.database.url.reveal() == f"sqlite:///{state}/achit.db"
        assert len(parse_key(first.secrets.keys[0].secret)) == 32

    def test_it_listens_where_it_is_told(self, tmp_path: Path) -> None:
        config = default_config(tmp_path, listen="127.0.0.1:0", operations_listen="127.0.0.1:0")
        assert config.server.listen.port == config.server.operations_listen.port == 0
        assert config.server.public_url == "http://127.0.0.1:0"

    def test_a_key_that_is_none_is_a_fault(self, tmp_path: Path) -> None:
        write(tmp_path / "key", NEVER)
        with pytest.raises(ConfigError) as error:
            default_config(tmp_path)
        assert list(faults_of(error).values()) == ["a key is written as the base64 of 32 bytes"]

    def test_a_config_does_not_change(self, tmp_path: Path) -> None:
        config: Config = default_config(tmp_path)
        with pytest.raises(ValueError, match="frozen"):
            config.billers = "other"
