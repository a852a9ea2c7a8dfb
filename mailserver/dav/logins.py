"""HTTP Basic for clients that log in with every request: one hash and one line of the log for many of them.

A login that succeeded is remembered under a keyed hash of address and header for REMEMBERED_SECONDS (no longer than
auth.cache_seconds, nor than its token lasts) and then looked at again, which is one row of auth_log for each client
and five minutes, however many requests it makes. Whatever changes about accounts makes all of them be looked at again:
a disabled account, a new password or a removed token counts with the next request. Failures are never remembered here:
the throttle knows them, and every one is logged.
"""

import asyncio
from collections import OrderedDict
from functools import lru_cache, partial
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address

from mailserver.auth.account import Account
from mailserver.auth.authenticator import Authenticator
from mailserver.dav.wire import basic
from mailserver.dav.wire.basic import Credentials
from mailserver.errors import AuthenticationFailed, PrivacyRequired
from mailserver.store.events import AccountsChanged, Event, ForeignCommit
from mailserver.store.store import Store

PROTOCOL = "dav"  # in the login log, in metrics, in the scope of tokens
REMEMBERED_SECONDS = 300.0
MAX_REMEMBERED = 2000  # clients; the oldest go first
TLS_NEEDED = "Passwords are taken over https only; web.allow_plain_auth opens http to programs on this machine"


class Logins:
    def __init__(
        self,
        store: Store,
        authenticator: Authenticator,
        secret: bytes,
        cache_seconds: float,
        *,
        allow_plain_auth: bool,
    ) -> None:
        """`secret`: random octets of this process."""
        self._clock = store.clock
        self._authenticator = authenticator
        self._secret = secret
        self._remembered: OrderedDict[bytes, tuple[float, Account]] = OrderedDict()  # until, monotonic
        self._asking: dict[bytes, asyncio.Task[Account]] = {}
        self._running: set[asyncio.Task[Account]] = set()
        self._generation = 0  # of what is known about accounts
        self.reconfigure(cache_seconds, allow_plain_auth=allow_plain_auth)
        self._unsubscribe = store.subscribe(self._hear)

    def reconfigure(self, cache_seconds: float, *, allow_plain_auth: bool) -> None:
        self._seconds = min(REMEMBERED_SECONDS, cache_seconds)
        self._allow_plain_auth = allow_plain_auth
        self._forget()

    async def close(self) -> None:
        self._unsubscribe()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def log_in(self, authorization: str | None, peer: str, *, private: bool) -> Account:
        """`private`: the connection has TLS. Raises AuthenticationFailed, AuthenticationDelayed, PrivacyRequired."""
        self.require_private(peer, private=private)
        key = self._key(authorization or "", peer)
        known = self._recall(key)
        if known is not None:
            return known
        credentials = basic.parse(authorization)
        if credentials is None:
            raise AuthenticationFailed("Log in with the mail address and its password, or with an access token")
        return await self._ask(key, credentials, peer)

    def require_private(self, peer: str, *, private: bool) -> None:
        """For all that is secret. Raises PrivacyRequired."""
        if not private and not (self._allow_plain_auth and is_loopback(peer)):
            raise PrivacyRequired(TLS_NEEDED)

    # ---- inside ----

    def _key(self, authorization: str, peer: str) -> bytes:
        """A keyed hash of the client and the header as it came; an address has no NUL."""
        octets = f"{peer}\0{authorization}".encode("utf-8", "surrogatepass")
        return blake2b(octets, key=self._secret).digest()

    def _recall(self, key: bytes) -> Account | None:
        until, account = self._remembered.get(key, (0.0, None))
        if account is None or until <= self._clock.monotonic() or self._has_ended(account):
            self._remembered.pop(key, None)
            return None
        return account

    def _has_ended(self, account: Account) -> bool:
        """Its token expired."""
        ends_ms = account.token_ends_ms
        return ends_ms is not None and ends_ms <= self._clock.now().timestamp() * 1000

    async def _ask(self, key: bytes, credentials: Credentials, peer: str) -> Account:
        """Requests that come at the same moment with the same login share one look, and its line of the log."""
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._authenticate(key, credentials, peer), name="dav-login")
            self._asking[key] = task
            self._running.add(task)
            task.add_done_callback(partial(self._asked, key))
        return await asyncio.shield(task)

    async def _authenticate(self, key: bytes, credentials: Credentials, peer: str) -> Account:
        generation = self._generation
        account = await self._authenticator.authenticate(
            credentials.username, credentials.password, protocol=PROTOCOL, peer=peer
        )
        if generation == self._generation and self._seconds > 0:
            self._remembered[key] = (self._clock.monotonic() + self._seconds, account)
            if len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)
        return account

    def _asked(self, key: bytes, task: "asyncio.Task[Account]") -> None:
        self._running.discard(task)
        if self._asking.get(key) is task:
            del self._asking[key]
        if not task.cancelled():
            task.exception()  # retrieved: everybody who asked may have hung up

    def _hear(self, event: Event) -> None:
        if isinstance(event, AccountsChanged | ForeignCommit):
            self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._remembered.clear()
        self._asking.clear()  # who comes from now on has to be looked at as things are from now on


@lru_cache(256)
def is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback
