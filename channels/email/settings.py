"""What one biller says of their way out by SMTP, and of the way back in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from channels.email.compose import mailbox
from channels.email.signing import readable
from gateway.ports.values import Secret


@dataclass(frozen=True, slots=True)
class Settings:
    """One biller's way out by SMTP. Raises ValueError that names the field at fault."""

    host: str = field(metadata={"doc": "SMTP server."})
    from_address: str = field(metadata={"doc": "Address that payers see and answer to."})
    port: int = field(default=587, metadata={"doc": "587 for starttls, 465 for tls, 25 for a relay on the same host."})
    security: Literal["starttls", "tls", "none"] = field(
        default="starttls", metadata={"doc": "starttls is required when chosen, never skipped."}
    )
    username: str | None = field(default=None, metadata={"doc": "Login name, when the server wants one."})
    password: Secret | None = field(default=None, metadata={"doc": "Login password."})
    from_name: str = field(default="", metadata={"doc": "Name beside the address, when the message brings none."})
    return_path_domain: str | None = field(
        default=None,
        metadata={"doc": "Domain whose `bounce+<token>` addresses are piped back; else from_address."},
    )
    reply_to: str | None = field(
        default=None,
        metadata={
            "doc": "Address that answers go to and are handed back from; else from_address. A + at the end of its local "
            "part, as in `plati+@acme.example`, is followed by our token: for servers that write their own Message-ID."
        },
    )
    inbound_secret: Secret | None = field(
        default=None, metadata={"doc": "Signs inbound mail and our tokens; unset means that no inbound mail is taken."}
    )
    inbound_secret_previous: Secret | None = field(
        default=None, metadata={"doc": "Still accepted while the secret is being changed."}
    )
    dkim_domain: str | None = field(default=None, metadata={"doc": "DKIM `d=`; the domain of from_address when unset."})
    dkim_selector: str | None = field(default=None, metadata={"doc": "DKIM `s=`; needed with dkim_key."})
    dkim_key: Secret | None = field(default=None, metadata={"doc": "PEM of the RSA key (2048 bits) that signs."})
    ca_file: str | None = field(default=None, metadata={"doc": "PEM file of a private certificate authority."})
    connections: int = field(default=10, metadata={"doc": "Connections kept open, and messages in flight, at most."})
    timeout_s: float = field(default=30.0, metadata={"doc": "Seconds to wait for each answer of the server."})

    def __post_init__(self) -> None:
        mailbox(self.from_address, "from_address")
        if self.return_path_domain:
            mailbox(f"bounce@{self.return_path_domain}", "return_path_domain")
        if self.reply_to:
            mailbox(self.reply_to, "reply_to")
            if self.reply_to.startswith("+") or (len(self.reply_to.partition("+@")[0]) > 6 and "+@" in self.reply_to):
                raise ValueError("reply_to: 1 to 6 characters before the +, so that our token fits")
            if "+@" in self.reply_to and not self.inbound_secret:
                raise ValueError("inbound_secret: needed with a reply_to that holds our token")
        if self.dkim_key and not self.dkim_selector:
            raise ValueError("dkim_selector: needed with dkim_key")
        if self.dkim_key and not readable(self.dkim_key):
            raise ValueError("dkim_key: not the PEM of an RSA private key")
        if self.password and not self.username:
            raise ValueError("username: needed with password")
        if self.connections < 1:
            raise ValueError("connections: at least 1")

    @property
    def from_domain(self) -> str:
        return self.from_address.rpartition("@")[2]

    def reply_address(self, token: str) -> str | None:
        """What stands in Reply-To; None when answers go to `from_address` anyway."""
        return self.reply_to and self.reply_to.replace("+@", f"+{token}@")

    def expects(self, recipient: str) -> bool:
        """Whether mail to this address is for this account: its bounces, or answers to it, tagged or not."""
        local, _, domain = recipient.strip().strip("<>").lower().rpartition("@")
        if not self.inbound_secret or not local:
            return False
        if self.return_path_domain and domain == self.return_path_domain.lower() and local.startswith("bounce+"):
            return True
        own = {address.lower().replace("+@", "@") for address in (self.from_address, self.reply_to) if address}
        return f"{local}@{domain}" in own or f"{local.partition('+')[0]}@{domain}" in own

    @property
    def inbound_secrets(self) -> tuple[Secret, ...]:
        """The newest first; a signature by any of them holds."""
        return tuple(secret for secret in (self.inbound_secret, self.inbound_secret_previous) if secret)
