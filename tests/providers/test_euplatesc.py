"""The EuPlătesc adapter's own wire: its form, what replies and notices may say."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.errors import (
    InvalidSignature,
    MalformedWebhook,
    RetryLater,
)
from gateway.ports.provider import PaymentStatus, PaymentUpdate
from gateway.ports.values import Money, Secret
from gateway.testing.provider_bench import Fault
from gateway.testing.provider_steps import a_request, opened, parsed, well_formed
from providers.euplatesc import PROVIDER, EuPlatescProvider, Settings
from providers.euplatesc.wire import LONGEST_ID, SEC_STATUSES, asked_in, description_of, fields_of, invoice_id
from tests.fakes.euplatesc import KEY, MID, SIGNED, body_of, mac, signed_reply
from tests.providers.euplatesc_bench import EuPlatescBench, open_bench

S = PaymentStatus
WHOLE = Money(12_345, "RON")
ID = "ACH1K7.12345RON"


@pytest.fixture
async def bench() -> AsyncIterator[EuPlatescBench]:
    async with open_bench() as bench:
        yield bench


class TestForm:
    async def test_what_the_browser_posts(self, bench: EuPlatescBench) -> None:
        session = await bench.provider().create_payment(a_request(bench, locale="en", description="Energie, mărțișor"))
        form = session.form or {}

        assert bench.wire.sent == []
        assert session.redirect_url == bench.vendor.page_url
        assert session.external_id == form["invoice_id"] == ID
        assert {name: form[name] for name in ("amount", "curr", "order_desc", "merch_id", "timestamp", "lang")} == {
            "amount": "123.45",
            "curr": "RON",
            "order_desc": "Energie, martisor",
            "merch_id": MID,
            "timestamp": "20261123090000",
            "lang": "en",
        }
        assert form["fp_hash"] == mac(KEY, [form[name] for name in SIGNED])
        assert form["ExtraData[silenturl]"] == a_request(bench).webhook_url
        assert form["ExtraData[successurl]"] == form["ExtraData[failedurl]"] == a_request(bench).return_url
        assert form["ExtraData[ep_method]"] == "get"
        assert form["email"] == a_request(bench).payer_email

    async def test_the_same_try_gives_the_same_form_and_another_try_another(self, bench: EuPlatescBench) -> None:
        first = await bench.provider().create_payment(a_request(bench))
        bench.clock.advance(seconds=3600)
        asked_at = datetime(2026, 11, 23, 9, tzinfo=UTC)
        again = await bench.provider().create_payment(a_request(bench, asked_at=asked_at))
        other = await bench.provider().create_payment(a_request(bench, idempotency_key="x", asked_at=asked_at))

        assert again.form == first.form
        assert (other.form or {})["nonce"] != (first.form or {})["nonce"]

    async def test_who_pays_is_told_only_where_it_is_known(self, bench: EuPlatescBench) -> None:
        session = await bench.provider().create_payment(a_request(bench, payer_email=None))
        assert not {"email", "fname", "lname", "phone"} & (session.form or {}).keys()

    @given(st.text(min_size=1, max_size=80), st.integers(min_value=1, max_value=10**15))
    def test_any_reference_has_an_id_that_fits_and_says_the_amount(self, reference: str, minor: int) -> None:
        amount = Money(minor, "RON")
        request: Any = type(
            "Request", (), {"reference": reference.encode("utf-8", "ignore").decode(), "amount": amount}
        )
        made = invoice_id(request)

        assert len(made) <= LONGEST_ID
        assert made.isascii()
        assert asked_in(made) == amount
        assert invoice_id(request) == made

    def test_ids_that_were_shortened_differ(self) -> None:
        references = ["A" * 60 + "-1", "A" * 60 + "-2", "a b", "a?b", "a-b", "ș-1", "s-1"]
        made = {invoice_id(type("R", (), {"reference": each, "amount": WHOLE})) for each in references}  # type: ignore[arg-type]

        assert len(made) == len(references)

    @pytest.mark.parametrize("text", ["", " ", "日本", "a\nb\tc", "x" * 500, "ăâîșț ĂÂÎȘȚ"])
    def test_a_description_is_plain_and_never_empty(self, text: str) -> None:
        described = description_of(text)
        assert 0 < len(described) <= 50
        assert described.isascii()
        assert described.isprintable()

    @pytest.mark.parametrize(
        "odd", ["", "x", "A.1", "A.RON", "A.0RON", "A.12RO", "A.12XXX", "../x.1RON", "A" * 44 + ".1RON"]
    )
    def test_an_id_that_is_not_ours(self, odd: str) -> None:
        assert asked_in(odd) is None


class TestReply:
    @pytest.mark.parametrize(
        ("word", "status"), [*SEC_STATUSES.items(), ("0", S.PENDING), ("x", S.PENDING), ("", S.PENDING)]
    )
    async def test_approved_counts_when_the_fraud_check_agrees(
        self, bench: EuPlatescBench, word: str, status: PaymentStatus
    ) -> None:
        await opened(bench)
        bench.vendor.card(ID, sec_status=word)
        (update,) = await parsed(bench, bench.webhook_body(ID))

        assert update.status is status
        assert update.received == (WHOLE if status is S.PAID else None)

    @pytest.mark.parametrize("action", ["1", "2", "3", "21"])
    async def test_any_other_action_is_a_refusal(self, bench: EuPlatescBench, action: str) -> None:
        await opened(bench)
        bench.vendor.card(ID, action, "Expired card", sec_status="9")
        (update,) = await parsed(bench, bench.webhook_body(ID))

        assert (update.status, update.received, update.reason) == (S.FAILED, None, "expired_card")

    @pytest.mark.parametrize(
        "changes",
        [
            {"action": ""},
            {"action": "0x"},
            {"amount": "12,5"},
            {"amount": ""},
            {"curr": "LEI"},
            {"timestamp": "now"},
            {"ep_id": ""},
            {"ep_id": "E" * 10_000},
            {"invoice_id": "I" * 10_000},
            {"message": "m" * 10_000, "action": "-1"},
        ],
    )
    async def test_a_genuine_reply_that_cannot_be_read(self, bench: EuPlatescBench, changes: dict[str, str]) -> None:
        await opened(bench)
        bench.vendor.card(ID)
        with pytest.raises(MalformedWebhook):
            await parsed(bench, body_of(bench.vendor.reply(ID, **changes)))

    async def test_what_is_not_signed_around_it_changes_nothing(self, bench: EuPlatescBench) -> None:
        """As in the recorded one: `lang` comes with it, and what we sent comes back."""
        await opened(bench)
        bench.vendor.card(ID)
        body = bench.webhook_body(ID)
        (plain,) = await bench.provider().parse_webhook(bench.posted(body))
        more = body + b"&lang=ro&ExtraData[silenturl]=" + b"x" * 10_000
        (update,) = await bench.provider().parse_webhook(bench.posted(more))

        assert update == plain

    @pytest.mark.parametrize("name", ["amount", "invoice_id", "fp_hash", "action", "lang"])
    async def test_a_field_that_is_there_twice_is_refused(self, bench: EuPlatescBench, name: str) -> None:
        await opened(bench)
        bench.vendor.card(ID)
        body = bench.webhook_body(ID) + b"&lang=ro"
        value = fields_of(body)[name]
        for doubled in (body + body_of({name: "0"}).join([b"&", b""]), body_of({name: value}) + b"&" + body):
            with pytest.raises(InvalidSignature):
                await bench.provider().parse_webhook(bench.posted(doubled))

    @pytest.mark.parametrize(
        "body", [b"\xff=1", b"fp_hash=%FF", b"&" * 300, b"a=1&" * 300, b"fp_hash=", b"fp_hash=\xc3\xa9"]
    )
    async def test_what_is_no_form_is_refused(self, bench: EuPlatescBench, body: bytes) -> None:
        with pytest.raises(InvalidSignature):
            await bench.provider().parse_webhook(bench.posted(body))

    async def test_a_fraud_check_cannot_be_cut_off_or_added(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID, sec_status="5")
        checked = fields_of(bench.webhook_body(ID))
        cut = {name: value for name, value in checked.items() if name != "sec_status"}
        bench.vendor.card(ID)
        added = dict(fields_of(bench.webhook_body(ID))) | {"sec_status": "9"}
        for forged in (cut, added, {**checked, "sec_status": "9"}):
            with pytest.raises(InvalidSignature):
                await bench.provider().parse_webhook(bench.posted(body_of(forged)))

    async def test_another_merchants_is_refused_and_another_shops_is_not_ours(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID)
        with pytest.raises(InvalidSignature):
            await parsed(bench, body_of(bench.vendor.reply(ID, merch_id="44840978914")))
        assert await parsed(bench, body_of(bench.vendor.reply(ID, invoice_id="13198"))) == ()

    async def test_the_hash_may_be_in_either_case(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        bench.vendor.card(ID)
        fields = dict(fields_of(bench.webhook_body(ID)))
        fields["fp_hash"] = fields["fp_hash"].lower()

        assert await bench.provider().parse_webhook(bench.posted(body_of(fields)))

    @given(
        st.dictionaries(
            st.sampled_from(
                [
                    "amount",
                    "curr",
                    "invoice_id",
                    "ep_id",
                    "action",
                    "message",
                    "timestamp",
                    "sec_status",
                    "captured",
                    "refunded",
                ]
            ),
            st.text(max_size=30),
        )
    )
    async def test_whatever_it_says_it_is_read_or_refused(self, changes: dict[str, str]) -> None:
        clean = {name: value.encode("utf-8", "ignore").decode() for name, value in changes.items()}
        fields = {"amount": "1.00", "curr": "RON", "invoice_id": ID, "ep_id": "E1", "merch_id": MID, "action": "0"}
        fields |= {"message": "Approved", "approval": "", "timestamp": "20261123090000", "nonce": "00"} | clean
        body = body_of(signed_reply(fields))
        provider: Any = EuPlatescProvider(Settings(MID, Secret(KEY)), None)  # type: ignore[arg-type]
        request: Any = type("Request", (), {"body": body})
        try:
            for update in await provider.parse_webhook(request):
                well_formed(update)
        except (MalformedWebhook, InvalidSignature):
            return


class TestNotice:
    """`cart_id`, `mid`, `timestamp`, `sec_status`: nobody signed it."""

    def notice(self, ep_id: str, sec_status: str = "9", mid: str = MID, **more: str) -> bytes:
        return body_of({"cart_id": ep_id, "mid": mid, "timestamp": "20261123090000", "sec_status": sec_status} | more)

    async def said(self, bench: EuPlatescBench, body: bytes) -> list[PaymentUpdate]:
        return list(await bench.provider().parse_webhook(bench.posted(body)))

    async def test_it_makes_us_ask(self, bench: EuPlatescBench) -> None:
        await opened(bench)
        card = bench.vendor.card(ID)
        (update,) = await self.said(bench, self.notice(card.ep_id))

        assert update == await bench.provider().fetch_payment(ID)
        assert update.status is S.PAID

    @pytest.mark.parametrize("sec_status", ["8", "9", "5", "nonsense"])
    async def test_what_it_says_is_not_believed(self, bench: EuPlatescBench, sec_status: str) -> None:
        await opened(bench)
        declined = bench.vendor.card(ID, "2", "Transaction declined")
        (update,) = await self.said(bench, self.notice(declined.ep_id, sec_status))

        assert (update.status, update.received) == (S.FAILED, None)

    async def test_about_nothing_we_know_it_says_nothing(self, bench: EuPlatescBench) -> None:
        assert await self.said(bench, self.notice("F" * 40)) == []

    async def test_about_another_merchant_nobody_is_asked(self, bench: EuPlatescBench) -> None:
        for body in (self.notice("E", mid="1"), self.notice(""), self.notice("E" * 10_000)):
            with pytest.raises(InvalidSignature):
                await self.said(bench, body)
        assert bench.wire.sent == []

    async def test_with_an_amount_it_is_a_reply_without_a_signature(self, bench: EuPlatescBench) -> None:
        with pytest.raises(InvalidSignature):
            await self.said(bench, self.notice("E", amount="123.45", action="0"))
        assert bench.wire.sent == []

    async def test_a_vendor_that_does_not_answer_is_heard_again(self, bench: EuPlatescBench) -> None:
        for fault in (Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.REFUSED, Fault.CUT_NOT_MADE):
            bench.vendor.status_fault = fault
            with pytest.raises(RetryLater):
                await self.said(bench, self.notice("E"))


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"secret_key": Secret("xyz")}, "secret_key:"),
        ({"secret_key": Secret("")}, "secret_key:"),
        ({"secret_key_old": Secret("0")}, "secret_key_old:"),
        ({"user_key": Secret("u")}, "user_key:"),
        ({"user_key": Secret("u"), "user_api_key": Secret("u")}, "user_api_key:"),
    ],
)
def test_a_setting_that_cannot_serve_is_named(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Settings(**{"merchant_id": MID, "secret_key": Secret(KEY)} | changes)


def test_the_plugin_declares_what_it_can() -> None:
    assert [method.name for method in PROVIDER.methods] == ["card"]
    assert PROVIDER.currencies == {"RON", "EUR", "USD"}
    assert (PROVIDER.idempotent, PROVIDER.refunds, PROVIDER.cancels, PROVIDER.finds_payments) == (
        True,
        True,
        False,
        False,
    )
