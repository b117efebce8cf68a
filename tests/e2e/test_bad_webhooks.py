"""Webhooks that are forged, replayed, cut short or strange, at a running server: nothing is believed, kept or told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
import sqlalchemy as sa

from gateway.demo.bank import Outcome
from gateway.store.schema import inbox
from tests.harness.attacked import (
    BANK,
    CARD,
    DEEP,
    EMAIL,
    HOOKS,
    SMS,
    TELEGRAM,
    Attacked,
    bank_signed,
    genuine,
    mail_signed,
    sms_signed,
    tells_nothing,
    under_attack,
    walk,
)
from tests.harness.journeys import Journey
from tests.harness.vendors_seen import SECRETS

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(180),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Attacked]:
    async with under_attack(tmp_path_factory.mktemp("attacked")) as server:
        yield server


async def test_without_a_proof_they_are_401(attacked: Attacked) -> None:
    body = genuine(attacked)
    form, proof = sms_signed(attacked, {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+40722000701"})
    forged = [
        (BANK, body, {}),
        (BANK, body, {"x-sandbox-signature": ""}),
        (BANK, body, {"x-sandbox-signature": "t=1,v1=00"}),
        (BANK, body, {"x-sandbox-signature": "t=1,t=2,v1=" + "0" * 64}),
        (BANK, body, {"x-sandbox-signature": "v1=" * 2_000}),
        (BANK, body, bank_signed(body, secret="another-secret")),
        (BANK, body, bank_signed(body, at=datetime.now(UTC) - timedelta(minutes=6))),
        (BANK, body, bank_signed(body, at=datetime.now(UTC) + timedelta(minutes=6))),
        (BANK, body[:-1], bank_signed(body)),
        (BANK, body.replace(b'"paid"', b'"open"'), bank_signed(body)),
        (BANK, b"", bank_signed(body)),
        (SMS, form, {}),
        (SMS, form[:-1], proof),
        (SMS, form + b"&MessageStatus=read", proof),
        (SMS, form, proof | {"X-Twilio-Signature": proof["X-Twilio-Signature"][:-2] + "A="}),
        (TELEGRAM, b'{"update_id": 1}', {}),
        (TELEGRAM, b'{"update_id": 1}', {"X-Telegram-Bot-Api-Secret-Token": SECRETS["BOT_SECRET"][:-1]}),
        (TELEGRAM, b'{"update_id": 1}', {"X-Telegram-Bot-Api-Secret-Token": "\udcff"}),
        (EMAIL, b"From: a@b.ro\r\n\r\n", {}),
        (EMAIL, b"From: a@b.ro\r\n\r\n", {"X-Achit-Signature": "sha256="}),
        (EMAIL, b"From: a@b.ro\r\n\r\n", mail_signed(b"From: c@b.ro\r\n\r\n")),
        (EMAIL, b"From: a@b.ro\r\n\r\n", {"X-Achit-Signature": "sha1=" + "0" * 40}),
    ]
    async with attacked.nothing_stored():
        for path, content, headers in forged:
            named = {"Content-Type": "application/octet-stream"} | headers
            try:
                status, kind, said = await attacked.call("POST", path, content, named)
            except UnicodeEncodeError:  # the client cannot write it; the wire can
                head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(content)}\r\n"
                said = await attacked.raw(
                    head.encode() + b"X-Telegram-Bot-Api-Secret-Token: \xff\xfe\r\n\r\n" + content
                )
                assert said.startswith(b"HTTP/1.1 401 ")
                continue
            assert (status, kind) == (401, "application/problem+json"), (path, headers)
            assert orjson.loads(said)["type"] == "/problems/not-proven"


async def test_a_replayed_one_is_answered_and_changes_nothing(attacked: Attacked) -> None:
    body = genuine(attacked)
    async with attacked.nothing_stored():
        for _ in range(20):
            status, _, _ = await attacked.call("POST", BANK, body, bank_signed(body))
            assert status == 204
        for sid in [sms.sid for sms in attacked.vendors.twilio.messages]:
            assert await attacked.vendors.twilio.receipt(sid, "delivered") == 200


async def test_a_proven_one_that_cannot_be_read_is_400(attacked: Attacked) -> None:
    whole = json.loads(genuine(attacked))

    def with_payment(**changes: Any) -> bytes:
        return json.dumps(whole | {"id": "evt_other", "payment": whole["payment"] | changes}).encode()

    unreadable = [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"id": "\xed\xa0\x80"}',
        DEEP,
        b'{"a":' * 50_000,
        genuine(attacked)[:-20],
        json.dumps(whole | {"payment": None}).encode(),
        json.dumps(whole | {"id": ""}).encode(),
        with_payment(received=-1),
        with_payment(received=10**18),
        with_payment(received=10**30),
        with_payment(received=float("nan")),
        with_payment(received=1.5),
        with_payment(received="100"),
        with_payment(received=True),
        with_payment(currency="XXX"),
        with_payment(currency=CARD),
        with_payment(updated_at="yesterday"),
        with_payment(updated_at="2026-11-23T00:00:00"),
        with_payment(id=None),
    ]
    async with attacked.nothing_stored():
        for body in unreadable:
            status, kind, _ = await attacked.call("POST", BANK, body, bank_signed(body))
            assert (status, kind) == (400, "application/problem+json"), body[:300]
        token = {"X-Telegram-Bot-Api-Secret-Token": SECRETS["BOT_SECRET"], "Content-Type": "application/json"}
        for body in (b"", b"nothing", b"[]", b"\xff", DEEP, b'{"update_id": 1, "message": {"text": 5}}'):
            status, _, _ = await attacked.call("POST", TELEGRAM, body, token)
            assert status == 400, body[:100]
        for fields in ({"Body": "x"}, {"MessageSid": ""}, {"From": "+40722000701"}):
            body, headers = sms_signed(attacked, fields)
            assert (await attacked.call("POST", SMS, body, headers))[0] == 400, fields


async def test_a_proven_mail_that_is_nothing_of_ours_is_taken_and_forgotten(attacked: Attacked) -> None:
    strange = (
        b"",
        b"\0" * 1000,
        b"\xff" * 1000,
        b"Subject: x\r\n" * 5_000,
    )
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(500))
    async with attacked.nothing_stored():
        for body in (*strange, nested):
            status, _, _ = await attacked.call("POST", EMAIL, body, mail_signed(body))
            assert status in (204, 400), body[:100]


async def test_of_a_strangers_mail_no_more_than_its_beginning_is_kept(attacked: Attacked) -> None:
    body = b"From: a@b.ro\r\n\r\n" + b"x" * 1_000_000
    for _ in range(2):
        status, _, _ = await attacked.call("POST", EMAIL, body, mail_signed(body))
        assert status == 204
    kept = await attacked.books.read(
        lambda conn: conn.execute(
            sa.select(sa.func.sum(sa.func.length(inbox.c.body))).where(inbox.c.account.contains("email"))
        ).scalar()
    )
    assert kept == 65_536


async def test_of_nobodys_account_they_are_404(attacked: Attacked) -> None:
    names = (
        "acme.fax", "acme", "ACME.SMS", "nobody.sms", "acme.bank", "acme.sms%00", "acme.sms%0d%0aX:1", "%2e%2e%2f",
        "..%2f..%2fetc%2fpasswd", "a" * 4_000, "%F0%9F%92%B8", "%ff%fe", "acme.sms/", "acme.sms/x",
    )  # fmt: skip
    async with attacked.nothing_stored():
        for name in names:
            await attacked.refused(404, "POST", f"/hooks/channels/{name}", b"{}")
        await attacked.refused(404, "POST", "/hooks/providers/acme.sms", b"{}")
        await attacked.refused(404, "POST", "/hooks/", b"{}")


async def test_with_another_method_they_are_405(attacked: Attacked) -> None:
    for path in HOOKS:
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            await attacked.refused(405, method, path)


async def test_after_all_of_it_the_server_serves_and_its_log_tells_nothing(attacked: Attacked) -> None:
    last = Journey(703, ("telegram", "sms", "email"), (Outcome.WEBHOOK_DOUBLED,))
    await walk(attacked, last)
    tells_nothing(attacked, last)
