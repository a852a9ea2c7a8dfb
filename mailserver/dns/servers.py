"""Which resolvers are asked: those of the configuration, or of the system."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

PORT = 53
MAX_SERVERS = 3  # as the C library, resolv.conf(5)
RESOLV_CONF = Path("/etc/resolv.conf")
SYSTEMD_STUBS = frozenset({"127.0.0.53", "127.0.0.54"})  # systemd-resolved.service(8)


@dataclass(frozen=True, slots=True)
class Server:
    address: str
    port: int = PORT

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address.partition("%")[0]).is_loopback

    @property
    def is_systemd_stub(self) -> bool:
        return self.address in SYSTEMD_STUBS

    def __str__(self) -> str:
        shown = f"[{self.address}]" if ":" in self.address else self.address
        return shown if self.port == PORT else f"{shown}:{self.port}"


def configured(texts: tuple[str, ...]) -> tuple[Server, ...]:
    """ "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:5353"; checked when the configuration was read."""
    return tuple(_server(text) for text in texts)


def of_system(resolv_conf: Path = RESOLV_CONF) -> tuple[Server, ...]:
    """The nameserver lines of resolv.conf(5); loopback where there is none."""
    try:
        lines = resolv_conf.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    found = [Server(word[1]) for word in words if word[:1] == ["nameserver"] and len(word) > 1 and _is_address(word[1])]
    return tuple(found[:MAX_SERVERS]) or (Server("127.0.0.1"),)


def _server(text: str) -> Server:
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        return Server(address, int(port[1:] or PORT))
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return Server(address, int(port))
    return Server(text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
