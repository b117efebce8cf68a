"""Keys are read exactly as they were shown."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import keys


@given(st.integers(1, 2**53))
def test_a_key_reads_back(key_id: int) -> None:
    secret = keys.new_secret(secrets.choice)
    assert keys.read(keys.show(key_id, secret)) == (key_id, secret)


def test_secrets_differ_and_are_long_enough() -> None:
    made = {keys.new_secret(secrets.choice) for _ in range(200)}
    assert len(made) == 200
    assert {len(secret) for secret in made} == {32}


@pytest.mark.parametrize(
    "text", ["", "ak_", "ak_1_", f"ak_0_{'a' * 32}", f"ak_1_{'a' * 31}", f"ak_1_{'a' * 33}", f"ak_é_{'a' * 32}", f"ak_1_{'a' * 32}\n",
             f"xk_1_{'a' * 32}", f"ak_zzzzzzzzzzz_{'a' * 32}", "ak_1_" + "ă" * 32],
)  # fmt: skip
def test_what_is_no_key_is_none(text: str) -> None:
    assert keys.read(text) is None


def test_the_fingerprint_is_not_the_secret() -> None:
    secret = keys.new_secret(secrets.choice)
    assert len(keys.fingerprint(secret)) == 32
    assert secret.encode() not in keys.fingerprint(secret)
    assert keys.fingerprint(secret) != keys.fingerprint(secret[::-1])
