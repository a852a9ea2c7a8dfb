"""Addresses a stranger's name must not lead us to: one reason per row."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.fetching.addresses import REFUSED, why_not
from mailserver.fetching.own_addresses import is_own

ROWS = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    ("0.0.0.0", "this network"),  # Linux takes it for loopback
    ("::", "unspecified"),
    ("10.1.2.3", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.178.1", "private"),
    ("100.64.0.1", "shared by a provider"),
    ("169.254.169.254", "link-local"),  # metadata of cloud machines
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("fd00::1", "private"),
    ("fc00::1", "private"),
    ("fec0::1", "private"),
    ("::ffff:127.0.0.1", "loopback"),  # IPv4 in IPv6
    ("::ffff:a9fe:a9fe", "link-local"),
    ("::ffff:10.0.0.1", "private"),
    ("::127.0.0.1", "reserved"),  # the old way to write it
    ("64:ff9b::7f00:1", "loopback"),  # NAT64
    ("64:ff9b::10.0.0.1", "private"),
    ("64:ff9b:1::1", "reserved"),
    ("2002:7f00:1::1", "a tunnel into IPv4"),  # 6to4 of 127.0.0.1
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved"),  # Teredo
    ("2001:db8::1", "for documentation"),
    ("192.0.2.1", "for documentation"),
    ("198.18.0.1", "for benchmarks"),
    ("224.0.0.1", "multicast"),
    ("ff02::1", "multicast"),
    ("255.255.255.255", "reserved"),
    ("240.0.0.1", "reserved"),
    ("4000::1", "reserved"),  # not given out
    ("127.1", "not an address"),
    ("0x7f000001", "not an address"),
    ("2130706433", "not an address"),
    ("", "not an address"),
    ("localhost", "not an address"),
    ("1.1.1.1\n", "not an address"),
]


@pytest.mark.parametrize(("address", "reason"), ROWS, ids=[repr(row[0]) for row in ROWS])
def test_an_address_that_is_not_the_internet_is_refused(address: str, reason: str) -> None:
    assert why_not(address) == reason


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2a00:1450:4001::1", "2606:4700::1111", "::ffff:1.1.1.1"]
)
def test_the_internet_may_be_dialled(address: str) -> None:
    assert why_not(address) is None


def test_addresses_of_this_machine_are_refused() -> None:
    assert why_not("2606:4700::1111", is_own=lambda address: address == "2606:4700::1111") == "this machine's own"


def test_ipv4_in_ipv6_is_compared_with_the_own_ipv4_address() -> None:
    assert why_not("::ffff:1.1.1.1", is_own=lambda address: address == "1.1.1.1") == "this machine's own"


def test_loopback_is_known_to_be_our_own_and_a_resolver_of_the_world_is_not() -> None:
    assert is_own("127.0.0.1")
    assert not is_own("1.1.1.1")


def test_networks_that_are_allowed_may_be_dialled_and_no_others() -> None:
    allowed = (ipaddress.ip_network("127.0.0.0/8"),)
    assert why_not("127.0.0.2", allowed) is None
    assert why_not("10.0.0.1", allowed) == "private"


@given(st.ip_addresses())
def test_nothing_private_gets_through(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified:
        assert why_not(str(address)) is not None
    if any(address in network for network, _ in REFUSED):
        assert why_not(str(address)) is not None


@given(st.text(max_size=60))
def test_any_text_gets_an_answer(text: str) -> None:
    assert why_not(text) is None or isinstance(why_not(text), str)
