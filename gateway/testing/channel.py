"""ChannelContract: what the core relies on, asked of every channel in the same words.

A channel's test file subclasses it and gives the fixture `bench`. Passing proves the adapter against its bench, never
against the vendor: how true the bench is, is for its fixtures to show. Needs pytest, hence the extra `testing`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.ports.channel import DeliveryStatus, DeliveryUpdate, InboundMessage, TemplateStatus
from gateway.ports.errors import InvalidSignature, MalformedWebhook, OutcomeUnknown, Rejected, RetryLater
from gateway.testing.channel_bench import ChannelBench, Fault, Key
from gateway.testing.channel_steps import (
    KEPT,
    KEPT_LINKED,
    PATIENCE_S,
    READ,
    REAL,
    TEXT,
    a_message,
    genuine,
    parsed,
    sent,
    sent_kept,
)
from gateway.testing.provider_steps import error_text, everything_logged, only_if, or_skip, where_supported


class ChannelContract:
    """Each case is a promise in its name. A case that the plugin's declarations exclude is skipped, visibly."""

    # --- send ---------------------------------------------------------------------------------------------------------

    async def test_send_hands_over_the_text_and_returns_the_vendors_id(self, bench: ChannelBench) -> None:
        result = await sent(bench)

        assert list(bench.taken()) == [TEXT]
        assert list(bench.external_ids()) == [result.external_id]
        assert result.segments >= 1

    async def test_many_sends_at_once_are_kept_apart(self, bench: ChannelBench) -> None:
        channel = bench.channel()
        texts = [f"{TEXT} #{number}" for number in range(20)]
        results = await asyncio.gather(
            *(channel.send(a_message(bench, text=text, reference=f"dlv_{at}")) for at, text in enumerate(texts))
        )

        assert sorted(bench.taken()) == sorted(texts)
        assert {result.external_id for result in results} == set(bench.external_ids())
        assert len(set(bench.external_ids())) == len(texts)

    async def test_every_letter_and_line_arrives(self, bench: ChannelBench) -> None:
        text = "Plată ✅\n.\n..două\n=20 & <b>trei</b>\n\nFrom: x 😀"
        await bench.channel().send(a_message(bench, text=text))

        assert list(bench.taken()) == [text]

    async def test_text_at_the_limit_arrives_whole(self, bench: ChannelBench) -> None:
        text = ("x" * 59 + "\n") * (bench.plugin.limits.text // 60) + "y" * (bench.plugin.limits.text % 60)
        await bench.channel().send(a_message(bench, text=text.strip()))

        assert list(bench.taken()) == [text.strip()]

    async def test_text_over_the_limit_is_refused_and_never_cut(self, bench: ChannelBench) -> None:
        with pytest.raises(Rejected):
            await bench.channel().send(a_message(bench, text="x" * (bench.plugin.limits.text + 1)))

        assert not bench.taken()

    async def test_retry_carries_the_same_reference(self, bench: ChannelBench) -> None:
        for _ in range(2):
            await sent(bench)
        with or_skip():
            assert len(set(bench.references())) == 1

    async def test_rate_limit_is_retried_when_the_vendor_says(self, bench: ChannelBench) -> None:
        bench.arm(Fault.RATE_LIMITED)
        with pytest.raises(RetryLater) as caught:
            await sent(bench)

        assert caught.value.after_s == bench.retry_after_s

    async def test_unavailable_vendor_is_retried(self, bench: ChannelBench) -> None:
        bench.arm(Fault.UNAVAILABLE)
        with pytest.raises(RetryLater):
            await sent(bench)

    async def test_server_error_is_never_a_refusal(self, bench: ChannelBench) -> None:
        bench.arm(Fault.SERVER_ERROR)
        with pytest.raises((RetryLater, OutcomeUnknown)):
            await sent(bench)

    async def test_vendor_out_of_reach_is_retried(self, bench: ChannelBench) -> None:
        await bench.vanish()
        with pytest.raises(RetryLater):
            await sent(bench)

    async def test_send_without_an_answer_is_unknown(self, bench: ChannelBench) -> None:
        bench.arm(Fault.HANGS_TAKEN)
        with pytest.raises(OutcomeUnknown):
            await sent(bench, patience_s=PATIENCE_S)

        assert list(bench.taken()) == [TEXT]

    async def test_lost_send_is_found(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.finds_sent, "the vendor cannot be asked")
        since = bench.now()
        bench.arm(Fault.HANGS_TAKEN)
        with pytest.raises(OutcomeUnknown):
            await sent(bench, patience_s=PATIENCE_S)
        found = await bench.channel().find_sent(a_message(bench), since)

        assert found is not None
        assert [found.external_id] == list(bench.external_ids())

    async def test_send_that_was_not_taken_is_not_found(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.finds_sent, "the vendor cannot be asked")
        await bench.channel().send(a_message(bench, text="another text", reference="dlv_another"))
        bench.arm(Fault.HANGS_NOT_TAKEN)
        with pytest.raises((OutcomeUnknown, RetryLater)):
            await sent(bench, patience_s=PATIENCE_S)
        bench.arm(None)

        assert await bench.channel().find_sent(a_message(bench), bench.now()) is None

    async def test_an_older_message_is_not_taken_for_a_lost_one(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.finds_sent, "the vendor cannot be asked")
        await sent(bench)

        assert await bench.channel().find_sent(a_message(bench), bench.now() + timedelta(hours=1)) is None

    async def test_refused_address_is_unreachable(self, bench: ChannelBench) -> None:
        bench.arm(Fault.UNREACHABLE)
        with pytest.raises(Rejected) as caught:
            await sent(bench)

        assert caught.value.unreachable
        assert re.fullmatch(r"[\w.:-]{1,64}", caught.value.code)

    async def test_refused_message_does_not_silence_the_address(self, bench: ChannelBench) -> None:
        bench.arm(Fault.REFUSED)
        with pytest.raises(Rejected) as caught:
            await sent(bench)

        assert not caught.value.unreachable
        assert re.fullmatch(r"[\w.:-]{1,64}", caught.value.code)

    async def test_nonsense_address_is_refused(self, bench: ChannelBench) -> None:
        for address in ("", "nobody", "a@b@c", "x\r\nBcc: y@example.ro", "\ud800"):
            with pytest.raises(Rejected):
                await bench.channel().send(a_message(bench, to=address))

        assert not bench.taken()

    # --- edit ---------------------------------------------------------------------------------------------------------

    async def test_edit_replaces_the_text(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.edits, "a message stays as it is")
        result = await sent(bench)
        await bench.channel().edit(result.external_id, a_message(bench, text="Achitat"))

        assert bench.reads(result.external_id) == "Achitat"

    async def test_edit_to_the_same_is_done(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.edits, "a message stays as it is")
        result = await sent(bench)
        await bench.channel().edit(result.external_id, a_message(bench))

        assert bench.reads(result.external_id) == TEXT

    async def test_edit_of_what_is_not_there_is_refused(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.edits, "a message stays as it is")
        gone = (await sent(bench)).external_id + "999"
        for external_id in (gone, "", "nonsense", "1:x"):
            with pytest.raises(Rejected):
                await bench.channel().edit(external_id, a_message(bench, text="Achitat"))

    async def test_kept_texts_are_sent_as_the_payer_reads_them(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.templates, "the vendor keeps no texts")
        await sent_kept(bench, KEPT, None)
        await sent_kept(bench, KEPT_LINKED, "xyz")
        found = await bench.channel().templates([KEPT, KEPT_LINKED, replace(KEPT, name="kept_3")])

        assert list(bench.taken()) == [READ, READ]
        assert [how.status is TemplateStatus.MISSING for how in found] == [False, False, True]

    # --- webhooks -----------------------------------------------------------------------------------------------------

    async def test_reply_says_who_wrote_what(self, bench: ChannelBench) -> None:
        only_if(bench.plugin.replies, "payers cannot answer")
        (event,) = await bench.channel().parse_webhook(await genuine(bench))

        assert isinstance(event, InboundMessage)
        assert (event.address, event.text) == (bench.address, "va rog factura")
        assert event.event_id
        assert event.occurred_at.tzinfo is not None
        assert (event.stop, event.start, event.button, event.start_token) == (False, False, None, None)

    async def test_receipt_is_matched_to_its_message(self, bench: ChannelBench) -> None:
        result, told = await sent(bench), []
        for status in REAL:
            with where_supported():
                (update,) = await parsed(bench, bench.receipt_body(result.external_id, status))
                told.append(status)

                assert isinstance(update, DeliveryUpdate)
                assert (update.external_id, update.status) == (result.external_id, status)
                assert update.occurred_at.tzinfo is not None
        assert (DeliveryStatus.DELIVERED in told) >= bench.plugin.receipts
        only_if(bool(told), "the vendor reports nothing")

    async def test_hard_failure_silences_the_address_and_a_soft_one_does_not(self, bench: ChannelBench) -> None:
        sent_id = (await sent(bench)).external_id
        with or_skip():
            bodies = [bench.receipt_body(sent_id, DeliveryStatus.FAILED, hard=hard) for hard in (True, False)]
        ((hard,), (soft,)) = [await parsed(bench, body) for body in bodies]

        assert isinstance(hard, DeliveryUpdate)
        assert isinstance(soft, DeliveryUpdate)
        assert hard.unreachable
        assert not soft.unreachable
        assert hard.code
        assert soft.code

    async def test_unknown_status_is_kept_as_unknown(self, bench: ChannelBench) -> None:
        result = await sent(bench)
        with or_skip():
            body = bench.receipt_body(result.external_id, DeliveryStatus.UNKNOWN)
        (update,) = await parsed(bench, body)

        assert isinstance(update, DeliveryUpdate)
        assert update.status is DeliveryStatus.UNKNOWN
        assert not update.unreachable

    async def test_unsigned_webhook_is_refused(self, bench: ChannelBench) -> None:
        with pytest.raises(InvalidSignature):
            await bench.channel().parse_webhook(bench.unsigned((await genuine(bench)).body))

    async def test_forged_webhook_is_refused(self, bench: ChannelBench) -> None:
        with pytest.raises(InvalidSignature):
            await parsed(bench, (await genuine(bench)).body, Key.STRANGER)

    async def test_proof_changed_by_a_byte_is_refused(self, bench: ChannelBench) -> None:
        good = await genuine(bench)
        (name,) = good.headers.keys() - bench.unsigned(b"").headers.keys()
        proof = good.headers[name]
        changed = (proof[:-1], proof[:-3] + chr(ord(proof[-3]) ^ 1) + proof[-2:], proof + "0", "", "\udcff" + proof)
        for text in changed:
            with pytest.raises(InvalidSignature):
                await bench.channel().parse_webhook(replace(good, headers={**good.headers, name: text}))

    async def test_body_changed_by_a_byte_is_refused(self, bench: ChannelBench) -> None:
        only_if(bench.signs_body, "the vendor proves itself, not the body")
        good = await genuine(bench)
        channel = bench.channel()
        for position in range(1, len(good.body) - 1, 7):
            changed = good.body[:position] + bytes([good.body[position] ^ 1]) + good.body[position + 1 :]
            with pytest.raises(InvalidSignature):
                await channel.parse_webhook(replace(good, body=changed))

    async def test_truncated_webhook_is_refused(self, bench: ChannelBench) -> None:
        good = await genuine(bench)
        for length in (0, 1, len(good.body) // 2, len(good.body) - 1):
            with pytest.raises(InvalidSignature if bench.signs_body else MalformedWebhook):
                await bench.channel().parse_webhook(replace(good, body=good.body[:length]))

    async def test_both_secrets_hold_during_rotation(self, bench: ChannelBench) -> None:
        body = (await genuine(bench)).body
        for key in (Key.PRESENT, Key.OLD):
            await bench.channel(bench.rotating).parse_webhook(bench.sign(body, key))
        with pytest.raises(InvalidSignature):
            await parsed(bench, body, Key.OLD)

    async def test_repeated_webhook_has_the_same_event_id(self, bench: ChannelBench) -> None:
        good = await genuine(bench)
        first, again = await asyncio.gather(*(bench.channel().parse_webhook(good) for _ in range(2)))

        assert first == again

    async def test_different_news_has_different_event_ids(self, bench: ChannelBench) -> None:
        result = await sent(bench)
        bodies = [bench.reply_body(result.external_id, text) for text in ("unu", "doi")]
        for status in REAL:
            with where_supported():
                bodies.append(bench.receipt_body(result.external_id, status))
        event_ids = [(await parsed(bench, body))[0].event_id for body in bodies]

        assert len(set(event_ids)) == len(event_ids)

    async def test_genuine_nonsense_is_malformed(self, bench: ChannelBench) -> None:
        assert bench.nonsense
        for body in (b"", *bench.nonsense):
            with pytest.raises(MalformedWebhook):
                await parsed(bench, body)

    async def test_wrong_shapes_never_crash(self, bench: ChannelBench) -> None:
        """Each part in turn is missing or of another kind: read or refused, and what is read is well formed."""
        external_id, channel = (await sent(bench)).external_id, bench.channel()
        bodies = [bench.reply_body(external_id, "da")]
        with where_supported():
            bodies.append(bench.receipt_body(external_id, DeliveryStatus.FAILED))
        for body in (changed for good in bodies for changed in bench.wrong_shapes(good)):
            try:
                events = await channel.parse_webhook(bench.sign(body))
            except MalformedWebhook:
                continue
            for event in events:
                assert isinstance(event.event_id, str)
                assert event.event_id
                assert event.occurred_at.tzinfo is not None
                if isinstance(event, InboundMessage):
                    assert isinstance(event.text, str)
                    assert isinstance(event.address, str)
                    assert event.address
                    assert isinstance(event.button, str | None)

    # --- secrecy and the end ------------------------------------------------------------------------------------------

    async def test_nothing_secret_or_personal_is_said(self, bench: ChannelBench) -> None:
        """Not in a log at DEBUG, not in an error and what led to it, not in a repr."""
        with everything_logged() as words:
            channel = bench.channel(bench.rotating)
            result = await channel.send(a_message(bench))
            body = bench.reply_body(result.external_id, "va rog factura")
            await channel.parse_webhook(bench.sign(body))
            for fault in Fault:
                bench.arm(fault)
                impatient = bench.channel(bench.rotating, patience_s=PATIENCE_S)
                words.append(await error_text(impatient.send(a_message(bench))))
            for request in (bench.unsigned(body), bench.sign(body, Key.STRANGER), bench.sign(b"x")):
                words.append(await error_text(channel.parse_webhook(request)))
            words += [repr(channel), str(channel), repr(bench.settings), repr(bench.rotating)]
        text = "\n".join(words)

        proofs = [value for name, value in bench.sign(body).headers.items() if name not in bench.unsigned(b"").headers]
        for needle in (*bench.secrets(), *proofs, bench.address, TEXT, "va rog factura"):
            assert needle not in text, "a secret, a signature or personal data was said"

    async def test_closing_twice_is_fine(self, bench: ChannelBench) -> None:
        channel = bench.channel()
        only_if(hasattr(channel, "aclose"), "the channel holds nothing")
        await channel.send(a_message(bench))
        await channel.aclose()
        await channel.aclose()
