"""Signatures of pushes, checked by two independent receivers, and the tokens of links and one-click answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from datetime import UTC, datetime

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ids import ALPHABET
from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret
from gateway.signing import MAX_ID, TOKEN_WIDTH, LinkSigner, TokenSigner, new_secret, sign, signing_key, verify

BODY = '{"type":"invoice.paid","payer":"Ștefan Țepeș"}'.encode()
NOW = 1_795_424_400
KEY, OLD_KEY = bytes(range(32)), bytes(range(32, 64))


def accepts(
    secrets: list[Secret], signature: str | None, *, body: bytes = BODY, now: float = NOW, **headers: str
) -> bool:
    given_headers = {"message_id": "evt_1", "timestamp": str(NOW)} | headers
    try:
        verify(secrets, signature=signature, body=body, now=now, **given_headers)
    except InvalidSignature:
        return False
    return True


class TestSecrets:
    def test_a_new_secret_has_the_standard_form_and_is_never_the_same(self) -> None:
        first, second = new_secret(), new_secret()
        assert first.reveal().startswith("whsec_")
        assert len(base64.b64decode(first.reveal().removeprefix("whsec_"))) == 32
        assert first != second

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "whsec_",
            "whsec_!!!!",
            "whsec_" + base64.b64encode(bytes(23)).decode(),
            "whsec_" + base64.b64encode(bytes(65)).decode(),
            base64.b64encode(bytes(32)).decode(),
            "whsk_" + base64.b64encode(bytes(32)).decode(),
            "whsec_" + "ș" * 40,
        ],
    )
    def test_what_is_no_secret_is_named_without_showing_it(self, text: str) -> None:
        with pytest.raises(ValueError, match="24 to 64 bytes") as caught:
            signing_key(Secret(text))
        assert len(text) < 10 or text[6:] not in str(caught.value)

    @pytest.mark.parametrize("size", [24, 32, 64])
    def test_the_standard_sizes_are_read(self, size: int) -> None:
        key = os.urandom(size)
        assert signing_key(Secret("whsec_" + base64.b64encode(key).decode())) == key


class TestStandardWebhooks:
    def test_the_signature_is_what_the_specification_says(self) -> None:
        secret = new_secret()
        content = f"evt_1.{NOW}.".encode() + BODY
        expected = base64.b64encode(hmac.new(signing_key(secret), content, hashlib.sha256).digest()).decode()
        assert sign([secret], "evt_1", NOW, BODY) == f"v1,{expected}"

    @pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
    @pytest.mark.parametrize("current", [0, 1])
    def test_independent_receivers_accept_ours_during_a_rotation(
        self, library: type[standardwebhooks.Webhook], current: int
    ) -> None:
        secrets = [new_secret(), new_secret()]
        at = int(datetime.now(UTC).timestamp())  # these receivers read the machine's clock
        headers = {
            "webhook-id": "evt_1",
            "webhook-timestamp": str(at),
            "webhook-signature": sign(secrets, "evt_1", at, BODY),
        }
        receiver = library(secrets[current].reveal())
        receiver.verify(BODY, headers)
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            receiver.verify(BODY + b" ", headers)

    @pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
    def test_we_accept_what_independent_senders_sign(self, library: type[standardwebhooks.Webhook]) -> None:
        secret = new_secret()
        signature = library(secret.reveal()).sign("evt_1", datetime.fromtimestamp(NOW, UTC), BODY.decode())
        assert accepts([secret], signature)

    def test_any_secret_and_any_signature_of_the_list_may_match(self) -> None:
        old, new, other = new_secret(), new_secret(), new_secret()
        assert accepts([new], sign([old, new], "evt_1", NOW, BODY))
        assert accepts([new, old], sign([old], "evt_1", NOW, BODY))
        assert accepts([new], "v1a,notours v2, " + sign([new], "evt_1", NOW, BODY))
        assert not accepts([other], sign([old, new], "evt_1", NOW, BODY))
        assert not accepts([], sign([old], "evt_1", NOW, BODY))

    @pytest.mark.parametrize("off", [-301, -300, 0, 300, 301])
    def test_only_five_minutes_either_way(self, off: int) -> None:
        secret = new_secret()
        assert accepts([secret], sign([secret], "evt_1", NOW, BODY), now=NOW + off) is (abs(off) <= 300)

    def test_nothing_signed_may_differ(self) -> None:
        secret = new_secret()
        signature = sign([secret], "evt_1", NOW, BODY)
        assert accepts([secret], signature)
        assert not accepts([secret], signature, body=BODY[:-1])
        assert not accepts([secret], signature, message_id="evt_2")
        assert not accepts([secret], signature, timestamp=str(NOW + 1))
        assert not accepts([secret], signature.lower())

    @pytest.mark.parametrize(
        "timestamp", ["", "now", "-1", "+1", "1.5", "1e9", " 1", "0x1", "١٢٣", "²", "9" * 5000, "\ud800"]
    )
    def test_a_malformed_timestamp_is_only_an_invalid_signature(self, timestamp: str) -> None:
        secret = new_secret()
        assert not accepts([secret], sign([secret], "evt_1", NOW, BODY), timestamp=timestamp)

    @given(message_id=st.text(), timestamp=st.text(), signature=st.text(), body=st.binary())
    def test_no_header_whatsoever_leaks_another_error(
        self, message_id: str, timestamp: str, signature: str, body: bytes
    ) -> None:
        secrets = [Secret("whsec_" + base64.b64encode(KEY).decode())]
        for stamp in (timestamp, str(NOW)):
            assert not accepts(secrets, signature, body=body, message_id=message_id, timestamp=stamp)
        with pytest.raises(InvalidSignature):
            verify(secrets, message_id=None, timestamp=None, signature=None, body=body, now=NOW)

    def test_a_push_without_a_secret_is_never_signed(self) -> None:
        with pytest.raises(ValueError, match="at least one secret"):
            sign([], "evt_1", NOW, BODY)

    def test_errors_show_neither_secret_nor_signature(self) -> None:
        secret = new_secret()
        signature = sign([secret], "evt_1", NOW, BODY)
        with pytest.raises(InvalidSignature) as caught:
            verify([secret], message_id="evt_1", timestamp=str(NOW), signature=signature, body=b"", now=NOW)
        assert signature not in str(caught.value)
        assert secret.reveal() not in str(caught.value)


class TestLinkSigner:
    @given(link_id=st.integers(0, MAX_ID), version=st.integers(0, 2**31))
    def test_a_token_proves_its_own_link_and_version(self, link_id: int, version: int) -> None:
        signer = LinkSigner([KEY])
        token = signer.issue(link_id, version)
        assert len(token) == TOKEN_WIDTH == 18
        assert token.isalnum()
        assert token.isascii()
        assert signer.link_id(token) == link_id
        assert signer.proves(token, link_id, version)

    @given(link_id=st.integers(0, MAX_ID), place=st.integers(0, TOKEN_WIDTH - 1), character=st.sampled_from(ALPHABET))
    def test_any_changed_character_is_refused(self, link_id: int, place: int, character: str) -> None:
        signer = LinkSigner([KEY])
        token = signer.issue(link_id, 1)
        forged = token[:place] + character + token[place + 1 :]
        speaks_of = signer.link_id(forged)
        assert speaks_of is not None
        assert signer.proves(forged, speaks_of, 1) is (forged == token)

    @given(link_id=st.integers(0, MAX_ID), version=st.integers(1, 1000), other=st.integers(0, 1000))
    def test_another_version_revokes(self, link_id: int, version: int, other: int) -> None:
        signer = LinkSigner([KEY])
        assert signer.proves(signer.issue(link_id, version), link_id, other) is (version == other)

    def test_id_and_version_do_not_run_into_each_other(self) -> None:
        signer = LinkSigner([KEY])
        assert signer.issue(1, 11)[7:] != signer.issue(11, 1)[7:]

    def test_the_first_key_signs_and_every_key_of_the_ring_proves(self) -> None:
        old, rotated, alone = LinkSigner([OLD_KEY]), LinkSigner([KEY, OLD_KEY]), LinkSigner([KEY])
        token = old.issue(42, 1)
        assert rotated.proves(token, 42, 1)
        assert rotated.issue(42, 1) == alone.issue(42, 1) != token
        assert not alone.proves(token, 42, 1)

    @given(token=st.text(max_size=20) | st.text(ALPHABET, min_size=17, max_size=19))
    def test_nothing_invented_is_proven_and_nothing_raises(self, token: str) -> None:
        signer = LinkSigner([KEY])
        link_id = signer.link_id(token)
        assert (link_id is not None) == (len(token) == 18 and set(token) <= set(ALPHABET))
        assert not signer.proves(token, link_id or 0, 1)

    def test_what_does_not_fit_is_refused(self) -> None:
        signer = LinkSigner([KEY])
        for link_id in (-1, MAX_ID + 1):
            with pytest.raises(ValueError, match="fit"):
                signer.issue(link_id, 1)
            assert not signer.proves("0" * 18, link_id, 1)

    @pytest.mark.parametrize("keys", [[], [b""], [KEY, KEY[:31]]])
    def test_weak_keys_are_refused(self, keys: list[bytes]) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            LinkSigner(keys)


class TestTokenSigner:
    @given(number=st.integers(0, MAX_ID))
    def test_reads_what_it_issued(self, number: int) -> None:
        signer = TokenSigner([KEY], "unsubscribe")
        assert signer.read(signer.issue(number)) == number

    @given(number=st.integers(0, MAX_ID), place=st.integers(0, 17), character=st.sampled_from(ALPHABET))
    def test_any_changed_character_is_refused(self, number: int, place: int, character: str) -> None:
        signer = TokenSigner([KEY], "unsubscribe")
        token = signer.issue(number)
        forged = token[:place] + character + token[place + 1 :]
        assert signer.read(forged) == (number if forged == token else None)

    @given(token=st.text(max_size=30))
    def test_nonsense_is_none(self, token: str) -> None:
        assert TokenSigner([KEY], "unsubscribe").read(token) is None

    def test_one_purpose_is_nothing_to_another_nor_to_links(self) -> None:
        token = TokenSigner([KEY], "unsubscribe").issue(42)
        assert TokenSigner([KEY], "bounce").read(token) is None
        assert not LinkSigner([KEY]).proves(token, 42, 0)

    def test_the_key_ring_rotates(self) -> None:
        token = TokenSigner([OLD_KEY], "unsubscribe").issue(42)
        assert TokenSigner([KEY, OLD_KEY], "unsubscribe").read(token) == 42
        assert TokenSigner([KEY], "unsubscribe").read(token) is None
