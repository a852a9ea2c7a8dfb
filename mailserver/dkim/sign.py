"""Signatures on mail that leaves: one for each active key of the domain it is from. RFC 6376 §5, RFC 8463 §3.

Mail is never held up by a key: without one, or with one that can not be opened, it goes unsigned, and the log says so.
What computes is imported with the first key.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from mailserver import text
from mailserver.clock import Clock
from mailserver.config.tree import DkimConfig
from mailserver.dkim.body_hash import RELAXED, body_hashes
from mailserver.dkim.signature_fields import Terms, covered, tags
from mailserver.errors import BadKey, SealBroken
from mailserver.mail import addresses
from mailserver.mail.editing import HeaderBlock
from mailserver.store import dkim_keys
from mailserver.store.database import Rx, as_refusal
from mailserver.store.dkim_keys import DkimKey
from mailserver.store.dkim_states import State
from mailserver.store.events import AccountsChanged, DkimKeysChanged, Event, ForeignCommit
from mailserver.store.store import Store

if TYPE_CHECKING:
    from mailserver.dkim.keyring import Keyring
    from mailserver.dkim.private_keys import PrivateKey

INLINE_OCTETS = 50_000  # of a message; more is signed in a thread
DAY_SECONDS = 86_400

_log = structlog.get_logger("dkim")


@dataclass(frozen=True, slots=True)
class SigningKey:
    domain: str
    selector: str
    key: "PrivateKey"


@dataclass(frozen=True, slots=True)
class _Row:
    """A key as the database has it; the same row is opened once."""

    key: DkimKey
    sealed: bytes | None


class Signer:
    """Knows the active keys of all domains, opened; hears when they change."""

    def __init__(self, store: Store, clock: Clock, config: DkimConfig) -> None:
        self._store = store
        self._clock = clock
        self._config = config
        self._keyring: Keyring | None = None
        self._domains: dict[str, tuple[SigningKey, ...]] | None = None  # every domain here; None: not known now
        self._opened: dict[int, tuple[_Row, PrivateKey]] = {}
        self._changes = 0  # how often they changed
        self._reading = asyncio.Lock()
        self._unsubscribe = store.subscribe(self._hear)
        self.counts: Counter[str] = Counter()  # messages that were "signed", or went "unsigned"

    def reconfigure(self, config: DkimConfig) -> None:
        self._config = config
        self.look_again()

    def look_again(self) -> None:
        """Files of keys may have changed, or can be read now."""
        self._changes += 1
        self._domains = None

    def close(self) -> None:
        self._unsubscribe()

    async def keys(self, domain: str | int) -> tuple[SigningKey, ...]:
        """The keys that sign for a domain of ours, RSA first; () without any. `domain`: its name or id."""
        if isinstance(domain, int):
            domain = await self._store.read(_name_of, domain)
        return (await self._known()).get(domain, ())

    async def sign(self, domain: str | int, header: bytes, body: Iterable[bytes], octets: int | None = None) -> bytes:
        """DKIM-Signature field lines for the top of `header`, b"" where no key of the domain can sign.

        `octets` of the whole message, where they are known to be few: it is then signed at once, else in a thread.
        Raises Unavailable where the body can not be read.
        """
        keys = await self.keys(domain)
        self.counts["signed" if keys else "unsigned"] += 1
        if not keys:
            _log.info("mail goes unsigned: no active key", domain=domain)
            return b""
        signed_at = int(self._clock.now().timestamp())
        expires_at = signed_at + self._config.expire_days * DAY_SECONDS if self._config.expire_days else None
        if octets is not None and len(header) + octets <= INLINE_OCTETS:
            return signatures(keys, header, body, signed_at, expires_at)
        try:
            return await self._store.in_thread(signatures, keys, header, body, signed_at, expires_at)
        except OSError as fault:  # the body is on a disk
            raise as_refusal(fault) from fault

    async def sign_as_written(
        self, header: bytes, reverse_path: str, body: Iterable[bytes], octets: int | None = None
    ) -> bytes:
        """`sign` for the domain in From where it, or one above it, is ours; else for that of the reverse-path."""
        domain = await self.domain_of(header, reverse_path)
        if domain is None:
            self.counts["unsigned"] += 1
            return b""
        return await self.sign(domain, header, body, octets)

    async def domain_of(self, header: bytes, reverse_path: str) -> str | None:
        """For which domain of ours this is signed."""
        known = await self._known()
        wanted = (name for address in (*_authors(header), reverse_path) for name in _upwards(address))
        return next((name for name in wanted if name in known), None)

    # ---- inside ----

    def _hear(self, event: Event) -> None:
        if isinstance(event, AccountsChanged | DkimKeysChanged | ForeignCommit):
            self.look_again()

    async def _known(self) -> dict[str, tuple[SigningKey, ...]]:
        if self._domains is not None:
            return self._domains
        async with self._reading:
            return self._domains or await self._look()  # another message may have looked meanwhile

    async def _look(self) -> dict[str, tuple[SigningKey, ...]]:
        changes = self._changes
        names, rows = await self._store.read(_read)
        found = await self._store.in_thread(self._open_all, names, rows)
        if changes == self._changes:
            self._domains = found
        return found

    def _open_all(self, names: list[str], rows: list[_Row]) -> dict[str, tuple[SigningKey, ...]]:
        from mailserver.dkim.keyring import Keyring

        keyring = self._keyring = self._keyring or Keyring(self._store)
        opened: dict[int, tuple[_Row, PrivateKey]] = {}
        for row in rows:
            known = self._opened.get(row.key.id)
            if known is not None and known[0] == row:
                opened[row.key.id] = known
                continue
            try:
                opened[row.key.id] = row, keyring.open(row.key, row.sealed)
            except (BadKey, SealBroken) as fault:
                _log.error("DKIM key can not be used", domain=row.key.domain, error=fault.text)
        self._opened = opened
        keys: dict[str, list[SigningKey]] = {name: [] for name in names}
        for row, key in opened.values():
            keys[row.key.domain].append(SigningKey(row.key.domain, row.key.selector, key))
        return {name: tuple(each) for name, each in keys.items()}


def signatures(
    keys: Iterable[SigningKey], header: bytes, body: Iterable[bytes], signed_at: int, expires_at: int | None
) -> bytes:
    """One field for each key, over the same header and body. Reads the body once, in its pieces."""
    from mailserver.dkim import library

    fields, names = covered(HeaderBlock.parse(header))
    hashed = body_hashes([RELAXED], body)[RELAXED]
    return b"".join(
        library.sign_header(
            fields,
            tags(Terms(each.domain, each.selector, signed_at, expires_at), each.key.algorithm, names, hashed),
            names,
            each.key,
        )
        for each in keys
    )


def _read(rx: Rx) -> tuple[list[str], list[_Row]]:
    active = dkim_keys.list(rx, state=State.ACTIVE)
    return dkim_keys.list_domains(rx), [_Row(key, dkim_keys.sealed(rx, key.id)) for key in active]


def _name_of(rx: Rx, domain_id: int) -> str:
    return dkim_keys.domain_name(rx, domain_id) or ""


def _authors(header: bytes) -> list[str]:
    values = HeaderBlock.parse(header).values(b"from")
    entries = [entry for value in values[:1] for entry in addresses.mailboxes(addresses.parse(value))]
    return [addresses.addr_spec(entry).decode("utf-8", "replace") for entry in entries[:1]]


def _upwards(address: str) -> list[str]:
    """The domain of an address and those above it: a signature of the parent aligns with it. RFC 7489 §3.1.1."""
    try:
        name = text.domain_name(address.rpartition("@")[2])
    except ValueError:
        return []
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]
