"""Relays (smarthosts) that mail leaves over, of one domain or of all, and the addresses it is sent from."""

import builtins
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailserver.config.tree import TlsMode
from mailserver.errors import BadValue, NoSuchRelay
from mailserver.store import domains, names
from mailserver.store.database import Row, Rx, Tx
from mailserver.text import domain_name

if TYPE_CHECKING:
    from mailserver.store.sealing import SealingKey

PORTS = {TlsMode.STARTTLS: 587, TlsMode.IMPLICIT: 465, TlsMode.NONE: 25}  # RFC 6409, RFC 8314
MAX_USERNAME = 255  # characters


@dataclass(frozen=True, slots=True)
class Relay:
    domain: str | None  # None: for every domain without one of its own
    domain_id: int | None
    host: str  # A-labels or an IP address
    port: int
    tls: TlsMode
    username: str | None
    sealed_password: bytes | None = field(repr=False)
    must_verify: bool

    def password(self, key: "SealingKey") -> str:
        """Raises SealBroken."""
        return key.unseal(self.sealed_password or b"", _purpose(self.domain_id)).decode()


@dataclass(frozen=True, slots=True)
class Departure:
    """How mail of one domain leaves."""

    relay: Relay | None
    ipv4: str | None  # our address, where one is set
    ipv6: str | None


_SELECT = """SELECT d.name, r.domain_id, r.host, r.port, r.tls, r.username, r.sealed_password, r.must_verify
    FROM relays r LEFT JOIN domains d ON d.id = r.domain_id"""


def list(rx: Rx) -> builtins.list[Relay]:
    """The one for all first, then by domain; without those of deleted domains."""
    return [_relay(row) for row in rx.all(f"{_SELECT} WHERE d.deleted_at IS NULL ORDER BY d.name")]


def find(rx: Rx, domain_id: int | None) -> Relay | None:
    """The domain's own, else the one for all."""
    row = rx.one(
        f"{_SELECT} WHERE r.domain_id = ?1 OR r.domain_id IS NULL ORDER BY r.domain_id IS NULL LIMIT 1", domain_id
    )
    return _relay(row) if row else None


def get(rx: Rx, domain: str | None) -> Relay:
    """The one set for exactly this. Raises NoSuchRelay, NoSuchDomain."""
    row = rx.one(f"{_SELECT} WHERE r.domain_id IS ?", _domain_id(rx, domain))
    if row is None:
        raise NoSuchRelay(f"No relay is set for {domain}" if domain else "No relay is set for all domains")
    return _relay(row)


def departure(rx: Rx, domain_id: int | None) -> Departure:
    row = rx.one("SELECT ipv4, ipv6 FROM source_addresses WHERE domain_id = ?", domain_id)
    ipv4, ipv6 = row or (None, None)
    return Departure(find(rx, domain_id), ipv4, ipv6)


def put(
    tx: Tx,
    domain: str | None,
    host: str,
    *,
    key: "SealingKey",
    tls: TlsMode = TlsMode.STARTTLS,
    port: int | None = None,
    username: str | None = None,
    password: str = "",
    must_verify: bool = True,
) -> Relay:
    """In place of the one there was. Raises BadValue, NoSuchDomain."""
    host, domain_id = _host(host), _domain_id(tx, domain)
    if tls is TlsMode.NONE and not is_loopback(host):
        raise BadValue(f"A relay without TLS has to be on this machine; {host} is not: use starttls or implicit")
    if must_verify and tls is not TlsMode.NONE and _is_address(host):
        raise BadValue(f"A relay's certificate has to hold for its name: name the host instead of {host}")
    if username is not None and not (0 < len(username) <= MAX_USERNAME and username.isprintable() and password):
        raise BadValue("A login needs a name of printable characters and a password")
    sealed = key.seal(password.encode(), _purpose(domain_id)) if username is not None else None
    tx.run("DELETE FROM relays WHERE domain_id IS ?", domain_id)
    tx.insert(
        """INSERT INTO relays (domain_id, host, port, tls, username, sealed_password, must_verify, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        domain_id,
        host,
        PORTS[tls] if port is None else _port(port),
        tls.value,
        username,
        sealed,
        int(must_verify),
        tx.now_ms,
    )
    return get(tx, domain)


def remove(tx: Tx, domain: str | None) -> None:
    """Raises NoSuchRelay."""
    get(tx, domain)
    tx.run("DELETE FROM relays WHERE domain_id IS ?", _domain_id(tx, domain))


def set_sources(tx: Tx, domain: str, ipv4: str | None, ipv6: str | None) -> None:
    """Raises BadValue, NoSuchDomain."""
    domain_id = domains.get(tx, domain).id
    tx.run(
        """INSERT INTO source_addresses (domain_id, ipv4, ipv6) VALUES (?1, ?2, ?3)
           ON CONFLICT (domain_id) DO UPDATE SET ipv4 = ?2, ipv6 = ?3""",
        domain_id,
        _address(ipv4, 4),
        _address(ipv6, 6),
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _domain_id(rx: Rx, domain: str | None) -> int | None:
    return None if domain is None else domains.get(rx, names.domain(domain)).id


def _host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass  # a name, then
    try:
        return domain_name(host)
    except ValueError:
        raise BadValue(f"Not a host name or IP address: {host[:80]!a}") from None


def _port(port: int) -> int:
    if not 1 <= port <= 65_535:
        raise BadValue(f"A port is 1 to 65535, not {port}")
    return port


def _address(address: str | None, version: int) -> str | None:
    if address is None:
        return None
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        raise BadValue(f"Not an IP address: {address[:80]!a}") from None
    if found.version != version:
        raise BadValue(f"Not an IPv{version} address: {address}")
    return str(found)


def _purpose(domain_id: int | None) -> str:
    return f"relay:{domain_id or 0}"


def _relay(row: Row) -> Relay:
    domain, domain_id, host, port, tls, username, sealed, must_verify = row
    return Relay(domain, domain_id, host, port, TlsMode(tls), username, sealed, bool(must_verify))
