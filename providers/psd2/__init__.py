"""PSD2: payments at the payer's own bank, over the bank's own interface (Berlin Group NextGenPSD2 1.3.11)."""

from __future__ import annotations

from gateway.ports.provider import Method, ProviderPlugin
from providers.psd2.provider import Psd2Provider as Psd2Provider
from providers.psd2.settings import Settings as Settings

PROVIDER = ProviderPlugin(
    "psd2",
    Settings,
    Psd2Provider,
    methods=(Method("bank"),),
    cancels=True,
    completes=True,
    chooses=True,
    takes=True,
    void_unanswered=True,
    signs=False,
)
