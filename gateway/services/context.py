"""What every service is handed: one frozen value, made by gateway.app and by tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.domain.paycodes import PayCodes
from gateway.outbound import PushClient
from gateway.rendering import Renderer
from gateway.services.directory import Directory
from gateway.signing import LinkSigner, TokenSigner
from gateway.store.database import Database
from gateway.vault import Vault


@dataclass(frozen=True, slots=True)
class Context:
    """`installation` tells this database from every other, so that no two share an idempotency key at a vendor.

    `public_url` has no slash at its end. `random` gives numbers in [0, 1) for jitter.
    """

    db: Database
    clock: Clock
    vault: Vault
    links: LinkSigner
    unsubscribes: TokenSigner
    starts: TokenSigner
    checkouts: TokenSigner
    returns: TokenSigner
    pay_codes: PayCodes
    renderer: Renderer
    directory: Directory
    push_client: PushClient
    public_url: str
    installation: str
    random: Callable[[], float]

    def pay_path(self, invoice_id: int, version: int) -> str:
        return f"/p/{self.links.issue(invoice_id, version)}"

    def pay_url(self, invoice_id: int, version: int) -> str:
        return self.public_url + self.pay_path(invoice_id, version)
