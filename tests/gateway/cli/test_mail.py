"""`achit email receive`: 0 when the mail is stored, 75 in every other case, with a server and without."""

from __future__ import annotations

import base64
import contextlib
import signal
import smtplib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.cli.terminal import ACME, Terminal

MAIL = (
    b"X-Original-To: facturi@acme.example\nFrom: Ana <ana@example.ro>\nMessage-ID: <%d@example.ro>\n\nplatesc vineri\n"
)
EMAIL = """
    [channels.email]
    host = "127.0.0.1"
    port = 9
    security = "none"
    from_address = "facturi@acme.example"
    inbound_secret = { env = "ACME_MAIL_SECRET" }
"""


@pytest.fixture
def mailing(terminal: Terminal) -> Terminal:
    """With an account that takes mail, applied."""
    terminal.environment["ACME_MAIL_SECRET"] = "mail-secret"
    terminal.write("billers/acme.toml", ACME.replace("    [channels.sms]", f"{EMAIL}    [channels.sms]"))
    terminal.ok("apply")
    return terminal


def kept(terminal: Terminal) -> list[bytes]:
    with contextlib.closing(sqlite3.connect(terminal.folder / "var" / "achit.db")) as connection:
        return [body for (body,) in connection.execute("SELECT body FROM inbox ORDER BY id")]


def test_a_mail_is_stored_once_without_a_server(mailing: Terminal) -> None:
    for arguments in ((), ("acme.email",)):
        done = mailing.ok("email", "receive", *arguments, typed=MAIL % 1)
        assert (done.out, done.err) == ("", "")
    assert kept(mailing) == [MAIL % 1]


def test_beside_a_server_and_by_lmtp(mailing: Terminal) -> None:
    settings = (mailing.folder / "achit.toml").read_text()
    mailing.write("achit.toml", settings + '\n[lmtp]\nenabled = true\nlisten = "127.0.0.1:0"\n')
    with mailing.serving() as server:
        at = server.said[-1]["lmtp"].rpartition(":")[2]
        mailing.ok("email", "receive", typed=MAIL % 1)
        with smtplib.LMTP("127.0.0.1", int(at)) as client:
            client.sendmail("ana@example.ro", ["facturi@acme.example"], MAIL % 2)
        (mailing.folder / "var" / "achit.db.sock").unlink()
        (refused,) = mailing.refused("email", "receive", code=75, typed=MAIL % 3)
        assert "takes no commands" in refused
        server.tell(signal.SIGTERM)
        code, said = server.ended()
    assert code == 0
    assert [line["event"] for line in said if line["level"] in ("warning", "error")] == []
    first, second = kept(mailing)
    assert first == MAIL % 1
    assert second.startswith(b"Return-Path: <ana@example.ro>\r\nX-Original-To: facturi@acme.example\r\n")


def test_as_a_mail_server_runs_it(mailing: Terminal) -> None:
    """In a process of its own, from another folder, more on standard input than is kept."""
    command = [sys.executable, "-m", "gateway", "email", "receive", "--config", str(mailing.folder / "achit.toml")]
    raw = MAIL % 1 + b"x" * 17 * 1024 * 1024
    done = subprocess.run(command, input=raw, env=mailing.shell, cwd="/", capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (body,) = kept(mailing)
    assert body == raw[: len(body)]
    assert len(body) == 65_536


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("acme.sms",), "no account acme.sms takes mail; acme.email does"),
        (("--config", "nowhere.toml"), "nowhere.toml"),
        (("--no-such-option",), "no-such-option"),
        (("one", "two"), "two"),
    ],
)
def test_every_failure_is_temporary(mailing: Terminal, arguments: tuple[str, ...], named: str) -> None:
    said = mailing.refused("email", "receive", *arguments, code=75, typed=MAIL % 1)
    assert named in " ".join(said)
    assert kept(mailing) == []


def test_an_account_without_a_secret_takes_none(mailing: Terminal) -> None:
    without = ACME.replace("    [channels.sms]", f"{EMAIL}    [channels.sms]")
    mailing.write("billers/acme.toml", without.replace('    inbound_secret = { env = "ACME_MAIL_SECRET" }\n', ""))
    mailing.ok("apply")
    (said,) = mailing.refused("email", "receive", code=75, typed=MAIL % 1)
    assert said == "achit: acme.email takes no mail: inbound_secret is not set: no inbound mail is taken"


def test_what_is_no_mail_is_stored_and_not_sent_back(mailing: Terminal) -> None:
    for raw in (b"", b"\x00\xff", base64.b64encode(b"x" * 100)):
        mailing.ok("email", "receive", typed=raw)
    assert len(kept(mailing)) == 3


def test_a_listener_on_the_network_is_warned_of(mailing: Terminal) -> None:
    settings = (mailing.folder / "achit.toml").read_text()
    mailing.write("achit.toml", settings + '\n[lmtp]\nenabled = true\nlisten = "0.0.0.0:24"\n')
    assert "warning: achit.toml: lmtp.listen: takes mail from other hosts, without proof" in mailing.run("check").lines


def test_help_is_no_failure(tmp_path: Path) -> None:
    done = Terminal(tmp_path).run("email", "receive", "--help")
    assert (done.code, "75" in done.out) == (0, True)
