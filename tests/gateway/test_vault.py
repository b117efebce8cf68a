"""Encryption at rest: what is sealed opens only in its place, with its key, unchanged."""

from __future__ import annotations

import base64
import os

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.values import Secret
from gateway.vault import MissingKey, Tampered, Vault, derive, new_key, parse_key

KEY, NEW_KEY = bytes(range(32)), bytes(range(32, 64))
PLACE = b"account:1:auth_token"


@pytest.fixture
def vault() -> Vault:
    return Vault({"2026": KEY}, "2026")


@given(plain=st.binary(max_size=300), aad=st.binary(max_size=60))
def test_opens_what_it_sealed(plain: bytes, aad: bytes) -> None:
    vault = Vault({"2026": KEY}, "2026")
    blob = vault.seal(plain, aad)
    assert vault.open(blob, aad) == plain
    assert len(blob) == len(plain) + 2 + 4 + 12 + 16


def test_the_same_value_never_looks_the_same(vault: Vault) -> None:
    blobs = {vault.seal(b"secret", PLACE) for _ in range(100)}
    assert len(blobs) == 100
    assert not any(b"secret" in blob for blob in blobs)


def test_the_form_is_the_documented_one(vault: Vault) -> None:
    blob = vault.seal(b"secret", PLACE)
    assert blob[:6] == b"\x01\x042026"
    assert AESGCM(KEY).decrypt(blob[6:18], blob[18:], blob[:6] + PLACE) == b"secret"


def test_swapped_rows_do_not_open(vault: Vault) -> None:
    blob = vault.seal(b"secret", b"account:1:auth_token")
    with pytest.raises(Tampered):
        vault.open(blob, b"account:2:auth_token")


@given(place=st.integers(0, 45), bit=st.integers(0, 7))
def test_no_changed_bit_opens(place: int, bit: int) -> None:
    vault = Vault({"2026": KEY}, "2026")
    blob = bytearray(vault.seal(b"twelve bytes", PLACE))
    assert len(blob) == 46
    blob[place] ^= 1 << bit
    with pytest.raises((Tampered, MissingKey)):
        vault.open(bytes(blob), PLACE)


@given(cut=st.integers(0, 45))
def test_no_cut_value_opens(cut: int) -> None:
    vault = Vault({"2026": KEY}, "2026")
    with pytest.raises(Tampered):
        vault.open(vault.seal(b"twelve bytes", PLACE)[:cut], PLACE)


@given(blob=st.binary(max_size=80))
def test_nonsense_is_one_typed_error(blob: bytes) -> None:
    vault = Vault({"2026": KEY}, "2026")
    with pytest.raises((Tampered, MissingKey)):
        vault.open(blob, PLACE)


def test_keys_rotate_without_a_gap() -> None:
    before = Vault({"2026": KEY}, "2026")
    blob = before.seal(b"secret", PLACE)
    both = Vault({"2026": KEY, "2027": NEW_KEY}, "2027")
    assert both.open(blob, PLACE) == b"secret"
    assert both.stale(blob)
    resealed = both.reseal(blob, PLACE)
    assert not both.stale(resealed)
    after = Vault({"2027": NEW_KEY}, "2027")
    assert after.open(resealed, PLACE) == b"secret"
    with pytest.raises(MissingKey, match="'2026'") as caught:
        after.open(blob, PLACE)
    assert caught.value.key_id == "2026"


def test_a_key_that_changed_under_its_name_opens_nothing(vault: Vault) -> None:
    with pytest.raises(Tampered):
        Vault({"2026": NEW_KEY}, "2026").open(vault.seal(b"secret", PLACE), PLACE)


def test_the_name_of_the_key_is_authenticated() -> None:
    ring = Vault({"a": KEY, "b": KEY}, "a")
    blob = ring.seal(b"secret", PLACE)
    with pytest.raises(Tampered):
        ring.open(blob.replace(b"\x01\x01a", b"\x01\x01b"), PLACE)


@pytest.mark.parametrize(
    ("keys", "current", "named"),
    [
        ({"a": KEY}, "b", "'b'"),
        ({}, "a", "'a'"),
        ({"short": KEY[:31]}, "short", "'short'"),
        ({"": KEY}, "", "''"),
        ({"x" * 256: KEY}, "x" * 256, "xxx"),
    ],
)
def test_a_wrong_ring_is_refused_by_name(keys: dict[str, bytes], current: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Vault(keys, current)


def test_keys_are_written_and_read_in_one_form() -> None:
    key = new_key()
    assert len(parse_key(key)) == 32
    assert key != new_key()
    for text in ("", "short", "!" * 44, base64.b64encode(os.urandom(31)).decode()):
        with pytest.raises(ValueError, match="32 bytes") as caught:
            parse_key(Secret(text))
        assert not text or text not in str(caught.value)


def test_subkeys_are_stable_and_apart() -> None:
    assert derive(KEY, "vault") == derive(KEY, "vault")
    assert len({derive(KEY, "vault"), derive(KEY, "links"), derive(NEW_KEY, "vault"), KEY}) == 4
    assert len(derive(KEY, "vault")) == 32
    # Frozen: a change here would lose every stored secret and every issued link.
    assert derive(KEY, "vault").hex() == "e5c1ab1fcae6b02989e3855cbef65c5dd036a0a7c090c202beef063f78312028"
    with pytest.raises(ValueError, match="32 bytes"):
        derive(KEY[:31], "vault")
