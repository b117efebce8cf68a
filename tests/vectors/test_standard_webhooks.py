"""The published signatures of Standard Webhooks and of Svix."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from gateway.ports.errors import InvalidSignature
from gateway.ports.values import Secret
from gateway.signing import sign, verify


def test_both_published_vectors(vectors: Path) -> None:
    published = orjson.loads((vectors / "standard-webhooks" / "vectors.json").read_bytes())["vectors"]
    assert len(published) == 2
    for vector in published:
        secrets, body = [Secret(vector["secret"])], vector["body"].encode()
        at = int(vector["webhook-timestamp"])
        assert sign(secrets, vector["webhook-id"], at, body) == vector["webhook-signature"]
        headers = {
            "message_id": vector["webhook-id"],
            "timestamp": vector["webhook-timestamp"],
            "signature": vector["webhook-signature"],
        }
        verify(secrets, **headers, body=body, now=at)
        with pytest.raises(InvalidSignature):
            verify(secrets, **headers, body=body + b" ", now=at)
        with pytest.raises(InvalidSignature):
            verify(secrets, **headers, body=body, now=at + 301)
