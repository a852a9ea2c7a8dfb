"""The life of our keys: made, seen in the DNS, signing, retired, destroyed. See store/dkim_states.py.

    due        no key of a kind that is wanted, or the one that signs is older than dkim.rotate_days (or of unknown
               age) → a pending key with a selector of its own, and a line in the log with the record to publish
    seen       the record is in the DNS, with this key → it signs, the one before retires
    missing    the record of a key that signs is not there any more → said in the log, `dkim list` and a metric. It goes
               on signing: receivers take what they can not check for unsigned (RFC 6376 §6.3), as mail without it
               would be, and the record may be back before they look. A DNS that does not answer says nothing
    retired    dkim.retire_days later, when no mail is on its way any more → revoked, the private key destroyed

A crash between two steps leaves a state of the table; the next look goes on from there. Key files that no row names,
from a crash while a key was made or destroyed or from a domain that was purged, are removed when they are a day old.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import DkimConfig
from mailserver.dkim import key_record
from mailserver.dkim.key_record import BadRecord
from mailserver.dkim.keyring import Keyring, record_of
from mailserver.dkim.new_keys import generate
from mailserver.dkim.private_keys import Algorithm
from mailserver.dkim.verify import TextResolver
from mailserver.dns.answers import DnsFailure
from mailserver.errors import BadKey, Refusal, SealBroken, WrongState
from mailserver.store import dkim_keys, domains
from mailserver.store.database import Rx
from mailserver.store.dkim_keys import DkimKey
from mailserver.store.dkim_states import State
from mailserver.store.store import Store

INTERVAL_SECONDS = 3600.0
REMIND_MS = 86_400_000  # an unpublished key is spoken of once a day
RECHECK_MS = 86_400_000  # between looks for the record of a key that signs
DAY_MS = 86_400_000
STRAY_SECONDS = 86_400.0  # a file may be younger than the row that will name it

SEEN = ""  # what the DNS says about a key whose record is there


class NotKnown(Exception):  # noqa: N818 - a state
    """The DNS did not answer; the text says why."""


_log = structlog.get_logger("dkim")


class Rotation:
    def __init__(self, store: Store, clock: Clock, resolver: TextResolver, config: DkimConfig) -> None:
        self._store = store
        self._clock = clock
        self._resolver = resolver
        self._keyring = Keyring(store)
        self._spoken: dict[int, int] = {}  # key id → when we last spoke of it, epoch milliseconds
        self._checked: dict[int, int] = {}  # the same of keys that sign → when the DNS was asked
        self.reconfigure(config)

    def reconfigure(self, config: DkimConfig) -> None:
        self._config = config

    async def run(self, after: Callable[[], Awaitable[object]]) -> None:
        """For ever, once an hour; `after` each look the keys may be others."""
        while True:
            try:
                await self.look()
                await after()
            except Refusal as fault:  # a full or failing disk now may be well the next time
                _log.warning("DKIM keys not looked after", error=fault.text)
            except Exception:  # the root of a task that nobody would start again
                _log.exception("looking after DKIM keys failed")
            await self._clock.sleep(INTERVAL_SECONDS)

    async def look(self) -> None:
        """Whatever is due now. Raises Refusal where the store can not be used."""
        await self._adopt()
        for key in await self._store.read(dkim_keys.list, state=State.PENDING):
            await self._try_activate(key)
        for key in await self._store.read(dkim_keys.list, state=State.ACTIVE):
            await self._recheck(key)
        if self._config.rotate_days:
            for domain, algorithm in await self._store.read(self._due):
                for key in await generate(self._store, self._config, domain, [algorithm]):
                    self._speak_of(key, "publish this record")
        for key in await self._store.read(dkim_keys.list, state=State.RETIRING):
            if (key.retired_at or 0) + self._config.retire_days * DAY_MS <= self._now_ms():
                await self.revoke(key)
        await self._destroy()

    async def what_dns_says(self, key: DkimKey) -> str:
        """SEEN, or in words why the key can not sign yet."""
        try:
            return await self._asked(key)
        except NotKnown as fault:
            return str(fault)

    async def _asked(self, key: DkimKey) -> str:
        """SEEN, or in words what is wrong with the record. Raises NotKnown."""
        record = record_of(key)
        try:
            found = key_record.parse(key_record.choose((await self._resolver.txt(record.name)).records))
        except DnsFailure as fault:
            raise NotKnown(f"the DNS could not be asked for {record.name}: {fault}") from fault
        except BadRecord as fault:
            return f"{record.name}: {fault}"
        if found.plain != key_record.parse(record.value.encode()).plain:
            return f"{record.name}: the DNS has another key"
        return SEEN

    async def what_the_key_says(self, key: DkimKey) -> str:
        """Whether the private key can be used, in words."""
        if key.state is State.REVOKED:
            return "destroyed"
        try:
            await self._store.in_thread(self._keyring.open, key, await self._store.read(dkim_keys.sealed, key.id))
        except (BadKey, SealBroken) as fault:
            return fault.text
        return "usable"

    async def activate(self, key: DkimKey, *, unseen: bool = False) -> None:
        """It signs from now on. Raises WrongState where its record is not in the DNS, unless `unseen`."""
        said = await self.what_dns_says(key)
        if said != SEEN and not unseen:
            raise WrongState(f"Not activated: {said}. Receivers would fail what it signs")
        if said == SEEN:
            await self._store.write(dkim_keys.note_seen, key.id)
        await self._store.write(dkim_keys.activate, key)
        self._spoken.pop(key.id, None)
        _log.info("DKIM key signs from now on", domain=key.domain, selector=key.selector)

    async def revoke(self, key: DkimKey) -> None:
        """It never signs again; the private key is destroyed. Raises WrongState."""
        await self._store.write(dkim_keys.revoke, key)
        await self._destroy_file(key)
        name = record_of(key).name
        _log.info("DKIM key revoked: its record may go, or have an empty p=", domain=key.domain, record=name)
        if key.state is State.ACTIVE and not await self._store.read(dkim_keys.list, key.domain, State.ACTIVE):
            _log.warning("no DKIM key of the domain signs now: its mail goes unsigned", domain=key.domain)

    # ---- inside ----

    def _due(self, rx: Rx) -> list[tuple[str, Algorithm]]:
        """What to make now: (domain, algorithm)."""
        keys: dict[tuple[str, bool], list[DkimKey]] = {}
        for key in dkim_keys.list(rx):
            if key.state in {State.PENDING, State.ACTIVE}:
                keys.setdefault((key.domain, key.is_rsa), []).append(key)
        algorithms = [Algorithm(each) for each in self._config.algorithms]
        return [
            (domain.name, algorithm)
            for domain in domains.list(rx)
            if domain.is_active
            for algorithm in algorithms
            if all(map(self._is_old, keys.get((domain.name, algorithm is not Algorithm.ED25519), [])))
        ]

    def _is_old(self, key: DkimKey) -> bool:
        if key.state is State.PENDING:
            return False
        oldest = self._clock.now() - timedelta(days=self._config.rotate_days)
        return key.created_at is None or key.created_at <= oldest.timestamp() * 1000

    async def _try_activate(self, key: DkimKey) -> None:
        said = await self.what_dns_says(key)
        if said == SEEN:
            await self.activate(key)
        else:
            self._speak_of(key, said)

    async def _recheck(self, key: DkimKey) -> None:
        """Once a day, and each time while its record is missing."""
        now = self._now_ms()
        if key.missing_since is None and now - self._checked.get(key.id, -RECHECK_MS) < RECHECK_MS:
            return
        try:
            said = await self._asked(key)
        except NotKnown:
            return
        self._checked[key.id] = now
        if said != SEEN:
            await self._store.write(dkim_keys.note_missing, key.id)
            self._speak_of(key, said, "DKIM key signs, but receivers do not find it")
        elif key.missing_since is not None:
            await self._store.write(dkim_keys.note_seen, key.id)
            self._spoken.pop(key.id, None)
            _log.info("DKIM key is in the DNS again", domain=key.domain, selector=key.selector)

    async def _destroy(self) -> None:
        """What a crash left of keys that are revoked or never were."""
        for key in await self._store.read(dkim_keys.list, state=State.REVOKED):
            if key.key_file is not None:
                await self._destroy_file(key)
        named = await self._store.read(dkim_keys.list_files)
        before = self._clock.now().timestamp() - STRAY_SECONDS
        for file in await self._store.in_thread(self._keyring.stray_files, named, before):
            await self._store.in_thread(self._keyring.remove_file, file)

    async def _destroy_file(self, key: DkimKey) -> None:
        await self._store.in_thread(self._keyring.remove_file, key.key_file)
        await self._store.write(dkim_keys.forget_file, key)

    async def _adopt(self) -> None:
        """Keys of an older program: sealed where they lie open, and with their public half."""
        unsealed = {key.id for key, _ in await self._store.read(dkim_keys.list_unsealed)}
        for key in await self._store.read(dkim_keys.list):
            if key.state is State.REVOKED or (key.public_key and key.id not in unsealed):
                continue
            stored = await self._store.read(dkim_keys.sealed, key.id)
            try:
                private, public = await self._store.in_thread(self._keyring.adopt, key, stored)
            except (BadKey, SealBroken) as fault:
                self._speak_of(key, fault.text)
                continue
            await self._store.write(dkim_keys.set_private, key, private, public)

    def _speak_of(self, key: DkimKey, why: str, what: str = "DKIM key does not sign yet") -> None:
        now = self._now_ms()
        if now - self._spoken.get(key.id, -REMIND_MS) < REMIND_MS:
            return
        self._spoken[key.id] = now
        _log.warning(what, domain=key.domain, why=why, record=record_of(key).zone)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)
