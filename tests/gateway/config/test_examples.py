"""The files that the docs show are files that Achit takes: read by the real registry, with every setting in its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

from gateway.config import load_biller, load_config
from gateway.registry import Registry
from gateway.signing import new_secret
from gateway.vault import new_key
from tests.harness.house import ROOT, name_of, tracked

CHANNELS = """
[channels]
email = { host = "smtp.example.ro", from_address = "a@example.ro" }
sms = { account_sid = "AC00000000000000000000000000000000", auth_token = { env = "A" }, from_number = "+40312345678" }
telegram = { bot_token = { env = "A" }, webhook_secret = { env = "A" } }
"""
PROVIDERS = """
[providers]
cards = { adapter = "sandbox", api_url = "http://127.0.0.1:9", api_key = { env = "A" }, webhook_secret = { env = "A" } }
others = { adapter = "sandbox", api_url = "http://127.0.0.1:9", api_key = { env = "A" }, webhook_secret = { env = "A" } }
"""
EXAMPLES = ROOT / "docs" / "examples"
BLOCK = re.compile(r"^( *)```toml\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem() -> str:
    """An RSA key as `openssl genrsa` writes it."""
    return rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem() -> str:
    return rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def certificate() -> str:
    """A certificate of the same key."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme.example")]), datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, rsa_key().public_key(), 1, now, now + timedelta(days=3650))
    return builder.sign(rsa_key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode()


FORMS: dict[str, Callable[[], str]] = {
    "ACHIT_KEY": lambda: new_key().reveal(),
    "EUPLATESC": lambda: "00112233445566778899AABBCCDDEEFF",
    "DATABASE": lambda: "postgresql://achit@localhost/achit",
    "DKIM": pem,
    ".PEM": certificate,
    ".KEY": pem,
    "PSD2": lambda: "0123456789abcdef0123456789abcdef",
    "PUSH": lambda: new_secret().reveal(),
}


class Shell(dict[str, str]):
    """An environment in which whatever a file asks for is set, to something of the form that its name promises."""

    def get(self, name: str, default: object = None) -> str:  # type: ignore[override]
        return next((form() for part, form in FORMS.items() if part in name.upper()), "a-secret")


def blocks() -> list[object]:
    """The TOML that README and docs show, by page and number."""
    return [
        pytest.param(dedent(match[2]), id=f"{name_of(path)}-{number}")
        for path in tracked(".md")
        for number, match in enumerate(BLOCK.finditer(path.read_text()), 1)
    ]


def test_the_example_of_the_infrastructure_is_taken() -> None:
    config = load_config(EXAMPLES / "achit.toml", environment=Shell())
    assert config.warnings == ()
    assert config.biller_files()


@pytest.mark.parametrize("path", sorted((EXAMPLES / "billers").glob("*.toml")), ids=lambda path: path.stem)
def test_the_example_of_a_biller_is_taken(path: Path) -> None:
    config = load_biller(path, Registry(), environment=Shell())
    assert config.channels
    assert config.providers


@pytest.mark.parametrize("text", blocks())
def test_what_the_pages_show_is_taken(text: str, tmp_path: Path) -> None:
    """A whole file is read as one; a part of one is completed with what it leaves out."""
    text = re.sub(r'\bfile = "([^"]*)"', r'env = "\1"', text)
    text = re.sub(r"-----BEGIN PUBLIC KEY-----\n\.\.\.\n-----END PUBLIC KEY-----\n", lambda _: public_pem(), text)
    shown = tomllib.loads(text)
    file = tmp_path / "shown.toml"
    server = {"server", "database", "secrets", "logs", "limits", "lmtp", "templates_dir", "billers"} & shown.keys()
    if server or ("push" in shown and isinstance(shown["push"], dict)):
        rest = {
            "database": 'database.url = "sqlite:///x"',
            "secrets": 'secrets.keys = [{ id = "k", env = "ACHIT_KEY" }]',
        }
        missing = [line for key, line in rest.items() if key not in shown]
        file.write_text("\n".join([*missing, text]))
        load_config(file, environment=Shell())
    elif {
        "biller",
        "brand",
        "delivery",
        "payments",
        "reminders",
        "routing",
        "channels",
        "providers",
        "push",
    } & shown.keys():
        rest = (
            'biller = { slug = "acme", legal_name = "Acme", display_name = "Acme" }\n' if "biller" not in shown else ""
        )
        rest_of = {"reminders": ("channels", CHANNELS), "routing": ("providers", PROVIDERS)}
        left_out = [tables for part, (name, tables) in rest_of.items() if part in shown and name not in shown]
        file.write_text(rest + text + "".join(left_out))
        load_biller(file, Registry(), environment=Shell())
    else:
        assert {"project", "tool"} & shown.keys(), "neither ours nor a project's file"
