"""Logins: one verifier for every protocol and every kind of credential.

    1  find the account; a name nobody has goes on with a hash that no password fits
    2  may this client try now? (throttle, before anything is computed)
    3  an access token of the account, or the same login verified lately: done
    4  verify with argon2id; identical logins at the same moment share one
    5  is the account still what it was? then it is in; its hash is brought up to date, and SCRAM keys are made

Unknown, disabled and existing accounts take the same steps and get the same answer. Every attempt is logged with
its reason, which only the log tells. SCRAM has steps 1, 2 and 5 in common with this, see scram_login.py.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from mailserver.auth.account import Account
from mailserver.auth.attempts import Attempts
from mailserver.auth.entrance import THROTTLED, Claim, Entrance, claim, claim_of
from mailserver.auth.passwords import Passwords, Verdict, is_too_long
from mailserver.auth.sasl.scram import salt_of
from mailserver.auth.scram_gate import ScramGate
from mailserver.auth.scram_login import ScramLogin
from mailserver.auth.throttle import Throttle
from mailserver.auth.tokens import hash_of, is_token
from mailserver.auth.verified import VerifiedLogins, digest
from mailserver.clock import Clock
from mailserver.config.tree import AuthConfig
from mailserver.errors import AuthenticationDelayed
from mailserver.metrics import Metrics
from mailserver.store import auth_log, scram_keys, tokens, users
from mailserver.store.database import Rx, text_time
from mailserver.store.store import Store
from mailserver.store.tokens import Token
from mailserver.store.users import User

KNOWN_FOR = timedelta(days=30)  # a client that logged in since then is known again after a restart
MAX_KNOWN = 10_000
SECRET_OCTETS = 32

_log = structlog.get_logger("auth")


@dataclass(frozen=True, slots=True)
class _Login:
    """A claim with a password."""

    claim: Claim
    stored: str  # the hash to verify against
    key: bytes  # stands for account, stored hash and password


class Authenticator:
    """`await Authenticator.open(…)`; close() writes what is left of the log."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        config: AuthConfig,
        secret: bytes,
        passwords: Passwords | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
        metrics: Metrics | None = None,
    ) -> None:
        """`secret`: 32 random octets of this process, never stored."""
        self._store = store
        self._clock = clock
        self._config = config
        self._secret = secret
        self.random = random
        self._passwords = passwords or Passwords(config)
        self._throttle = Throttle(clock, config)
        self._verified = VerifiedLogins(clock, config.cache_seconds)
        self._attempts = Attempts(store)
        self._entrance = Entrance(clock, self._throttle, self._attempts, metrics or Metrics())
        self._gate = ScramGate(store)
        self._verifying: dict[bytes, asyncio.Task[str | None]] = {}
        self._nobody = ""
        self._salts = b""  # the secret behind the salts of SCRAM; of the database, not of this process

    @classmethod
    async def open(
        cls,
        store: Store,
        clock: Clock,
        config: AuthConfig,
        secret: bytes,
        passwords: Passwords | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
        metrics: Metrics | None = None,
    ) -> "Authenticator":
        """Compute the hash that unknown names are verified against, and remember who logged in lately from where."""
        authenticator = cls(store, clock, config, secret, passwords, random, metrics)
        authenticator._nobody = await authenticator._passwords.hash(secret.hex())
        authenticator._salts = await store.write(scram_keys.secret, random(SECRET_OCTETS))
        await authenticator._gate.look()
        since = text_time(clock.now() - KNOWN_FOR)
        for name, peer in reversed(await store.read(_known, since)):
            authenticator._throttle.succeeded(name, peer)
        return authenticator

    async def close(self) -> None:
        await asyncio.gather(*self._verifying.values(), return_exceptions=True)
        await self._gate.close()
        await self._attempts.close()
        await self._store.in_thread(self._passwords.close)

    def reconfigure(self, config: AuthConfig) -> None:
        """Throttle, memory and whether SCRAM is offered; how passwords are hashed stays as it is."""
        self._config = config
        self._throttle.config = config
        self._verified.set_seconds(config.cache_seconds)

    # ---- ways to log in ----

    async def authenticate(
        self, username: str, password: str, *, protocol: str, peer: str, authzid: str = ""
    ) -> Account:
        """`username`: "ann@example.test" in any case, or "ann" where there is one domain. `peer`: an IP address.

        `password`: the account's, or one of its access tokens. `authzid`: whom the client wants to act as (SASL), ""
        for itself; nobody may act as somebody else. Raises AuthenticationFailed, AuthenticationDelayed.
        """
        token_hash = hash_of(password) if is_token(password) else None
        claimed, token = await self._store.read(_find, username, protocol, peer, token_hash)
        user = claimed.user
        stored = user.password_hash if user and user.may_log_in else self._nobody
        login = _Login(claimed, stored, self._key(user, stored, password, claimed.name))
        await self._entrance.check(claimed)
        if claimed.acts_for_another(authzid):
            # not the key: the password may be right
            await self._entrance.refuse(claimed, "wants to act as somebody else", b"authzid" + login.key)
        if token is not None and user is not None and token.user_id == user.id:
            return await self._admit_with(token, claimed)
        if user and user.may_log_in and login.key in self._verified:
            return await self._entrance.admit(claimed)
        if "\x00" in password or is_too_long(password):
            await self._entrance.refuse(claimed, "unusable password", login.key)
        if self._throttle.is_repeat(claimed.name, peer, login.key):
            await self._entrance.refuse(claimed, claimed.reason, login.key)
        try:
            reason = await self._verify(login, password)
        except AuthenticationDelayed:
            await self._entrance.note(claimed, THROTTLED)
            raise
        if reason is not None:
            await self._entrance.refuse(claimed, reason)
        return await self._entrance.admit(claimed)

    async def authenticate_token(self, username: str, token: str, *, protocol: str, peer: str) -> Account:
        """A bearer token. `username`: as above, "" where the token alone says whose it is."""
        claimed, found = await self._store.read(_find_bearer, username, protocol, peer, hash_of(token))
        await self._entrance.check(claimed)
        if found is None or claimed.user is None or found.user_id != claimed.user.id:
            await self._entrance.refuse(claimed, "unknown token", hash_of(token))
        return await self._admit_with(found, claimed)

    async def begin_scram(self, username: str, *, authzid: str, protocol: str, peer: str) -> ScramLogin:
        login = await ScramLogin.begin(self._store, self._clock, self._entrance, self._salts, username, protocol, peer)
        await login.require_itself(authzid)
        return login

    @property
    def offers_scram(self) -> bool:
        return self._config.scram and self._gate.is_open

    # ---- inside ----

    async def _admit_with(self, token: Token, claimed: Claim) -> Account:
        now_ms = int(self._clock.now().timestamp() * 1000)
        fault = token.fault(claimed.protocol, now_ms) if claimed.may_log_in else claimed.reason
        if fault is not None:
            await self._entrance.refuse(claimed, fault, token.keys.stored_key)
        return await self._entrance.admit(claimed, token)

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
        name, peer, user = login.claim.name, login.claim.peer, login.claim.user
        async with self._throttle.turn(name, peer), self._passwords.turn():
            self._throttle.check(name, peer)  # those before in the queue may have used up the tries
            verdict = await self._passwords.verify(login.stored, password)
            if verdict in {Verdict.WRONG, Verdict.UNREADABLE} or user is None or not user.may_log_in:
                # counted before the turn ends: the next in the queue must see it
                self._throttle.failed(name, peer, login.key)
                return _why_not(login.claim, verdict)
        stored = login.stored if verdict is Verdict.RIGHT else await self._rehash(user, password)
        now, has_keys = await self._store.read(_now, user.id)
        if now is None or not now.may_log_in or now.password_hash != stored:
            return "changed meanwhile"
        if self._config.scram and not has_keys:
            await self._make_keys(now, password)
        self._verified.add(self._key(user, stored, password))
        return None

    async def _rehash(self, user: User, password: str) -> str:
        anew = await self._passwords.hash(password)
        await self._store.write(users.replace_hash, user.id, user.password_hash, anew)
        return anew

    async def _make_keys(self, user: User, password: str) -> None:
        """For an account from before SCRAM: now the password is at hand."""
        keys = await self._passwords.scram_keys(password, salt_of(self._salts, user.address))
        await self._store.write(scram_keys.complete, user.id, user.password_hash, keys)

    def _key(self, user: User | None, stored: str, password: str, name: str = "") -> bytes:
        return digest(self._secret, str(user.id) if user else name, stored, password)


def _find(rx: Rx, username: str, protocol: str, peer: str, token_hash: bytes | None) -> tuple[Claim, Token | None]:
    return claim(rx, username, protocol, peer), tokens.find(rx, token_hash) if token_hash else None


def _find_bearer(rx: Rx, username: str, protocol: str, peer: str, token_hash: bytes) -> tuple[Claim, Token | None]:
    found = tokens.find(rx, token_hash)
    if not username and found is not None:
        return claim_of(rx, found.user_id, protocol, peer), found
    return claim(rx, username, protocol, peer), found


def _now(rx: Rx, user_id: int) -> tuple[User | None, bool]:
    """The account as it is, and whether it has SCRAM keys."""
    return users.find_by_id(rx, user_id), scram_keys.find(rx, user_id) is not None


def _known(rx: Rx, since: str) -> list[tuple[str, str]]:
    """(account, peer) of everybody who logged in since then, the most recent first."""
    names = {user.id: user.address for user in users.list(rx)}
    return [(names[user_id], peer) for user_id, peer in auth_log.list_known(rx, since, MAX_KNOWN) if user_id in names]


def _why_not(claimed: Claim, verdict: Verdict) -> str:
    if verdict is Verdict.UNREADABLE:
        _log.error("stored password hash can not be verified", user=claimed.name)
        return "stored hash unreadable"
    return claimed.reason
