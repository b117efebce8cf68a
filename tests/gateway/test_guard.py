"""Which addresses a biller's endpoint may have."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.guard import AddressPolicy, ForbiddenAddress, Zone
from gateway.ports.errors import Rejected

CLOSED = AddressPolicy()
ERP = AddressPolicy.parse(["10.20.0.0/16", "fd12:3456::/48", "192.168.1.5", "erp.example.internal", "LOCALHOST."])

INSIDE = [
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "fd00::1",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "3fff::1",
    "64:ff9b:1::1",
    "5f00::1",
    "100::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "::7f00:1",
    "not-an-address",
    "",
]
MAPPED_INSIDE = ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1"]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


def refusal(policy: AddressPolicy, zone: Zone, address: str) -> str | None:
    try:
        policy.check(zone, address)
    except ForbiddenAddress as error:
        return error.code
    return None


@pytest.mark.parametrize("address", INSIDE + MAPPED_INSIDE + NEVER)
def test_nothing_but_the_public_internet_without_an_allow_list(address: str) -> None:
    assert refusal(CLOSED, Zone.PUBLIC, address) == "forbidden_address"


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_is_reached(address: str) -> None:
    assert refusal(CLOSED, Zone.PUBLIC, address) is None


@pytest.mark.parametrize("address", INSIDE + MAPPED_INSIDE + PUBLIC)
def test_a_listed_host_may_live_inside(address: str) -> None:
    assert refusal(CLOSED, Zone.LISTED_HOST, address) is None


@pytest.mark.parametrize("address", NEVER)
def test_a_listed_host_still_reaches_no_special_address(address: str) -> None:
    assert refusal(CLOSED, Zone.LISTED_HOST, address) == "forbidden_address"


@pytest.mark.parametrize("zone", [Zone.PUBLIC, Zone.LISTED_NETWORK, Zone.LISTED_HOST])
@pytest.mark.parametrize("address", ["10.20.0.1", "::ffff:10.20.255.255", "fd12:3456::9", "192.168.1.5"])
def test_a_listed_network_is_reached_from_every_zone(zone: Zone, address: str) -> None:
    assert refusal(ERP, zone, address) is None


@pytest.mark.parametrize(
    ("address", "code"),
    [("8.8.8.8", "https_required"), ("10.21.0.1", "forbidden_address"), ("192.168.1.6", "forbidden_address")],
)
def test_plain_http_reaches_the_listed_networks_only(address: str, code: str) -> None:
    assert refusal(ERP, Zone.LISTED_NETWORK, address) == code


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:169.254.169.254"])
def test_no_entry_opens_the_metadata_of_a_cloud(address: str) -> None:
    everything = AddressPolicy.parse(["0.0.0.0/0", "::/0"])
    assert [refusal(everything, zone, address) for zone in Zone] == ["forbidden_address"] * 3


@pytest.mark.parametrize(
    ("scheme", "host", "zone"),
    [
        ("https", "erp.example.com", Zone.PUBLIC),
        ("https", "erp.example.internal", Zone.LISTED_HOST),
        ("http", "ERP.example.internal.", Zone.LISTED_HOST),
        ("http", "localhost", Zone.LISTED_HOST),
        ("http", "other.example.com", Zone.LISTED_NETWORK),
        ("http", "10.20.0.1", Zone.LISTED_NETWORK),
        ("https", "sub.erp.example.internal", Zone.PUBLIC),
    ],
)
def test_the_zone_of_a_url(scheme: str, host: str, zone: Zone) -> None:
    assert ERP.zone(scheme, host) is zone


@pytest.mark.parametrize(
    ("scheme", "host", "code"),
    [("http", "erp.example.com", "https_required"), ("ftp", "h", "invalid_url"), ("https", "", "invalid_url")],
)
def test_what_has_no_zone_is_refused(scheme: str, host: str, code: str) -> None:
    with pytest.raises(Rejected) as caught:
        CLOSED.zone(scheme, host)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.0/33", "10.0.0.1/8", "http://erp", "erp:80", "a..b", "10.0.0", "x" * 300]
)
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is neither a network"):
        AddressPolicy.parse(["10.0.0.0/8", entry])


@given(number=st.integers(0, 2**32 - 1))
def test_wrapping_an_ipv4_address_changes_nothing(number: int) -> None:
    plain = IPv4Address(number)
    mapped = IPv6Address(b"\0" * 10 + b"\xff\xff" + plain.packed)
    nat64 = IPv6Address(ip_address("64:ff9b::").packed[:12] + plain.packed)
    for zone in Zone:
        for policy in (CLOSED, ERP):
            assert {refusal(policy, zone, str(address)) for address in (mapped, nat64)} == {
                refusal(policy, zone, str(plain))
            }


@given(address=st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_whatever_python_calls_private_is_not_public(address: IPv4Address | IPv6Address) -> None:
    inside_out = address in ip_network("64:ff9b::/96") if address.version == 6 else False
    mapped = getattr(address, "ipv4_mapped", None) is not None
    if not inside_out and not mapped and (not address.is_global or address.is_multicast or address.is_reserved):
        assert refusal(CLOSED, Zone.PUBLIC, str(address)) == "forbidden_address"
