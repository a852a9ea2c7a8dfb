"""Who gets mail for an address, in one read.

Within a domain of ours, first match wins:

    1  the user of exactly this name          4  the alias of the part before it
    2  the alias of exactly this name         5  the catch-all alias "*"
    3  the user before the first separator    6  postmaster: whoever runs the server, RFC 5321 §4.5.1

What is there but disabled is refused with MailboxDisabled and does not fall through to a later rule. An alias's
destinations are followed in turn, each once, so a ring of aliases ends by itself; what leads deeper than
`max_depth` is cut off. A destination that is gone or disabled does not keep the mail from the others; only where
nothing is left is the message refused, with the first of their reasons.
"""

from dataclasses import dataclass, field

from mailserver import text
from mailserver.errors import LimitReached, MailboxDisabled, MailLoop, NoSuchUser, Refusal
from mailserver.store import aliases, names
from mailserver.store.database import Rx

POSTMASTER = "postmaster"
MAX_EXPANDED = 2000  # destinations one address may end up at

# columns of a user `u`: the last fields of LocalRecipient
_ROOM = """u.used_bytes, coalesce(u.quota_bytes, 0), CASE WHEN u.quota_messages THEN u.quota_messages -
    (SELECT coalesce(sum(b.message_count), 0) FROM mailboxes b WHERE b.user_id = u.id AND b.is_outbox = 0) END"""


@dataclass(frozen=True, slots=True)
class LocalRecipient:
    user_id: int
    address: str  # the account's own
    detail: str  # what stood behind the separator, as it is compared; "" where nothing did
    used_bytes: int
    quota_bytes: int  # 0: no limit
    messages_left: int | None = None  # how many more it may hold; None: no limit

    def has_room(self, octets: int, messages: int = 1) -> bool:
        return (not self.quota_bytes or self.used_bytes + octets <= self.quota_bytes) and (
            self.messages_left is None or messages <= self.messages_left
        )


@dataclass(frozen=True, slots=True)
class Resolved:
    """Never empty, no duplicates, in the order of the destinations."""

    local: tuple[LocalRecipient, ...]
    remote: tuple[str, ...] = ()  # addresses at other servers that an alias forwards to


@dataclass(slots=True)
class _Expansion:
    max_depth: int
    seen: set[tuple[str, str]] = field(default_factory=set)
    local: dict[int, LocalRecipient] = field(default_factory=dict)
    remote: dict[str, None] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)

    def check(self) -> None:
        if len(self.local) + len(self.remote) > MAX_EXPANDED:
            raise LimitReached("The address stands for too many others")


@dataclass(frozen=True, slots=True)
class _Domain:
    id: int
    name: str
    is_active: bool
    separator: str


def resolve(rx: Rx, address: str, hostname: str, max_depth: int = 10) -> Resolved | None:
    """None where the domain is not ours.

    Raises NoSuchUser, MailboxDisabled, MailLoop, LimitReached, BadAddress. Quotas are reported, not judged.
    """
    local, domain_name = names.address(address)
    domain = _domain(rx, domain_name)
    if domain is None:
        return _postmaster_of_host(rx, hostname) if (local, domain_name) == (POSTMASTER, hostname.lower()) else None
    expansion = _Expansion(max_depth)
    _expand(rx, local, domain, 0, expansion)
    if not expansion.local and not expansion.remote:
        raise expansion.refusals[0] if expansion.refusals else MailLoop()
    return Resolved(tuple(expansion.local.values()), tuple(expansion.remote))


def may_send_as(rx: Rx, user_id: int, address: str, hostname: str, max_depth: int = 10) -> bool:
    """Whether mail for the address reaches this user: its own name, with a detail, or an alias that leads to it."""
    try:
        resolved = resolve(rx, address, hostname, max_depth)
    except Refusal:
        return False
    return resolved is not None and any(recipient.user_id == user_id for recipient in resolved.local)


def _expand(rx: Rx, local: str, domain: _Domain, depth: int, into: _Expansion) -> None:
    if (local, domain.name) in into.seen:
        return
    into.seen.add((local, domain.name))
    if depth > into.max_depth:
        into.refusals.append(MailLoop())
        return
    if not domain.is_active:
        into.refusals.append(MailboxDisabled())
        return
    base, _, detail = local.partition(domain.separator) if domain.separator else (local, "", "")
    if not _take(rx, local, "", domain, depth, into) and not (
        base and base != local and _take(rx, base, detail, domain, depth, into)
    ):
        _take_rest(rx, local, domain, depth, into)


def _take(rx: Rx, name: str, detail: str, domain: _Domain, depth: int, into: _Expansion) -> bool:
    return _take_user(rx, name, detail, domain, into) or _take_alias(rx, name, domain, depth, into)


def _take_rest(rx: Rx, local: str, domain: _Domain, depth: int, into: _Expansion) -> None:
    if _take_alias(rx, text.CATCH_ALL, domain, depth, into):
        return
    postmaster = _administrator(rx, domain.id) if local == POSTMASTER else None
    if postmaster is None:
        into.refusals.append(NoSuchUser())
    else:
        into.local.setdefault(postmaster.user_id, postmaster)


def _take_user(rx: Rx, name: str, detail: str, domain: _Domain, into: _Expansion) -> bool:
    row = rx.one(
        f"""SELECT u.id, u.is_active IS TRUE, {_ROOM} FROM users u
            WHERE u.domain_id = ? AND u.username = ? AND u.deleted_at IS NULL""",
        domain.id,
        name,
    )
    if row is None:
        return False
    user_id, active, *room = row
    if active:
        into.local.setdefault(user_id, LocalRecipient(user_id, f"{name}@{domain.name}", detail, *room))
        into.check()
    else:
        into.refusals.append(MailboxDisabled())
    return True


def _take_alias(rx: Rx, source: str, domain: _Domain, depth: int, into: _Expansion) -> bool:
    row = rx.one(
        "SELECT id, is_active IS TRUE FROM aliases WHERE domain_id = ? AND source_address = ?", domain.id, source
    )
    if row is None:
        return False
    if not row[1]:
        into.refusals.append(MailboxDisabled())
        return True
    for target in aliases.targets(rx, row[0]):
        if target.user_id is not None:
            _take_user_by_id(rx, target.user_id, into)
        elif target.address is not None:
            _take_address(rx, target.address, depth + 1, into)
    return True


def _take_user_by_id(rx: Rx, user_id: int, into: _Expansion) -> None:
    row = rx.one(
        f"""SELECT u.username, d.name, u.is_active IS TRUE AND d.is_active IS TRUE, {_ROOM}
           FROM users u JOIN domains d ON d.id = u.domain_id
           WHERE u.id = ? AND u.deleted_at IS NULL AND d.deleted_at IS NULL""",
        user_id,
    )
    if row is None:
        into.refusals.append(NoSuchUser())
        return
    username, domain, active, *room = row
    if not active:
        into.refusals.append(MailboxDisabled())
        return
    into.local.setdefault(user_id, LocalRecipient(user_id, f"{username}@{domain}", "", *room))
    into.check()


def _take_address(rx: Rx, address: str, depth: int, into: _Expansion) -> None:
    local, domain_name = names.address(address)
    domain = _domain(rx, domain_name)
    if domain is not None:
        _expand(rx, local, domain, depth, into)
        return
    into.remote.setdefault(address)
    into.check()


def _domain(rx: Rx, name: str) -> _Domain | None:
    row = rx.one(
        "SELECT id, name, is_active IS TRUE, subaddress_separator FROM domains WHERE name = ? AND deleted_at IS NULL",
        name,
    )
    return _Domain(row[0], row[1], bool(row[2]), row[3]) if row else None


def _postmaster_of_host(rx: Rx, hostname: str) -> Resolved:
    """`<postmaster>` without a domain, and with the server's own name where that is no mail domain of ours."""
    for (domain,) in rx.all("SELECT name FROM domains WHERE deleted_at IS NULL AND is_active IS TRUE ORDER BY id"):
        try:
            found = resolve(rx, f"{POSTMASTER}@{domain}", hostname)
        except Refusal:
            continue
        if found is not None:
            return found
    raise NoSuchUser


def _administrator(rx: Rx, domain_id: int) -> LocalRecipient | None:
    """The first administrator, of this domain if it has one; without any, the first user of the domain."""
    row = rx.one(
        f"""SELECT u.id, u.username || '@' || d.name, {_ROOM}
           FROM users u JOIN domains d ON d.id = u.domain_id
           WHERE u.is_active IS TRUE AND d.is_active IS TRUE AND u.deleted_at IS NULL AND d.deleted_at IS NULL
               AND (u.is_admin IS TRUE OR u.domain_id = ?1)
           ORDER BY u.is_admin IS TRUE DESC, u.domain_id = ?1 DESC, u.id LIMIT 1""",
        domain_id,
    )
    return LocalRecipient(row[0], row[1], "", *row[2:]) if row else None
