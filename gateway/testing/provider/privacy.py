"""Case of ProviderContract: nothing secret, and nothing of the payer, is said to anybody but the vendor."""

from __future__ import annotations

import re
from typing import Any

from gateway.testing.provider_bench import Fault, Happening, Key, ProviderBench
from gateway.testing.provider_steps import (
    PERSONAL,
    a_refund,
    a_request,
    error_text,
    everything_logged,
    opened,
    where_supported,
)

_CREATE = (Fault.REFUSED, Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.CUT_MADE)
_REFUND = (Fault.REFUSED, Fault.CUT_NOT_MADE)


class PrivacyCases:
    async def test_nothing_secret_or_personal_is_said(self, bench: ProviderBench) -> None:
        """Not in a log at DEBUG, not in an error and what led to it, not in a repr."""
        provider = bench.provider(bench.rotating)
        proofs: list[str] = []
        with everything_logged() as words:
            session = await opened(bench)
            with where_supported():
                await bench.happen(session.external_id, Happening.PAID)
            if not bench.plugin.silent:
                await provider.fetch_payment(session.external_id)
            with where_supported():
                for fault in _CREATE:
                    bench.arm(fault)
                    words.append(await error_text(provider.create_payment(a_request(bench, idempotency_key=fault))))
            with where_supported():
                body = bench.webhook_body(session.external_id)
                genuine = bench.sign(body, bench.clock.now())
                proofs = [part for value in genuine.headers.values() for part in re.findall(r"[\w+/-]{24,}", value)]
                await provider.parse_webhook(genuine)
                torn = bench.sign(b'{"email":"Ana Popescu', bench.clock.now())
                for request in (bench.unsigned(body), bench.sign(body, bench.clock.now(), Key.STRANGER), torn):
                    words.append(await error_text(provider.parse_webhook(request)))
            if bench.plugin.refunds:
                words += await _refunds(bench, provider, session.external_id)
            words += [repr(provider), str(provider), repr(bench.settings), repr(bench.rotating)]
        text = "\n".join(words)

        for needle in (*bench.secrets(), *PERSONAL, *proofs):
            assert needle not in text, "a secret, a signature or personal data was said"


async def _refunds(bench: ProviderBench, provider: Any, external_id: str) -> list[str]:
    words = []
    with where_supported():
        for fault in _REFUND:
            bench.arm_refund(fault)
            words.append(await error_text(provider.refund_payment(a_refund(bench, external_id))))
    request = a_refund(bench, external_id)
    words.append(await error_text(provider.refund_payment(request)))
    words.append(await error_text(provider.fetch_refund(request, None)))
    return words
