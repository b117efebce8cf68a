"""Which addresses a biller's endpoint may have: no biller can make us call the inside of the operator's network.

Pure: it looks at an address that was resolved, and never resolves. The client asks for each address that it is about
to connect to, so a name that changes its answer in between gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from gateway.ports.errors import Rejected

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

FORBIDDEN, HTTPS_REQUIRED, INVALID_URL = "forbidden_address", "https_required", "invalid_url"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


_V6_PUBLIC = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

# Addresses inside one organisation, where a listed host may live.
_INSIDE = _networks(
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
    "127.0.0.0/8",
    "::1/128",
    "fc00::/7",
)

# IANA special-purpose registries (2026-11): never a host on the public Internet.
_SPECIAL = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "2001::/23",  # Teredo, ORCHID, benchmarking
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "3fff::/20",
)

# Where clouds answer with an instance's credentials; no entry of the allow-list opens these.
_METADATA = frozenset(
    map(
        ip_address,
        ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"),
    )
)


class Zone(StrEnum):
    """Why a call may be made, and so which addresses it may reach."""

    PUBLIC = "public"  # https to any host: the public Internet and the listed networks
    LISTED_NETWORK = "listed_network"  # plain http: the listed networks only
    LISTED_HOST = "listed_host"  # the operator named the host: also inside addresses, http or https


class ForbiddenAddress(OSError):
    """An address that this call may not reach; `code` says why. An OSError, for that is what a connector expects."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The operator's allow-list (`allow_networks`) for billing systems on premises: networks and host names."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, allow: Sequence[str]) -> AddressPolicy:
        """Reads entries such as `10.20.0.0/16`, `192.168.1.5`, `fd12::/48`, `erp.example.internal`.

        Raises ValueError that names the first wrong entry.
        """
        networks, hosts = [], set()
        for entry in allow:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                if not _is_host_name(entry):
                    raise ValueError(f"{entry!r} is neither a network such as 10.20.0.0/16 nor a host name") from None
                hosts.add(_plain(entry))
        return cls(tuple(networks), frozenset(hosts))

    def zone(self, scheme: str, host: str) -> Zone:
        """The zone of a URL's scheme and host. Raises Rejected: `invalid_url`, or `https_required`."""
        if scheme not in ("http", "https") or not host:
            raise Rejected(INVALID_URL)
        if _plain(host) in self.hosts:
            return Zone.LISTED_HOST
        if scheme == "https":
            return Zone.PUBLIC
        if not self.networks:
            raise Rejected(HTTPS_REQUIRED)
        return Zone.LISTED_NETWORK

    def check(self, zone: Zone, address: str) -> None:
        """Returns when a call of this zone may connect to this address. Raises ForbiddenAddress when it may not."""
        try:
            found = _actual(ip_address(address))
        except ValueError:
            raise ForbiddenAddress(FORBIDDEN) from None
        if found in _METADATA:
            raise ForbiddenAddress(FORBIDDEN)
        if any(found in network for network in self.networks):
            return
        public = _public(found)
        if zone is Zone.LISTED_NETWORK:
            raise ForbiddenAddress(HTTPS_REQUIRED if public else FORBIDDEN)
        inside = zone is Zone.LISTED_HOST and any(found in network for network in _INSIDE)
        if not (public or inside):
            raise ForbiddenAddress(FORBIDDEN)


def _actual(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped or NAT64 address (RFC 6052) stands for, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(address.packed[12:])
    return address


def _public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _V6_PUBLIC:
        return False
    return not any(address in network for network in _INSIDE + _SPECIAL)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_host_name(text: str) -> bool:
    labels = _plain(text).split(".")
    return (
        len(text) <= 253
        and not labels[-1].isdigit()
        and all(
            0 < len(label) <= 63 and label.isascii() and label.replace("-", "").replace("_", "").isalnum()
            for label in labels
        )
    )
