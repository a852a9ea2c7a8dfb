"""Logins: one verifier for every protocol.

    1  find the account; a name nobody has goes on with a hash that no password fits
    2  may this client try now? (throttle, before anything is computed)
    3  the same login verified lately: done
    4  verify with argon2id; identical logins at the same moment share one
    5  is the account still what it was? then it is in, and its hash is brought up to date if need be

Unknown, disabled and existing accounts take the same steps and get the same answer. Every attempt is logged with
its reason, which only the log tells.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from mailserver.auth.account import Account
from mailserver.auth.attempts import Attempts
from mailserver.auth.passwords import Passwords, Verdict, is_too_long
from mailserver.auth.throttle import Throttle
from mailserver.auth.verified import VerifiedLogins, digest
from mailserver.clock import Clock
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed, BadAddress
from mailserver.store import auth_log, users
from mailserver.store.auth_log import MAX_USERNAME, Attempt
from mailserver.store.database import Rx, text_time
from mailserver.store.store import Store
from mailserver.store.users import User

KNOWN_FOR = timedelta(days=30)  # a client that logged in since then is known again after a restart
MAX_KNOWN = 10_000

_log = structlog.get_logger("auth")


@dataclass(frozen=True, slots=True)
class _Login:
    username: str  # as the client wrote it
    name: str  # what is throttled: the account's address, or the unknown name as it would be compared
    user: User | None
    stored: str  # the hash to verify against
    key: bytes  # stands for account, stored hash and password
    protocol: str
    peer: str


class Authenticator:
    """`await Authenticator.open(…)`; close() writes what is left of the log."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: AuthConfig,
        secret: bytes,
        passwords: Passwords | None = None,
    ) -> None:
        """`secret`: 32 random octets of this process, never stored."""
        self._store = store
        self._clock = clock
        self._secret = secret
        self._passwords = passwords or Passwords(config)
        self._throttle = Throttle(clock, config)
        self._verified = VerifiedLogins(clock, config.cache_seconds)
        self._attempts = Attempts(store)
        self._verifying: dict[bytes, asyncio.Task[str | None]] = {}
        self._nobody = ""

    @classmethod
    async def open(
        cls, store: Store, clock: Clock, config: AuthConfig, secret: bytes, passwords: Passwords | None = None
    ) -> "Authenticator":
        """Compute the hash that unknown names are verified against, and remember who logged in lately from where."""
        authenticator = cls(store, clock, config, secret, passwords)
        authenticator._nobody = await authenticator._passwords.hash(secret.hex())
        since = text_time(clock.now() - KNOWN_FOR)
        for name, peer in reversed(await store.read(_known, since)):
            authenticator._throttle.succeeded(name, peer)
        return authenticator

    async def close(self) -> None:
        await asyncio.gather(*self._verifying.values(), return_exceptions=True)
        await self._attempts.close()
        await self._store.in_thread(self._passwords.close)

    def reconfigure(self, config: AuthConfig) -> None:
        """Throttle and memory; how passwords are hashed stays as it is."""
        self._throttle.config = config
        self._verified.set_seconds(config.cache_seconds)

    async def authenticate(
        self, username: str, password: str, *, protocol: str, peer: str, authzid: str = ""
    ) -> Account:
        """`username`: "ann@example.test" in any case, or "ann" where there is one domain. `peer`: an IP address.

        `authzid`: whom the client wants to act as (SASL), "" for itself; nobody may act as somebody else. Raises
        AuthenticationFailed, AuthenticationDelayed.
        """
        user = await self._store.read(_find, username)
        name = user.address if user else _comparable(username)
        stored = user.password_hash if user and user.may_log_in else self._nobody
        key = self._key(user, stored, password, name)
        login = _Login(username, name, user, stored, key, protocol, peer)
        try:
            self._throttle.check(name, peer)
            if authzid and authzid.casefold() != username.casefold():
                self._throttle.failed(name, peer, b"authzid" + key)  # not `key`: the password may be right
                return await self._refuse(login, "wants to act as somebody else")
            if user and user.may_log_in and key in self._verified:
                return await self._admit(login)
            if "\x00" in password or is_too_long(password):
                self._throttle.failed(name, peer, key)
                return await self._refuse(login, "unusable password")
            if self._throttle.is_repeat(name, peer, key):
                self._throttle.failed(name, peer, key)
                return await self._refuse(login, _reason(user))
            reason = await self._verify(login, password)
        except AuthenticationDelayed:
            await self._log(login, "throttled")
            raise
        return await (self._admit(login) if reason is None else self._refuse(login, reason))

    async def _verify(self, login: _Login, password: str) -> str | None:
        """Why not; None where the password is right."""
        task = self._verifying.get(login.key)
        if task is None:
            task = asyncio.create_task(self._look_closely(login, password), name="verify-password")
            self._verifying[login.key] = task
            task.add_done_callback(partial(self._looked, login.key))
        return await asyncio.shield(task)  # whoever hangs up does not take the answer from the others

    def _looked(self, key: bytes, task: "asyncio.Task[str | None]") -> None:
        del self._verifying[key]
        if not task.cancelled():
            task.exception()  # retrieved: everybody who asked may have hung up

    async def _look_closely(self, login: _Login, password: str) -> str | None:
        async with self._throttle.turn(login.name, login.peer), self._passwords.turn():
            self._throttle.check(login.name, login.peer)  # those before in the queue may have used up the tries
            verdict = await self._passwords.verify(login.stored, password)
            user = login.user
            if verdict in {Verdict.WRONG, Verdict.UNREADABLE} or user is None or not user.may_log_in:
                # counted before the turn ends: the next in the queue must see it
                self._throttle.failed(login.name, login.peer, login.key)
                return _why_not(login, verdict)
        stored = login.stored if verdict is Verdict.RIGHT else await self._rehash(user, password)
        now = await self._store.read(users.find_by_id, user.id)
        if now is None or not now.may_log_in or now.password_hash != stored:
            return "changed meanwhile"
        self._verified.add(self._key(user, stored, password))
        return None

    async def _rehash(self, user: User, password: str) -> str:
        anew = await self._passwords.hash(password)
        await self._store.write(users.replace_hash, user.id, user.password_hash, anew)
        return anew

    def _key(self, user: User | None, stored: str, password: str, name: str = "") -> bytes:
        return digest(self._secret, str(user.id) if user else name, stored, password)

    async def _admit(self, login: _Login) -> Account:
        user = login.user
        if user is None:
            raise AuthenticationFailed
        self._throttle.succeeded(login.name, login.peer)
        await self._log(login, None)
        return Account(user.id, user.address, user.display_name, user.is_admin)

    async def _refuse(self, login: _Login, reason: str) -> Account:
        await self._log(login, reason)
        raise AuthenticationFailed

    async def _log(self, login: _Login, reason: str | None) -> None:
        shown = "".join(c if c.isprintable() else "?" for c in login.username[:MAX_USERNAME])
        await self._attempts.add(
            Attempt(
                login.user.id if login.user else None,
                shown,
                login.peer,
                login.protocol,
                reason is None,
                reason,
                text_time(self._clock.now()),
            )
        )


def _find(rx: Rx, username: str) -> User | None:
    try:
        return users.find(rx, username) if "@" in username else users.find_in_only_domain(rx, username)
    except BadAddress:
        return None


def _known(rx: Rx, since: str) -> list[tuple[str, str]]:
    """(account, peer) of everybody who logged in since then, the most recent first."""
    names = {user.id: user.address for user in users.list(rx)}
    return [(names[user_id], peer) for user_id, peer in auth_log.list_known(rx, since, MAX_KNOWN) if user_id in names]


def _comparable(username: str) -> str:
    return username[:MAX_USERNAME].lower()


def _why_not(login: _Login, verdict: Verdict) -> str:
    if verdict is Verdict.UNREADABLE:
        _log.error("stored password hash can not be verified", user=login.name)
        return "stored hash unreadable"
    return _reason(login.user)


def _reason(user: User | None) -> str:
    if user is None:
        return "unknown user"
    return "wrong password" if user.may_log_in else "disabled"
