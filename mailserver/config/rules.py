"""Which values are possible: one row per setting that its type alone does not bound."""

import ipaddress
import math
import re
from dataclasses import dataclass
from typing import Protocol

_HOSTNAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.I
)

_MAILBOX = re.compile(r"|\w(?:[\w -]{0,62}\w)?")
_LOCAL = re.compile(r"(?=.{1,64}\Z)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.I)


class Rule(Protocol):
    @property
    def allowed(self) -> str:
        """What may be written, to stand after "must be"."""

    def holds(self, value: object) -> bool:
        """Whether a value of the right type is possible."""


@dataclass(frozen=True, slots=True)
class Between:
    """A number from low to high, both included."""

    low: float
    high: float

    @property
    def allowed(self) -> str:
        return f"{self.low:g} to {self.high:g}" if self.high < 1e6 else f"{self.low:.0f} to {self.high:.0f}"

    def holds(self, value: object) -> bool:
        return isinstance(value, int | float) and math.isfinite(value) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class ZeroOrMore:
    """0 switches it off; else no less than `low`."""

    low: int
    high: int = 2**32 - 1

    @property
    def allowed(self) -> str:
        return f"0, or {self.low} to {self.high}"

    def holds(self, value: object) -> bool:
        return isinstance(value, int) and (value == 0 or self.low <= value <= self.high)


@dataclass(frozen=True, slots=True)
class OneOf:
    values: tuple[str, ...]

    @property
    def allowed(self) -> str:
        return " or ".join(f'"{value}"' for value in self.values)

    def holds(self, value: object) -> bool:
        return value in self.values


@dataclass(frozen=True, slots=True)
class Hostname:
    """A domain name in its ASCII form (RFC 5890 A-labels); what HELO and Received need, RFC 5321 §2.3.5."""

    allowed: str = 'a host name such as "mail.example.org"'

    def holds(self, value: object) -> bool:
        return isinstance(value, str) and _HOSTNAME.fullmatch(value) is not None and not value.isdigit()


@dataclass(frozen=True, slots=True)
class Addresses:
    allowed: str = 'a list of at least one IP address, such as ["0.0.0.0", "::"]'

    def holds(self, value: object) -> bool:
        return isinstance(value, tuple) and len(value) > 0 and all(_is_address(address) for address in value)


@dataclass(frozen=True, slots=True)
class MailboxName:
    """One at the top of an account; "" is none."""

    allowed: str = 'a mailbox name of at most 64 letters, digits and spaces, such as "Outbox", or ""'

    def holds(self, value: object) -> bool:
        return isinstance(value, str) and _MAILBOX.fullmatch(value) is not None and value.upper() != "INBOX"


@dataclass(frozen=True, slots=True)
class Address:
    """One IP address of a version; None where it may be left out."""

    version: int

    @property
    def allowed(self) -> str:
        return f"an IPv{self.version} address"

    def holds(self, value: object) -> bool:
        if value is None:
            return True
        return isinstance(value, str) and _is_address(value) and ipaddress.ip_address(value).version == self.version


@dataclass(frozen=True, slots=True)
class Networks:
    allowed: str = 'a list of networks, such as ["10.1.0.0/16", "fd00:1::/32"]'

    def holds(self, value: object) -> bool:
        return isinstance(value, tuple) and all(_is_network(network) for network in value)


@dataclass(frozen=True, slots=True)
class MailAddress:
    allowed: str = 'an address such as "tls-reports@example.org", or ""'

    def holds(self, value: object) -> bool:
        return isinstance(value, str) and (value == "" or _is_mail_address(value))


def _is_mail_address(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(at) and _LOCAL.fullmatch(local) is not None and Hostname().holds(domain)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Resolvers:
    """None, or each an IP address that may carry a port; an IPv6 address with one stands in brackets."""

    allowed: str = 'a list of IP addresses, with or without a port, such as ["127.0.0.1", "[::1]:5353"]'

    def holds(self, value: object) -> bool:
        return isinstance(value, tuple) and all(_is_resolver(text) for text in value)


_WITH_PORT = re.compile(r"(?:(?P<ipv4>[0-9.]+)|\[(?P<ipv6>[0-9a-f:.]+)\])(?::(?P<port>[0-9]{1,5}))?", re.I)


def _is_resolver(text: str) -> bool:
    found = _WITH_PORT.fullmatch(text)
    if found is None:
        return _is_address(text)
    return _is_address(found["ipv4"] or found["ipv6"]) and 0 < int(found["port"] or 53) <= 65_535


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class DkimAlgorithms:
    """One RSA key at most: two would be two signatures that say the same."""

    allowed: str = 'one or both of "RSA-2048" (or "RSA-4096") and "Ed25519"'

    def holds(self, value: object) -> bool:
        kinds = {"RSA-2048": "rsa", "RSA-4096": "rsa", "Ed25519": "ed25519"}
        if not isinstance(value, tuple) or not value or not {*value} <= {*kinds}:
            return False
        return len({kinds[each] for each in value}) == len(value)


KIB, MIB, GIB = 1024, 1024**2, 1024**3
HOUR, DAY = 3600, 86_400

# "*" stands for every key of its section.
RULES: dict[str, Rule] = {
    "server.hostname": Hostname(),
    "server.shutdown_seconds": Between(0, 300),
    "tls.minimum_version": OneOf(("1.2", "1.3")),
    "listeners.*.port": Between(0, 65_535),
    "listeners.*.addresses": Addresses(),
    "smtp.max_message_octets": Between(KIB, 100 * MIB),
    "smtp.max_recipients": Between(1, 10_000),
    "smtp.max_connections": Between(1, 100_000),
    "smtp.max_connections_per_address": Between(1, 100_000),
    "smtp.max_connection_rate": Between(1, 1_000_000),
    "smtp.max_errors": Between(1, 1000),
    "smtp.max_messages": Between(1, 1_000_000),
    "smtp.silent_seconds": Between(1, HOUR),
    "smtp.command_seconds": Between(1, HOUR),
    "smtp.data_seconds": Between(1, DAY),
    "smtp.connection_seconds": Between(1, DAY),
    "smtp.tarpit_seconds": Between(0, 60),
    "smtp.max_hops": Between(1, 1000),
    "smtp.submission_per_hour": Between(1, 1_000_000),
    "submission.domain_per_hour": Between(0, 1_000_000_000),
    "submission.max_hold_days": Between(0, 11_574),  # RFC 4865 §3: nine digits of seconds
    "submission.undo_seconds": Between(0, HOUR),
    "submission.outbox": MailboxName(),
    "submission.bulk_recipients": Between(1, 10_000),
    "imap.max_connections": Between(1, 100_000),
    "imap.max_connections_per_address": Between(1, 100_000),
    "imap.max_connection_rate": Between(1, 1_000_000),
    "imap.max_append_octets": Between(KIB, GIB),
    "imap.login_seconds": Between(1, HOUR),
    "imap.silent_seconds": Between(1, HOUR),
    "imap.idle_seconds": Between(1800, DAY),
    "imap.max_errors": Between(1, 1000),
    "imap.message_limit": ZeroOrMore(1000),
    "imap.progress_seconds": Between(1, HOUR),
    "pop3.max_connections": Between(1, 100_000),
    "pop3.max_connections_per_address": Between(1, 100_000),
    "pop3.max_connection_rate": Between(1, 1_000_000),
    "pop3.login_seconds": Between(1, HOUR),
    "pop3.idle_seconds": Between(600, DAY),
    "pop3.max_errors": Between(1, 1000),
    "auth.argon2_memory_kib": Between(8 * 16, 4 * MIB),
    "auth.argon2_time_cost": Between(1, 100),
    "auth.argon2_parallelism": Between(1, 16),
    "auth.hash_threads": Between(1, 64),
    "auth.cache_seconds": Between(0, DAY),
    "auth.failures_per_address": Between(1, 1_000_000),
    "auth.failures_per_account": Between(1, 1_000_000),
    "auth.window_seconds": Between(1, DAY),
    "auth.block_seconds": Between(1, DAY),
    "auth.min_password_length": Between(1, 128),
    "store.readers": Between(1, 64),
    "store.file_threads": Between(1, 64),
    "store.scan_seconds": Between(1, DAY),
    "store.tombstone_days": Between(30, 3650),
    "store.default_quota_bytes": Between(0, 2**50),
    "store.default_quota_messages": Between(0, 2**32 - 1),
    "store.purge_days": Between(1, 3650),
    "store.log_days": Between(1, 3650),
    "store.trash_days": Between(0, 3650),
    "store.junk_days": Between(0, 3650),
    "store.min_free_bytes": Between(0, 2**40),
    "queue.warn_hours": Between(0, 30 * 24),
    "queue.expire_days": Between(0.01, 30),
    "queue.keep_finished_days": Between(0, 365),
    "outbound.port": Between(1, 65_535),
    "outbound.source_ipv4": Address(4),
    "outbound.source_ipv6": Address(6),
    "outbound.connect_seconds": Between(1, 300),
    "dkim.algorithms": DkimAlgorithms(),
    "dkim.storage": OneOf(("file", "database", "hybrid")),
    "dkim.rotate_days": ZeroOrMore(7, 3650),
    "dkim.retire_days": Between(1, 365),
    "dkim.expire_days": ZeroOrMore(1, 3650),
    "web.port": Between(0, 65_535),
    "web.addresses": Addresses(),
    "web.max_connections": Between(1, 100_000),
    "web.max_connections_per_address": Between(1, 100_000),
    "web.max_connection_rate": Between(1, 1_000_000),
    "queue.max_connections": Between(1, 10_000),
    "queue.max_connections_per_destination": Between(1, 10_000),
    "queue.max_connections_per_host": Between(1, 10_000),
    "queue.max_rate_per_host": Between(1, 1_000_000),
    "outbound_tls.hold_days": Between(0, 30),
    "tls_reports.address": MailAddress(),
    "fetching.networks": Networks(),
    "delivery.subaddress_separator": OneOf(("", "+", "-", "=", "#", "_")),
    "delivery.max_alias_depth": Between(1, 100),
    "bounces.suppress_after": Between(0, 1000),
    "bounces.within_days": Between(0.01, 365),
    "bounces.suppress_days": Between(0.01, 3650),
    "forwarding.srs_days": Between(6, 365),  # longer than the queue of the server that bounces
    "dns.servers": Resolvers(),
    "dns.timeout_seconds": Between(0.01, 60),
    "dav.max_object_octets": Between(KIB, 100 * MIB),
    "dav.max_octets": Between(MIB, 2**50),
    "dav.max_members": Between(1, 10_000_000),
    "dav.max_collections": Between(1, 10_000),
    "dav.max_sharees": Between(0, 10_000),
    "dav.max_attendees": Between(1, 10_000),
    "dav.max_subscriptions": Between(0, 10_000),
    "dav.max_feed_octets": Between(KIB, 100 * MIB),
    "dav.max_feed_objects": Between(1, 100_000),
    "scheduling.max_message_octets": Between(KIB, 16 * MIB),
}


def rule(path: str) -> Rule | None:
    """The row of a dotted key path."""
    section, _, key = path.rpartition(".")
    above = section.rpartition(".")[0]
    return RULES.get(path) or RULES.get(f"{above}.*.{key}")
