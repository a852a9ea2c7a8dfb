"""Which addresses a name given by a stranger must not lead us to. IANA's special-purpose registries, RFC 6890."""

import ipaddress
from collections.abc import Callable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# network → what it is; the first that holds names it
REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by a provider"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "private"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "reserved"),  # Teredo and ORCHID among them
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "a tunnel into IPv4"),
        ("3fff::/20", "for documentation"),
    )
)
GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # all that is given out so far; the rest is not for us
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are what is dialled, RFC 6052


def why_not(text: str, allowed: Sequence[Network] = (), is_own: Callable[[str], bool] = lambda _: False) -> str | None:
    """Why this address must not be dialled; None where it may. What can not be read must not.

    `allowed`: networks that may be, whatever they are. `is_own`: whether it is one of this machine.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "not an address"
    if any(address in network for network in allowed):
        return None
    meant = _meant(address)
    what = next((what for network, what in REFUSED if meant in network), None)
    if what is None and isinstance(meant, ipaddress.IPv6Address) and meant not in GLOBAL_IPV6:
        what = "reserved"
    if what is None and is_own(str(meant)):
        what = "this machine's own"
    return what


def _meant(address: Address) -> Address:
    """What is dialled in the end: IPv4 written as IPv6 is IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in TRANSLATED:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address
