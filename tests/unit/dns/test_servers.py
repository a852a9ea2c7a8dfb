"""Which resolvers are asked."""

from pathlib import Path

import pytest

from mailserver.dns.servers import Server, configured, of_system


@pytest.mark.parametrize(
    ("text", "address", "port", "is_loopback", "shown"),
    [
        ("127.0.0.1", "127.0.0.1", 53, True, "127.0.0.1"),
        ("127.0.0.1:5353", "127.0.0.1", 5353, True, "127.0.0.1:5353"),
        ("::1", "::1", 53, True, "[::1]"),
        ("[::1]:5353", "::1", 5353, True, "[::1]:5353"),
        ("[2001:db8::1]", "2001:db8::1", 53, False, "[2001:db8::1]"),
        ("192.0.2.1", "192.0.2.1", 53, False, "192.0.2.1"),
    ],
)
def test_a_configured_resolver(text: str, address: str, port: int, is_loopback: bool, shown: str) -> None:
    [server] = configured((text,))
    assert (server.address, server.port, server.is_loopback, str(server)) == (address, port, is_loopback, shown)


def test_the_systems_resolvers(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# by hand\nsearch example.test\nnameserver 192.0.2.1\nnameserver nonsense\nnameserver\n"
        "nameserver fe80::1%eth0\nnameserver 127.0.0.53\nnameserver 192.0.2.4\n"
    )
    assert of_system(file) == (Server("192.0.2.1"), Server("fe80::1%eth0"), Server("127.0.0.53"))
    assert of_system(file)[2].is_systemd_stub


def test_without_resolv_conf_loopback_is_asked(tmp_path: Path) -> None:
    assert of_system(tmp_path / "missing") == (Server("127.0.0.1"),)
