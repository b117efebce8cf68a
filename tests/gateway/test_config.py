"""`achit.toml` and the billers' files: what is right is read, and all that is wrong is said at once, by its place."""

from __future__ import annotations

import base64
import ipaddress
import os
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from gateway.config import (
    Biller,
    Config,
    ConfigError,
    Listen,
    default_config,
    load_biller,
    load_billers,
    load_config,
)
from gateway.ports.channel import ChannelPlugin
from gateway.ports.http import HttpClient
from gateway.ports.provider import Method, ProviderPlugin
from gateway.ports.values import Secret
from gateway.settings import settings_from, settings_to_json
from gateway.signing import new_secret
from gateway.vault import Vault, new_key, parse_key

KEY = new_key().reveal()
NEVER = "hunter2-hunter2"  # a secret that must not show up anywhere


class Mode(StrEnum):
    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class PigeonSettings:
    loft: str = field(metadata={"doc": "where it starts"})
    whistle: Secret
    old_whistles: tuple[Secret, ...] = ()
    speed: float = 1.5
    wings: int = 2
    tired: bool = False
    mode: Mode = Mode.LIVE
    ring: str | None = None

    def __post_init__(self) -> None:
        if self.wings % 2:
            raise ValueError("wings come in pairs")


class Unused:
    """An adapter that no test of the configuration ever makes."""

    def __init__(self, settings: PigeonSettings, http: HttpClient) -> None:
        raise AssertionError("reading a configuration makes no adapter")

    send = parse_webhook = create_payment = fetch_payment = __init__


class Plugins:
    """The adapters `pigeon` (a channel) and `barter` (a provider)."""

    def channel(self, name: str) -> ChannelPlugin[Any]:
        if name != "pigeon":
            raise LookupError(f"no channel adapter {name!r}")
        return ChannelPlugin("pigeon", PigeonSettings, Unused, address="phone")  # type: ignore[arg-type]

    def provider(self, name: str) -> ProviderPlugin[Any]:
        if name != "barter":
            raise LookupError(f"no provider adapter {name!r}")
        return ProviderPlugin("barter", PigeonSettings, Unused, methods=(Method("bank"), Method("card")))  # type: ignore[arg-type]


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def faults_of(error: pytest.ExceptionInfo[ConfigError]) -> dict[str, str]:
    """Place to fault; no two faults are at the same place in these tests."""
    faults = {fault.where: fault.what for fault in error.value.faults}
    assert len(faults) == len(error.value.faults), error.value.faults
    assert NEVER not in str(error.value)
    return faults


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


ACME = """
    [biller]
    slug = "acme"
    legal_name = "Acme Energie SRL"
    display_name = "Acme"
"""
WHISTLE = {"WHISTLE": NEVER}


class TestBiller:
    def test_a_minimal_file_gets_the_defaults(self, tmp_path: Path) -> None:
        config = load_biller(write(tmp_path / "acme.toml", ACME), Plugins())
        assert config.slug == "acme"
        identity = config.biller.biller
        assert (identity.locale, identity.time_zone, identity.region) == ("ro", "Europe/Bucharest", "RO")
        assert config.biller.payments.poll_s == ()
        assert config.biller.payments.attempt_minutes == 30
        assert config.biller.delivery.receipt
        assert (config.channels, config.providers, config.push) == ((), (), ())

    def test_a_full_file(self, tmp_path: Path) -> None:
        (tmp_path / "logo.png").write_bytes(b"\x89PNG")
        write(tmp_path / "old", "older\n")
        secret = new_secret()
        file = write(
            tmp_path / "acme.toml",
            """
            [biller]
            slug = "acme"
            legal_name = "Acme Energie SRL"
            display_name = "Acme"
            locale = "EN-gb"
            time_zone = "Europe/London"
            country = "GB"
            default_region = "RO"
            address = "1 High Street"
            support_email = "help@ACME.example"
            support_phone = "0722 123 456"
            website = "https://acme.example"
            [brand]
            colour = "#AABBCC"
            logo = "logo.png"
            [delivery]
            channels = [{ channel = "sms", wait = "10m" }, { channel = "backup" }, { channel = "third", wait = "0s" }]
            receipt = false
            [payments]
            refund_duplicates = "auto"
            poll = ["5s", "1m", "1h"]
            attempt_minutes = 15
            [channels.sms]
            adapter = "pigeon"
            loft = "Bran"
            whistle = { env = "WHISTLE" }
            old_whistles = [{ file = "old" }]
            speed = 2
            wings = 4
            tired = true
            mode = "test"
            ring = "gold"
            [channels.backup]
            adapter = "pigeon"
            loft = "Cluj"
            whistle = { env = "WHISTLE" }
            [channels.third]
            adapter = "pigeon"
            loft = "Iasi"
            whistle = { env = "WHISTLE" }
            [providers.barter]
            loft = "market"
            whistle = { env = "WHISTLE" }
            methods = ["bank"]
            poll = "15s"
            [[push]]
            url = "https://erp.acme.example/hooks"
            events = ["invoice.paid", "payment.duplicate"]
            secret = { env = "PUSH" }
            [[push]]
            url = "http://10.0.0.1/all"
            """,
        )
        config = load_biller(file, Plugins(), environment={**WHISTLE, "PUSH": secret.reveal()})
        biller = config.biller
        assert biller.biller.locale == "en-GB"
        assert biller.biller.support_phone == "+40722123456"
        assert biller.biller.support_email == "help@acme.example"
        assert biller.brand.colour == "#aabbcc"
        assert biller.brand.logo == "data:image/png;base64,iVBORw=="
        steps = [(step.channel, step.wait_s) for step in biller.delivery.channels]
        assert steps == [("sms", 600), ("backup", 600), ("third", 0)]
        assert not biller.delivery.receipt
        assert biller.payments.poll_s == (5, 60, 3600)
        sms = config.channels[0]
        assert (sms.kind, sms.name, sms.adapter) == ("channel", "sms", "pigeon")
        assert sms.settings == PigeonSettings(
            "Bran", Secret(NEVER), (Secret("older"),), 2.0, 4, True, Mode.TEST, "gold"
        )
        [barter] = config.providers
        assert (barter.adapter, barter.methods, barter.poll_s) == ("barter", ("bank",), (15,))
        assert config.push[0].events == ("invoice.paid", "payment.duplicate")
        assert config.push[0].secret == secret
        assert config.push[1].secret is None
        assert NEVER not in repr(config)
        assert secret.reveal() not in repr(config)

        kept = biller.model_dump_json(by_alias=True)
        assert '"wait":"600s"' in kept
        assert Biller.model_validate_json(kept) == biller

    def test_all_faults_of_all_files_are_reported_at_once(self, tmp_path: Path) -> None:
        one = write(
            tmp_path / "one.toml",
            f"""
            [biller]
            slug = "Acme!"
            display_name = "Acme Energie Furnizare si Distributie"
            locale = "romanian language"
            time_zone = "Europe/Bucuresti"
            country = "Romania"
            support_email = "help"
            support_phone = "12"
            website = "acme.example"
            [brand]
            color = "#fff"
            logo = "logo.png"
            [delivery]
            channels = [
                {{ channel = "smss", wait = "soon" }},
                {{ chanel = "sms" }},
                {{ channel = "sms" }},
                {{ channel = "sms" }},
            ]
            [payments]
            refund_duplicates = "sometimes"
            poll = "0s"
            attempt_minutes = 0
            [channels.sms]
            adapter = "pigeon"
            loft = 7
            whistle = "{NEVER}"
            winsg = 2
            speed = "fast"
            tired = 1
            mode = "dream"
            old_whistles = [{{ env = "NOPE" }}]
            [channels.owl]
            [channels.odd]
            adapter = "pigeon"
            loft = "x"
            whistle = {{ env = "WHISTLE" }}
            wings = 3
            [providers.barter]
            methods = ["banc"]
            poll = ["1m", "x"]
            [providers.Bad]
            adapter = ["barter"]
            [[push]]
            url = "gopher://x"
            events = ["invoice.payed"]
            [[push]]
            url = "https://x.example"
            events = ["invoice.payed"]
            [[push]]
            url = "https://x.example"
            secret = {{ env = "WHISTLE" }}
            """,
        )
        two = write(tmp_path / "two.toml", "[biller]\nslug = ")
        three = write(tmp_path / "three.toml", ACME)
        four = write(tmp_path / "four.toml", ACME)
        with pytest.raises(ConfigError) as error:
            load_billers([one, two, three, four], Plugins(), environment=WHISTLE)
        faults = faults_of(error)
        duration = 'a duration is written as a number and s, m, h or d, such as "15s" or "3d"'
        assert faults.pop("two.toml").startswith("is not TOML: ")
        assert faults == {
            "one.toml: biller.slug": "is lower-case letters, digits and -, from a letter on, 31 at most",
            "one.toml: biller.legal_name": "is missing",
            "one.toml: biller.display_name": "String should have at most 20 characters",
            "one.toml: biller.locale": "a locale is a BCP 47 tag, such as ro or en-GB",
            "one.toml: biller.time_zone": 'is not a time zone of the IANA database; did you mean "Europe/Bucharest"?',
            "one.toml: biller.country": 'is not a country code such as "RO"',
            "one.toml: biller.support_email": "an email address has an @",
            "one.toml: biller.support_phone": "no such number in the plan of +40",
            "one.toml: biller.website": "is not a URL that begins with https:// or http://",
            "one.toml: brand.color": 'unknown key; did you mean "colour"?',
            "one.toml: brand.logo": "the file logo.png cannot be read: no such file or directory",
            "one.toml: delivery.channels[0].channel": 'there is no [channels.smss]; did you mean "sms"?',
            "one.toml: delivery.channels[0].wait": duration,
            "one.toml: delivery.channels[1].channel": "is missing",
            "one.toml: delivery.channels[1].chanel": 'unknown key; did you mean "channel"?',
            "one.toml: delivery.channels[3].channel": "'sms' is in the plan already",
            "one.toml: payments.refund_duplicates": "should be 'manual' or 'auto'",
            "one.toml: payments.poll[0]": "a duration is one second at least",
            "one.toml: payments.attempt_minutes": "should be greater than or equal to 1",
            "one.toml: channels.sms.loft": "must be a text in quotes",
            "one.toml: channels.sms.whistle": 'a secret is written as { env = "NAME" } or { file = "path" }',
            "one.toml: channels.sms.winsg": 'unknown setting; did you mean "wings"?',
            "one.toml: channels.sms.speed": "must be a number",
            "one.toml: channels.sms.tired": "must be true or false",
            "one.toml: channels.sms.mode": "must be one of live, test",
            "one.toml: channels.sms.old_whistles": "the environment variable NOPE is not set",
            "one.toml: channels.owl.adapter": "no channel adapter 'owl'",
            "one.toml: channels.odd": "wings come in pairs",
            "one.toml: providers.barter.methods": "barter has no method 'banc'; did you mean \"bank\"?",
            "one.toml: providers.barter.poll[1]": duration,
            "one.toml: providers.barter.loft": "is missing (where it starts)",
            "one.toml: providers.barter.whistle": "is missing",
            "one.toml: providers.Bad": "an account's name is lower-case letters, digits, - and _, from a letter on",
            "one.toml: providers.Bad.adapter": "is the name of an adapter, in quotes",
            "one.toml: push[0].url": "is not a URL that begins with https:// or http://",
            "one.toml: push[0].events[0]": 'is not an event; did you mean "invoice.paid"?',
            "one.toml: push[1].events[0]": 'is not an event; did you mean "invoice.paid"?',
            "one.toml: push[2].secret": "a signing secret is written as whsec_ and the base64 of 24 to 64 bytes",
            "four.toml: biller.slug": "'acme' is another file's biller already",
        }

    @pytest.mark.parametrize(
        ("written", "fault"),
        [
            ("channels = 7", "channels"),
            ("channels.sms = 7", "channels.sms"),
            ("providers = []", "providers"),
            ("delivery = 1", "delivery"),
            ("delivery.channels = 1", "delivery.channels"),
            ("delivery.channels = [1]", "delivery.channels[0]"),
            ("push = {}", "push"),
            ("chanels.sms = {}", "chanels"),
        ],
    )
    def test_a_table_of_another_kind_is_a_fault(self, tmp_path: Path, written: str, fault: str) -> None:
        with pytest.raises(ConfigError) as error:
            load_biller(write(tmp_path / "acme.toml", written + "\n" + dedent(ACME)), Plugins())
        assert list(faults_of(error)) == [f"acme.toml: {fault}"]

    def test_a_logo_too_large_for_a_page_or_of_no_known_kind(self, tmp_path: Path) -> None:
        (tmp_path / "huge.svg").write_bytes(b" " * 24_577)
        for logo, said in {
            "huge.svg": "the file huge.svg is larger than 24 KiB",
            "logo.exe": "is a file that ends in .svg, .png, .jpg, .webp, or a URL that begins with https://",
        }.items():
            with pytest.raises(ConfigError) as error:
                load_biller(write(tmp_path / "acme.toml", ACME + f'\n[brand]\nlogo = "{logo}"'), Plugins())
            assert faults_of(error) == {"acme.toml: brand.logo": said}

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ('{ file = "absent" }', "the file absent cannot be read: no such file or directory"),
            ('{ file = "empty" }', "the file empty is empty"),
            ('{ file = "binary" }', "the file binary cannot be read"),
            ('{ env = "EMPTY" }', "the environment variable EMPTY is not set"),
            ('{ env = "WHISTLE", file = "x" }', "a secret is written as"),
            ("{ env = 7 }", "a secret is written as"),
            (f'{{ value = "{NEVER}" }}', "a secret is written as"),
        ],
    )
    def test_a_secret_that_is_not_there(self, tmp_path: Path, written: str, said: str) -> None:
        (tmp_path / "empty").write_text("\n")
        (tmp_path / "binary").write_bytes(b"\xff\xfe")
        text = ACME + f'\n[channels.pigeon]\nloft = "x"\nwhistle = {written}\n'
        with pytest.raises(ConfigError) as error:
            load_biller(write(tmp_path / "acme.toml", text), Plugins(), environment={**WHISTLE, "EMPTY": ""})
        [fault] = faults_of(error).items()
        assert fault[0] == "acme.toml: channels.pigeon.whistle"
        assert fault[1].startswith(said)


class TestSettings:
    def test_they_come_back_as_they_went(self) -> None:
        settings = PigeonSettings("Bran", Secret("a"), (Secret("b"),), wings=4, mode=Mode.TEST, ring="gold")
        shown = settings_to_json(settings)
        assert shown == {
            "loft": "Bran",
            "whistle": "a",
            "old_whistles": ["b"],
            "wings": 4,
            "mode": "test",
            "ring": "gold",
        }
        assert settings_from(PigeonSettings, shown, secret=Secret) == settings

    def test_a_default_is_not_written_down(self) -> None:
        assert settings_to_json(PigeonSettings("Bran", Secret("a"), ring=None)) == {"loft": "Bran", "whistle": "a"}

    def test_a_declaration_of_another_type_is_the_adapter_s_fault(self) -> None:
        @dataclass(frozen=True)
        class Odd:
            when: complex

        with pytest.raises(TypeError, match="cannot be of type"):
            settings_from(Odd, {"when": 1}, secret=Secret)
