"""Real bounces: reports by Postfix 3.7 and by two decades of other mail servers, read as flufl.bounce reads them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from email import message_from_bytes
from pathlib import Path

import pytest

from channels.email.bounces import Report, read_reports
from gateway.ports.channel import DeliveryStatus, DeliveryUpdate, InboundMessage
from gateway.ports.errors import MalformedWebhook
from gateway.testing.channel_steps import sent
from tests.channels.email_bench import EmailBench, open_bench

# What flufl.bounce 6.0.0 says of the same files: who failed, for good or for now.
REPORTS = {
    "dsn_02.txt": ("zzzzz@example.uk", "failed", "4.4.7"),
    "dsn_04.txt": ("userx@example.ch", "failed", "5.0.0"),
    "dsn_06.txt": ("userx@example.com", "delayed", "4.4.0"),
    "dsn_08.txt": ("userx@example.de", "delayed", "4.0.0"),
    "dsn_10.txt": ("anne.person@dom.ain", "failed", "5.0.0"),
    "dsn_12.txt": ("userx@example.jp", "failed", "5.1.1"),
    "dsn_14.txt": ("userx@example.com.dk", "failed", "5.1.1"),
    "dsn_16.txt": ("userx@example.com", "failed", "5.0.0"),
    "dsn_18.txt": ("email@replaced.net", "error", "5.0.0"),
}
# Reports without a recipient: the words around them are read instead.
EMPTY = {"caiwireless_01.txt", "netscape_01.txt", "simple_13.txt", "simple_31.txt"}


@pytest.fixture
async def bench() -> AsyncIterator[EmailBench]:
    async with open_bench() as bench:
        yield bench


def reports_of(path: Path) -> list[Report]:
    return list(read_reports(message_from_bytes(path.read_bytes())))


@pytest.mark.parametrize(("name", "expected"), REPORTS.items(), ids=list(REPORTS))
def test_reports_from_the_wild(vectors: Path, name: str, expected: tuple[str, str, str]) -> None:
    (report,) = reports_of(vectors / "email" / "bounces-flufl" / name)

    assert (report.recipient, report.action, report.status) == expected


def test_every_report_in_the_corpus_is_accounted_for(vectors: Path) -> None:
    corpus = sorted((vectors / "email" / "bounces-flufl").glob("*.txt"))
    holding = {
        path.name
        for path in corpus
        if any(
            part.get_content_type() == "message/delivery-status"
            for part in message_from_bytes(path.read_bytes()).walk()
        )
    }

    assert holding == REPORTS.keys() | EMPTY
    assert {path.name for path in corpus if reports_of(path)} == REPORTS.keys()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("failed_unknown_user.eml", Report("failed", "5.1.1", "nobody-here@bills.test", "env0", gone=True)),
        ("failed_expired_connection_refused.eml", Report("failed", "4.4.1", "x@dead.test", "env1")),
        ("success_delivered.eml", Report("delivered", "2.0.0", "root@bills.test", "env2")),
    ],
)
def test_reports_of_postfix(vectors: Path, name: str, expected: Report) -> None:
    assert reports_of(vectors / "email" / "postfix-3.7.11" / name) == [expected]


@pytest.mark.parametrize(
    ("name", "status", "code", "unreachable"),
    [
        ("failed_unknown_user.eml", DeliveryStatus.FAILED, "5.1.1", True),
        ("failed_expired_connection_refused.eml", DeliveryStatus.FAILED, "4.4.1", False),
        ("success_delivered.eml", DeliveryStatus.DELIVERED, "2.0.0", False),
    ],
)
async def test_report_of_postfix_on_a_message_of_ours(
    bench: EmailBench, vectors: Path, name: str, status: DeliveryStatus, code: str, unreachable: bool
) -> None:
    """The real report, with the envelope id of a message that this channel sent."""
    result = await sent(bench)
    token = bench.mail.messages[0].envelope_id
    raw = (vectors / "email" / "postfix-3.7.11" / name).read_bytes()
    assert raw.count(b"Original-Envelope-Id: env") == 1
    ours = raw.replace(b"Original-Envelope-Id: env", f"Original-Envelope-Id: {token}\r\nX-Old: env".encode())
    (event,) = await bench.channel().parse_webhook(bench.sign(ours))

    assert isinstance(event, DeliveryUpdate)
    assert event.external_id == result.external_id
    assert (event.status, event.code, event.unreachable) == (status, code, unreachable)


async def test_strangers_bounces_move_nothing_and_break_nothing(bench: EmailBench, vectors: Path) -> None:
    corpus = sorted((vectors / "email").glob("*/*.txt")) + sorted((vectors / "email").glob("*/*.eml"))
    assert len(corpus) > 50
    for path in corpus:
        try:
            for event in await bench.channel().parse_webhook(bench.sign(path.read_bytes())):
                assert isinstance(event, InboundMessage), path.name
                assert (event.in_reply_to, event.stop) == (None, False), path.name
        except MalformedWebhook:
            assert not message_from_bytes(path.read_bytes())["From"], path.name


# Those that must not be taken for a message that failed: still under way, or nothing that can be told.
DELAYED = {"dsn_06.txt", "dsn_08.txt", "simple_03.txt", "simple_21.txt", "simple_35.txt"}
# Those whose words or code say that the address is no more; a full, refused or slow mailbox is written to again.
GONE = {
    *(
        "dsn_12.txt",
        "dsn_14.txt",
        "exim_01.txt",
        "groupwise_02.txt",
        "microsoft_01.txt",
        "postfix_01.txt",
        "qmail_04.txt",
    ),
    *(f"simple_{number}.txt" for number in ("05", "11", "15", "19", "23", "25", "27", "29", "39")),
    *("yahoo_06.txt", "yahoo_08.txt", "yahoo_10.txt"),
}
NOT_TOLD = {"qmail_08.txt", "simple_43.txt"}


async def test_the_whole_corpus_on_a_message_of_ours(bench: EmailBench, vectors: Path) -> None:
    """Each real bounce, at the return path of a message that this channel sent: who failed, who waits, and whose address is gone."""
    result = await sent(bench)
    return_path = bench.mail.messages[0].sender
    told: dict[str, DeliveryUpdate | None] = {}
    for path in sorted((vectors / "email" / "bounces-flufl").glob("*.txt")):
        raw = f"X-Original-To: {return_path}\n".encode() + re.sub(rb"\AFrom [^\n]*\n", b"", path.read_bytes())
        events = await bench.channel().parse_webhook(bench.sign(raw))
        updates = [event for event in events if isinstance(event, DeliveryUpdate)]
        assert all(update.external_id == result.external_id for update in updates)
        told[path.name] = updates[0] if updates else None

    assert {name for name, update in told.items() if update and update.status is DeliveryStatus.SENT} == DELAYED
    assert {name for name, update in told.items() if not update or update.status is DeliveryStatus.UNKNOWN} == NOT_TOLD
    failed = {name: update for name, update in told.items() if update and update.status is DeliveryStatus.FAILED}
    assert len(failed) == len(told) - len(DELAYED) - len(NOT_TOLD)
    assert all(update.code for update in failed.values())
    assert {name for name, update in failed.items() if update.unreachable} == GONE
